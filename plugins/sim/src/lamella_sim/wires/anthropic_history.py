"""The messages of an Anthropic request: who may speak after whom, and which call has which result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from lamella.content import Block, OpaqueContent, ReasoningBlock, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella.messages import Message
from lamella_sim.wires.anthropic_blocks import SHAPE, read_block
from lamella_sim.wires.openai import built
from lamella_sim.wires.wire import BadRequest

__all__ = ["read_messages"]

_UNANSWERED: Final = (
    "messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: {ids}. "
    "Each `tool_use` block must have a corresponding `tool_result` block in the next message, before all else."
)
_UNCALLED: Final = (
    "messages.{index}.content.{place}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. "
    "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
)
_TWICE: Final = "each tool_use must have a single result. Found multiple `tool_result` blocks with id: {id}"
_NO_USE: Final = (
    "messages.{index}.content.{place}: unexpected `tool_use_id` found in `{kind}` blocks: {id}. "
    "Each `{kind}` block must have a corresponding `server_tool_use` block before it."
)


def read_messages(given: Any) -> tuple[Message, ...]:
    """The messages as they are, one for one.

    :raises BadRequest: Anthropic would refuse them.
    """
    entries = SHAPE.value(given, "list", "messages")
    if not entries:
        raise BadRequest("messages: at least one message is required")
    messages = [_message(entry, index, index == len(entries) - 1) for index, entry in enumerate(entries)]
    if messages[0].role != "user":
        raise BadRequest('messages: first message must use the "user" role')
    _check_system(messages)
    _check_results(messages)
    _check_ends(messages)
    return tuple(messages)


def _message(entry: Any, index: int, last: bool) -> Message:
    where = f"messages.{index}"
    fields = SHAPE.fields(entry, where, {"role": "str", "content": "text"})
    role = SHAPE.one_of(fields["role"], f"{where}.role", ("user", "assistant", "system"))
    content = fields["content"]
    if not content:
        exempt = "except for the optional final assistant message"
        raise BadRequest(f"{where}: all messages must have non-empty content {exempt}")
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    read = [read_block(block, role, f"{where}.content.{place}") for place, block in enumerate(blocks)]
    message: Message = built(lambda: Message(role=role, content=read), where)  # type: ignore[arg-type]  # checked
    return message


def _check_system(messages: Sequence[Message]) -> None:
    """Instructions in mid-conversation come right before the model speaks."""
    for index, message in enumerate(messages[:-1]):
        if message.role == "system" and messages[index + 1].role == "user":
            raise BadRequest(
                f"messages.{index}: role 'system' must precede an 'assistant' message or end the array"
            )


def _check_results(messages: Sequence[Message]) -> None:
    used: set[str] = set()
    server: set[Any] = set()
    for index, message in enumerate(messages):
        _check_server_work(message, index, server)
        before = messages[index - 1].tool_calls if index else ()
        _check_called(message, index, {call.call_id for call in before})
        for place, block in enumerate(message.content):
            if isinstance(block, ToolCallBlock):
                if block.call_id in used:
                    raise BadRequest(f"messages.{index}.content.{place}: `tool_use` ids must be unique")
                used.add(block.call_id)
        if message.tool_calls:
            _check_answered(message, index, messages[index + 1 : index + 2])


def _check_called(message: Message, index: int, calls: set[str]) -> None:
    seen: set[str] = set()
    for place, block in enumerate(message.content):
        if not isinstance(block, ToolOutputBlock):
            continue
        if block.call_id not in calls:
            raise BadRequest(_UNCALLED.format(index=index, place=place, id=block.call_id))
        if block.call_id in seen:
            raise BadRequest(f"messages.{index}: {_TWICE.format(id=block.call_id)}")
        seen.add(block.call_id)


def _check_answered(message: Message, index: int, following: Sequence[Message]) -> None:
    answered = set()
    for block in following[0].content if following else ():
        if not isinstance(block, ToolOutputBlock):
            break
        answered.add(block.call_id)
    missing = [call.call_id for call in message.tool_calls if call.call_id not in answered]
    if missing:
        raise BadRequest(_UNANSWERED.format(index=index, ids=", ".join(missing)))


def _check_server_work(message: Message, index: int, used: set[Any]) -> None:
    """The result of a server's tool follows its use; ``used`` are the uses so far."""
    for place, block in enumerate(message.content):
        item = _item(block)
        kind = str(item.get("type"))
        if kind.endswith("tool_use"):
            used.add(item.get("id"))
        elif kind.endswith("_tool_result") and item.get("tool_use_id") not in used:
            told = _NO_USE.format(index=index, place=place, kind=kind, id=item.get("tool_use_id"))
            raise BadRequest(told)


def _item(block: Block) -> Any:
    return block.data.get("item", {}) if isinstance(block, OpaqueContent) else {}


def _check_ends(messages: Sequence[Message]) -> None:
    for index, message in enumerate(messages):
        ends = message.content[-1]
        if message.role == "assistant" and isinstance(ends, ReasoningBlock):
            raise BadRequest(
                f"messages.{index}: The final block in an assistant message cannot be `thinking`."
            )
    final = messages[-1].content[-1]
    if (
        messages[-1].role == "assistant"
        and isinstance(final, TextBlock)
        and final.text != final.text.rstrip()
    ):
        raise BadRequest("messages: final assistant content cannot end with trailing whitespace")
