"""What a store keeps of an envelope: its JSON, with the providers' own payloads as the store's policy says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias, get_args

from lamella.errors import ConfigError
from lamella.events import RunStreamEvent
from lamella.serial import to_dict

__all__ = ["RawPolicy", "check_raw_policy", "redacted", "stored_form"]

RawPolicy: TypeAlias = Literal["full", "redacted", "dropped"]
"""What is kept of the providers' own payloads: all, their shape and numbers without their words, nothing."""

_PAYLOADS: Final = ("raw_event", "raw", "raw_item")
_USAGES: Final = ("token_usage", "usage")
_TOLD: Final = frozenset(
    {
        "type", "object", "id", "model", "model_version", "role", "status", "finish_reason", "stop_reason",
        "finishReason", "native_finish_reason", "system_fingerprint", "service_tier", "event", "event_type",
        "created_at", "done_reason",
    }
)  # fmt: skip
"""Keys whose words are the provider's and not the conversation's."""

_REDACTED: Final = re.compile(r"\[\d+ characters\]")
"""Text that was redacted already: what is read from a store can be written to another."""


def check_raw_policy(value: object, who: str) -> RawPolicy:
    """The policy, if it is one.

    :raises ConfigError: it is none.
    """
    if value not in get_args(RawPolicy):
        listed = ", ".join(repr(choice) for choice in get_args(RawPolicy))
        raise ConfigError(f"{who}: raw must be one of {listed}, got {value!r}")
    return value  # type: ignore[return-value]  # one of the literals


def stored_form(envelope: RunStreamEvent, raw: RawPolicy = "full") -> dict[str, Any]:
    """The envelope as a store keeps it; ``restore`` reads it back.

    The payload of a delta is left out whatever the policy: ``response.done`` has it all.

    :raises AgentSerializationError: the envelope has no stored form.
    """
    document = to_dict(envelope)
    event: dict[str, Any] = document["event"]
    if not envelope.event.durable:
        event.pop("raw_event", None)
    if raw != "full":
        for owner in (document, event, *event.get("input", ())):
            _apply(owner, raw)
    return document


def _apply(owner: dict[str, Any], raw: RawPolicy) -> None:
    usages = [usage for name in _USAGES if isinstance(usage := owner.get(name), dict)]
    for holder in (owner, *usages):
        for name in _PAYLOADS:
            if name not in holder:
                continue
            if raw == "dropped":
                del holder[name]
            else:
                holder[name] = redacted(holder[name])


def redacted(value: Any, key: str | None = None) -> Any:
    """A payload without its words: keys, numbers and the provider's own terms stay, other text is its length."""
    if isinstance(value, str):
        kept = _REDACTED.fullmatch(value) or (key in _TOLD and len(value) <= 200)
        return value if kept else f"[{len(value)} characters]"
    if isinstance(value, Mapping):
        return {name: redacted(item, name) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(item, key) for item in value]
    return value
