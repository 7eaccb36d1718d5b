"""The blocks without media: text, reasoning, tool calls, and what this installation does not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import attrs

from lamella._frozen import EMPTY, freeze, freeze_mapping, freeze_optional_tuple, freeze_tuple
from lamella._json import dumps, parse_object
from lamella.errors import AgentInputError

__all__ = [
    "Block",
    "OpaqueContent",
    "ReasoningBlock",
    "TextBlock",
    "ToolCallBlock",
    "check_optional_text",
    "check_text",
    "settle_arguments",
]


def check_text(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """attrs validator: a ``str``."""
    if not isinstance(value, str):
        where = f"{type(instance).__name__}.{attribute.name}"
        raise AgentInputError(f"{where} must be a str, got {type(value).__name__}")


def check_optional_text(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """attrs validator: a ``str`` or ``None``."""
    if value is not None:
        check_text(instance, attribute, value)


@attrs.frozen(kw_only=True)
class Block:
    """Base of all content.

    ``opaque`` holds vendor state by issuer (signatures, item ids, raw items); it goes back to its
    issuer verbatim and to nobody else. ``extra`` holds fields of stored JSON that this release does
    not know; they are written back as they came.
    """

    opaque: Mapping[str, Any] = attrs.field(default=EMPTY, converter=freeze_mapping, repr=False)
    extra: Mapping[str, Any] = attrs.field(default=EMPTY, converter=freeze_mapping, repr=False)

    def opaque_for(self, issuer: str) -> Any:
        """The state that ``issuer`` attached to this block, ``None`` if it attached none."""
        return self.opaque.get(issuer)


@attrs.frozen(kw_only=True)
class TextBlock(Block):
    """Text. ``annotations`` are citations in the provider's form, ``logprobs`` the provider's token probabilities."""

    type: ClassVar[Literal["text"]] = "text"
    text: str = attrs.field(validator=check_text)
    annotations: tuple[Any, ...] = attrs.field(default=(), converter=freeze_tuple)
    logprobs: tuple[Any, ...] | None = attrs.field(default=None, converter=freeze_optional_tuple, repr=False)


@attrs.frozen(kw_only=True)
class ReasoningBlock(Block):
    """What a model thought; at least one field is set.

    ``summary`` is text meant to be shown, ``text`` the reasoning itself, ``signature`` the issuer's
    signature or encrypted form, ``redacted`` marks reasoning whose text the issuer withholds,
    ``provider`` the issuer: signed reasoning goes back to it and to nobody else. ``None`` as
    provider means that the caller vouches for the target.
    """

    type: ClassVar[Literal["reasoning"]] = "reasoning"
    summary: str | None = attrs.field(default=None, validator=check_optional_text)
    text: str | None = attrs.field(default=None, validator=check_optional_text)
    signature: str | None = attrs.field(default=None, validator=check_optional_text, repr=False)
    reasoning_id: str | None = attrs.field(default=None, validator=check_optional_text)
    redacted: bool = False
    provider: str | None = attrs.field(default=None, validator=check_optional_text)
    provider_meta: Mapping[str, Any] | None = attrs.field(default=None, converter=freeze)

    def __attrs_post_init__(self) -> None:
        fields = (self.summary, self.text, self.signature, self.reasoning_id, self.provider_meta)
        if all(field is None for field in fields) and not self.redacted and not self.opaque:
            raise AgentInputError(
                "a ReasoningBlock needs at least one of summary, text, signature, reasoning_id, "
                "provider_meta, redacted or opaque"
            )

    def issued_to(self, issuer: str) -> bool:
        """Whether this block may be replayed to ``issuer`` with its signature and state."""
        return self.provider is None or self.provider == issuer


@attrs.frozen(kw_only=True)
class ToolCallBlock(Block):
    """A tool call of the assistant.

    ``arguments_json`` is the string exactly as received: it is the truth and is what is replayed.
    ``arguments`` is its parsed view, ``None`` when the string is no JSON object. Give either; the
    other is derived.
    """

    type: ClassVar[Literal["tool_call"]] = "tool_call"
    call_id: str = attrs.field(validator=check_text)
    name: str = attrs.field(validator=check_text)
    arguments_json: str = attrs.field(default="", validator=check_text)
    arguments: Mapping[str, Any] | None = None

    def __attrs_post_init__(self) -> None:
        settle_arguments(self, "arguments")


def settle_arguments(instance: Any, view: str) -> None:
    """Fill ``arguments_json`` or its parsed view from the other on a frozen instance."""
    given = getattr(instance, view)
    if given is not None and not isinstance(given, Mapping):
        raise AgentInputError(f"{type(instance).__name__}.{view} must be a dict, got {type(given).__name__}")
    # EMPTY itself is the view of blank text: a copy made with ``attrs.evolve`` keeps the text blank.
    if given is None or given is EMPTY or instance.arguments_json:
        parsed = parse_object(instance.arguments_json)
        if given is not None and parsed != given:
            raise AgentInputError(
                f"{type(instance).__name__}: arguments_json and {view} disagree; give only one"
            )
        object.__setattr__(instance, view, EMPTY if parsed == {} else freeze(parsed))
    else:
        text = dumps(given)
        object.__setattr__(instance, "arguments_json", text)
        # As it reads in JSON: a key that is no text becomes one.
        object.__setattr__(instance, view, freeze(parse_object(text)))


@attrs.frozen(kw_only=True)
class OpaqueContent(Block):
    """Content that this installation does not know, kept verbatim.

    Either a block of a content plugin that is not installed (``type`` is its tag), or server-side
    work of a vendor such as a web search (``type`` is ``"{provider}.{item type}"``, ``provider`` the
    issuer, ``data["item"]`` the vendor's item). It is replayed to its issuer and refused elsewhere.
    """

    type: str = attrs.field(validator=check_text)
    provider: str | None = attrs.field(default=None, validator=check_optional_text)
    data: Mapping[str, Any] = attrs.field(default=EMPTY, converter=freeze_mapping, repr=False)
