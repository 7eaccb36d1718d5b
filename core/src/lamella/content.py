"""What a message is made of: text, reasoning, tool calls and outputs, media, and what we do not know.

``type`` is the JSON tag of a block. Content plugins subclass :class:`MediaContent`; a tag that no
installed plugin claims is read as :class:`OpaqueContent` and survives a round trip.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import attrs

from lamella._frozen import EMPTY, JSON, freeze, freeze_mapping, freeze_optional_tuple, freeze_tuple
from lamella._json import dumps, parse_object
from lamella.errors import AgentInputError, AgentSerializationError

__all__ = [
    "Block",
    "MediaContent",
    "OpaqueContent",
    "ReasoningBlock",
    "TextBlock",
    "ToolCallBlock",
    "ToolOutputBlock",
]


def _text(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, str):
        where = f"{type(instance).__name__}.{attribute.name}"
        raise AgentInputError(f"{where} must be a str, got {type(value).__name__}")


def _optional_text(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None:
        _text(instance, attribute, value)


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
    text: str = attrs.field(validator=_text)
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
    summary: str | None = attrs.field(default=None, validator=_optional_text)
    text: str | None = attrs.field(default=None, validator=_optional_text)
    signature: str | None = attrs.field(default=None, validator=_optional_text, repr=False)
    reasoning_id: str | None = attrs.field(default=None, validator=_optional_text)
    redacted: bool = False
    provider: str | None = attrs.field(default=None, validator=_optional_text)
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
    call_id: str = attrs.field(validator=_text)
    name: str = attrs.field(validator=_text)
    arguments_json: str = attrs.field(default="", validator=_text)
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
class MediaContent(Block):
    """Base of image, audio, document and whatever a content plugin adds.

    Exactly one of ``data`` (bytes), ``url`` and ``file_id`` (the id of a file at ``provider``) is
    set. A subclass sets ``type``, may add fields, and may override ``default_mime_type``.
    """

    type: ClassVar[str] = "media"
    default_mime_type: ClassVar[str] = "application/octet-stream"

    data: bytes | None = attrs.field(default=None, repr=False)
    url: str | None = attrs.field(default=None, validator=_optional_text)
    file_id: str | None = attrs.field(default=None, validator=_optional_text)
    provider: str | None = attrs.field(default=None, validator=_optional_text)
    mime_type: str = attrs.field(
        default=attrs.Factory(lambda self: self.default_mime_type, takes_self=True),
        validator=_text,
    )

    def __attrs_post_init__(self) -> None:
        name = type(self).__name__
        sources = [source for source in (self.data, self.url, self.file_id) if source is not None]
        if len(sources) != 1:
            raise AgentInputError(f"{name} needs exactly one of data, url and file_id, got {len(sources)}")
        if self.data is not None and not isinstance(self.data, bytes):
            raise AgentInputError(f"{name}.data must be bytes, got {type(self.data).__name__}")
        if self.data == b"":
            raise AgentInputError(f"{name}.data is empty (0 bytes)")

    def __repr__(self) -> str:
        if self.data is not None:
            source = f"<{len(self.data)} bytes>"
        else:
            source = repr(self.url if self.url is not None else self.file_id)
            source = source if len(source) <= 200 else f"{source[:200]}…'"
        return f"{type(self).__name__}({source}, mime_type={self.mime_type!r})"

    @property
    def base64_data(self) -> str | None:
        """The bytes in base64, ``None`` for a URL or a file id."""
        return None if self.data is None else base64.b64encode(self.data).decode("ascii")

    @property
    def data_uri(self) -> str | None:
        """``data:{mime_type};base64,…``, ``None`` for a URL or a file id."""
        return None if self.data is None else f"data:{self.mime_type};base64,{self.base64_data}"

    @classmethod
    def from_bytes(cls, data: bytes, mime_type: str | None = None) -> Self:
        """Content from bytes in memory."""
        return cls(data=data, mime_type=mime_type or cls.default_mime_type)

    @classmethod
    def from_base64(cls, data: str, mime_type: str | None = None) -> Self:
        """Content from base64 text; malformed text is an ``AgentInputError``."""
        try:
            raw = base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError, TypeError) as error:
            raise AgentInputError(f"{cls.__name__}.from_base64: not base64: {error}", cause=error) from error
        return cls(data=raw, mime_type=mime_type or cls.default_mime_type)


@attrs.frozen(kw_only=True)
class OpaqueContent(Block):
    """Content that this installation does not know, kept verbatim.

    Either a block of a content plugin that is not installed (``type`` is its tag), or server-side
    work of a vendor such as a web search (``type`` is ``"{provider}.{item type}"``, ``provider`` the
    issuer, ``data["item"]`` the vendor's item). It is replayed to its issuer and refused elsewhere.
    """

    type: str = attrs.field(validator=_text)
    provider: str | None = attrs.field(default=None, validator=_optional_text)
    data: Mapping[str, Any] = attrs.field(default=EMPTY, converter=freeze_mapping, repr=False)


def freeze_output(value: JSON | tuple[Block, ...]) -> Any:
    """Freeze a tool's output: blocks as a tuple, anything else as frozen JSON."""
    if isinstance(value, Block):
        return (value,)
    if isinstance(value, list | tuple) and value and all(isinstance(part, Block) for part in value):
        return tuple(value)
    return freeze(value)


def _output_text(value: Any) -> str:
    """An output as the text a model reads.

    :raises AgentInputError: it is no output.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        for part in value:
            if not isinstance(part, TextBlock | MediaContent | OpaqueContent):
                raise AgentInputError(
                    f"ToolOutputBlock.output may hold text and media blocks, not {type(part).__name__}"
                )
        return "".join(part.text for part in value if isinstance(part, TextBlock))
    try:
        return dumps(value)
    except AgentSerializationError as error:
        raise AgentInputError(f"ToolOutputBlock.output must be text, JSON or media: {error}") from error


@attrs.frozen(kw_only=True)
class ToolOutputBlock(Block):
    """The output of one call: text, any JSON value, or a tuple of text and media blocks."""

    type: ClassVar[Literal["tool_output"]] = "tool_output"
    call_id: str = attrs.field(validator=_text)
    name: str | None = attrs.field(default=None, validator=_optional_text)
    output: Any = attrs.field(converter=freeze_output)
    is_error: bool = attrs.field(default=False, converter=bool)
    # Written once: a history is sent again with every turn.
    _as_text: str = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_as_text", _output_text(self.output))

    @property
    def parts(self) -> tuple[Block, ...] | None:
        """The blocks of a media output, ``None`` for text or JSON."""
        return self.output if isinstance(self.output, tuple) else None

    @property
    def text(self) -> str:
        """The output as the text a model reads: a string as it is, JSON as JSON text, media left out."""
        return self._as_text
