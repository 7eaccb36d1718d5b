"""Writes a history as the messages of Chat Completions. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

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
from lamella.providers import Wire, check_file
from lamella_openai.deviations import Deviations
from lamella_openai.replay import UNMARKED

__all__ = ["CHAT", "DIALECT", "History"]

DIALECT: Final = "openai.chat"

CHAT: Final = "chat"
"""The key of this API's state in ``block.opaque[issuer]``."""


class History:
    """Turns messages into the messages of this API."""

    def __init__(self, report: EncodeReport, *, issuer: str, deviations: Deviations) -> None:
        self._report = report
        self._issuer = issuer
        self._deviations = deviations
        self._sent: list[Wire] = []
        self._blanks: set[int] = set()  # the messages with a blank for reasoning
        self._open: _Turn | None = None  # the turn that the last message was made of

    def messages(self, request: ModelRequest) -> list[Wire]:
        """The system instruction, the native history as it is, then the messages."""
        if request.system_instruction is not None:
            self._sent.append({"role": "system", "content": request.system_instruction})
        self._sent.extend(request.native or ())
        write = {"system": self._system, "user": self._user, "assistant": self._assistant}
        for index, message in enumerate(request.messages):
            if message.role != "assistant":
                self._open = None
            write[message.role](index, message)
        if self._blanks:
            reason = "a blank stands in messages with calls and without reasoning, which the server refuses"
            self._report.rewrite(reason, "reasoning", lossless=True)
        return self._sent

    def _system(self, index: int, message: Message) -> None:
        self._sent.append({"role": "system", "content": message.text})

    # -- user -------------------------------------------------------------------------------------

    def _user(self, index: int, message: Message) -> None:
        """Outputs as messages of their own, then one message with the rest.

        A tool's message takes text only; media of an output follows in the user's message, which must
        not stand between two outputs.
        """
        parts: list[Wire] = []
        for place, block in enumerate(message.content):
            with self._report.at(index, place, block, message.role):
                if isinstance(block, ToolOutputBlock):
                    self._output(block, parts)
                elif isinstance(block, OpaqueContent) and block.provider is not None:
                    self._report.drop("server-side work has no form in Chat Completions")
                else:
                    parts.append(self._part(block))
        if parts:
            self._sent.append({"role": "user", "content": self._content(parts)})

    def _content(self, parts: list[Wire]) -> Wire:
        """The parts; where a server wants it so, parts that are all texts as one text."""
        if not self._deviations.plain_text_content or any(part.get("type") != "text" for part in parts):
            return parts
        if len(parts) > 1:
            self._report.rewrite("the texts of a user's message are sent as one", "text", lossless=True)
        return "\n\n".join(part["text"] for part in parts)

    def _part(self, block: Block) -> dict[str, Wire]:
        if isinstance(block, TextBlock):
            return {"type": "text", "text": block.text}
        kind = getattr(block, "type", type(block).__name__)
        if self._deviations.inputs is not None and kind not in self._deviations.inputs:
            raise UnsupportedContentError(
                f"the server takes no {kind} content (it takes: {', '.join(sorted(self._deviations.inputs))}); "
                "leave it out, or use another provider",
                context={"content": kind, "dialect": DIALECT},
            )
        check_file(block, self._issuer)
        return encode_content(block, DIALECT)

    def _output(self, block: ToolOutputBlock, parts: list[Wire]) -> None:
        self._need_tools()
        text = block.text
        media = [part for part in block.parts or () if not isinstance(part, TextBlock)]
        if media:
            lifted = [self._part(part) for part in media]
            self._report.rewrite(
                "media of a tool output goes into a user message after the outputs", lossless=True
            )
            note = f"(media of the output of {block.name or 'tool'}, call {block.call_id}, is in the next user message)"
            text = f"{text}\n{note}" if text else note
            parts.append({"type": "text", "text": f"Media of the output of call {block.call_id}:"})
            parts.extend(lifted)
        if block.is_error:
            self._report.rewrite(UNMARKED, lossless=True)
        self._sent.append({"role": "tool", "tool_call_id": block.call_id, "content": text})

    # -- assistant --------------------------------------------------------------------------------

    def _assistant(self, index: int, message: Message) -> None:
        """A message; neighbours of which one has calls are one, because outputs must follow their calls."""
        turn = _Turn()
        for place, block in enumerate(message.content):
            with self._report.at(index, place, block, message.role):
                self._block(block, turn, message)
        if not turn:
            return
        if self._open is not None and self._open.takes(turn):
            self._open.add(turn)
            del self._sent[-1]
        else:
            self._open = turn
        self._sent.append(self._message(self._open))

    def _message(self, turn: _Turn) -> dict[str, Wire]:
        message = turn.message()
        field = self._deviations.reasoning_field
        self._blanks.discard(len(self._sent))
        if self._deviations.reasoning_with_calls and turn.calls and field not in message:
            message[field] = " "  # an empty text counts as missing on some of these servers
            self._blanks.add(len(self._sent))
        return message

    def _need_tools(self) -> None:
        if not self._deviations.tools:
            raise UnsupportedContentError(
                "the server takes no tools, so calls and their outputs have no form in its history; "
                "leave them out, or use another provider"
            )

    def _block(self, block: Block, turn: _Turn, message: Message) -> None:
        state = self._state(block)
        if isinstance(block, TextBlock):
            turn.add_text(block, state)
            if block.annotations and not self._is_own(block):
                self._report.rewrite("sent without its citations: Chat Completions takes none")
        elif isinstance(block, ToolCallBlock):
            self._need_tools()
            turn.calls.append(_call(block, state))
        elif isinstance(block, ReasoningBlock):
            self._reasoning(block, state, turn)
        elif isinstance(block, OpaqueContent) and block.provider is not None:
            self._vendor_work(block, turn)
        elif (
            isinstance(block, MediaContent)
            and isinstance(audio := state.get("audio"), Mapping)
            and audio.get("id")
        ):
            turn.fields["audio"] = {"id": audio["id"]}
        elif (words := self._report.words_of(block, message)) is not None:
            if words:
                turn.add_text(TextBlock(text=words), {})
        else:
            raise UnsupportedContentError(
                f"{getattr(block, 'type', 'this')} content of the assistant has no form in {DIALECT}; "
                "give it in a user message"
            )

    def _reasoning(self, block: ReasoningBlock, state: Mapping[str, Any], turn: _Turn) -> None:
        if not block.issued_to(self._issuer):
            self._report.drop(f"reasoning of {block.provider} means nothing to {self._issuer}")
        elif not self._deviations.reasoning_replay:
            self._report.drop(f"{self._issuer} refuses reasoning in the history")
        elif state:
            turn.fields |= dict.fromkeys(state.get("fields", ()), block.text)
            turn.fields |= state.get("raw", {})
        elif block.provider is None and self._issuer != "openai" and block.text is not None:
            turn.fields[self._deviations.reasoning_field] = block.text
        else:
            self._report.drop(f"{self._issuer} takes no such reasoning back over Chat Completions")

    def _vendor_work(self, block: OpaqueContent, turn: _Turn) -> None:
        audio = block.data.get("item")
        if block.provider != self._issuer:
            self._report.drop(f"server-side work of {block.provider} means nothing to {self._issuer}")
        elif block.data.get("api") == CHAT and isinstance(audio, Mapping) and audio.get("id"):
            turn.fields["audio"] = {"id": audio["id"]}
        else:
            self._report.drop("server-side work of the Responses API has no form in Chat Completions")

    def _state(self, block: Block) -> Mapping[str, Any]:
        state = block.opaque_for(self._issuer)
        found = state.get(CHAT) if isinstance(state, dict) else None
        return found if isinstance(found, dict) else {}

    def _is_own(self, block: Block) -> bool:
        """Whether a block came from this API of this issuer, which does not want its citations back."""
        state = block.opaque_for(self._issuer)
        return isinstance(state, Mapping) and CHAT in state


class _Turn:
    """The one message that a turn of the assistant becomes."""

    def __init__(self) -> None:
        self.fields: dict[str, Wire] = {}
        self.calls: list[Wire] = []
        self._texts: list[str] = []
        self._refusals: list[str] = []
        self._transcripts: list[str] = []

    def add_text(self, block: TextBlock, state: Mapping[str, Any]) -> None:
        """Text, a refusal, or what was said in audio."""
        kind = state.get("kind")
        target = {"refusal": self._refusals, "transcript": self._transcripts}.get(str(kind), self._texts)
        target.append(block.text)

    def takes(self, other: _Turn) -> bool:
        """Whether the next message's turn must be, and can be, one with this."""
        return bool(self.calls or other.calls) and not self.fields.keys() & other.fields.keys()

    def add(self, other: _Turn) -> None:
        """Go on with the turn of the next message."""
        self.fields |= other.fields
        self.calls = [*self.calls, *other.calls]
        for mine, its in (
            (self._texts, other._texts),
            (self._refusals, other._refusals),
            (self._transcripts, other._transcripts),
        ):
            mine.extend(["\n\n", *its] if mine and its else its)

    def __bool__(self) -> bool:
        return bool(self.fields or self.calls or self._texts or self._refusals or self._transcripts)

    def message(self) -> dict[str, Wire]:
        """The message; its content is ``null`` where there is no text."""
        texts = self._texts if "audio" in self.fields else [*self._texts, *self._transcripts]
        message: dict[str, Wire] = {"role": "assistant", "content": "".join(texts) if texts else None}
        if self._refusals:
            message["refusal"] = "".join(self._refusals)
        message |= self.fields
        if self.calls:
            message["tool_calls"] = self.calls
        return message


def _call(block: ToolCallBlock, state: Mapping[str, Any]) -> dict[str, Wire]:
    rest = dict(state.get("call", {}))
    if rest.get("type") == "custom":
        return {"id": block.call_id, **rest, "custom": {"name": block.name, "input": block.arguments_json}}
    function = {"name": block.name, "arguments": block.arguments_json}
    return {"id": block.call_id, "type": "function", "function": function, **rest}
