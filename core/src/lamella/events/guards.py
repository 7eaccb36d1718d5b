"""Progress of work, approvals and guardrails, and media that a model made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import attrs

from lamella._frozen import EMPTY, as_tuple, freeze_mapping
from lamella.content import (
    Block,
    MediaContent,
    OpaqueContent,
)
from lamella.events.base import Event

__all__ = [
    "ApprovalPending",
    "ApprovalResolved",
    "GuardrailOverride",
    "MediaOutputDone",
    "OutputRejected",
    "ProgressEnd",
    "ProgressStart",
    "ProgressUpdate",
]


@attrs.frozen(kw_only=True)
class ProgressStart(Event):
    """Work begins under ``key``; ``details`` say what."""

    type: ClassVar[Literal["progress.start"]] = "progress.start"
    key: str
    details: str | None = None
    call_id: str | None = None


@attrs.frozen(kw_only=True)
class ProgressUpdate(Event):
    """Work under ``key`` goes on: done to ``fraction`` (0 to 1), if that is known.

    ``details`` say what is being done; ``text`` is a piece of the output of a tool that gives it in pieces.
    """

    type: ClassVar[Literal["progress.update"]] = "progress.update"
    key: str
    fraction: float | None = None
    details: str | None = None
    text: str | None = None
    call_id: str | None = None


@attrs.frozen(kw_only=True)
class ProgressEnd(Event):
    """Work under ``key`` ended."""

    type: ClassVar[Literal["progress.end"]] = "progress.end"
    key: str
    call_id: str | None = None


@attrs.frozen(kw_only=True)
class ApprovalPending(Event):
    """A call waits for approval; the tool has not run."""

    type: ClassVar[Literal["approval.pending"]] = "approval.pending"
    call_id: str
    name: str
    arguments: Mapping[str, Any] = attrs.field(default=EMPTY, converter=freeze_mapping)


@attrs.frozen(kw_only=True)
class ApprovalResolved(Event):
    """The approval was given or denied; ``reason`` says why."""

    type: ClassVar[Literal["approval.resolved"]] = "approval.resolved"
    call_id: str
    name: str
    approved: bool
    reason: str | None = None


@attrs.frozen(kw_only=True)
class GuardrailOverride(Event):
    """An output guardrail replaced the answer: ``output`` is the text that stands."""

    type: ClassVar[Literal["guardrail.override"]] = "guardrail.override"
    output: str
    guardrail: str | None = None
    reason: str | None = None


@attrs.frozen(kw_only=True)
class OutputRejected(Event):
    """An answer is not the structure that was asked for, and goes back to the model: ``told`` is what it reads.

    The fold makes a message of the user of it. ``problems`` are a line for each place.
    """

    type: ClassVar[Literal["output.rejected"]] = "output.rejected"
    told: str
    problems: tuple[str, ...] = attrs.field(default=(), converter=as_tuple)


@attrs.frozen(kw_only=True)
class MediaOutputDone(Event):
    """A model made media."""

    type: ClassVar[Literal["media.output.done"]] = "media.output.done"
    media: MediaContent | OpaqueContent

    def block(self) -> Block:
        """The media block this event completes."""
        return self.media
