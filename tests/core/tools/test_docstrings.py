"""Docstrings of four styles; the own reader agrees with docstring_parser where both speak."""

from __future__ import annotations

import inspect

import docstring_parser
import pytest

from lamella import AgentInputError
from lamella.tools.docstrings import read_docstring

GOOGLE = """Look something up.

    A longer text,
    on two lines.

    Args:
        query (str): What to look for,
            which may go on.
        limit (int, optional): How many.
        plain: No type: but a colon.

    Returns:
        list: What was found.

    Raises:
        KeyError: Nothing.
    """
SPHINX = """Look something up.

    A longer text,
    on two lines.

    :param query: What to look for,
        which may go on.
    :type query: str
    :param int limit: How many.
    :param plain: No type: but a colon.
    :returns: What was found.
    :raises KeyError: Nothing.
    """
NUMPY = """Look something up.

    A longer text,
    on two lines.

    Parameters
    ----------
    query : str
        What to look for,
        which may go on.
    limit : int, optional
        How many.
    plain
        No type: but a colon.

    Returns
    -------
    list
        What was found.
    """


@pytest.mark.parametrize("text", [GOOGLE, SPHINX, NUMPY], ids=["google", "sphinx", "numpy"])
def test_f_tool05_google_sphinx_numpy_agree_with_docstring_parser(text: str) -> None:
    ours, theirs = read_docstring(text), docstring_parser.parse(text)
    assert ours.description == theirs.description
    assert [p.name for p in ours.parameters] == [p.arg_name for p in theirs.params]
    for mine, other in zip(ours.parameters, theirs.params, strict=True):
        assert mine.description == " ".join((other.description or "").split())
        assert mine.type == (other.type_name or None)


@pytest.mark.parametrize("text", [GOOGLE, SPHINX, NUMPY], ids=["google", "sphinx", "numpy"])
def test_f_tool05_every_style_gives_the_same_parameters(text: str) -> None:
    read = read_docstring(text)
    assert [(p.name, p.type, p.description) for p in read.parameters] == [
        ("query", "str", "What to look for, which may go on."),
        ("limit", "int", "How many."),
        ("plain", None, "No type: but a colon."),
    ]
    assert read.description == "Look something up.\n\nA longer text,\non two lines."


def test_f_tool05_param_lines() -> None:
    read = read_docstring("""
        This is the description
        that goes on here.

        :param: x: str: the `x` value: with a colon
        :param: n: float: (optional) may
            go on
        :param: how: enum good bad: which way
        :param: bare: bool
    """)
    assert read.description == "This is the description that goes on here."
    x, n, how, bare = read.parameters
    assert (x.type, x.description, x.optional) == ("str", "the `x` value: with a colon", False)
    assert (n.type, n.description, n.optional) == ("float", "(optional) may go on", True)
    assert (how.enum, how.description) == (("good", "bad"), "which way")
    assert bare.description == ""


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (":param: x: text: what", "unknown type 'text' of 'x'"),
        (":param: x: enum: what", "unknown type 'enum'"),
        (":param: x", "cannot read the docstring line"),
        (":param: two words: str: what", "cannot read the docstring line"),
        (":param: x: str: a\n:param: x: str: b", "documents 'x' twice"),
        (":param x: a\n:param x: b", "documents 'x' twice"),
    ],
)
def test_f_tool05_malformed_lines_are_refused(line: str, said: str) -> None:
    with pytest.raises(AgentInputError, match="tool thing: ") as caught:
        read_docstring(f"Does.\n{line}", "thing")
    assert said in str(caught.value)


def test_numpy_names_that_share_a_line_are_split() -> None:
    read = read_docstring("Add.\n\nParameters\n----------\na, b : int\n    The terms.\n")
    assert [(p.name, p.type, p.description) for p in read.parameters] == [
        ("a", "int", "The terms."),
        ("b", "int", "The terms."),
    ]


def test_text_after_a_google_section_is_kept() -> None:
    read = read_docstring("Add.\n\nArgs:\n    *args: Terms.\n    **kwargs: Names.\n\nUse it well.")
    assert read.description == "Add.\n\nUse it well."
    assert [p.name for p in read.parameters] == ["args", "kwargs"]


@pytest.mark.parametrize("text", [None, "", "   \n"])
def test_no_docstring(text: str | None) -> None:
    assert read_docstring(text).description == ""


@pytest.mark.parametrize("owner", [inspect.signature, docstring_parser.parse, pytest.raises, dict, sorted])
def test_docstrings_in_the_wild_are_read(owner: object) -> None:
    theirs = docstring_parser.parse(owner.__doc__ or "")
    ours = read_docstring(owner.__doc__)
    assert {p.arg_name.lstrip("*") for p in theirs.params} == {p.name for p in ours.parameters}
