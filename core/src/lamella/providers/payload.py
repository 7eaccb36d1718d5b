"""What all encoders do alike: options that are set, choices, and the caller's additions merged last."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

from lamella._frozen import Wire
from lamella.models import EncodeReport
from lamella.tools import Tool

__all__ = ["Wire", "merge", "options", "strict_loss", "tool_choice"]


def _own(value: Wire) -> Wire:
    """Tables and lists are copied: who changes a payload does not change the model."""
    return copy.deepcopy(value) if isinstance(value, dict | list) else value


def options(owner: object, names: Sequence[str]) -> dict[str, Wire]:
    """The settings of these names that are set."""
    values = ((name, getattr(owner, name)) for name in names)
    return {name: _own(value) for name, value in values if value is not None}


def tool_choice(choice: str, forced: dict[str, Wire]) -> Wire:
    """``auto``, ``required`` and ``none`` as words, a tool's name as ``forced``."""
    if choice == "any":
        return "required"
    return choice if choice in ("auto", "required", "none") else forced


def strict_loss(tool: Tool, report: EncodeReport) -> None:
    """Report a tool whose schema strict mode cannot say."""
    if tool.strict and tool.strict_problems:
        problems = "; ".join(tool.strict_problems)
        report.rewrite(f"sent without strict mode, which cannot say {problems}", f"tool {tool.name}")


def merge(payload: dict[str, Wire], extra: Mapping[str, Wire]) -> dict[str, Wire]:
    """``extra`` over ``payload``: tables are merged, ``tools`` are added, anything else is replaced."""
    merged = dict(payload)
    for name, value in extra.items():
        known = merged.get(name)
        if isinstance(known, Mapping) and isinstance(value, Mapping):
            merged[name] = merge(dict(known), value)
        elif name == "tools" and isinstance(known, list) and isinstance(value, list):
            merged[name] = [*known, *_own(value)]
        else:
            merged[name] = _own(value)
    return merged
