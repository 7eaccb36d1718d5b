"""Writes messages whose content are typed blocks: Anthropic's Messages API, and lauren-ai after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from lamella import Message
from lamella._frozen import thaw
from lamella.content import Block, MediaContent, ReasoningBlock, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella_transcripts.patches import patched
from lamella_transcripts.writing import Report, state_of

__all__ = ["BLOCK", "MALFORMED", "BlocksWriter"]

BLOCK: Final = "block"
"""The key of a block's remaining fields in ``block.opaque[issuer]``, as lamella-anthropic keeps them."""

MALFORMED: Final = "_malformed_arguments"
"""The input under which lamella-anthropic, too, writes the text of a call that is no JSON object."""


class BlocksWriter:
    """Writes messages one by one; instructions are gathered in ``system``."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self.system: list[dict[str, Any]] = []
        self.plain_system = False  # whether the instruction was one text

    def write(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        """The messages without the instructions."""
        written: list[dict[str, Any]] = []
        for index, message in enumerate(messages):
            if message.role == "system":
                self._instruct(index, message, late=bool(written))
            elif (made := self.message(index, message)) is not None:
                written.append(made)
        return written

    def _instruct(self, index: int, message: Message, *, late: bool) -> None:
        self._report.facts(index, message)
        for place, block in enumerate(message.content):
            with self._report.at(index, place, block, message.role):
                if late:
                    self._report.rewrite("moved to the instruction before the conversation")
                if (made := self.block(block)) is not None:
                    self.system.append(made)
        plain = self._report.shape(message.meta).get("plain")
        self.plain_system = bool(plain) and len(self.system) == 1 == len(message.content)

    def message(self, index: int, message: Message) -> dict[str, Any] | None:
        """One message, ``None`` where nothing of it is written."""
        self._report.facts(index, message, *self.kept_facts(message))
        blocks = []
        for place, block in enumerate(message.content):
            with self._report.at(index, place, block, message.role):
                if (made := self.block(block)) is not None:
                    blocks.append(made)
        if not blocks:
            return None
        made = {"role": message.role, "content": self._content(blocks, message)}
        return patched(made, self._report.shape(message.meta).get("patch"))

    def kept_facts(self, message: Message) -> tuple[str, ...]:
        """The facts that the message's patch holds."""
        patch = self._report.shape(message.meta).get("patch") or {}
        return ("usage",) if "usage" in patch.get("set", {}) else ()

    def _content(self, blocks: list[dict[str, Any]], message: Message) -> Any:
        plain = len(blocks) == 1 and blocks[0].keys() == {"type", "text"}
        if plain and not self._report.shape(message.meta).get("parts"):
            return blocks[0]["text"]
        return blocks

    # -- blocks -------------------------------------------------------------------------------------

    def block(self, block: Block) -> dict[str, Any] | None:
        """One block, ``None`` where nothing of it is written."""
        made: dict[str, Any] | None
        if isinstance(block, TextBlock):
            made = self._text(block)
        elif isinstance(block, ToolCallBlock):
            made = self._call(block)
        elif isinstance(block, ToolOutputBlock):
            made = self._output(block)
        elif isinstance(block, ReasoningBlock):
            made = self._thinking(block)
        elif isinstance(block, MediaContent):
            made = self._media(block)
        else:
            return self._report.own_work(block)
        if made is None:
            return None
        rest = state_of(block, self._report.issuer, BLOCK) or {}
        return patched({**made, **thaw(rest)}, self._report.shape(block.opaque).get("patch"))

    def _own(self, block: Block) -> str | None:
        """The issuer, where the block holds its state."""
        issuer = self._report.issuer
        return issuer if state_of(block, issuer, BLOCK) is not None else None

    def _text(self, block: TextBlock) -> dict[str, Any]:
        own = self._own(block)
        self._report.unsaid(block, "text", *(("annotations",) if own else ()), issuer=own)
        made: dict[str, Any] = {"type": "text", "text": block.text}
        if block.annotations and own:
            made["citations"] = thaw(block.annotations)
        return made

    def _call(self, block: ToolCallBlock) -> dict[str, Any]:
        self._report.unsaid(block, "call_id", "name", "arguments_json", "arguments", issuer=self._own(block))
        given = self._report.arguments(block, MALFORMED)
        return {"type": "tool_use", "id": block.call_id, "name": block.name, "input": given}

    def _output(self, block: ToolOutputBlock) -> dict[str, Any]:
        self._report.unsaid(block, "call_id", "output", "is_error", "name", issuer=self._own(block))
        made: dict[str, Any] = {"type": "tool_result", "tool_use_id": block.call_id}
        if block.parts is None:
            made["content"] = self._report.output_text(block)
        else:
            parts = [self.block(part) for part in block.parts]
            made["content"] = [part for part in parts if part is not None]
        return {**made, "is_error": True} if block.is_error else made

    def _thinking(self, block: ReasoningBlock) -> dict[str, Any] | None:
        issuer = self._report.issuer
        if not block.issued_to(issuer):
            self._report.drop(f"reasoning of {block.provider} means nothing to {issuer}")
            return None
        self._report.vouched(block)
        if block.redacted and block.signature:
            self._report.unsaid(block, "signature", "redacted", "provider", issuer=self._own(block))
            return {"type": "redacted_thinking", "data": block.signature}
        said = "summary" if block.text is None else "text"
        if said == "summary" and block.summary is not None:
            self._report.rewrite("its summary is written as the thinking")
        self._report.unsaid(block, said, "signature", "provider", issuer=self._own(block))
        thought = block.text if block.text is not None else block.summary or ""
        return {"type": "thinking", "thinking": thought, "signature": block.signature or ""}

    def _media(self, block: MediaContent) -> dict[str, Any] | None:
        if block.type not in ("image", "document"):
            self._report.drop(f"{self._report.form} has no form for {block.type}")
            return None
        if not self._report.own_file(block):
            return None
        self._report.unsaid(
            block, "data", "url", "file_id", "provider", "mime_type", "title", "context", "citations",
            issuer=self._own(block),
        )  # fmt: skip
        made: dict[str, Any] = {"type": block.type, "source": _source(block)}
        self._report.hint(block)
        for name in ("title", "context"):
            if (words := getattr(block, name, None)) is not None:
                made[name] = words
        if (cited := getattr(block, "citations", None)) is not None:
            made["citations"] = {"enabled": cited}
        return made


def _source(block: MediaContent) -> dict[str, Any]:
    if block.url is not None:
        return {"type": "url", "url": block.url}
    if block.file_id is not None:
        return {"type": "file", "file_id": block.file_id}
    if block.type == "document" and block.mime_type == "text/plain":
        try:
            return {"type": "text", "media_type": "text/plain", "data": (block.data or b"").decode()}
        except UnicodeDecodeError:
            return {"type": "base64", "media_type": block.mime_type, "data": block.base64_data}
    return {"type": "base64", "media_type": block.mime_type, "data": block.base64_data}
