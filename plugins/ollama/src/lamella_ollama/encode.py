"""Writes requests for ``POST /api/chat`` ("Generate a chat message" in Ollama's API documentation). Pure.

A message of this wire has one text, one ``thinking``, images beside them, and calls whose arguments are
objects. There is no ``tool_choice``, no strict mode and no limit to one call at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
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
from lamella.providers import Wire, flat_schema, merge, options
from lamella.tools import Tool
from lamella_ollama.settings import OllamaSettings
from lamella_ollama.tool_schema import without_references

__all__ = ["DIALECT", "UNREADABLE_ARGUMENTS", "encode_ollama"]

DIALECT: Final = "ollama"

UNREADABLE_ARGUMENTS: Final = "unreadable_arguments"
"""The key under which the text of arguments that are no JSON object is sent."""

_SENT: Final = ("think", "keep_alive", "logprobs", "top_logprobs")
_OPTIONS: Final = (
    "num_ctx", "num_predict", "temperature", "top_k", "top_p", "min_p", "seed", "stop", "repeat_penalty",
    "presence_penalty", "frequency_penalty",
)  # fmt: skip


def encode_ollama(
    request: ModelRequest,
    report: EncodeReport,
    *,
    model: str,
    issuer: str,
    settings: OllamaSettings,
    schema: OutputSchema | None,
) -> dict[str, Wire]:
    """The payload of a request.

    :param schema: what ``response_format`` asks for; the request's own schema wins.
    """
    payload: dict[str, Wire] = {"model": model, "messages": History(report, issuer=issuer).messages(request)}
    payload |= _tools(request, report)
    payload |= _answer(settings, request.output_schema or schema)
    payload |= options(settings, _SENT)
    if settings.top_logprobs is not None and settings.logprobs is None:
        payload["logprobs"] = True
    if chosen := options(settings, _OPTIONS):
        payload["options"] = chosen
    payload["stream"] = request.streaming and settings.streaming  # the server's default is true
    return merge(merge(payload, settings.model_kwargs), request.extra)


# -- options --------------------------------------------------------------------------------------


def _answer(settings: OllamaSettings, schema: OutputSchema | None) -> dict[str, Wire]:
    """The format. A schema is a grammar for the whole answer: it holds in any form, strict or not."""
    if schema is not None:
        described = {} if schema.description is None else {"description": schema.description}
        return {"format": {**described, **flat_schema(schema.schema)}}
    return {"format": "json"} if settings.text_format == "json_object" else {}


def _tools(request: ModelRequest, report: EncodeReport) -> dict[str, Wire]:
    if not request.tools:
        return {}
    choice = request.tool_choice
    if choice == "none":
        report.rewrite("the tools are left out: Ollama has no tool_choice", "tool_choice", lossless=True)
        return {}
    if choice != "auto":
        report.problem(
            AgentSerializationError(
                f"tool_choice {choice!r} has no form in {DIALECT}, which cannot force a call; "
                'use tool_choice="auto" and ask for the call in the prompt, or another provider',
                context={"option": "tool_choice", "value": choice},
            )
        )
    if not request.parallel_tool_calls:
        report.drop("Ollama cannot be held to one call at a time", "parallel_tool_calls")
    return {"tools": [_tool(tool, report) for tool in request.tools]}


def _tool(tool: Tool, report: EncodeReport) -> dict[str, Wire]:
    if tool.strict:
        report.rewrite("sent without strict mode, which Ollama does not have", f"tool {tool.name}")
    parameters = without_references(tool.input_schema)
    function = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function}


# -- the history ----------------------------------------------------------------------------------


class History:
    """Turns messages into the messages of this API."""

    def __init__(self, report: EncodeReport, *, issuer: str) -> None:
        self._report = report
        self._issuer = issuer
        self._sent: list[Wire] = []
        self._names: dict[str, str] = {}  # of the tools that calls were for

    def messages(self, request: ModelRequest) -> list[Wire]:
        """The system instruction, the native history as it is, then the messages."""
        if request.system_instruction is not None:
            self._sent.append({"role": "system", "content": request.system_instruction})
        self._sent.extend(request.native or ())
        write = {"system": self._system, "user": self._user, "assistant": self._assistant}
        for index, message in enumerate(request.messages):
            write[message.role](index, message)
        return self._sent

    def _system(self, index: int, message: Message) -> None:
        self._sent.append({"role": "system", "content": message.text})

    # -- user -------------------------------------------------------------------------------------

    def _user(self, index: int, message: Message) -> None:
        """Outputs as messages of their own, then one message with the rest.

        Images of a tool's message are not shown to most models: those of an output follow in the user's
        message, which must not stand between two outputs.
        """
        notes: list[str] = []
        texts: list[str] = []
        images: list[Wire] = []
        mixed = _is_mixed(message.content)
        for place, block in enumerate(message.content):
            with self._report.at(index, place, block, message.role):
                if isinstance(block, ToolOutputBlock):
                    self._output(block, notes, images)
                elif isinstance(block, TextBlock):
                    texts.append(block.text)
                elif isinstance(block, OpaqueContent) and block.provider is not None:
                    self._report.drop("server-side work has no form in Ollama")
                else:
                    images.extend(_images(block))
                    if mixed:
                        self._report.rewrite(
                            "its place among the texts is lost: images travel beside the text"
                        )
        if texts or images:
            self._sent.append(_user_message(notes, "".join(texts), images))

    def _output(self, block: ToolOutputBlock, notes: list[str], images: list[Wire]) -> None:
        text = block.text
        media = [part for part in block.parts or () if not isinstance(part, TextBlock)]
        name = block.name or self._names.get(block.call_id)
        if media:
            images.extend(image for part in media for image in _images(part))
            self._report.rewrite(
                "media of a tool output goes into a user message after the outputs", lossless=True
            )
            note = f"(media of the output of {name or 'tool'}, call {block.call_id}, is in the next user message)"
            text = f"{text}\n{note}" if text else note
            notes.append(f"Media of the output of call {block.call_id}: {len(media)}")
        if block.is_error:
            self._report.rewrite(
                "sent without the mark of an error; its text says what went wrong", lossless=True
            )
        named = {} if name is None else {"tool_name": name}
        self._sent.append({"role": "tool", "content": text, **named, "tool_call_id": block.call_id})

    # -- assistant --------------------------------------------------------------------------------

    def _assistant(self, index: int, message: Message) -> None:
        turn = _Turn()
        for place, block in enumerate(message.content):
            with self._report.at(index, place, block, message.role):
                self._block(block, turn, message)
        if turn:
            self._sent.append(turn.message())

    def _block(self, block: Block, turn: _Turn, message: Message) -> None:
        if isinstance(block, TextBlock):
            turn.texts.append(block.text)
            if block.annotations:
                self._report.rewrite("sent without its citations: Ollama has none")
        elif isinstance(block, ToolCallBlock):
            self._names[block.call_id] = block.name
            turn.calls.append(self._call(block))
        elif isinstance(block, ReasoningBlock):
            self._reasoning(block, turn)
        elif isinstance(block, OpaqueContent) and block.provider is not None:
            self._vendor_fields(block, turn)
        elif (words := self._report.words_of(block, message)) is not None:
            turn.texts.append(words)
        else:
            raise UnsupportedContentError(
                f"{getattr(block, 'type', 'this')} content of the assistant has no form in {DIALECT}; "
                "give it in a user message"
            )

    def _call(self, block: ToolCallBlock) -> dict[str, Wire]:
        """A call. Its arguments must be an object, so text that is none is sent inside one."""
        arguments: Wire = block.arguments
        if arguments is None:
            self._report.rewrite(
                f"its arguments are no JSON object; their text is sent under {UNREADABLE_ARGUMENTS!r}"
            )
            arguments = {UNREADABLE_ARGUMENTS: block.arguments_json}
        state = block.opaque_for(self._issuer)
        rest: dict[str, Any] = dict(state) if isinstance(state, dict) else {}
        function = {"name": block.name, "arguments": arguments, **rest.pop("function", {})}
        return {"id": block.call_id, "function": function, **rest}

    def _reasoning(self, block: ReasoningBlock, turn: _Turn) -> None:
        if not block.issued_to(self._issuer):
            self._report.drop(f"reasoning of {block.provider} means nothing to {self._issuer}")
        elif block.text is None:
            self._report.drop("Ollama takes reasoning as text only")
        else:
            turn.thoughts.append(block.text)
            if block.signature is not None:
                self._report.rewrite("sent without its signature, which Ollama does not read")

    def _vendor_fields(self, block: OpaqueContent, turn: _Turn) -> None:
        item = block.data.get("item")
        if block.provider != self._issuer or not isinstance(item, dict):
            self._report.drop(f"server-side work of {block.provider} means nothing to {self._issuer}")
        else:
            turn.fields |= item


class _Turn:
    """The one message that a message of the assistant becomes."""

    def __init__(self) -> None:
        self.fields: dict[str, Wire] = {}
        self.thoughts: list[str] = []
        self.texts: list[str] = []
        self.calls: list[Wire] = []

    def __bool__(self) -> bool:
        return bool(self.fields or self.thoughts or self.texts or self.calls)

    def message(self) -> dict[str, Wire]:
        """The message; its text is there even when it is empty."""
        message: dict[str, Wire] = {"role": "assistant", "content": "".join(self.texts)}
        if self.thoughts:
            message["thinking"] = "\n\n".join(self.thoughts)
        if self.calls:
            message["tool_calls"] = self.calls
        return {**self.fields, **message}


def _user_message(notes: Sequence[str], text: str, images: list[Wire]) -> dict[str, Wire]:
    lifted = "\n".join(notes)
    content = f"{lifted}\n\n{text}" if lifted and text else lifted or text
    return {"role": "user", "content": content, **({"images": images} if images else {})}


def _is_mixed(blocks: Sequence[Block]) -> bool:
    """Whether images stand between texts, or on both sides of one: before or after all texts says nothing."""
    texts = [place for place, block in enumerate(blocks) if isinstance(block, TextBlock) and block.text]
    media = [place for place, block in enumerate(blocks) if isinstance(block, MediaContent)]
    return bool(texts and media) and not (media[-1] < texts[0] or texts[-1] < media[0])


def _images(block: Block) -> list[Wire]:
    """The base64 texts of a media block.

    :raises UnsupportedContentError: it is no image, or is not given as bytes.
    """
    if isinstance(block, MediaContent) and block.file_id is not None:
        raise UnsupportedContentError(
            f"{block.type} content by file id has no form in {DIALECT}: there are no files on an Ollama "
            "server; give its bytes"
        )
    if isinstance(block, MediaContent) and block.url is not None:
        raise UnsupportedContentError(
            f"{block.type} content by URL has no form in {DIALECT}: Ollama fetches nothing; give its bytes"
        )
    form = encode_content(block, DIALECT)
    images = form.get("images")
    if not isinstance(images, list) or len(form) != 1:
        raise UnsupportedContentError(
            f"a plugin gave {block.type if isinstance(block, MediaContent) else 'content'} a form that "
            f'{DIALECT} does not have: {sorted(form)}; it must be {{"images": [base64, …]}}'
        )
    return images
