"""``.env`` files are read as python-dotenv reads them, without interpolation."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import example, given
from hypothesis import strategies as st

from lamella.config import parse_dotenv
from lamella.config.dotenv import read_dotenv
from lamella.errors import ConfigError

PIECES = st.sampled_from(
    [
        "A",
        "B_2",
        "=",
        " ",
        "\t",
        "\n",
        "\r\n",
        "\r",
        "#",
        "'",
        '"',
        "\\",
        "\\n",
        "\\'",
        '\\"',
        "\\\\",
        "export ",
        "value",
        "${A}",
        "é",
        ".",
        "\ufeff",
        "\u00a0",
        "\x0b",
    ]
)


@given(st.lists(PIECES, max_size=30).map("".join))
@example("A=1")
@example("export A = 'x' # comment\nB=\"a\\nb\"\n")
@example('A="two\nlines"\nB=2')
@example("A= # comment")
@example("A=#value")
@example("A")
@example("'quoted key'=1")
@example("A='open\nB=1")
@example("A=x #y#z")
@example("\ufeffA=1")
@example("A=\\'\nB=2")
@example("A='x' y\nB=2")
@example("export =")
@example("A='x\nB=2' z\nC=3")
@example("export # A=1\nB=2")
def test_the_same_as_python_dotenv(text: str) -> None:
    expected = {
        name: value
        for name, value in dotenv_values(stream=io.StringIO(text, newline=""), interpolate=False).items()
        if value is not None
    }
    assert parse_dotenv(text) == expected


def test_a_line_that_is_no_binding_is_named_without_its_content(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert parse_dotenv("A=1\n\nB='sk-secret\nC=2\n", where="/p/.env") == {"A": "1", "C": "2"}
    assert [record.getMessage() for record in caplog.records] == [
        "/p/.env, line 3: not NAME=value; the line is skipped"
    ]


def test_a_folder_or_nothing_is_no_file_and_bytes_are_an_error(tmp_path: Path) -> None:
    assert read_dotenv(tmp_path / "nothing") == {}
    assert read_dotenv(tmp_path) == {}
    (tmp_path / "bad").write_bytes(b"A=\xff")
    with pytest.raises(ConfigError, match="bad cannot be read"):
        read_dotenv(tmp_path / "bad")
