"""``ToolOutputBlock``: what a tool gave back, as text, JSON, or blocks of text and media."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import attrs

from lamella._frozen import JSON, freeze
from lamella._json import dumps
from lamella.content.blocks import Block, OpaqueContent, TextBlock, check_optional_text, check_text
from lamella.content.media import MediaContent
from lamella.errors import AgentInputError, AgentSerializationError

__all__ = ["ToolOutputBlock", "freeze_output"]


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
    call_id: str = attrs.field(validator=check_text)
    name: str | None = attrs.field(default=None, validator=check_optional_text)
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
