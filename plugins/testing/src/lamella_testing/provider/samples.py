"""``Sample``: an answer of a provider as bytes, and what it says."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from lamella.errors import AgentInputError, LamellaError
from lamella.events import StopReason
from lamella.models import ModelRequest
from lamella.usage import TokenUsage

__all__ = ["Sample"]


def _pairs(value: Iterable[tuple[str, str]] | None) -> tuple[tuple[str, str], ...] | None:
    return None if value is None else tuple((name, arguments) for name, arguments in value)


def _texts(value: Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


@attrs.frozen(kw_only=True)
class Sample:
    """One answer as it comes over the wire, recorded or written by hand, and what Lamella must make of it.

    Give ``streamed`` and ``whole`` of the same answer where the provider has both; at least one is needed.
    An expectation that is ``None`` is not checked.

    :param name: what the test is called.
    :param streamed: the bytes of the streamed response.
    :param whole: the bytes of the response in one piece.
    :param text: all visible text.
    :param reasoning: all reasoning, summaries first.
    :param calls: the calls in order: name, and the arguments' text exactly as received.
    :param usage: the buckets; ``None`` in a bucket means that it must not be reported.
    :param stop_reason: in Lamella's words.
    :param state: strings of the provider's opaque state (signatures, encrypted reasoning, item ids) that the
        next request must carry back.
    :param error: the class that a failure reported inside the stream must have.
    :param request: what this answers; by default a plain text, with tools where there are calls.
    """

    name: str
    streamed: bytes | None = attrs.field(default=None, repr=False)
    whole: bytes | None = attrs.field(default=None, repr=False)
    text: str | None = None
    reasoning: str | None = None
    calls: tuple[tuple[str, str], ...] | None = attrs.field(default=None, converter=_pairs)
    usage: TokenUsage | None = None
    stop_reason: StopReason | None = None
    state: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    error: type[LamellaError] | None = None
    request: ModelRequest | None = None

    def __attrs_post_init__(self) -> None:
        if self.streamed is None and self.whole is None:
            raise AgentInputError(
                f"Sample {self.name!r} needs the bytes of an answer: streamed, whole, or both"
            )
