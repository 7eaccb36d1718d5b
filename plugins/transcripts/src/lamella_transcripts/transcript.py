"""What reading and writing a transcript gives."""

from __future__ import annotations

from typing import Any

import attrs

from lamella import AgentRun, Loss, Message, TokenUsage

__all__ = ["Transcript", "Written"]


@attrs.frozen(kw_only=True)
class Transcript:
    """A conversation that was read.

    ``losses`` say what of the source is not in ``messages``, or stands there in another form; their ``message``
    and ``block`` are places in the source. ``usage`` is that of the whole, where the source says it, and ``run``
    the tree of agents, where the source is one (then ``messages`` are those of its leaves, in order).
    """

    messages: tuple[Message, ...]
    losses: tuple[Loss, ...] = ()
    usage: TokenUsage | None = None
    run: AgentRun | None = None


@attrs.frozen(kw_only=True)
class Written:
    """A conversation in another system's form: ``data`` is plain JSON, yours to change.

    ``losses`` say what of the messages is not in ``data``, or stands there in another form; their ``message``
    and ``block`` are places in the messages.
    """

    data: Any
    losses: tuple[Loss, ...] = ()
