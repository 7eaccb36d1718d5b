"""Writes messages as contents of ``generateContent``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from lamella import Message
from lamella._frozen import thaw
from lamella.content import Block, MediaContent, ReasoningBlock, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella_transcripts.patches import patched
from lamella_transcripts.writing import Report, state_of

__all__ = ["FORM", "GENERATE", "RAW", "ContentsWriter"]

FORM: Final = "gemini"

GENERATE: Final = "generate"
"""The key of this API's state in ``block.opaque[issuer]``, as lamella-gemini keeps it."""

RAW: Final = "raw_arguments"
"""The argument under which lamella-gemini, too, writes the text of a call that is no JSON object."""


class ContentsWriter:
    """Writes a list of contents; the instruction is gathered in ``system``."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._names: dict[str, str] = {}
        self._unnumbered: set[str] = set()
        self.system: dict[str, Any] = {}

    def write(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        """The contents without the instruction."""
        written: list[dict[str, Any]] = []
        for index, message in enumerate(messages):
            if (made := self.content(index, message, late=bool(written))) is not None:
                written.append(made)
        return written

    def content(self, index: int, message: Message, *, late: bool = False) -> dict[str, Any] | None:
        """One content; ``None`` for an instruction, or where nothing is written."""
        self._report.facts(index, message)
        parts: list[dict[str, Any]] = []
        for place, block in enumerate(message.content):
            with self._report.at(index, place, block, message.role):
                if late and message.role == "system":
                    self._report.rewrite("moved to the instruction before the conversation")
                parts.extend(self.parts(block))
        if not parts:
            return None
        patch = self._report.shape(message.meta).get("patch")
        if message.role == "system":
            known = self.system.get("parts", [])
            self.system = patched({**self.system, "parts": [*known, *parts]}, patch)
            return None
        return patched({"role": "model" if message.role == "assistant" else "user", "parts": parts}, patch)

    def parts(self, block: Block) -> list[dict[str, Any]]:
        """The parts that a block becomes."""
        if isinstance(block, TextBlock | ReasoningBlock):
            made = self._text(block) if isinstance(block, TextBlock) else self._thought(block)
        elif isinstance(block, ToolCallBlock):
            made = [self._call(block)]
        elif isinstance(block, ToolOutputBlock):
            made = self._output(block)
        elif isinstance(block, MediaContent):
            made = self._media(block)
        else:
            item = self._report.own_work(block)
            return [] if item is None else [item]
        patch = self._report.shape(block.opaque).get("patch")
        return [patched(part, patch) for part in made]

    def _own(self, block: Block) -> str | None:
        issuer = self._report.issuer
        return issuer if state_of(block, issuer, GENERATE) is not None else None

    # -- text ---------------------------------------------------------------------------------------

    def _segments(self, block: Block, text: str, fixed: Mapping[str, Any]) -> list[dict[str, Any]]:
        """A text in the parts in which it was signed, or in one where it is no longer that text."""
        state = state_of(block, self._report.issuer, GENERATE) or {}
        segments = thaw(state.get("segments", []))
        if not segments or sum(length for length, _ in segments) != len(text):
            if segments:
                self._report.rewrite("the text is not the one that was signed; written without its signature")
            return [{"text": text, **fixed}]
        parts, start = [], 0
        for length, rest in segments:
            parts.append({"text": text[start : start + length], **fixed, **rest})
            start += length
        return parts

    def _text(self, block: TextBlock) -> list[dict[str, Any]]:
        self._report.unsaid(block, "text", issuer=self._own(block))
        return self._segments(block, block.text, {})

    def _thought(self, block: ReasoningBlock) -> list[dict[str, Any]]:
        issuer = self._report.issuer
        if not block.issued_to(issuer):
            self._report.drop(f"reasoning of {block.provider} means nothing to {issuer}")
            return []
        self._report.vouched(block)
        said = "text" if block.summary is None else "summary"
        if said == "text" and block.text is not None:
            self._report.rewrite("written as a thought summary", lossless=True)
        self._report.unsaid(block, said, "signature", "provider", issuer=self._own(block))
        thought = block.summary if block.summary is not None else block.text or ""
        state = state_of(block, issuer, GENERATE)
        if state is not None:
            return self._segments(block, thought, {} if state.get("alone") else {"thought": True})
        signed = {} if block.signature is None else {"thoughtSignature": block.signature}
        return [{"text": thought, "thought": True, **signed}]

    # -- calls and outputs --------------------------------------------------------------------------

    def _call(self, block: ToolCallBlock) -> dict[str, Any]:
        self._report.unsaid(block, "call_id", "name", "arguments_json", "arguments", issuer=self._own(block))
        self._names[block.call_id] = block.name
        call = {"name": block.name, "args": self._report.arguments(block, RAW)}
        state = thaw(state_of(block, self._report.issuer, GENERATE))
        if state is not None and state.get("id") is None:
            self._unnumbered.add(block.call_id)
        else:
            call["id"] = block.call_id
        return {"functionCall": {**call, **(state or {}).get("call", {})}, **(state or {}).get("part", {})}

    def _output(self, block: ToolOutputBlock) -> list[dict[str, Any]]:
        self._report.unsaid(block, "call_id", "name", "output", "is_error", issuer=self._own(block))
        name = block.name or self._names.get(block.call_id)
        if name is None:
            self._report.rewrite(f"{FORM} wants the name of the tool, and nothing says it: called 'unknown'")
        made: dict[str, Any] = {"name": name or "unknown"}
        state = state_of(block, self._report.issuer, GENERATE)
        if block.call_id not in self._unnumbered and (state is None or state.get("id") is not None):
            made["id"] = block.call_id
        made["response"] = self._response(block)
        media = [part for part in block.parts or () if not isinstance(part, TextBlock)]
        if media and (parts := [each for part in media for each in self.parts(part)]):
            made["parts"] = parts
        return [{"functionResponse": made}]

    def _response(self, block: ToolOutputBlock) -> dict[str, Any]:
        whole = self._report.shape(block.opaque).get("whole")
        if whole and isinstance(block.output, Mapping):
            response: dict[str, Any] = thaw(block.output)
            return response
        if block.parts is not None and sum(isinstance(part, TextBlock) for part in block.parts) > 1:
            self._report.rewrite("its texts are written as one", lossless=True)
        output = block.text if block.parts is not None else thaw(block.output)
        return {"error" if block.is_error else "result": output}

    # -- media --------------------------------------------------------------------------------------

    def _media(self, block: MediaContent) -> list[dict[str, Any]]:
        if not self._report.own_file(block):
            return []
        self._report.unsaid(block, "data", "url", "file_id", "provider", "mime_type", issuer=self._own(block))
        rest = thaw((state_of(block, self._report.issuer, GENERATE) or {}).get("part", {}))
        if block.data is not None:
            return [{"inlineData": {"mimeType": block.mime_type, "data": block.base64_data}, **rest}]
        return [{"fileData": {"mimeType": block.mime_type, "fileUri": block.url or block.file_id}, **rest}]
