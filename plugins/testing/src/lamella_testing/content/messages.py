"""In messages: between texts, and in the output of a tool."""

from __future__ import annotations

from lamella.content import Block, TextBlock, ToolOutputBlock
from lamella.messages import Message
from lamella.serial import from_json, to_json
from lamella_testing.content.base import ContentBase
from lamella_testing.verdict import require

__all__ = ["MessageContract"]


class MessageContract(ContentBase):
    """What holds of contents inside messages."""

    def test_a_message_keeps_the_order(self) -> None:
        """``Message.from_multimodal`` takes texts and contents in any order, and keeps it."""
        contents = list(self.contents().values())
        parts: list[str | Block] = ["conformance-first", *contents, "conformance-last"]
        message = Message.from_multimodal("user", parts)
        kept = [block.text if isinstance(block, TextBlock) else block for block in message.content]
        require(
            len(kept) == len(parts) and all(a is b or a == b for a, b in zip(kept, parts, strict=True)),
            "a message does not hold the contents it was given, in their order; are they MediaContent?",
        )
        require(
            message.text == "conformance-firstconformance-last",
            "the text of a message with the content is not the text that was given",
        )

    def test_a_tool_may_return_it(self) -> None:
        """The output of a tool may hold it, between texts, and is stored with it."""
        for name, content in self.stored().items():
            output = ToolOutputBlock(call_id="c1", name="look", output=[TextBlock(text="see"), content])
            require(
                output.parts is not None and output.parts[1] is content and output.text == "see",
                f"{name} is not kept in the output of a tool",
            )
            with self.working.project():
                read = from_json(to_json(Message.user([output])), Message)
            require(
                read.content[0] == output,
                f"{name} in the output of a tool is read back from JSON as another content",
            )
