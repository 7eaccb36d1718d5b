"""A body cut into its frames, changed, and put together again."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from lamella.models import NDJSONFrames, SSEFrames, WireModel

__all__ = ["UNKNOWN", "cuts", "join", "sizes", "split", "with_unknown_fields"]

UNKNOWN: Final = "conformance_unknown_field"

_ALL_CUTS: Final = 4096
"""Bodies up to this size are cut at every byte; longer ones at every byte of their ends, and at random."""


def split(model: WireModel, body: bytes) -> list[bytes]:
    """The payloads of the frames, as the model's own ``frames`` cut them."""
    frames = model.frames()
    return [*frames.feed(body), *frames.end()]


def join(model: WireModel, payloads: Sequence[bytes]) -> bytes | None:
    """A body of these payloads; ``None`` where the model has frames of its own kind."""
    if issubclass(model.frames, SSEFrames):
        return b"".join(b"data: " + payload.replace(b"\n", b"\ndata: ") + b"\n\n" for payload in payloads)
    if issubclass(model.frames, NDJSONFrames):
        return b"".join(payload + b"\n" for payload in payloads)
    return None


def with_unknown_fields(payload: bytes, data_keys: frozenset[str]) -> bytes:
    """The payload with a field that nobody knows in every object but the user's data. What is no JSON stays."""
    try:
        value = json.loads(payload)
    except ValueError:
        return payload
    return json.dumps(_widened(value, data_keys), ensure_ascii=False).encode("utf-8", "surrogatepass")


def _widened(value: Any, data_keys: frozenset[str]) -> Any:
    if isinstance(value, list):
        return [_widened(item, data_keys) for item in value]
    if not isinstance(value, dict):
        return value
    widened = {
        name: item if name in data_keys and isinstance(item, dict) else _widened(item, data_keys)
        for name, item in value.items()
    }
    return {**widened, UNKNOWN: {"a": [1, None]}}


def cuts(body: bytes, seed: int = 0) -> list[int]:
    """Where to cut a body off: after 0 bytes, after 1, … but never after the last."""
    if len(body) <= _ALL_CUTS:
        return list(range(len(body)))
    chance = random.Random(seed)
    ends = [*range(256), *range(len(body) - 2048, len(body))]
    return sorted({*ends, *(chance.randrange(len(body)) for _ in range(_ALL_CUTS // 2))})


def sizes(body: bytes) -> Iterator[tuple[str, Callable[[], list[bytes]]]]:
    """Ways to cut a body into pieces: of 1 byte, 2, … and of random sizes, each with its name."""
    longest = min(len(body), 64)
    for size in (*range(1, longest + 1), max(1, len(body) // 2), max(1, len(body) - 1)):
        yield f"pieces of {size} bytes", lambda size=size: _pieces(body, [size])  # type: ignore[misc]  # binds it now
    for seed in range(16):
        chance = random.Random(seed)
        drawn = [chance.choice((1, 2, 3, 7, 64, 400)) for _ in range(97)]
        yield f"pieces of random sizes (seed {seed})", lambda drawn=drawn: _pieces(body, drawn)  # type: ignore[misc]  # as above


def _pieces(body: bytes, wanted: Sequence[int]) -> list[bytes]:
    pieces: list[bytes] = []
    start = 0
    while start < len(body):
        size = wanted[len(pieces) % len(wanted)]
        pieces.append(body[start : start + size])
        start += size
    return pieces
