"""The history as the steps of an interaction.

Texts and media of one user message are one ``user_input`` step; each output of a tool is a step of its own, right
after the calls. What the model made goes back as the steps that it came in: parts of one ``model_output`` step in
one step, thoughts with their signature, server-side work as it is.
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
from lamella.models import EncodeReport, ModelRequest, encode_content
from lamella.providers import Wire
from lamella_gemini.parts import GENERATE, SIGNATURE
from lamella_gemini.replay_interactions import (
    MALFORMED,
    call_step,
    content_of,
    output_step,
    state_of,
    thought_step,
    work_of,
)

__all__ = ["DIALECT", "Steps"]

DIALECT: Final = "gemini.interactions"


class Steps:
    """Turns messages into steps; texts of the system are gathered in ``system``."""

    def __init__(self, report: EncodeReport, *, issuer: str) -> None:
        self._report = report
        self._issuer = issuer
        self._steps: list[Wire] = []
        self._names: dict[str, str] = {}
        self._open: _OpenOutput | None = None
        self.system: list[str] = []

    def steps(self, request: ModelRequest) -> list[Wire]:
        """The native history as it is, then the messages."""
        if request.system_instruction:
            self.system.append(request.system_instruction)
        self._steps.extend(request.native or ())
        write = {"system": self._system, "user": self._user, "assistant": self._assistant}
        for index, message in enumerate(request.messages):
            write[message.role](index, message)
        return self._steps

    # -- system and user --------------------------------------------------------------------------

    def _system(self, index: int, message: Message) -> None:
        for place, block in enumerate(message.content):
            with self._report.at(index, place, block, message.role):
                if not isinstance(block, TextBlock):
                    raise UnsupportedContentError("a system instruction of Gemini takes text only")
                if self._steps:
                    self._report.rewrite(
                        "Gemini has one system instruction, at the beginning; it was moved there"
                    )
                if block.text:
                    self.system.append(block.text)

    def _user(self, index: int, message: Message) -> None:
        """A message of the user: outputs first, so that they stand next to their calls."""
        parts: list[Wire] = []
        for place, block in enumerate(message.content):
            with self._report.at(index, place, block, message.role):
                if isinstance(block, ToolOutputBlock):
                    self._steps.append(self._output(block))
                elif isinstance(block, TextBlock) and not block.text:
                    self._empty()
                elif isinstance(block, OpaqueContent) and block.provider is not None:
                    self._vendor_work(block, parts)
                else:
                    parts.append(self._part(block))
        if parts:
            self._steps.append({"type": "user_input", "content": parts})

    def _empty(self) -> None:
        self._report.rewrite("Gemini refuses empty texts; this one is left out", lossless=True)

    def _part(self, block: Block) -> dict[str, Wire]:
        if isinstance(block, TextBlock):
            return {"type": "text", "text": block.text}
        if (
            isinstance(block, MediaContent)
            and block.file_id is not None
            and block.provider not in (None, self._issuer)
        ):
            raise UnsupportedContentError(
                f"file {block.file_id!r} is at {block.provider}, which {self._issuer} cannot read; send the bytes"
            )
        return encode_content(block, DIALECT)

    def _output(self, block: ToolOutputBlock) -> dict[str, Wire]:
        name = block.name or self._names.get(block.call_id)
        return {
            "type": "function_result",
            "call_id": block.call_id,
            **({} if name is None else {"name": name}),
            "result": self._result(block),
            **({"is_error": True} if block.is_error else {}),
        }

    def _result(self, block: ToolOutputBlock) -> Wire:
        """Text and objects as they are, media among parts; the wire has no other JSON, so that goes as its text."""
        if block.parts is not None and any(not isinstance(part, TextBlock) for part in block.parts):
            parts = (part for part in block.parts if not isinstance(part, TextBlock) or part.text)
            return [self._part(part) for part in parts]
        return block.output if isinstance(block.output, Mapping) else block.text

    # -- assistant --------------------------------------------------------------------------------

    def _assistant(self, index: int, message: Message) -> None:
        self._open = None
        for place, block in enumerate(message.content):
            with self._report.at(index, place, block, message.role):
                self._made(block, message)
        self._open = None

    def _made(self, block: Block, message: Message) -> None:
        if isinstance(block, TextBlock):
            self._text(block)
        elif isinstance(block, ReasoningBlock):
            self._thought(block)
        elif isinstance(block, ToolCallBlock):
            self._call(block)
        elif isinstance(block, OpaqueContent) and block.provider is not None:
            self._vendor_work(block, None)
        elif isinstance(block, MediaContent) and (state := state_of(block, self._issuer)) is not None:
            self._say(content_of(block, state), state)
        elif self._spoken(block, message):
            return
        else:
            self._say(self._part(block), None)

    def _spoken(self, block: Block, message: Message) -> bool:
        """Whether it is another's speech, of which the words are sent."""
        words = self._report.words_of(block, message) if getattr(block, "type", None) == "audio" else None
        if words:
            self._say({"type": "text", "text": words}, None)
        return words is not None

    def _text(self, block: TextBlock) -> None:
        state = state_of(block, self._issuer)
        if state is not None:
            self._say(content_of(block, state), state)
            return
        if not block.text:
            self._empty()
            return
        if block.annotations:
            self._report.rewrite(
                "its citations are in another provider's form; the text is sent without them"
            )
        self._lost_signature(block)
        self._say({"type": "text", "text": block.text}, None)

    def _say(self, part: Mapping[str, Wire], state: Mapping[str, Any] | None) -> None:
        """Put a part into the open ``model_output`` step, if it came in that one."""
        key = None if state is None else (state.get("place"), state["step"])
        if self._open is None or self._open.key != key:
            self._open = _OpenOutput(output_step(state), key)
            self._steps.append(self._open.step)
        self._open.step["content"].append(part)

    def _add(self, step: Mapping[str, Wire]) -> None:
        self._open = None
        self._steps.append(step)

    def _call(self, block: ToolCallBlock) -> None:
        self._names[block.call_id] = block.name
        state = state_of(block, self._issuer)
        if block.arguments is None:
            self._report.rewrite(
                f"the arguments are no JSON object, which Gemini wants; sent as the text {MALFORMED!r} of one",
                lossless=True,
            )
        if state is None:
            self._lost_signature(block)
        self._add(call_step(block, state))

    def _lost_signature(self, block: Block) -> None:
        """Report what ``generateContent``, which has the same issuer, attached to a block."""
        state = block.opaque_for(self._issuer)
        kept = state.get(GENERATE) if isinstance(state, Mapping) else None
        if isinstance(kept, Mapping) and (kept.get("segments") or SIGNATURE in kept.get("part", {})):
            self._report.rewrite(
                "its signature is of generateContent and has no place in the Interactions API"
            )

    def _thought(self, block: ReasoningBlock) -> None:
        if not block.issued_to(self._issuer):
            self._report.drop(f"reasoning of {block.provider} means nothing to {self._issuer}")
            return
        state = state_of(block, self._issuer)
        if state is None and block.opaque_for(self._issuer) is not None:
            self._report.drop("reasoning of generateContent has no form in the Interactions API")
            return
        if not block.signature:
            raise AgentSerializationError(
                "reasoning is replayed to Gemini with its signature only, and this block has none; leave it out, "
                "or give signature=…"
            )
        if block.text is not None:
            self._report.rewrite("the text of the thought is sent as its summary", lossless=True)
        self._add(thought_step(block, state))

    def _vendor_work(self, block: OpaqueContent, parts: list[Wire] | None) -> None:
        """Server-side work as it came. A part of an answer goes into its step, or into ``parts`` of the user."""
        item = work_of(block)
        if block.provider != self._issuer:
            self._report.drop(f"server-side work of {block.provider} means nothing to {self._issuer}")
        elif item is None:
            self._report.drop("this item has no form in the Interactions API")
        elif (state := state_of(block, self._issuer)) is None:
            self._add(item)
        elif parts is not None:
            parts.append(item)
        else:
            self._say(item, state)


class _OpenOutput:
    """The ``model_output`` step that parts are being put into."""

    def __init__(self, step: dict[str, Wire], key: object) -> None:
        self.step = step
        self.key = key
