"""Writes messages as items of the Responses API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from lamella import Message
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
from lamella_transcripts.patches import patched
from lamella_transcripts.writing import Report, state_of

__all__ = ["CUSTOM", "ITEM", "ItemsWriter"]

ITEM: Final = "item"
"""The key of an item's state in ``block.opaque[issuer]``, as lamella-openai keeps it."""

CUSTOM: Final = "custom_tool_call"


class ItemsWriter:
    """Writes a list of items: what a message holds beside text and media are items of their own."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._custom: set[str] = set()

    def write(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        """All items, in order."""
        return [made for index, message in enumerate(messages) for made in self.items(index, message)]

    def items(self, index: int, message: Message) -> list[dict[str, Any]]:
        """What one message becomes."""
        self._report.facts(index, message)
        items: list[dict[str, Any]] = []
        key: Any = None  # of the open message item
        for place, block in enumerate(message.content):
            with self._report.at(index, place, block, message.role):
                made = self._block(block, message)
                if made is None:
                    continue
                if not _is_part(block, made):
                    items.append(made)
                    key = None
                    continue
                mine = self._key(block)
                if key is None or mine != key:
                    items.append(self._open(block, message))
                    key = mine
                items[-1]["content"].append(made)
        return [self._close(item) for item in items]

    def _key(self, block: Block) -> Any:
        """Which message item a part belongs to."""
        shape = self._report.shape(block.opaque)
        state = state_of(block, self._report.issuer, ITEM) or {}
        return shape.get("place") or ("id", state.get("id"))

    def _open(self, block: Block, message: Message) -> dict[str, Any]:
        """A message item without its parts; ``patch`` is taken out when it is closed."""
        state = state_of(block, self._report.issuer, ITEM)
        made: dict[str, Any] = {"role": message.role, "content": []}
        if state is not None:
            made = {"type": "message", "role": message.role, **thaw(state), "content": []}
        shape = self._report.shape(block.opaque)
        return {**made, "_shape": {"patch": shape.get("item"), "plain": shape.get("plain")}}

    def _close(self, item: dict[str, Any]) -> dict[str, Any]:
        shape = item.pop("_shape", None)
        if shape is None:
            return item
        parts = item["content"]
        if len(parts) == 1 and "text" in parts[0] and shape["plain"]:
            item["content"] = parts[0]["text"]
        return patched(item, shape["patch"])

    # -- blocks -------------------------------------------------------------------------------------

    def _block(self, block: Block, message: Message) -> dict[str, Any] | None:
        if isinstance(block, TextBlock | MediaContent):
            return self.part(block, message.role)
        return self.item(block)

    def part(self, block: Block, role: str) -> dict[str, Any] | None:
        """A part of a message item, or the item that made an image."""
        made: dict[str, Any] | None
        if isinstance(block, TextBlock):
            made = self._text(block, role)
        elif role == "assistant":
            return self._made_media(block)
        elif isinstance(block, MediaContent):
            made = self._media(block)
        else:
            return self._report.own_work(block)
        return None if made is None else patched(made, self._report.shape(block.opaque).get("patch"))

    def _text(self, block: TextBlock, role: str) -> dict[str, Any]:
        state = block.opaque_for(self._report.issuer)
        own = isinstance(state, Mapping) and isinstance(state.get(ITEM), Mapping)
        if role != "assistant":
            self._report.unsaid(block, "text")
            return {"type": "input_text", "text": block.text}
        if not own:
            self._report.unsaid(block, "text")
            return {"type": "output_text", "text": block.text}
        self._report.unsaid(block, "text", "annotations", "logprobs", issuer=self._report.issuer)
        rest = thaw(state.get("part", {}))
        if state.get("refusal"):
            return {"type": "refusal", "refusal": block.text, **rest}
        made = {"type": "output_text", "text": block.text, "annotations": thaw(block.annotations), **rest}
        return made if block.logprobs is None else {**made, "logprobs": thaw(block.logprobs)}

    def _media(self, block: MediaContent) -> dict[str, Any] | None:
        if block.type not in ("image", "document"):
            self._report.drop(f"{self._report.form} has no form for {block.type}")
            return None
        if not self._report.own_file(block):
            return None
        said = ("data", "url", "file_id", "provider", "mime_type")
        self._report.hint(block)
        if block.type == "image":
            self._report.unsaid(block, *said, "detail")
            fields = {"image_url": block.data_uri or block.url, "file_id": block.file_id}
            fields["detail"] = getattr(block, "detail", None)
            return {"type": "input_image", **{name: value for name, value in fields.items() if value}}
        self._report.unsaid(block, *said, "name")
        fields = {
            "filename": block.name,
            "file_data": block.data_uri,
            "file_url": block.url,
            "file_id": block.file_id,
        }
        return {"type": "input_file", **{name: value for name, value in fields.items() if value}}

    def _made_media(self, block: Block) -> dict[str, Any] | None:
        state = state_of(block, self._report.issuer, ITEM)
        if isinstance(block, MediaContent) and state is not None:
            self._report.unsaid(block, "data", "mime_type", issuer=self._report.issuer)
            return {**thaw(state), "result": block.base64_data}
        self._report.drop(
            f"{self._report.form} has no place for {getattr(block, 'type', 'media')} of the assistant"
        )
        return None

    def item(self, block: Block) -> dict[str, Any] | None:
        """The item of a call, an output, reasoning or server-side work."""
        made: dict[str, Any] | None
        if isinstance(block, ToolCallBlock):
            made = self._call(block)
        elif isinstance(block, ToolOutputBlock):
            made = self._output(block)
        elif isinstance(block, ReasoningBlock):
            made = self._reasoning(block)
        else:
            return self._report.own_work(block)
        return None if made is None else patched(made, self._report.shape(block.opaque).get("patch"))

    def _own(self, block: Block) -> str | None:
        issuer = self._report.issuer
        return issuer if state_of(block, issuer, ITEM) is not None else None

    def _call(self, block: ToolCallBlock) -> dict[str, Any]:
        self._report.unsaid(block, "call_id", "name", "arguments_json", "arguments", issuer=self._own(block))
        rest = thaw(state_of(block, self._report.issuer, ITEM) or {})
        custom = rest.get("type") == CUSTOM
        if custom:
            self._custom.add(block.call_id)
        body = {("input" if custom else "arguments"): block.arguments_json}
        return {"type": "function_call", "call_id": block.call_id, "name": block.name, **body, **rest}

    def _output(self, block: ToolOutputBlock) -> dict[str, Any]:
        self._report.unsaid(block, "call_id", "name", "output", "is_error")
        if block.is_error:
            self._report.rewrite("written without the mark of an error: its text says so", lossless=True)
        kind = "custom_tool_call_output" if block.call_id in self._custom else "function_call_output"
        output: Any
        if block.parts is None:
            output = self._report.output_text(block)
        else:
            parts = [self.part(part, "user") for part in block.parts]
            output = [part for part in parts if part is not None]
        return {"type": kind, "call_id": block.call_id, "output": output}

    def _reasoning(self, block: ReasoningBlock) -> dict[str, Any] | None:
        issuer = self._report.issuer
        if not block.issued_to(issuer):
            self._report.drop(f"reasoning of {block.provider} means nothing to {issuer}")
            return None
        state = state_of(block, issuer, ITEM)
        if state is None and block.reasoning_id is None:
            self._report.drop(f"{self._report.form} takes reasoning by its id, and it has none")
            return None
        self._report.unsaid(
            block, "summary", "text", "signature", "reasoning_id", "provider", issuer=self._own(block)
        )
        self._report.vouched(block)
        made: dict[str, Any] = {"type": "reasoning", "id": block.reasoning_id, "summary": []}
        if block.summary is not None:
            made["summary"] = [{"type": "summary_text", "text": block.summary}]
        if block.text is not None:
            made["content"] = [{"type": "reasoning_text", "text": block.text}]
        if block.signature is not None:
            made["encrypted_content"] = block.signature
        return {**made, **thaw(state or {})}


def _is_part(block: Block, made: Mapping[str, Any]) -> bool:
    """Whether something belongs into a message item, and is none of its own."""
    if isinstance(block, OpaqueContent):
        return block.data.get("part") is True
    return made.get("type") in _PARTS


_PARTS: Final = ("input_text", "output_text", "refusal", "input_image", "input_file", "input_audio", "text")
