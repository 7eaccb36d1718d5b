"""Turns messages into Mistral's: their roles, their order, and the chunks of their content.

Mistral checks the order of roles (error 3230): outputs of tools are followed by the assistant, a system
message does not follow the assistant, and the last message is the user's, a tool's, or one of the
assistant that is to be continued (``prefix``). An assistant's message says something or calls something.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lamella._frozen import thaw
from lamella.content import (
    Block,
    MediaContent,
    OpaqueContent,
    ReasoningBlock,
    TextBlock,
    ToolCallBlock,
    ToolOutputBlock,
)
from lamella.errors import UnsupportedContentError
from lamella.messages import Message
from lamella.models import EncodeReport, ModelRequest, encode_content
from lamella.providers import CallIds, Wire
from lamella_mistral.chunks import text_chunks, thinking_chunk

__all__ = ["DIALECT", "History"]

DIALECT: Final = "mistral.chat"

_BRIDGE: Final = "OK"
"""What the assistant says between outputs of tools and a message of the user; it must say something."""


class History:
    """Writes the messages of one request."""

    def __init__(self, report: EncodeReport, *, issuer: str) -> None:
        self._report = report
        self._issuer = issuer
        self._ids = CallIds(report, valid=r"[a-zA-Z0-9]{9}", length=9)
        self._sent: list[dict[str, Wire]] = []
        self._turn: _Turn | None = None  # what the last message was made of
        self._last_spoken = -1

    def messages(self, request: ModelRequest) -> list[dict[str, Wire]]:
        """The system instruction, the native history as it is, then the messages."""
        if request.system_instruction is not None:
            self._sent.append({"role": "system", "content": request.system_instruction})
        self._sent.extend(thaw(message) for message in request.native or ())
        given = len(self._sent)
        spoken = [index for index, message in enumerate(request.messages) if message.role != "system"]
        self._last_spoken = spoken[-1] if spoken else len(request.messages)
        write = {"system": self._system, "user": self._user, "assistant": self._assistant}
        for index, message in enumerate(request.messages):
            if message.role != "assistant":
                self._turn = None
            write[message.role](index, message)
        last = self._sent[-1] if len(self._sent) > given else {}
        if last.get("role") == "assistant" and "tool_calls" not in last:
            last["prefix"] = True
        return self._sent

    def _role_before(self) -> str | None:
        return self._sent[-1].get("role") if self._sent else None

    # -- system -----------------------------------------------------------------------------------

    def _system(self, index: int, message: Message) -> None:
        written: dict[str, Wire] = {"role": "system", "content": message.text}
        if self._role_before() in (None, "system", "user") and index < self._last_spoken:
            self._sent.append(written)
            return
        with self._report.at(index, 0, message.content[0], message.role):
            self._report.rewrite("moved to the beginning: here Mistral takes no system message")
        leading = 0
        while leading < len(self._sent) and self._sent[leading].get("role") == "system":
            leading += 1
        self._sent.insert(leading, written)

    # -- user -------------------------------------------------------------------------------------

    def _user(self, index: int, message: Message) -> None:
        """Outputs as messages of their own, then one message with the rest."""
        chunks: list[dict[str, Wire]] = []
        first: int | None = None
        for place, block in enumerate(message.content):
            with self._report.at(index, place, block, message.role):
                if isinstance(block, ToolOutputBlock):
                    self._output(block)
                elif (chunk := self._chunk(block)) is not None:
                    first = place if first is None else first
                    chunks.append(chunk)
        if first is None:
            return
        if self._role_before() == "tool":
            self._bridge(index, first, message)
        self._sent.append({"role": "user", "content": _content(chunks)})

    def _bridge(self, index: int, place: int, message: Message) -> None:
        with self._report.at(index, place, message.content[place], message.role):
            self._report.rewrite(
                f"after outputs of tools Mistral wants the assistant to speak first: {_BRIDGE!r} is put between",
                lossless=True,
            )
        self._sent.append({"role": "assistant", "content": _BRIDGE})

    def _output(self, block: ToolOutputBlock) -> None:
        content: Wire = block.text
        if any(not isinstance(part, TextBlock) for part in block.parts or ()):
            content = [chunk for part in block.parts or () if (chunk := self._chunk(part)) is not None]
        if block.is_error:
            self._report.rewrite(
                "sent without the mark of an error; its text says what went wrong", lossless=True
            )
        name = {} if block.name is None else {"name": block.name}
        self._sent.append(
            {"role": "tool", "tool_call_id": self._ids(block.call_id), **name, "content": content}
        )

    def _chunk(self, block: Block) -> dict[str, Wire] | None:
        """The chunk of text or media, ``None`` for what is left out."""
        if isinstance(block, TextBlock):
            if not block.text:
                self._report.rewrite("empty text is left out", lossless=True)
                return None
            return {"type": "text", "text": block.text}
        if isinstance(block, OpaqueContent) and block.provider is not None:
            return self._vendor_work(block)
        if isinstance(block, MediaContent) and block.file_id is not None:
            return self._file(block)
        return encode_content(block, DIALECT)

    def _file(self, block: MediaContent) -> dict[str, Wire]:
        if block.provider not in (None, self._issuer):
            raise UnsupportedContentError(
                f"file {block.file_id!r:.80} is at {block.provider}, where {self._issuer} cannot read it; "
                "give its bytes or a URL"
            )
        return {"type": "file", "file_id": block.file_id}

    # -- assistant --------------------------------------------------------------------------------

    def _assistant(self, index: int, message: Message) -> None:
        """A message; neighbours of which one has calls are one, because outputs must follow their calls."""
        turn = _Turn()
        for place, block in enumerate(message.content):
            with self._report.at(index, place, block, message.role):
                self._block(block, turn, message)
        if not turn:
            return
        if self._turn is not None and (self._turn.calls or turn.calls):
            self._turn.add(turn)
            self._sent[-1] = self._turn.message()
        else:
            self._turn = turn
            self._sent.append(turn.message())

    def _block(self, block: Block, turn: _Turn, message: Message) -> None:
        state = self._state(block)
        if isinstance(block, TextBlock):
            if not block.text:
                self._report.rewrite("empty text is left out", lossless=True)
            turn.chunks.extend(text_chunks(block, state))
            if block.annotations and "references" not in state:
                self._report.rewrite("sent without its citations: they are another provider's")
        elif isinstance(block, ToolCallBlock):
            turn.calls.append(self._call(block, state))
        elif isinstance(block, ReasoningBlock):
            self._reasoning(block, state, turn)
        elif isinstance(block, OpaqueContent) and block.provider is not None:
            if (chunk := self._vendor_work(block)) is not None:
                turn.chunks.append(chunk)
        elif (words := self._report.words_of(block, message)) is not None:
            if words:
                turn.chunks.append({"type": "text", "text": words})
        else:
            raise UnsupportedContentError(
                f"{getattr(block, 'type', 'this')} content of the assistant has no form in {DIALECT}; "
                "give it in a user message"
            )

    def _call(self, block: ToolCallBlock, state: Mapping[str, Wire]) -> dict[str, Wire]:
        arguments = block.arguments_json
        if not arguments.strip():
            arguments = "{}"
            self._report.rewrite("arguments of a call without any are sent as an empty object", lossless=True)
        function = {"name": block.name, "arguments": arguments}
        rest = thaw(state.get("call", {}))
        return {"id": self._ids(block.call_id), "type": "function", "function": function, **rest}

    def _reasoning(self, block: ReasoningBlock, state: Mapping[str, Wire], turn: _Turn) -> None:
        if not block.issued_to(self._issuer):
            self._report.drop(f"reasoning of {block.provider} means nothing to {self._issuer}")
        elif state or block.text is not None:
            turn.chunks.append(thinking_chunk(block, state))
        elif block.summary is not None:
            self._report.rewrite("the summary is sent as the reasoning")
            turn.chunks.append({"type": "thinking", "thinking": [{"type": "text", "text": block.summary}]})
        else:
            self._report.drop("reasoning without text has no form in Mistral's chat completions")

    def _vendor_work(self, block: OpaqueContent) -> dict[str, Wire] | None:
        if block.provider != self._issuer:
            self._report.drop(f"server-side work of {block.provider} means nothing to {self._issuer}")
            return None
        item = block.data.get("item")
        if not isinstance(item, Mapping):
            self._report.drop("there is no chunk in it")
            return None
        found: dict[str, Wire] = thaw(item)
        return found

    def _state(self, block: Block) -> Mapping[str, Wire]:
        state = block.opaque_for(self._issuer)
        return state if isinstance(state, dict) else {}


class _Turn:
    """The one message that a turn of the assistant becomes."""

    def __init__(self) -> None:
        self.chunks: list[dict[str, Wire]] = []
        self.calls: list[dict[str, Wire]] = []

    def __bool__(self) -> bool:
        return bool(self.chunks or self.calls)

    def add(self, other: _Turn) -> None:
        """Go on with the turn of the next message."""
        self.chunks = [*self.chunks, *other.chunks]
        self.calls = [*self.calls, *other.calls]

    def message(self) -> dict[str, Wire]:
        """The message; its content is empty text where there is none."""
        message: dict[str, Wire] = {"role": "assistant", "content": _content(self.chunks)}
        if self.calls:
            message["tool_calls"] = self.calls
        return message


def _content(chunks: list[dict[str, Wire]]) -> Wire:
    """A single plain text as it is, anything else as chunks."""
    if not chunks:
        return ""
    if len(chunks) == 1 and chunks[0].keys() == {"type", "text"} and chunks[0]["type"] == "text":
        return chunks[0]["text"]
    return chunks
