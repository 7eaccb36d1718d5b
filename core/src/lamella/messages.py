"""``Message``: a role and its blocks, checked at construction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import attrs

from lamella._frozen import EMPTY, Wire, freeze, freeze_mapping
from lamella.content import (
    Block,
    MediaContent,
    OpaqueContent,
    ReasoningBlock,
    TextBlock,
    ToolCallBlock,
    ToolOutputBlock,
)
from lamella.errors import AgentInputError
from lamella.usage import TokenUsage

__all__ = ["ROLES", "Message", "Role"]

Role: TypeAlias = Literal["system", "user", "assistant"]

ROLES: Final[tuple[Role, ...]] = ("system", "user", "assistant")

_ALLOWED: Final[dict[str, tuple[type[Block], ...]]] = {
    "system": (TextBlock,),
    "user": (TextBlock, MediaContent, ToolOutputBlock, OpaqueContent),
    "assistant": (TextBlock, ReasoningBlock, ToolCallBlock, MediaContent, OpaqueContent),
}
_ALLOWED_WORDS: Final = {
    "system": "text",
    "user": "text, media and tool outputs",
    "assistant": "text, reasoning, tool calls and media",
}


def _role(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value not in ROLES:
        raise AgentInputError(f"unknown role {value!r}; a message's role is one of {', '.join(ROLES)}")


def _blocks(value: str | Block | Iterable[Block | str]) -> tuple[Block, ...]:
    if isinstance(value, str | Block):
        value = (value,)
    given: object = value
    sequence = type(given) is list or type(given) is tuple  # what is usual
    if not sequence and (not isinstance(given, Iterable) or isinstance(given, Mapping | bytes)):
        raise AgentInputError(f"content must be text or a sequence of blocks, got {type(value).__name__}")
    return tuple(TextBlock(text=part) if isinstance(part, str) else part for part in value)


@attrs.frozen(kw_only=True)
class Message:
    """One message of a conversation.

    ``content`` is a tuple of blocks (a ``str`` becomes one text block). ``usage`` is what it cost to
    generate, ``raw`` the provider's payloads before normalisation; both are ``None`` for a message
    that was built locally. ``meta`` is yours: JSON that is stored and never sent; ``user``, ``assistant``
    and ``from_multimodal`` put into it under ``"media"``, by block, the ``meta`` of media that have any.

    :raises AgentInputError: unknown role, empty content, or a block that the role may not hold.
    """

    role: Role = attrs.field(validator=_role)
    content: tuple[Block, ...] = attrs.field(converter=_blocks)
    usage: TokenUsage | None = None
    _raw: Wire | None = attrs.field(default=None, repr=False, hash=False)
    meta: Mapping[str, Any] = attrs.field(default=EMPTY, converter=freeze_mapping, repr=False)
    extra: Mapping[str, Any] = attrs.field(default=EMPTY, converter=freeze_mapping, repr=False)

    def __attrs_post_init__(self) -> None:
        if not self.content:
            raise AgentInputError(
                f"the content of a {self.role} message is empty; give it at least one block"
            )
        for index, block in enumerate(self.content):
            if not isinstance(block, _ALLOWED[self.role]):
                raise AgentInputError(
                    f"a {self.role} message holds {_ALLOWED_WORDS[self.role]}; "
                    f"block {index} is {type(block).__name__}"
                )
        if self.role == "user" and not any(_says_something(block) for block in self.content):
            raise AgentInputError("a user message needs text, media or a tool output; its text is empty")

    @classmethod
    def user(cls, content: str | Block | Sequence[Block | str]) -> Message:
        """A user message from text or blocks."""
        return cls._of("user", content)

    @classmethod
    def assistant(cls, content: str | Block | Sequence[Block | str]) -> Message:
        """An assistant message from text or blocks."""
        return cls._of("assistant", content)

    @classmethod
    def system(cls, content: str | Block | Sequence[Block | str]) -> Message:
        """A system message from text or text blocks."""
        return cls(role="system", content=content)

    @classmethod
    def from_multimodal(cls, role: Role, parts: Iterable[str | Block]) -> Message:
        """A message of text and media in any mix and order; a bare string is text, never a path."""
        return cls._of(role, list(parts))

    @classmethod
    def _of(cls, role: Role, content: str | Block | Sequence[Block | str]) -> Message:
        """A message that shows in its ``meta`` what was done to its media: ``{"media": {"1": {…}}}`` by block."""
        if isinstance(content, str):
            return cls(role=role, content=content)
        blocks = _blocks(content)
        done = {
            str(place): block.meta
            for place, block in enumerate(blocks)
            if isinstance(block, MediaContent) and block.meta
        }
        return cls(role=role, content=blocks, meta={"media": done} if done else EMPTY)

    @property
    def raw(self) -> Wire | None:
        """The provider's payloads as they came, immutable."""
        return freeze(self._raw)

    @property
    def text(self) -> str:
        """All text in order, without separator."""
        return "".join(block.text for block in self.content if isinstance(block, TextBlock))

    @property
    def tool_calls(self) -> tuple[ToolCallBlock, ...]:
        """The tool calls in order."""
        return tuple(block for block in self.content if isinstance(block, ToolCallBlock))

    @property
    def tool_outputs(self) -> tuple[ToolOutputBlock, ...]:
        """The tool outputs in order."""
        return tuple(block for block in self.content if isinstance(block, ToolOutputBlock))


def _says_something(block: Block) -> bool:
    return not isinstance(block, TextBlock) or block.text != ""
