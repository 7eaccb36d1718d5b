"""Writes requests for the Responses API ("Create a model response" in the API reference). Pure.

Reasoning items go back in their place, right before what they produced; an item's id is sent only
where its reasoning is sent too, because the server refuses one without the other.
"""

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
from lamella.errors import AgentSerializationError, UnsupportedContentError
from lamella.messages import Message
from lamella.models import EncodeReport, ModelRequest, OutputSchema, encode_content
from lamella.providers import Wire, answer_format, check_file, merge, options, strict_loss, tool_choice
from lamella.tools import Tool
from lamella_openai.catalog import reasons, takes_parallel_flag
from lamella_openai.replay import (
    CUSTOM_CALL,
    ITEM,
    UNMARKED,
    call_item,
    message_item,
    part_of,
    reasoning_item,
)
from lamella_openai.settings import ResponsesSettings

__all__ = ["DIALECT", "encode_responses"]

DIALECT: Final = "openai.responses"

_SENT: Final = (
    "temperature", "top_p", "max_output_tokens", "max_tool_calls", "top_logprobs", "service_tier", "truncation",
    "prompt_cache_key", "safety_identifier", "metadata", "user",
)  # fmt: skip
_ENCRYPTED: Final = "reasoning.encrypted_content"
_LOGPROBS: Final = "message.output_text.logprobs"


def encode_responses(
    request: ModelRequest,
    report: EncodeReport,
    *,
    model: str,
    issuer: str,
    settings: ResponsesSettings,
    schema: OutputSchema | None,
) -> dict[str, Wire]:
    """The payload of a request.

    :param schema: what ``response_format`` asks for; the request's own schema wins.
    """
    history = History(report, issuer=issuer, reasons=reasons(model))
    payload: dict[str, Wire] = {"model": model, "input": history.items(request)}
    if request.system_instruction is not None:
        payload["instructions"] = request.system_instruction
    payload["store"] = settings.store
    payload |= options(settings, _SENT)
    payload |= _reasoning(settings)
    payload |= _text(settings, request.output_schema or schema, report)
    payload |= _include(settings, model)
    payload |= _tools(request, report, model)
    if request.streaming and settings.streaming:
        payload |= {"stream": True, **options(settings, ("stream_options",))}
    return merge(merge(payload, settings.model_kwargs), request.extra)


# -- options --------------------------------------------------------------------------------------


def _reasoning(settings: ResponsesSettings) -> dict[str, Wire]:
    wanted = {"effort": settings.reasoning_effort, "summary": settings.reasoning_summary}
    given = {name: value for name, value in wanted.items() if value is not None}
    return {"reasoning": given} if given else {}


def _text(settings: ResponsesSettings, schema: OutputSchema | None, report: EncodeReport) -> dict[str, Wire]:
    text: dict[str, Wire] = options(settings, ("verbosity",))
    if schema is not None:
        text["format"] = {"type": "json_schema", **answer_format(schema, report)}
    elif settings.text_format == "json_object":
        text["format"] = {"type": "json_object"}
    return {"text": text} if text else {}


def _include(settings: ResponsesSettings, model: str) -> dict[str, Wire]:
    """What to ask for beyond the answer.

    What OpenAI does not store, only encrypted reasoning can carry to the next turn. Models that never
    reason refuse to be asked for it.
    """
    wanted = list(settings.include or ())
    asked = settings.reasoning_effort is not None or settings.reasoning_summary is not None
    if settings.include is None and not settings.store and (asked or reasons(model)):
        wanted.append(_ENCRYPTED)
    if (settings.logprobs or settings.top_logprobs is not None) and _LOGPROBS not in wanted:
        wanted.append(_LOGPROBS)
    return {"include": wanted} if wanted else {}


def _tools(request: ModelRequest, report: EncodeReport, model: str) -> dict[str, Wire]:
    if not request.tools:
        return {}
    choice = request.tool_choice
    given: dict[str, Wire] = {
        "tools": [_tool(tool, report) for tool in request.tools],
        "tool_choice": tool_choice(choice, {"type": "function", "name": choice}),
    }
    if not request.parallel_tool_calls or takes_parallel_flag(model):
        given["parallel_tool_calls"] = request.parallel_tool_calls
    return given


def _tool(tool: Tool, report: EncodeReport) -> dict[str, Wire]:
    """A tool. ``strict`` is always there: left out, it means true on this endpoint."""
    strict_loss(tool, report)
    schema, strict = tool.wire_schema()
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": schema,
        "strict": strict,
    }


# -- the history ----------------------------------------------------------------------------------


class History:
    """Turns messages into input items."""

    def __init__(self, report: EncodeReport, *, issuer: str, reasons: bool) -> None:
        self._report = report
        self._issuer = issuer
        self._reasons = reasons
        self._items: list[Wire] = []
        self._sent_reasoning: set[str] = set()
        self._custom_calls: set[str] = set()

    def items(self, request: ModelRequest) -> list[Wire]:
        """The input: the native history as it is, then the messages."""
        self._items.extend(request.native or ())
        for index, message in enumerate(request.messages):
            if index == 0 and request.plain_input:
                self._items.append({"role": message.role, "content": message.text})
            elif message.role == "assistant":
                self._assistant(index, message)
            else:
                self._given(index, message)
        return self._items

    # -- system and user --------------------------------------------------------------------------

    def _given(self, index: int, message: Message) -> None:
        """A message of the system or the user: outputs first, so that they stand next to their calls."""
        parts: list[Wire] = []
        for place, block in enumerate(message.content):
            with self._report.at(index, place, block, message.role):
                if isinstance(block, ToolOutputBlock):
                    self._items.append(self._output(block))
                elif isinstance(block, OpaqueContent) and block.provider is not None:
                    self._vendor_work(block)
                else:
                    parts.append(_input_part(block, self._issuer))
        if parts:
            self._items.append({"role": message.role, "content": parts})

    def _output(self, block: ToolOutputBlock) -> dict[str, Wire]:
        kind = "custom_tool_call_output" if block.call_id in self._custom_calls else "function_call_output"
        output: Wire = block.text
        if block.parts is not None and any(not isinstance(part, TextBlock) for part in block.parts):
            output = [_input_part(part, self._issuer) for part in block.parts]
        if block.is_error:
            self._report.rewrite(UNMARKED, lossless=True)
        return {"type": kind, "call_id": block.call_id, "output": output}

    # -- assistant --------------------------------------------------------------------------------

    def _assistant(self, index: int, message: Message) -> None:
        self._sent_reasoning.clear()
        open_message: _OpenMessage | None = None
        for place, block in enumerate(message.content):
            with self._report.at(index, place, block, message.role):
                if isinstance(block, TextBlock):
                    open_message = self._text(block, open_message)
                    continue
                open_message = None
                self._other(block, message, last=place == len(message.content) - 1)

    def _text(self, block: TextBlock, open_message: _OpenMessage | None) -> _OpenMessage:
        """Put a text block into the open message, or into a new one where it is of another item."""
        state = self._state(block)
        key = None if state is None else state[ITEM].get("id")
        if open_message is None or open_message.key != key or (state is None) != open_message.local:
            item: dict[str, Wire] = {"role": "assistant", "content": []}
            if state is not None:
                item = message_item(state, with_id=self._may_name(state))
            self._items.append(item)
            open_message = _OpenMessage(item, key, state is None)
        open_message.item["content"].append(part_of(block, state))
        if block.annotations and state is None:
            self._report.rewrite("sent without its citations: they are in another API's form")
        return open_message

    def _other(self, block: Block, message: Message, *, last: bool) -> None:
        if isinstance(block, ReasoningBlock):
            self._reasoning(block, last=last)
        elif isinstance(block, ToolCallBlock):
            self._call(block)
        elif isinstance(block, OpaqueContent) and block.provider is not None:
            self._vendor_work(block)
        elif (state := self._state(block)) is not None:
            self._items.append(_made_media(block, state))
        elif (words := self._report.words_of(block, message)) is not None:
            if words:
                self._text(TextBlock(text=words), None)
        else:
            encode_content(block, DIALECT)  # refuses what nobody knows; what is known has no place here
            raise UnsupportedContentError(
                f"{getattr(block, 'type', 'this')} content of the assistant has no form in {DIALECT}; "
                "give it in a user message"
            )

    def _call(self, block: ToolCallBlock) -> None:
        state = self._state(block)
        if state is not None and state[ITEM].get("type") == CUSTOM_CALL:
            self._custom_calls.add(block.call_id)
        self._items.append(call_item(block, state, with_id=state is not None and self._may_name(state)))

    def _reasoning(self, block: ReasoningBlock, *, last: bool) -> None:
        if not block.issued_to(self._issuer):
            self._report.drop(f"reasoning of {block.provider} means nothing to {self._issuer}")
            return
        state = self._state(block)
        if state is None and block.opaque_for(self._issuer) is not None:
            self._report.drop("reasoning of Chat Completions has no form in the Responses API")
            return
        if block.reasoning_id is None or (
            state is None and block.summary is None and block.signature is None
        ):
            raise AgentSerializationError(
                "reasoning is replayed by its reasoning_id together with its summary or signature; "
                "give them as the model returned them, or leave the block out"
            )
        if not self._reasons:
            self._report.drop("the model does not reason and refuses reasoning")
            return
        if state is not None and _is_lost(block, state):
            self._report.drop(
                "this reasoning was neither stored nor encrypted, so the server no longer has it"
            )
            return
        if state is not None and last:
            self._report.drop("nothing followed this reasoning, and the server refuses it alone")
            return
        self._sent_reasoning.add(block.reasoning_id)
        self._items.append(reasoning_item(block, state))

    def _vendor_work(self, block: OpaqueContent) -> None:
        item = block.data.get("item")
        if block.provider != self._issuer:
            self._report.drop(f"server-side work of {block.provider} means nothing to {self._issuer}")
        elif not isinstance(item, Mapping) or block.data.get("api") == "chat":
            self._report.drop("this item has no form in the Responses API")
        elif not self._may_name(block.opaque_for(self._issuer) or {}):
            self._report.drop("the reasoning it came from is not sent, and the server refuses it alone")
        else:
            self._items.append(item)

    def _state(self, block: Block) -> Mapping[str, Any] | None:
        """What this issuer keeps beside a block, if it comes from this API."""
        state = block.opaque_for(self._issuer)
        return state if isinstance(state, Mapping) and isinstance(state.get(ITEM), Mapping) else None

    def _may_name(self, state: Mapping[str, Any]) -> bool:
        """Whether an item's id may be sent: not without the reasoning it came from."""
        follows = state.get("follows")
        return follows is None or follows in self._sent_reasoning


class _OpenMessage:
    """The message item that text blocks are being put into."""

    def __init__(self, item: dict[str, Wire], key: str | None, local: bool) -> None:
        self.item = item
        self.key = key
        self.local = local


def _is_lost(block: ReasoningBlock, state: Mapping[str, Any]) -> bool:
    """Whether the server cannot have this reasoning: it kept nothing, and sent nothing that holds it."""
    return state.get("stored") is False and block.signature is None and block.text is None


def _input_part(block: Block, issuer: str) -> dict[str, Wire]:
    if isinstance(block, TextBlock):
        return {"type": "input_text", "text": block.text}
    check_file(block, issuer)
    return encode_content(block, DIALECT)


def _made_media(block: Block, state: Mapping[str, Wire]) -> dict[str, Wire]:
    """The call that made an image, with the image."""
    item = dict(state[ITEM])
    if isinstance(block, MediaContent) and block.data is not None:
        item["result"] = block.base64_data
    return item
