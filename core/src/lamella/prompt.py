"""``PromptTemplate``: a chainable builder of messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

from lamella._json import loads
from lamella.content import ReasoningBlock, ToolCallBlock, ToolOutputBlock
from lamella.errors import AgentInputError, AgentSerializationError
from lamella.messages import Message

__all__ = ["PromptTemplate"]


class PromptTemplate:
    """Messages under construction. Every ``add_…`` method returns the template itself."""

    def __init__(self, messages: Iterable[Message] = ()) -> None:
        self._messages: list[Message] = []
        self._open: dict[str, None] = {}  # kept as messages come: to look for them would be quadratic
        self._answered: set[str] = set()
        self.add_messages(messages)

    def add_system(self, text: str) -> Self:
        """Add a system message."""
        return self.add_message(Message.system(_text("add_system", text)))

    def add_user(self, text: str) -> Self:
        """Add a user message; empty text is refused."""
        return self.add_message(Message.user(_text("add_user", text)))

    def add_assistant(self, text: str) -> Self:
        """Add an assistant message."""
        return self.add_message(Message.assistant(_text("add_assistant", text)))

    def add_tool_call(self, name: str, arguments: Mapping[str, Any] | str, call_id: str) -> Self:
        """Add an assistant message with one tool call.

        :param arguments: a dict, or the text of a JSON object, which is kept character for character.
        :raises AgentSerializationError: the text is not a JSON object.
        """
        _text("add_tool_call", name)
        _text("add_tool_call", call_id)
        if isinstance(arguments, str):
            _require_object("add_tool_call arguments", arguments)
            block = ToolCallBlock(call_id=call_id, name=name, arguments_json=arguments)
        elif isinstance(arguments, Mapping):
            block = ToolCallBlock(call_id=call_id, name=name, arguments=arguments)
        else:
            raise AgentInputError(
                f"add_tool_call arguments must be a dict or JSON text, got {type(arguments).__name__}"
            )
        return self.add_message(Message.assistant([block]))

    def add_tool_output(
        self,
        call_id: str,
        output: str | Mapping[str, Any],
        name: str | None = None,
        is_error: bool | None = None,
    ) -> Self:
        """Add a user message with the output of an earlier, still open call.

        :raises AgentInputError: no call with this id is open.
        """
        _text("add_tool_output", call_id)
        if not isinstance(output, str | Mapping):
            raise AgentInputError(
                f"add_tool_output output must be text or a dict, got {type(output).__name__}"
            )
        if call_id not in self._open:
            listed = ", ".join(map(repr, self._open)) or "none"
            raise AgentInputError(f"add_tool_output: no open call has id {call_id!r}; open calls: {listed}")
        block = ToolOutputBlock(call_id=call_id, name=name, output=output, is_error=bool(is_error))
        return self.add_message(Message.user([block]))

    def add_reasoning(
        self,
        summary: str | None = None,
        signature: str | None = None,
        reasoning_id: str | None = None,
        provider_meta: Mapping[str, Any] | None = None,
    ) -> Self:
        """Add an assistant message with one reasoning block; at least one argument is needed."""
        for value in (summary, signature, reasoning_id):
            if value is not None:
                _text("add_reasoning", value)
        if provider_meta is not None and not isinstance(provider_meta, Mapping):
            raise AgentInputError(
                f"add_reasoning provider_meta must be a dict, got {type(provider_meta).__name__}"
            )
        block = ReasoningBlock(
            summary=summary, signature=signature, reasoning_id=reasoning_id, provider_meta=provider_meta
        )
        return self.add_message(Message.assistant([block]))

    def add_message(self, message: Message) -> Self:
        """Add one message as it is."""
        if not isinstance(message, Message):
            raise AgentInputError(f"add_message takes a Message, got {type(message).__name__}")
        self._append(message)
        return self

    def add_messages(self, messages: Iterable[Message]) -> Self:
        """Add several messages; nothing is added when one of them is not a ``Message``."""
        if isinstance(messages, str | Mapping) or not isinstance(messages, Iterable):
            raise AgentInputError(f"add_messages takes messages, got {type(messages).__name__}")
        added = list(messages)
        for message in added:
            if not isinstance(message, Message):
                raise AgentInputError(f"add_messages takes Message objects, got {type(message).__name__}")
        for message in added:
            self._append(message)
        return self

    def copy(self) -> PromptTemplate:
        """A template with the same messages; changing one leaves the other."""
        return PromptTemplate(self._messages)

    __copy__ = copy

    def to_messages(self) -> list[Message]:
        """The messages as a new list."""
        return list(self._messages)

    def __len__(self) -> int:
        return len(self._messages)

    def __iter__(self) -> Iterator[Message]:
        return iter(tuple(self._messages))

    def __repr__(self) -> str:
        return f"PromptTemplate({len(self)} messages)"

    def _append(self, message: Message) -> None:
        self._messages.append(message)
        for call in message.tool_calls:
            if call.call_id not in self._answered:
                self._open[call.call_id] = None
        for output in message.tool_outputs:
            self._answered.add(output.call_id)
            self._open.pop(output.call_id, None)


def _text(method: str, value: object) -> str:
    if not isinstance(value, str):
        raise AgentInputError(f"{method} takes text, got {type(value).__name__}")
    return value


def _require_object(where: str, text: str) -> None:
    try:
        value = loads(text)
    except AgentSerializationError as error:
        raise AgentSerializationError(f"{where}: {error}", cause=error) from error
    if not isinstance(value, dict):
        raise AgentSerializationError(f"{where}: expected a JSON object, got {type(value).__name__}")
