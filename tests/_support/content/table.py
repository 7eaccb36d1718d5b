"""What becomes of each form of content on each wire: measured by encoding it, and written as tables.

The tests assert on ``cell``; ``docs/generate.py`` writes the page from the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import groupby
from typing import Any, Literal, TypeAlias

import attrs
from content.forms import FORMS, Form
from swap.targets import TARGETS, Target

from lamella.content import MediaContent
from lamella.errors import UnsupportedContentError

__all__ = ["Cell", "Word", "cell", "overview", "sources", "tables"]

Word: TypeAlias = Literal["taken", "lifted", "words", "refused"]
Json: TypeAlias = Any


@attrs.frozen
class Cell:
    """What becomes of a form on a wire.

    ``taken``: ``block`` is what is written, with ``…`` for bytes and text. ``lifted``: so, but after the tool output that
    it was in, as ``reason`` says. ``words``: its ``alt`` is sent. ``refused``: for this ``reason``. ``beyond``: the
    vendor's SDK has no type for what is written.
    """

    word: Word
    block: str = ""
    reason: str = ""
    beyond: bool = False


@cache
def cell(form: Form, to: Target) -> Cell:
    """Encode it, and look."""
    model, request = to.make(), form.request(to)
    report = model.report(request)
    try:
        payload = json.loads(json.dumps(model.encode(request, report)))
    except UnsupportedContentError as error:
        return Cell("refused", reason=_bare(error.message))
    media = form.of(to)
    here = [loss.reason for loss in report.losses if (loss.message, loss.block) == form.at]
    reason = "; ".join(here)
    found = list(_parts(payload, tuple(sources(media))))
    if not found:
        assert form.place == "assistant", (form.name, to.name)
        return Cell("words", json.dumps(media.alt, ensure_ascii=False), reason)
    part, *rest = found
    assert not rest, f"{form.name} is written {len(found)} times on {to.name}"
    shown = json.dumps(
        part if media.data is None else _short(part, tuple(sources(media))), ensure_ascii=False
    )
    return Cell("lifted" if here else "taken", shown, reason, bool(to.refusals_of(payload)))


def sources(media: MediaContent) -> Iterator[str]:
    """The texts that carry it on a wire: its base64, its own text, its address."""
    if media.data is None:
        yield media.url or media.file_id or ""
        return
    yield media.base64_data or ""
    if media.mime_type.startswith("text/"):
        yield media.data.decode()


def _parts(value: Json, marks: tuple[str, ...], key: str = "", whole: Json = None) -> Iterator[Json]:
    """The innermost parts of lists that hold one of the texts."""
    if isinstance(value, str):
        if any(mark in value for mark in marks):
            yield whole
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _parts(item, marks, name, whole)
    elif isinstance(value, list):
        for item in value:
            yield from _parts(item, marks, key, {key: [item]} if isinstance(item, str) else item)


def _short(value: Json, marks: tuple[str, ...]) -> Json:
    """The part, with ``…`` for bytes and text."""
    if isinstance(value, str):
        for mark in marks:
            value = value.replace(mark, "…")
        return value
    if isinstance(value, dict):
        return {name: _short(item, marks) for name, item in value.items()}
    return [_short(item, marks) for item in value] if isinstance(value, list) else value


def _bare(message: str) -> str:
    """The reason without the place and the installed providers, which are of the request and the machine."""
    for end in (" [message ", "; installed providers that take it", "; no installed provider takes it"):
        message = message.partition(end)[0]
    return message


# -- tables ---------------------------------------------------------------------------------------


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(text.replace('|', chr(92) + '|') for text in cells)} |"


def overview() -> str:
    """Forms and wires: the part that carries it, or the word for what happens instead."""
    lines = [_row(("", *(f"`{to.name}`" for to in TARGETS))), _row(["---"] * (len(TARGETS) + 1))]
    for group, forms in groupby(FORMS, lambda form: form.group):
        lines.append(_row((f"**{group}**", *[""] * len(TARGETS))))
        lines += [_row((form.name, *(_seen(cell(form, to)) for to in TARGETS))) for form in forms]
    return "\n".join(lines)


def _seen(found: Cell) -> str:
    if found.word == "refused":
        return "refused"
    if found.word == "words":
        return "as its words"
    kind = json.loads(found.block)
    name = kind.get("type") or next(iter(kind))
    mark = " †" if found.beyond else ""
    return f"`{name}`, lifted" if found.word == "lifted" else f"`{name}`{mark}"


def tables() -> str:
    """One table for each wire: the forms, and the part that is sent or the reason why none is."""
    return "\n\n".join(_table(to) for to in TARGETS)


def _table(to: Target) -> str:
    lines = [_row(("content", "sent", "")), _row(["---"] * 3)]
    for form in FORMS:
        found = cell(form, to)
        sent = f"`{found.block}`" if found.block else found.word
        lines.append(_row((form.name, sent, "† beyond the SDK's types" if found.beyond else found.reason)))
    return f"### {to.label} (`{to.name}`)\n\n" + "\n".join(lines)
