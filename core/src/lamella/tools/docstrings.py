"""Docstrings: a description, and what they say of each parameter.

Four ways of writing are read: ``:param: NAME: TYPE: DESCRIPTION`` lines, whose types are binding;
Sphinx fields; Google sections; NumPy sections. Types of the last three are free text.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from lamella.errors import AgentInputError

__all__ = ["DocParameter", "Docstring", "read_docstring"]

_PARAM_LINE: Final = re.compile(r":param:\s*(?P<rest>.*)")
_FIELD: Final = re.compile(r":(?P<tag>[a-zA-Z]+)(?:\s+(?P<argument>[^:\n]+))?:(?:\s+(?P<text>.*)|$)")
_FIELD_START: Final = re.compile(
    r"^:(param|parameter|arg|argument|key|keyword|type|returns?|rtype|raises?|yields?)\b[^:\n]*:(\s|$)",
    re.MULTILINE,
)
_GOOGLE_HEAD: Final = re.compile(
    r"(?P<name>Args|Arguments|Parameters|Params|Keyword Args|Keyword Arguments|Other Parameters|Returns?|Yields?"
    r"|Raises|Attributes|Warns|Warnings?|Notes?|Examples?|References|See Also|Todo):\s*$"
)
_GOOGLE_ITEM: Final = re.compile(
    r"(?P<names>\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?:\((?P<type>.*?)\))?\s*:(?:\s+|$)(?P<text>.*)"
)
_NUMPY_HEAD: Final = re.compile(r"^(?P<name>[A-Z][A-Za-z ]+)\n-{3,}[ \t]*$", re.MULTILINE)
_PARAMETER_SECTIONS: Final = {
    "Args", "Arguments", "Parameters", "Params", "Keyword Args", "Keyword Arguments", "Other Parameters",
}  # fmt: skip
_SPHINX_PARAMETERS: Final = {"param", "parameter", "arg", "argument", "key", "keyword"}
_TYPES: Final = ("str", "float", "int", "bool")


@attrs.frozen(kw_only=True)
class DocParameter:
    """What a docstring says of one parameter.

    ``binding`` types (of ``:param:`` lines) must agree with the hint; ``enum`` are their values.
    """

    name: str
    type: str | None = None
    description: str = ""
    enum: tuple[str, ...] | None = None
    optional: bool = False
    binding: bool = False


@attrs.frozen(kw_only=True)
class Docstring:
    """A docstring read: ``description`` without its parameter and result sections."""

    description: str = ""
    parameters: tuple[DocParameter, ...] = ()

    def get(self, name: str) -> DocParameter | None:
        """What is said of a parameter, ``None`` when it is not mentioned."""
        return next((parameter for parameter in self.parameters if parameter.name == name), None)


def read_docstring(text: str | None, label: str = "the function") -> Docstring:
    """Read a docstring of any style; ``label`` names its owner in errors.

    :raises AgentInputError: a ``:param:`` line is malformed, has an unknown type, or a name comes twice.
    """
    clean = inspect.cleandoc(text or "")
    if any(_PARAM_LINE.match(line.strip()) for line in clean.splitlines()):
        read = _read_param_lines(clean, label)
    elif _FIELD_START.search(clean):
        read = _read_sphinx(clean)
    elif any(match["name"] in _PARAMETER_SECTIONS for match in _NUMPY_HEAD.finditer(clean)):
        read = _read_numpy(clean)
    else:
        read = _read_google(clean)
    _refuse_repeats(read.parameters, label)
    return read


def _refuse_repeats(parameters: Iterable[DocParameter], label: str) -> None:
    seen: set[str] = set()
    for parameter in parameters:
        if parameter.name in seen:
            raise AgentInputError(f"tool {label}: the docstring documents {parameter.name!r} twice")
        seen.add(parameter.name)


def _joined(lines: Iterable[str]) -> str:
    return " ".join(line.strip() for line in lines if line.strip())


def _paragraphs(lines: Iterable[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


# -- :param: NAME: TYPE: DESCRIPTION --------------------------------------------------------------


def _read_param_lines(text: str, label: str) -> Docstring:
    description: list[str] = []
    entries: list[list[str]] = []
    for line in text.splitlines():
        match = _PARAM_LINE.match(line.strip())
        if match is not None:
            entries.append([match["rest"]])
        elif entries:
            entries[-1].append(line)
        else:
            description.append(line)
    parameters = tuple(_param_line(_joined(entry), label) for entry in entries)
    return Docstring(description=_joined(description), parameters=parameters)


def _param_line(text: str, label: str) -> DocParameter:
    parts = [part.strip() for part in text.split(":", 2)]
    if len(parts) < 2 or not parts[0].isidentifier():
        raise AgentInputError(
            f"tool {label}: cannot read the docstring line ':param: {text}'; "
            f"write ':param: NAME: TYPE: DESCRIPTION'"
        )
    name, kind, description = parts[0], parts[1], parts[2] if len(parts) == 3 else ""
    word, *values = kind.split() or [""]
    if (word == "enum" and not values) or (word != "enum" and kind not in _TYPES):
        raise AgentInputError(
            f"tool {label}: unknown type {kind!r} of {name!r} in the docstring; "
            f"the types are {', '.join(_TYPES)} and 'enum VALUE VALUE …'"
        )
    return DocParameter(
        name=name,
        type=word,
        description=description,
        enum=tuple(values) if word == "enum" else None,
        optional=description.startswith("(optional)"),
        binding=True,
    )


# -- Sphinx ---------------------------------------------------------------------------------------


def _read_sphinx(text: str) -> Docstring:
    start = _FIELD_START.search(text)
    assert start is not None
    found: list[DocParameter] = []
    types: dict[str, str] = {}
    for tag, argument, body in _sphinx_fields(text[start.start() :]):
        *kind, name = argument.split() or [""]
        if tag in _SPHINX_PARAMETERS and name:
            found.append(DocParameter(name=name.lstrip("*"), type=" ".join(kind) or None, description=body))
        elif tag == "type":
            types[argument.strip()] = body
    parameters = tuple(attrs.evolve(p, type=p.type or types.get(p.name)) for p in found)
    return Docstring(description=_paragraphs(text[: start.start()].splitlines()), parameters=parameters)


def _sphinx_fields(text: str) -> Iterator[tuple[str, str, str]]:
    tag, argument, body = "", "", [""]
    for line in text.splitlines():
        match = _FIELD.match(line)
        if match is None:
            body.append(line)
            continue
        if tag:
            yield tag, argument, _joined(body)
        tag, argument, body = match["tag"], match["argument"] or "", [match["text"] or ""]
    if tag:
        yield tag, argument, _joined(body)


# -- Google ---------------------------------------------------------------------------------------


def _read_google(text: str) -> Docstring:
    description: list[str] = []
    items: list[str] = []
    section: str | None = None
    for line in text.splitlines():
        head = _GOOGLE_HEAD.match(line)
        if head is not None:
            section = head["name"]
        elif section is None or (line and not line[0].isspace()):
            section = None
            description.append(line)
        elif section in _PARAMETER_SECTIONS:
            items.append(line)
    return Docstring(description=_paragraphs(description), parameters=tuple(_google_items(items)))


def _google_items(lines: list[str]) -> Iterator[DocParameter]:
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    for head, rest in _entries([line[indent:] for line in lines]):
        match = _GOOGLE_ITEM.match(head)
        if match is None:
            continue
        kind, optional = _optional(match["type"])
        for name in match["names"].split(","):
            yield DocParameter(
                name=name.strip().lstrip("*"),
                type=kind,
                description=_joined([match["text"], *rest]),
                optional=optional,
            )


def _entries(lines: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Lines at the margin, each with the indented lines below it."""
    head, rest = "", list[str]()
    for line in lines:
        if line and not line[0].isspace():
            if head:
                yield head, rest
            head, rest = line, []
        else:
            rest.append(line)
    if head:
        yield head, rest


def _optional(kind: str | None) -> tuple[str | None, bool]:
    """A free-text type without its ``, optional`` and default, and whether it had one."""
    if kind is None:
        return None, False
    parts = [part.strip() for part in kind.split(",")]
    kept = [part for part in parts if part != "optional" and not part.startswith("default")]
    return ", ".join(kept) or None, "optional" in parts


# -- NumPy ----------------------------------------------------------------------------------------


def _read_numpy(text: str) -> Docstring:
    heads = list(_NUMPY_HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    parameters: list[DocParameter] = []
    for head, end in zip(heads, ends, strict=True):
        if head["name"].strip() in _PARAMETER_SECTIONS:
            parameters += _numpy_items(text[head.end() : end].splitlines())
    return Docstring(
        description=_paragraphs(text[: heads[0].start()].splitlines()), parameters=tuple(parameters)
    )


def _numpy_items(lines: Iterable[str]) -> Iterator[DocParameter]:
    for head, rest in _entries(lines):
        names, _, kind = head.partition(":")
        type_text, optional = _optional(kind.strip() or None)
        for name in names.split(","):
            yield DocParameter(
                name=name.strip().lstrip("*"), type=type_text, description=_joined(rest), optional=optional
            )
