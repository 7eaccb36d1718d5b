"""The history as the ``contents`` of ``generateContent``.

Roles are ``user`` and ``model``, and neighbours of one role are one content. Outputs of functions go into a
``user`` content right after the content with the calls, in the order of the calls. What the server attached
to a part goes back in its place; a call that Gemini 3 did not make itself gets the signature that the vendor
documents for such calls ("Thought signatures", FAQ).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import attrs

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
from lamella.errors import AgentSerializationError, UnsupportedContentError
from lamella.messages import Message
from lamella.models import EncodeReport, ModelRequest, encode_content
from lamella.providers import Wire
from lamella_gemini.citations import is_own
from lamella_gemini.parts import SIGNATURE, state_of, text_parts

__all__ = ["Contents"]

_UNSIGNED: Final = "skip_thought_signature_validator"
"""What the vendor documents for calls that come from elsewhere."""

_IN_OUTPUT: Final = ("image/", "application/pdf", "text/plain")
"""Media that Gemini 3 takes inside the output of a function."""

_BAD_NAME: Final = re.compile(r"[^a-zA-Z0-9_.:-]")
_GOOD_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")

_DIALECT: Final = "gemini"


@attrs.define
class _Part:
    """A part on its way, with the place of the block it was made of."""

    body: dict[str, Wire]
    message: int
    place: int
    block: Block
    call_id: str | None = None


@attrs.define
class _Content:
    role: str
    parts: list[_Part] = attrs.field(factory=list)

    def ordered(self, calls: list[str]) -> list[_Part]:
        """The parts, outputs first and in the order of the calls."""
        outputs = [part for part in self.parts if "functionResponse" in part.body]
        others = [part for part in self.parts if "functionResponse" not in part.body]
        order = {call_id: place for place, call_id in enumerate(calls)}
        outputs.sort(key=lambda part: order.get(part.call_id or "", len(order)))
        return [*outputs, *others]


class Contents:
    """Turns messages into contents; texts of the system are gathered in ``system``.

    :param gemini_3: whether the model wants signatures on calls and takes media in outputs.
    """

    def __init__(self, report: EncodeReport, *, issuer: str, gemini_3: bool) -> None:
        self._report = report
        self._issuer = issuer
        self._gemini_3 = gemini_3
        self._contents: list[_Content] = []
        self._names: dict[str, str] = {}
        self._unnumbered: set[str] = set()
        self._messages: Sequence[Message] = ()
        self.system: list[str] = []

    def contents(self, request: ModelRequest) -> list[Wire]:
        """The native history as it is, then the messages."""
        if request.system_instruction:
            self.system.append(request.system_instruction)
        self._messages = request.messages
        self._note_calls(request.messages)
        write = {"system": self._system, "user": self._user, "assistant": self._assistant}
        for index, message in enumerate(request.messages):
            for place, block in enumerate(message.content):
                with self._report.at(index, place, block, message.role):
                    write[message.role](index, place, block)
        if self._gemini_3:
            self._sign()
        native = [dict(content) for content in request.native or ()]
        if not native and not self._contents:
            self._report.problem(
                AgentSerializationError(
                    "there is nothing to send: Gemini wants at least one part of a message"
                )
            )
        return [*native, *self._written()]

    def _note_calls(self, messages: Iterable[Message]) -> None:
        """Learn what the calls are named, and which of them the server gave no id."""
        for message in messages:
            for block in message.content:
                if isinstance(block, ToolCallBlock):
                    self._names[block.call_id] = block.name
                    state = state_of(block, self._issuer)
                    if state is not None and state.get("id") is None:
                        self._unnumbered.add(block.call_id)

    def _add(
        self, role: str, index: int, place: int, block: Block, *parts: dict[str, Wire], **fields: Any
    ) -> None:
        if not parts:
            return
        if not self._contents or self._contents[-1].role != role:
            self._contents.append(_Content(role))
        self._contents[-1].parts.extend(_Part(part, index, place, block, **fields) for part in parts)

    def _written(self) -> list[Wire]:
        written: list[Wire] = []
        calls: list[str] = []
        for content in self._contents:
            parts = content.ordered(calls) if content.role == "user" else content.parts
            written.append({"role": content.role, "parts": [part.body for part in parts]})
            calls = [part.call_id for part in content.parts if part.call_id is not None]
        return written

    # -- system and user --------------------------------------------------------------------------

    def _system(self, index: int, place: int, block: Block) -> None:
        if not isinstance(block, TextBlock):
            raise UnsupportedContentError("a system instruction of Gemini takes text only")
        if self._contents:
            self._report.rewrite("Gemini has one system instruction, at the beginning; it was moved there")
        if block.text:
            self.system.append(block.text)

    def _user(self, index: int, place: int, block: Block) -> None:
        if isinstance(block, ToolOutputBlock):
            self._output(index, place, block)
        elif isinstance(block, TextBlock):
            if block.text:
                self._add("user", index, place, block, {"text": block.text})
            else:
                self._empty()
        elif isinstance(block, OpaqueContent) and block.provider is not None:
            self._vendor_work("user", index, place, block)
        else:
            self._add("user", index, place, block, self._media(block))

    def _empty(self) -> None:
        self._report.rewrite("Gemini refuses empty texts; this one is left out", lossless=True)

    def _media(self, block: Block) -> dict[str, Wire]:
        foreign = isinstance(block, MediaContent) and block.provider not in (None, self._issuer)
        if foreign and isinstance(block, MediaContent) and block.file_id is not None:
            raise UnsupportedContentError(
                f"file {block.file_id!r} is at {block.provider}, which {self._issuer} cannot read; send the bytes"
            )
        part = encode_content(block, _DIALECT)
        state = state_of(block, self._issuer)
        return {**part, **_fields(state, "part")}

    # -- outputs ----------------------------------------------------------------------------------

    def _output(self, index: int, place: int, block: ToolOutputBlock) -> None:
        """An output. Its media stay inside where the model takes them there, else they follow it."""
        name = block.name or self._names.get(block.call_id)
        if name is None:
            raise AgentSerializationError(
                f"the output of call {block.call_id!r} has no name, and there is no call of this id; Gemini wants "
                "one: ToolOutputBlock(name=…)"
            )
        response: dict[str, Wire] = {"name": self._name(name)}
        if block.call_id not in self._unnumbered:
            response["id"] = block.call_id
        response["response"] = {"error" if block.is_error else "result": _result(block)}
        inside, beside = self._output_media(block)
        if inside:
            response["parts"] = inside
        self._add("user", index, place, block, {"functionResponse": response}, call_id=block.call_id)
        if beside:
            self._report.rewrite(
                "media of a tool output follow it: the model takes none inside", lossless=True
            )
            note = f"Media of the output of {name}, call {block.call_id}:"
            self._add("user", index, place, block, {"text": note}, *beside)

    def _output_media(self, block: ToolOutputBlock) -> tuple[list[dict[str, Wire]], list[dict[str, Wire]]]:
        inside: list[dict[str, Wire]] = []
        beside: list[dict[str, Wire]] = []
        for part in block.parts or ():
            if isinstance(part, TextBlock):
                continue
            made = self._media(part)
            data = made.get("inlineData")
            fits = isinstance(data, Mapping) and str(data.get("mimeType")).startswith(_IN_OUTPUT)
            (inside if fits and self._gemini_3 else beside).append(made)
        return inside, beside

    # -- assistant --------------------------------------------------------------------------------

    def _assistant(self, index: int, place: int, block: Block) -> None:
        if isinstance(block, TextBlock):
            self._add("model", index, place, block, *self._text(block))
        elif isinstance(block, ToolCallBlock):
            self._add("model", index, place, block, self._call(block), call_id=block.call_id)
        elif isinstance(block, ReasoningBlock):
            self._add("model", index, place, block, *self._reasoning(block))
        elif isinstance(block, OpaqueContent) and block.provider is not None:
            self._vendor_work("model", index, place, block)
        else:
            self._add("model", index, place, block, *self._made(block, self._messages[index]))

    def _made(self, block: Block, message: Message) -> list[dict[str, Wire]]:
        """Media of the assistant: its own goes back as it came, whatever its type; another's speech as its words."""
        state = state_of(block, self._issuer)
        if state is not None and isinstance(block, MediaContent) and block.data is not None:
            inline = {"mimeType": block.mime_type, "data": block.base64_data}
            return [{"inlineData": inline, **_fields(state, "part")}]
        if getattr(block, "type", None) == "audio":
            words = self._report.words_of(block, message)
            if words is not None:
                return [{"text": words}] if words else []
        return [self._media(block)]

    def _text(self, block: TextBlock) -> list[dict[str, Wire]]:
        if not all(map(is_own, block.annotations)):
            self._report.rewrite("sent without its citations: they are in another API's form")
        parts = text_parts(block.text, thaw(state_of(block, self._issuer)), {})
        if parts is None:
            self._report.rewrite("the text is not the one that was signed; it is sent without its signature")
            parts = [{"text": block.text}]
        if not parts:
            self._empty()
        return parts

    def _call(self, block: ToolCallBlock) -> dict[str, Wire]:
        call: dict[str, Wire] = {"name": self._name(block.name), "args": self._arguments(block)}
        if block.call_id not in self._unnumbered:
            call["id"] = block.call_id
        state = state_of(block, self._issuer)
        if state is None:
            return {"functionCall": call}
        return {"functionCall": {**call, **_fields(state, "call")}, **_fields(state, "part")}

    def _arguments(self, block: ToolCallBlock) -> Mapping[str, Wire]:
        if block.arguments is None:
            self._report.rewrite(
                "the arguments are no JSON object, which Gemini wants; sent as one text in one"
            )
            return {"raw_arguments": block.arguments_json}
        return block.arguments

    def _name(self, name: str) -> str:
        if _GOOD_NAME.fullmatch(name):
            return name
        made = _BAD_NAME.sub("_", name)[:128] or "_"
        made = made if _GOOD_NAME.fullmatch(made) else f"_{made}"[:128]
        self._report.rewrite(f"called {made!r}: Gemini takes no function named {name!r:.150}")
        return made

    def _reasoning(self, block: ReasoningBlock) -> list[dict[str, Wire]]:
        """Thoughts as they came. Those that did not come from this API need a signature."""
        if not block.issued_to(self._issuer):
            self._report.drop(f"reasoning of {block.provider} means nothing to {self._issuer}")
            return []
        thought = block.summary if block.summary is not None else block.text or ""
        state = thaw(state_of(block, self._issuer))
        if state is not None:
            parts = text_parts(thought, state, {} if state.get("alone") else {"thought": True})
            if parts is None:
                self._report.drop("the thoughts are not those that were signed")
            return parts or []
        if block.opaque_for(self._issuer) is not None:
            self._report.drop("reasoning of the Interactions API has no form in generateContent")
            return []
        if block.signature is None:
            raise AgentSerializationError(
                "reasoning is replayed to Gemini with its signature only, and this block has none; leave it out, "
                "or give signature=…"
            )
        return [{"text": thought, "thought": True, SIGNATURE: block.signature}]

    def _vendor_work(self, role: str, index: int, place: int, block: OpaqueContent) -> None:
        """A part of another kind, as it came. Steps of the Interactions API, which have a type, are no parts."""
        item = block.data.get("item")
        if block.provider != self._issuer:
            self._report.drop(f"server-side work of {block.provider} means nothing to {self._issuer}")
        elif isinstance(item, Mapping) and "type" not in item:
            self._add(role, index, place, block, thaw(item))
        else:
            self._report.drop("server-side work of the Interactions API has no form in generateContent")

    # -- signatures -------------------------------------------------------------------------------

    def _sign(self) -> None:
        """Mark the unsigned first call of each step since the last question, where the server looks."""
        starts = [place for place, content in enumerate(self._contents) if _is_question(content)]
        for content in self._contents[starts[-1] if starts else 0 :]:
            first = next((part for part in content.parts if "functionCall" in part.body), None)
            if first is None or SIGNATURE in first.body:
                continue
            first.body[SIGNATURE] = _UNSIGNED
            with self._report.at(first.message, first.place, first.block, "assistant"):
                self._report.rewrite(
                    "a call that Gemini 3 did not sign is sent with the signature documented for such calls",
                    lossless=True,
                )


def _is_question(content: _Content) -> bool:
    return content.role == "user" and not any("functionResponse" in part.body for part in content.parts)


def _fields(state: Mapping[str, Any] | None, name: str) -> dict[str, Wire]:
    """What the server had beside the fields that a block holds."""
    found = None if state is None else state.get(name)
    return thaw(found) if isinstance(found, dict) else {}


def _result(block: ToolOutputBlock) -> Wire:
    if block.parts is not None:
        return block.text
    return block.output
