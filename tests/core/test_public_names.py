"""What is public is listed: ``__all__``, the checked-in list, and a docstring for each."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

import lamella

LIST = Path(__file__).parents[2] / "docs" / "reference" / "public-names.txt"
CONSTANTS = {"PLUGIN_API", "__version__", "hookimpl"}
"""Values, which have no docstring of their own."""


def test_all_is_the_checked_in_list() -> None:
    listed = LIST.read_text(encoding="utf-8").split()
    assert sorted(lamella.__all__) == listed, f"update {LIST.name}: python docs/generate.py"


@pytest.mark.parametrize("name", sorted(set(lamella.__all__) - CONSTANTS))
def test_each_public_name_has_a_docstring(name: str) -> None:
    doc = inspect.getdoc(getattr(lamella, name))
    assert doc is not None
    assert doc.strip(), name


def test_a_class_does_not_inherit_its_docstring() -> None:
    for name in sorted(set(lamella.__all__) - CONSTANTS):
        value = getattr(lamella, name)
        if isinstance(value, type):
            assert "__doc__" in vars(value), f"{name} inherits its docstring"
