"""Envelopes to lines and lines to documents."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from lamella.events import RunStreamEvent
from lamella.serial.stored import RawPolicy, stored_form

__all__ = ["LINE_HEAD", "document_of", "encode_line"]

LINE_HEAD: Final = rb'\{"v":\d+,"run_id":"([^"\\]+)","seq":(\d+),'
"""How each line begins: whose event it is can be seen without reading the rest."""

_LONG: Final = 1 << 18  # characters; shorter texts are not worth the walk
_ENCODER: Final = msgspec.json.Encoder()


def encode_line(envelope: RunStreamEvent, raw: RawPolicy) -> Iterable[bytes]:
    """One envelope as one line, in pieces where it holds long texts.

    :raises AgentSerializationError: the envelope has no stored form.
    """
    stored = stored_form(envelope, raw)
    document = {"v": stored.pop("v"), "run_id": stored.pop("run_id"), "seq": stored.pop("seq"), **stored}
    if envelope.event.durable and _has_long(document):
        from lamella.models.body import body_of  # only where there is something long

        body = body_of(document)
        return (body, b"\n") if isinstance(body, bytes) else itertools.chain(body.pieces(), (b"\n",))
    return (_encode(document) + b"\n",)


def document_of(line: bytes) -> dict[str, Any] | None:
    """The object in a line, ``None`` if it holds anything else."""
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _encode(document: Mapping[str, Any]) -> bytes:
    try:
        return _ENCODER.encode(document)
    except (ValueError, TypeError, OverflowError, RecursionError):  # a lone surrogate, an endless integer
        return json.dumps(document, separators=(",", ":"), allow_nan=False).encode("ascii")


def _has_long(value: Any) -> bool:
    """Whether there is a text in it that is worth writing in pieces."""
    stack: list[Any] = [value]
    while stack:
        node = stack.pop()
        for item in node.values() if isinstance(node, dict) else node:
            if isinstance(item, str):
                if len(item) >= _LONG:
                    return True
            elif isinstance(item, dict | list):
                stack.append(item)
    return False
