"""Writes requests for Chat Completions ("Create chat completion" in the API reference). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lamella.content import Block, OpaqueContent, ReasoningBlock, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella.errors import UnsupportedContentError
from lamella.messages import Message
from lamella.models import EncodeReport, ModelRequest, OutputSchema, encode_content
from lamella.providers import Wire, answer_format, merge, options, strict_loss, tool_choice
from lamella.tools import Tool
from lamella_openai.catalog import takes_parallel_flag
from lamella_openai.settings import ChatSettings

__all__ = ["CHAT", "DIALECT", "encode_chat"]

DIALECT: Final = "openai.chat"

CHAT: Final = "chat"
"""The key of this API's state in ``block.opaque[issuer]``."""

_SENT: Final = (
    "temperature", "top_p", "max_tokens", "max_completion_tokens", "stop", "frequency_penalty",
    "presence_penalty", "seed", "logprobs", "top_logprobs", "reasoning_effort", "verbosity", "store",
    "service_tier", "prompt_cache_key", "safety_identifier", "metadata", "user",
)  # fmt: skip


def encode_chat(
    request: ModelRequest,
    report: EncodeReport,
    *,
    model: str,
    issuer: str,
    settings: ChatSettings,
    schema: OutputSchema | None,
) -> dict[str, Wire]:
    """The payload of a request.

    :param schema: what ``response_format`` asks for; the request's own schema wins.
    """
    payload: dict[str, Wire] = {"model": model, "messages": History(report, issuer=issuer).messages(request)}
    payload |= options(settings, _SENT)
    if settings.top_logprobs is not None and settings.logprobs is None:
        payload["logprobs"] = True
    payload |= _answer(settings, request.output_schema or schema, report)
    payload |= _tools(request, report, model)
    if request.streaming and settings.streaming:
        wanted = settings.stream_options
        wanted = {"include_usage": True} if wanted is None else wanted
        payload |= {"stream": True, **({"stream_options": wanted} if wanted else {})}
    return merge(merge(payload, settings.model_kwargs), request.extra)


# -- options --------------------------------------------------------------------------------------


def _answer(settings: ChatSettings, schema: OutputSchema | None, report: EncodeReport) -> dict[str, Wire]:
    if schema is not None:
        return {"response_format": {"type": "json_schema", "json_schema": answer_format(schema, report)}}
    if settings.text_format == "json_object":
        return {"response_format": {"type": "json_object"}}
    return {}


def _tools(request: ModelRequest, report: EncodeReport, model: str) -> dict[str, Wire]:
    if not request.tools:
        return {}
    choice = request.tool_choice
    given: dict[str, Wire] = {
        "tools": [_tool(tool, report) for tool in request.tools],
        "tool_choice": tool_choice(choice, {"type": "function", "function": {"name": choice}}),
    }
    if not request.parallel_tool_calls or takes_parallel_flag(model):
        given["parallel_tool_calls"] = request.parallel_tool_calls
    return given


def _tool(tool: Tool, report: EncodeReport) -> dict[str, Wire]:
    """A tool. ``strict`` is there only when asked for: some servers refuse the key."""
    strict_loss(tool, report)
    schema, strict = tool.wire_schema()
    function = {"name": tool.name, "description": tool.description, "parameters": schema}
    return {"type": "function", "function": {**function, "strict": True} if strict else function}


# -- the history ----------------------------------------------------------------------------------


class History:
    """Turns messages into the messages of this API."""

    def __init__(self, report: EncodeReport, *, issuer: str) -> None:
        self._report = report
        self._issuer = issuer
        self._sent: list[Wire] = []
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
                    parts.append(_part(block))
        if parts:
            self._sent.append({"role": "user", "content": parts})

    def _output(self, block: ToolOutputBlock, parts: list[Wire]) -> None:
        text = block.text
        media = [part for part in block.parts or () if not isinstance(part, TextBlock)]
        if media:
            lifted = [_part(part) for part in media]
            self._report.rewrite("media of a tool output goes into a user message after the outputs")
            note = f"(media of the output of {block.name or 'tool'}, call {block.call_id}, is in the next user message)"
            text = f"{text}\n{note}" if text else note
            parts.append({"type": "text", "text": f"Media of the output of call {block.call_id}:"})
            parts.extend(lifted)
        self._sent.append({"role": "tool", "tool_call_id": block.call_id, "content": text})

    # -- assistant --------------------------------------------------------------------------------

    def _assistant(self, index: int, message: Message) -> None:
        """A message; neighbours of which one has calls are one, because outputs must follow their calls."""
        turn = _Turn()
        for place, block in enumerate(message.content):
            with self._report.at(index, place, block, message.role):
                self._block(block, turn)
        if not turn:
            return
        if self._open is not None and self._open.takes(turn):
            self._open.add(turn)
            self._sent[-1] = self._open.message()
        else:
            self._open = turn
            self._sent.append(turn.message())

    def _block(self, block: Block, turn: _Turn) -> None:
        state = self._state(block)
        if isinstance(block, TextBlock):
            turn.add_text(block, state)
        elif isinstance(block, ToolCallBlock):
            turn.calls.append(_call(block, state))
        elif isinstance(block, ReasoningBlock):
            self._reasoning(block, state, turn)
        elif isinstance(block, OpaqueContent) and block.provider is not None:
            self._vendor_work(block, turn)
        else:
            raise UnsupportedContentError(
                f"{getattr(block, 'type', 'this')} content of the assistant has no form in {DIALECT}; "
                "give it in a user message"
            )

    def _reasoning(self, block: ReasoningBlock, state: Mapping[str, Any], turn: _Turn) -> None:
        if not block.issued_to(self._issuer):
            self._report.drop(f"reasoning of {block.provider} means nothing to {self._issuer}")
        elif state:
            turn.fields |= dict.fromkeys(state.get("fields", ()), block.text)
            turn.fields |= state.get("raw", {})
        elif block.provider is None and self._issuer != "openai" and block.text is not None:
            turn.fields["reasoning_content"] = block.text
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
        found = state.get(CHAT) if isinstance(state, Mapping) else None
        return found if isinstance(found, Mapping) else {}


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


def _part(block: Block) -> dict[str, Wire]:
    if isinstance(block, TextBlock):
        return {"type": "text", "text": block.text}
    return encode_content(block, DIALECT)


def _call(block: ToolCallBlock, state: Mapping[str, Any]) -> dict[str, Wire]:
    rest = dict(state.get("call", {}))
    if rest.get("type") == "custom":
        return {"id": block.call_id, **rest, "custom": {"name": block.name, "input": block.arguments_json}}
    function = {"name": block.name, "arguments": block.arguments_json}
    return {"id": block.call_id, "type": "function", "function": function, **rest}
