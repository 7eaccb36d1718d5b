"""The steps of a turn: what the simulator says, calls, thinks, refuses or fails with.

Those that make media are in :mod:`lamella_sim.making`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeAlias

import attrs

from lamella._frozen import freeze
from lamella._json import dumps, parse_object
from lamella.errors import AgentInputError, AgentSerializationError
from lamella_sim.making import MAKING, Made

__all__ = [
    "STEP_KINDS",
    "Delay",
    "Error",
    "Reasoning",
    "Refusal",
    "Step",
    "Structured",
    "Text",
    "ToolCall",
]

_Validator: TypeAlias = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def _must(what: str, holds: Callable[[Any], bool]) -> _Validator:
    """A validator whose message names the field and what it must be."""

    def check(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not holds(value):
            kind = type(instance).kind
            raise AgentInputError(f"{kind}: {attribute.name!r} must be {what}, got {value!r}")

    return check


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_json(value: Any) -> bool:
    try:
        dumps(value)
    except AgentSerializationError:
        return False
    return True


_text = _must("text", lambda value: isinstance(value, str))
_optional_text = _must("text", lambda value: value is None or isinstance(value, str))
_json = _must("JSON (no dates, no NaN)", _is_json)
_object = _must(
    "an object (a table) of JSON",
    lambda value: value is None or (isinstance(value, Mapping) and _is_json(value)),
)
_seconds = _must("seconds (a number >= 0)", lambda value: _is_number(value) and value >= 0)
_optional_seconds = _must(
    "seconds (a number >= 0)", lambda value: value is None or (_is_number(value) and value >= 0)
)
_status = _must(
    "an HTTP error status (400 to 599)",
    lambda value: isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599,
)


@attrs.frozen
class Text:
    """Visible text, streamed in pieces."""

    kind: ClassVar[str] = "text"
    text: str = attrs.field(validator=_text)


@attrs.frozen
class Reasoning:
    """Reasoning: its ``text``, a ``summary`` meant to be shown, a ``signature`` (the encrypted form); at least one."""

    kind: ClassVar[str] = "reasoning"
    text: str | None = attrs.field(default=None, validator=_optional_text)
    summary: str | None = attrs.field(default=None, validator=_optional_text, kw_only=True)
    signature: str | None = attrs.field(default=None, validator=_optional_text, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.text is None and self.summary is None and self.signature is None:
            raise AgentInputError("reasoning: give at least one of text, summary and signature")


@attrs.frozen
class ToolCall:
    """A tool call: ``arguments`` as an object, or ``arguments_json`` as the raw string, malformed if you like.

    Without a ``call_id`` every reply invents a new one.
    """

    kind: ClassVar[str] = "tool_call"
    name: str = attrs.field(validator=_text)
    arguments: Mapping[str, Any] | None = attrs.field(default=None, converter=freeze, validator=_object)
    arguments_json: str = attrs.field(default="", validator=_text, kw_only=True)
    call_id: str | None = attrs.field(default=None, validator=_optional_text, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.arguments is not None and self.arguments_json:
            if parse_object(self.arguments_json) != self.arguments:
                raise AgentInputError("tool_call: 'arguments' and 'arguments_json' disagree; give only one")
        elif not self.arguments_json:
            object.__setattr__(self, "arguments_json", dumps(self.arguments or {}))
        if self.arguments is None:
            object.__setattr__(self, "arguments", freeze(parse_object(self.arguments_json)))


@attrs.frozen
class Structured:
    """A structured answer: any JSON value, said as its JSON text."""

    kind: ClassVar[str] = "structured"
    value: Any = attrs.field(converter=freeze, validator=_json)


@attrs.frozen
class Refusal:
    """The model declines, in these words; the stop reason is ``refusal``."""

    kind: ClassVar[str] = "refusal"
    text: str = attrs.field(validator=_text)


@attrs.frozen
class Error:
    """The provider fails; last step of its turn.

    As a turn's first step it is an HTTP error of this ``status``, after other steps it comes inside
    the stream. ``retry_after`` is in seconds. The same request fails again: a turn is chosen by the
    history alone. Failures that pass are faults of the server.
    """

    kind: ClassVar[str] = "error"
    status: int = attrs.field(default=500, validator=_status)
    message: str = attrs.field(default="the script says that this request fails", validator=_text)
    code: str | None = attrs.field(default=None, validator=_optional_text, kw_only=True)
    retry_after: float | None = attrs.field(default=None, validator=_optional_seconds, kw_only=True)


@attrs.frozen
class Delay:
    """Nothing happens for so many seconds."""

    kind: ClassVar[str] = "delay"
    seconds: float = attrs.field(validator=_seconds)


Step: TypeAlias = Text | Reasoning | ToolCall | Structured | Refusal | Made | Error | Delay

STEP_KINDS: dict[str, type[Step]] = {
    step.kind: step for step in (Text, Reasoning, ToolCall, Structured, Refusal, *MAKING, Error, Delay)
}
"""The steps by the key that names them in a script file."""
