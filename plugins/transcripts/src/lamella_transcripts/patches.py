"""What a document says beside what a message holds, kept so that it is written back as it came.

A *patch* is the difference between a table of the source and the same table as it would be written:
``{"set": {…}, "gone": […], "unset": […], "in": {name: patch}}``; ``unset`` takes empty fields away. Names that are *held* by a block are never part of it:
there the block is the truth, also after somebody changed it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from lamella import Message
from lamella._frozen import thaw
from lamella.content import Block

__all__ = ["ISSUER", "difference", "note_block", "note_message", "patched", "shape_of", "unnoted"]

ISSUER: Final = "transcripts"
"""Whose state it is: the key in ``block.opaque`` and ``message.meta``. No provider has this name."""


def difference(source: Mapping[str, Any], made: Mapping[str, Any], held: frozenset[str]) -> dict[str, Any]:
    """The patch that turns ``made`` into ``source``, empty where there is nothing to do."""
    fields: dict[str, Any] = {}
    inner: dict[str, Any] = {}
    for name, value in source.items():
        mine = made.get(name)
        if name in made and mine == value and type(mine) is type(value):
            continue
        if isinstance(value, Mapping) and isinstance(mine, Mapping):
            if patch := difference(value, mine, held):
                inner[name] = patch
        elif name not in held or (not mine and not value):
            fields[name] = value
    missing = [name for name in made if name not in source]
    gone = [name for name in missing if name not in held]
    empty = [name for name in missing if name in held and not made[name]]
    named = {"set": fields, "gone": gone, "unset": empty, "in": inner}
    return {name: value for name, value in named.items() if value}


def patched(made: dict[str, Any], patch: Mapping[str, Any] | None) -> dict[str, Any]:
    """A table with its patch; a field that is a block's own business is left alone."""
    if not patch:
        return made
    gone, empty = patch.get("gone", ()), patch.get("unset", ())
    done = {name: value for name, value in made.items() if name not in gone and (name not in empty or value)}
    for name, inner in patch.get("in", {}).items():
        if isinstance(done.get(name), dict):
            done[name] = patched(done[name], inner)
    return {**done, **thaw(patch.get("set", {}))}


def note_block(block: Block, form: str, **shape: Any) -> Block:
    """A block that remembers the shape it had in a form."""
    known = {name: value for name, value in shape.items() if value}
    if not known:
        return block
    state = {**shape_of(block.opaque, form), **known, "form": form}
    return attrs.evolve(block, opaque={**block.opaque, ISSUER: state})


def note_message(message: Message, form: str, **shape: Any) -> Message:
    """A message that remembers the shape it had in a form."""
    known = {name: value for name, value in shape.items() if value}
    if not known:
        return message
    state = {**shape_of(message.meta, form), **known, "form": form}
    return attrs.evolve(message, meta={**message.meta, ISSUER: state})


def shape_of(state: Mapping[str, Any], form: str) -> Mapping[str, Any]:
    """The shape that a block (its ``opaque``) or a message (its ``meta``) had in a form, empty if none."""
    found = state.get(ISSUER)
    return found if isinstance(found, Mapping) and found.get("form") == form else {}


def unnoted(state: Mapping[str, Any]) -> dict[str, Any]:
    """A block's ``opaque`` or a message's ``meta`` without the shape."""
    return {name: value for name, value in state.items() if name != ISSUER}
