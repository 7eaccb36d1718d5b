"""Histories for the round trips of transcripts, and what must come back of them."""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import strategies as st

from lamella import Loss, Message, TokenUsage
from lamella.content import Block, ReasoningBlock, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella_image import ImageContent

TEXTS = st.text(max_size=12).filter(str.strip)
NAMES = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.text(max_size=4), JSON, max_size=3)
ARGUMENTS = st.sampled_from(['{"a": 1}', '{"a":1 }', "{}", "", '{"a', "[1]"])
IMAGES = st.builds(ImageContent.from_url, st.just("https://example.com/a.jpg")) | st.just(
    ImageContent(data=b"ABC", mime_type="image/png")
)
TEXT_BLOCKS = st.builds(TextBlock, text=TEXTS)
REASONING = st.builds(
    ReasoningBlock,
    summary=st.none() | TEXTS,
    text=TEXTS,
    signature=st.none() | TEXTS,
    provider=st.sampled_from([None, "openai", "anthropic", "gemini", "mistral"]),
)
USAGE = st.none() | st.builds(TokenUsage, input_tokens=st.integers(0, 99), output_tokens=st.integers(0, 99))


@st.composite
def histories(draw: Any) -> list[Message]:
    """Whole conversations: each call has its output, ids do not repeat."""
    messages: list[Message] = []
    if draw(st.booleans()):
        messages.append(Message.system([draw(TEXT_BLOCKS)]))
    for turn in range(draw(st.integers(1, 3))):
        messages.append(Message.user(draw(st.lists(TEXT_BLOCKS | IMAGES, min_size=1, max_size=3))))
        blocks: list[Block] = draw(st.lists(TEXT_BLOCKS | REASONING, max_size=2))
        names = draw(st.lists(NAMES, max_size=2))
        calls = [
            ToolCallBlock(call_id=f"c{turn}_{place}", name=name, arguments_json=draw(ARGUMENTS))
            for place, name in enumerate(names)
        ]
        if blocks or calls:
            messages.append(Message(role="assistant", content=[*blocks, *calls], usage=draw(USAGE)))
        if calls:
            messages.append(Message.user([_output(draw, call) for call in calls]))
    return messages


def _output(draw: Any, call: ToolCallBlock) -> ToolOutputBlock:
    output = draw(TEXTS | OBJECTS | st.just((TextBlock(text="see"), ImageContent(data=b"ABC"))))
    return ToolOutputBlock(call_id=call.call_id, name=call.name, output=output, is_error=draw(st.booleans()))


def bare(block: Block) -> Block:
    """A block without the state that a reader keeps beside it."""
    if isinstance(block, ToolOutputBlock) and block.parts is not None:
        block = attrs.evolve(block, output=tuple(bare(part) for part in block.parts))
    return attrs.evolve(block, opaque={}, extra={})


def flat(messages: Any) -> list[tuple[str, Block]]:
    """All blocks in order, with the roles that they have."""
    return [(message.role, bare(block)) for message in messages for block in message.content]


def unharmed(messages: list[Message], losses: tuple[Loss, ...]) -> list[tuple[str, Block]]:
    """The blocks that no loss names."""
    named = {(loss.message, loss.block) for loss in losses}
    return [
        (message.role, bare(block))
        for index, message in enumerate(messages)
        for place, block in enumerate(message.content)
        if (index, place) not in named
    ]


def is_within(some: list[Any], all_of: list[Any]) -> bool:
    """Whether some things stand among others, in their order."""
    rest = iter(all_of)
    return all(any(each == other for other in rest) for each in some)
