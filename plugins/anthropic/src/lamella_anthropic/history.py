"""Turns messages into the turns of the Messages API. Pure.

Neighbours of one role are one turn. Tool outputs stand first in a user turn. What came from the vendor
stays in the order in which it came (thinking may stand between calls); anything else goes as thinking,
text, calls.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

from lamella.content import (
    Block,
    OpaqueContent,
    ReasoningBlock,
    TextBlock,
    ToolCallBlock,
    ToolOutputBlock,
)
from lamella.errors import AgentSerializationError, UnsupportedContentError
from lamella.messages import Message
from lamella.models import EncodeReport, ModelRequest, encode_content
from lamella.providers import CallIds, Wire, check_file

__all__ = ["BLOCK", "DIALECT", "MALFORMED", "History"]

DIALECT: Final = "anthropic.messages"

BLOCK: Final = "block"
"""The key of a block's remaining fields in ``block.opaque[issuer]``."""

MALFORMED: Final = "_malformed_arguments"
"""The input under which the text of a call is sent that is no JSON object; the wire takes only objects."""

_WORDLESS: Final = "(no message)"
"""What a failed output says that says nothing; the vendor refuses errors without content."""

_IDS: Final = r"[a-zA-Z0-9_-]{1,64}"
_NO_NAME: Final = re.compile(r"[^a-zA-Z0-9_-]")
_THINKING, _TEXT, _CALL = range(3)


class _Turn:
    """The one message that neighbours of a role become."""

    def __init__(self, role: str) -> None:
        self.role = role
        self.results: list[Wire] = []
        self.content: list[Wire] = []

    def __bool__(self) -> bool:
        return bool(self.results or self.content)

    def message(self) -> dict[str, Wire]:
        """The message; the outputs stand first."""
        return {"role": self.role, "content": [*self.results, *self.content]}


class History:
    """Writes the history of one request.

    :param issuer: whose thinking and server-side work may be sent.
    :param vendor: the issuer that refuses thinking without a signature; servers that speak this API without
        signing get theirs back as it came.
    """

    def __init__(self, report: EncodeReport, *, issuer: str, vendor: str) -> None:
        self._report = report
        self._issuer = issuer
        self._vendor = vendor
        self._ids = CallIds(report, valid=_IDS)
        self._system: list[Wire] = []
        self._turns: list[_Turn] = []
        self._toolsets: dict[str, Wire] = {}

    def write(self, request: ModelRequest) -> tuple[list[Wire], list[Wire]]:
        """The system blocks and the messages: the native history as it is, then what came after it."""
        if request.system_instruction is not None and request.system_instruction.strip():
            self._system.append({"type": "text", "text": request.system_instruction})
        leading = not request.native
        for index, message in enumerate(request.messages):
            leading = leading and message.role == "system"
            if message.role == "system":
                self._instruct(index, message, leading=leading)
            elif message.role == "user":
                self._user(index, message)
            else:
                self._assistant(index, message)
        return self._system, [*(request.native or ()), *(turn.message() for turn in self._turns if turn)]

    def _turn(self, role: str) -> _Turn:
        """The turn to go on with, or a new one."""
        while self._turns and not self._turns[-1]:
            self._turns.pop()
        if not self._turns or self._turns[-1].role != role:
            self._turns.append(_Turn(role))
        return self._turns[-1]

    # -- system -----------------------------------------------------------------------------------

    def _instruct(self, index: int, message: Message, *, leading: bool) -> None:
        for place, block in enumerate(message.content):
            with self._report.at(index, place, block, message.role):
                if not leading:
                    raise AgentSerializationError(
                        "a system message stands only before the conversation here; put it first, or give it "
                        "as a user message"
                    )
                if isinstance(block, TextBlock) and (part := self._text(block, own=None)) is not None:
                    self._system.append(part)

    # -- user -------------------------------------------------------------------------------------

    def _user(self, index: int, message: Message) -> None:
        turn = self._turn("user")
        for place, block in enumerate(message.content):
            with self._report.at(index, place, block, message.role):
                if isinstance(block, ToolOutputBlock):
                    self._output(block, turn)
                elif (part := self._given(block)) is not None:
                    turn.content.append(part)

    def _given(self, block: Block) -> Wire | None:
        """A part that the user, or a tool, gives; ``None`` where nothing of it is sent."""
        if isinstance(block, TextBlock):
            return self._text(block, own=None)
        if isinstance(block, OpaqueContent) and block.provider is not None:
            return self._vendor_work(block)
        check_file(block, self._issuer)
        return encode_content(block, DIALECT)

    def _output(self, block: ToolOutputBlock, turn: _Turn) -> None:
        if turn.content:
            self._report.rewrite("sent before the other content: outputs come first", lossless=True)
        call_id = self._ids(block.call_id)
        result: dict[str, Wire] = {"type": "tool_result", "tool_use_id": call_id}
        content = self._output_content(block, call_id, turn)
        if content:
            result["content"] = content
        if block.call_id in self._toolsets:
            result["toolset_name"] = self._toolsets[block.call_id]
        turn.results.append({**result, "is_error": block.is_error})

    def _output_content(self, block: ToolOutputBlock, call_id: str, turn: _Turn) -> Wire:
        """What a tool gave: a text, or parts; nothing where it is blank, which the vendor refuses."""
        if block.is_error and not block.parts and not block.text.strip():
            self._report.rewrite(f"a failure without a word is sent as {_WORDLESS!r}", lossless=True)
            return _WORDLESS
        if block.parts is None:
            return block.text if self._says(block.text) else None
        parts = [part for each in block.parts if (part := self._given(each)) is not None]
        media = [part for part in parts if part.get("type") != "text"]
        if not block.is_error or not media:
            return parts
        self._report.rewrite(
            "media of a failed call follows its output: errors hold text only", lossless=True
        )
        turn.content += [{"type": "text", "text": f"Media of the output of call {call_id}:"}, *media]
        return [part for part in parts if part.get("type") == "text"]

    # -- assistant --------------------------------------------------------------------------------

    def _assistant(self, index: int, message: Message) -> None:
        ordered = self._is_ordered(message)
        written: list[tuple[int, Wire]] = []
        for place, block in enumerate(message.content):
            with self._report.at(index, place, block, message.role):
                part = self._made(block, message)
                if part is None:
                    continue
                rank = _THINKING if ordered else _rank(block)
                if written and rank < max(known for known, _ in written):
                    self._report.rewrite("sent in the order thinking, text, calls", lossless=True)
                written.append((rank, part))
        written.sort(key=lambda each: each[0])
        self._turn("assistant").content.extend(part for _, part in written)

    def _is_ordered(self, message: Message) -> bool:
        """Whether a turn keeps its order: it is the vendor's, or thinking stands between its parts."""
        blocks = message.content
        if any(block.opaque_for(self._issuer) is not None or self._is_own_work(block) for block in blocks):
            return True
        kinds = [isinstance(block, ReasoningBlock) for block in blocks]
        return kinds[0] and any(now and not before for before, now in pairwise(kinds))

    def _is_own_work(self, block: Block) -> bool:
        return isinstance(block, OpaqueContent) and block.provider == self._issuer

    def _made(self, block: Block, message: Message) -> Wire | None:
        """A part that the model made; ``None`` where nothing of it is sent."""
        if isinstance(block, TextBlock):
            return self._text(block, own=self._rest(block), assistant=True)
        if isinstance(block, ToolCallBlock):
            return self._call(block)
        if isinstance(block, ReasoningBlock):
            return self._thinking(block)
        if isinstance(block, OpaqueContent) and block.provider is not None:
            return self._vendor_work(block, message)
        if (words := self._report.words_of(block, message)) is not None:
            return self._text(TextBlock(text=words), own=None) if words else None
        encode_content(block, DIALECT)  # refuses what nobody knows; what is known has no place here
        raise UnsupportedContentError(
            f"{getattr(block, 'type', 'this')} content of the assistant has no form in {DIALECT}; "
            "give it in a user message"
        )

    def _text(
        self, block: TextBlock, *, own: Mapping[str, Wire] | None, assistant: bool = False
    ) -> dict[str, Wire] | None:
        """A text part with the citations of the issuer; blank text is left out."""
        if not self._says(block.text):
            return None
        part: dict[str, Wire] = {"type": "text", "text": block.text}
        if block.annotations and own is None:
            whose = "they are another provider's" if assistant else "only the assistant's text has any"
            self._report.rewrite(f"sent without its citations: {whose}")
        elif block.annotations:
            part["citations"] = [_citation(each) for each in block.annotations]
        return {**part, **(own or {})}

    def _says(self, text: str) -> bool:
        """Whether a text is sent; a blank one is reported."""
        if text.strip():
            return True
        self._report.rewrite("left out: it is blank, and the vendor refuses blank text", lossless=True)
        return False

    def _call(self, block: ToolCallBlock) -> dict[str, Wire]:
        rest = self._rest(block) or {}
        arguments: Mapping[str, Wire] | None = block.arguments
        if arguments is None:
            self._report.rewrite(
                f"its arguments are no JSON object, which the vendor wants; their text is sent as {MALFORMED!r}",
                lossless=True,
            )
            arguments = {MALFORMED: block.arguments_json}
        if "toolset_name" in rest:
            self._toolsets[block.call_id] = rest["toolset_name"]
        return {
            "type": "tool_use",
            "id": self._ids(block.call_id),
            "name": self._name(block.name),
            "input": arguments,
            **rest,
        }

    def _name(self, name: str) -> str:
        sent = _NO_NAME.sub("_", name)[:64] or "_"
        if sent != name:
            self._report.rewrite(f"called {sent!r}: the vendor takes no {name!r:.80}")
        return sent

    def _thinking(self, block: ReasoningBlock) -> dict[str, Wire] | None:
        """Thinking as it was signed, without a change."""
        if not block.issued_to(self._issuer):
            self._report.drop(f"reasoning of {block.provider} means nothing to {self._issuer}")
            return None
        rest = self._rest(block)
        if block.signature and block.redacted:
            return {"type": "redacted_thinking", "data": block.signature, **(rest or {})}
        thought = block.text if block.text is not None else block.summary or ""
        part = {"type": "thinking", "thinking": thought, "signature": block.signature or "", **(rest or {})}
        if block.signature or (rest is not None and not block.redacted and self._issuer != self._vendor):
            return part
        if block.provider is None or rest is not None:
            self._report.drop("it carries no signature, and the vendor refuses thinking without one")
            return None
        raise AgentSerializationError(
            "thinking is replayed with its signature, redacted thinking with its data as the signature; give "
            "the block as the model returned it, or leave it out"
        )

    def _vendor_work(self, block: OpaqueContent, message: Message | None = None) -> Wire | None:
        """Server-side work: the vendor's block verbatim, to the vendor."""
        item = block.data.get("item")
        if block.provider != self._issuer:
            self._report.drop(f"server-side work of {block.provider} means nothing to {self._issuer}")
        elif not isinstance(item, Mapping):
            self._report.drop("it holds no block of the Messages API")
        elif "partial_json" in block.data or self._never_ended(item, message):
            self._report.drop("the response broke off in this work, and the server refuses half of it")
        else:
            return item
        return None

    def _never_ended(self, item: Mapping[str, Wire], message: Message | None) -> bool:
        """Whether a response that broke off holds a server's call without its result."""
        if message is None or not message.meta.get("incomplete") or "tool_use" not in str(item.get("type")):
            return False
        others = (block.data.get("item") for block in message.content if isinstance(block, OpaqueContent))
        results = {other.get("tool_use_id") for other in others if isinstance(other, Mapping)}
        return item.get("id") not in results

    def _rest(self, block: Block) -> Mapping[str, Any] | None:
        """The other fields of the vendor's block, ``None`` if this block is not from the issuer."""
        state = block.opaque_for(self._issuer)
        found = state.get(BLOCK) if isinstance(state, dict) else None  # frozen, and so a dict or none
        return found if isinstance(found, dict) else None


def _rank(block: Block) -> int:
    if isinstance(block, ReasoningBlock):
        return _THINKING
    return _CALL if isinstance(block, ToolCallBlock) else _TEXT


def _citation(citation: Any) -> Any:
    """A citation as requests take it: they have no ``file_id``, which answers have."""
    if not isinstance(citation, Mapping):
        return citation
    return {name: value for name, value in citation.items() if name != "file_id"}
