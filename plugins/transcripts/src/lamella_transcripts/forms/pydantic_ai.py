"""``pydantic-ai``: the JSON of its message history (``ModelMessagesTypeAdapter``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from lamella import Message, TokenUsage
from lamella._frozen import thaw
from lamella._json import dumps
from lamella.content import (
    Block,
    MediaContent,
    OpaqueContent,
    ReasoningBlock,
    TextBlock,
    ToolCallBlock,
    ToolOutputBlock,
)
from lamella_transcripts.formats import Found
from lamella_transcripts.node import Node
from lamella_transcripts.patches import difference, note_block, note_message, patched
from lamella_transcripts.reading import ReadReport, make_media, media_of_url, opaque
from lamella_transcripts.usage import pydantic_ai_usage
from lamella_transcripts.writing import Report

__all__ = ["read", "write"]

FORM: Final = "pydantic-ai"

_HELD: Final = frozenset(
    {"content", "args", "parts", "tool_call_id", "tool_name", "url", "data", "id", "signature"}
)
_URLS: Final = {"image-url": "image", "audio-url": "audio", "document-url": "document", "video-url": "video"}


def read(node: Node, report: ReadReport, issuer: str) -> Found:
    """A list of requests and responses; the instructions in a request are messages of their own."""
    messages: list[Message] = []
    for index, each in enumerate(node.nodes()):
        report.at(index)
        if each["kind"].one_of("request", "response") == "response":
            messages.extend(_message(each, "assistant", each["parts"].nodes(), report))
            continue
        parts = each["parts"].nodes()
        told = [part for part in parts if part["part_kind"].value == "system-prompt"]
        asked = [part for part in parts if part["part_kind"].value != "system-prompt"]
        if told and asked:
            report.rewrite("request", "its instructions are a message of their own", lossless=True)
        for role, some in (("system", told), ("user", asked)):
            messages.extend(_message(each, role, some, report) if some or not parts else [])
    return Found(messages=messages)


def _message(node: Node, role: Any, parts: list[Node], report: ReadReport) -> list[Message]:
    blocks: list[Block] = []
    for place, part in enumerate(parts):
        report.at(report.message, place)
        blocks.extend(_part(part, report))
    if not blocks or (role == "user" and all(isinstance(b, TextBlock) and not b.text for b in blocks)):
        report.drop("message", f"the {role} says nothing")
        return []
    usage = pydantic_ai_usage(node["usage"]) if role == "assistant" else None
    message = Message(role=role, content=blocks, usage=usage)
    made = _Writer(Report(FORM, report.issuer)).message(0, message) or {}
    return [note_message(message, FORM, patch=difference(node.table(), made, _HELD))]


def _part(node: Node, report: ReadReport) -> list[Block]:
    source, kind = node.table(), node["part_kind"].text()
    if kind == "user-prompt" and not isinstance(node["content"].value, str):
        fields = {name: value for name, value in source.items() if name not in ("content", "part_kind")}
        given = [_given(each, report) for each in node["content"].nodes()]
        return [
            note_block(block, FORM, prompt=None if place else {"fields": fields})
            for place, block in enumerate(given)
        ]
    block: Block
    if kind in ("system-prompt", "user-prompt", "text"):
        block = TextBlock(text=node["content"].text())
    elif kind == "thinking":
        block = ReasoningBlock(
            text=node["content"].text(),
            signature=node["signature"].optional_text(),
            reasoning_id=node["id"].optional_text(),
            provider=node["provider_name"].optional_text() or FORM,
        )
    elif kind == "tool-call":
        block = _call(node)
    elif kind in ("tool-return", "retry-prompt") and node["tool_name"].value is not None:
        block = _output(node, retry=kind == "retry-prompt")
    else:
        return [opaque(FORM, source, kind)]
    (made,) = _Writer(Report(FORM, report.issuer)).parts(
        block, "system" if kind == "system-prompt" else "user"
    )
    return [note_block(block, FORM, patch=difference(source, made, _HELD))]


def _call(node: Node) -> Block:
    args = node["args"].value
    text = args if isinstance(args, str) else "" if args is None else dumps(node["args"].table())
    block = ToolCallBlock(
        call_id=node["tool_call_id"].text(), name=node["tool_name"].text(), arguments_json=text
    )
    return note_block(block, FORM, object=isinstance(args, dict))


def _output(node: Node, *, retry: bool) -> Block:
    output = node["content"].value
    failed = retry or node["outcome"].value not in (None, "success")
    return ToolOutputBlock(
        call_id=node["tool_call_id"].text(), name=node["tool_name"].text(), output=output, is_error=failed
    )


def _given(node: Node, report: ReadReport) -> Block:
    """What stands in a user's prompt."""
    if isinstance(node.value, str):
        return note_block(TextBlock(text=node.value), FORM, inside=True)
    source, kind = node.table(), node["kind"].optional_text() or "content"
    block: Block | None = None
    if kind in _URLS:
        hint = node["media_type"].optional_text()
        block = media_of_url(report, node["url"], _URLS[kind], node["url"].text(), hint)
    elif kind == "binary":
        mime_type = node["media_type"].text()
        family = mime_type.partition("/")[0]
        family = family if family in ("image", "audio", "video") else "document"
        block = make_media(report, node["data"], family, data=node["data"].text(), mime_type=mime_type)
    if block is None:
        return opaque(FORM, source, kind, inside=True)
    made = _Writer(Report(FORM, report.issuer)).medium(block)
    return note_block(block, FORM, patch=difference(source, made or {}, _HELD), inside=True)


def write(messages: Sequence[Message], report: Report) -> list[dict[str, Any]]:
    """A list of requests and responses, one for each message."""
    writer = _Writer(report)
    made = [writer.message(index, message) for index, message in enumerate(messages)]
    return [each for each in made if each is not None]


class _Writer:
    def __init__(self, report: Report) -> None:
        self._report = report

    def message(self, index: int, message: Message) -> dict[str, Any] | None:
        self._report.facts(index, message, "usage")
        parts: list[dict[str, Any]] = []
        for place, block in enumerate(message.content):
            with self._report.at(index, place, block, message.role):
                for part in self.parts(block, message.role):
                    self._add(parts, part)
        if not parts:
            return None
        made: dict[str, Any] = {
            "kind": "response" if message.role == "assistant" else "request",
            "parts": parts,
        }
        if message.usage is not None and message.role == "assistant":
            made["usage"] = _usage(message.usage)
        return patched(made, self._report.shape(message.meta).get("patch"))

    def _add(self, parts: list[dict[str, Any]], part: dict[str, Any]) -> None:
        """Put what stands in a user's prompt into one."""
        if "part_kind" in part:
            parts.append(part)
        elif (
            "fields" not in part
            and parts
            and parts[-1]["part_kind"] == "user-prompt"
            and isinstance(parts[-1]["content"], list)
        ):
            parts[-1]["content"].append(part["inside"])
        else:
            parts.append(
                {"part_kind": "user-prompt", "content": [part["inside"]], **thaw(part.get("fields", {}))}
            )

    def parts(self, block: Block, role: str) -> list[dict[str, Any]]:
        """A part, or what stands in a user's prompt."""
        made: dict[str, Any] | None
        shape = self._report.shape(block.opaque)
        inside, prompt = bool(shape.get("inside")), shape.get("prompt") or {}
        if isinstance(block, TextBlock):
            self._report.unsaid(block, "text")
            if inside:
                return [{"inside": block.text, **prompt}]
            kind = {"system": "system-prompt", "user": "user-prompt", "assistant": "text"}[role]
            made = {"part_kind": kind, "content": block.text}
        elif isinstance(block, ToolCallBlock):
            made = self._call(block)
        elif isinstance(block, ToolOutputBlock):
            made = self._output(block)
        elif isinstance(block, ReasoningBlock):
            made = self._thinking(block)
        elif isinstance(block, MediaContent):
            medium = self.medium(block) if role == "user" else None
            if role != "user":
                self._report.drop(f"{FORM} has no form for {block.type} of the assistant")
            return [] if medium is None else [{"inside": medium, **prompt}]
        else:
            made = self._report.own_work(block)
            if made is not None and isinstance(block, OpaqueContent) and block.data.get("inside"):
                return [{"inside": made, **prompt}]
        return [] if made is None else [patched(made, self._report.shape(block.opaque).get("patch"))]

    def _call(self, block: ToolCallBlock) -> dict[str, Any]:
        self._report.unsaid(block, "call_id", "name", "arguments_json", "arguments")
        whole = self._report.shape(block.opaque).get("object") and block.arguments is not None
        args = thaw(block.arguments) if whole else block.arguments_json
        return {
            "part_kind": "tool-call",
            "tool_name": block.name,
            "args": args,
            "tool_call_id": block.call_id,
        }

    def _output(self, block: ToolOutputBlock) -> dict[str, Any]:
        self._report.unsaid(block, "call_id", "name", "output", "is_error")
        content = thaw(block.output) if block.parts is None else self._report.output_text(block)
        made = {"part_kind": "tool-return", "tool_name": block.name or "unknown", "content": content}
        if block.name is None:
            self._report.rewrite(f"{FORM} wants the name of the tool: called 'unknown'")
        return {**made, "tool_call_id": block.call_id, "outcome": "failed" if block.is_error else "success"}

    def _thinking(self, block: ReasoningBlock) -> dict[str, Any]:
        """Thinking has a field for whose it is, so that any issuer's may be written."""
        said = "text" if block.text is not None else "summary"
        if said == "summary" and block.summary is not None:
            self._report.rewrite("its summary is written as the thinking")
        if block.provider is None:
            self._report.rewrite(f"it was nobody's, and reads as {FORM}'s now", lossless=True)
        self._report.unsaid(block, said, "signature", "reasoning_id", "provider")
        words = block.text if block.text is not None else block.summary or ""
        made = {
            "part_kind": "thinking",
            "content": words,
            "id": block.reasoning_id,
            "signature": block.signature,
        }
        return {**made, "provider_name": block.provider}

    def medium(self, block: Block) -> dict[str, Any] | None:
        """Media in a user's prompt."""
        if not isinstance(block, MediaContent) or block.file_id is not None:
            self._report.drop(f"{FORM} has no form for a file id")
            return None
        self._report.unsaid(block, "data", "url", "mime_type")
        if block.data is not None:
            made = {"kind": "binary", "data": block.base64_data, "media_type": block.mime_type}
        elif f"{block.type}-url" in _URLS:
            made = {"kind": f"{block.type}-url", "url": block.url, "media_type": block.mime_type}
        else:
            self._report.drop(f"{FORM} has no form for {block.type}")
            return None
        return patched(made, self._report.shape(block.opaque).get("patch"))


def _usage(usage: TokenUsage) -> dict[str, Any]:
    """The counts as pydantic-ai has them: input and output include the rest."""
    heard, spoken = usage.audio_input_tokens or 0, usage.audio_output_tokens or 0
    read_, written = usage.cached_read_tokens or 0, usage.cached_write_tokens or 0
    counts = {
        "input_tokens": (usage.input_tokens or 0) + read_ + written + heard,
        "output_tokens": (usage.output_tokens or 0) + (usage.reasoning_tokens or 0) + spoken,
        "cache_read_tokens": read_,
        "cache_write_tokens": written,
        "input_audio_tokens": heard,
        "output_audio_tokens": spoken,
    }
    made: dict[str, Any] = {name: count for name, count in counts.items() if count}
    return (
        {**made, "details": {"reasoning_tokens": usage.reasoning_tokens}} if usage.reasoning_tokens else made
    )
