"""Reads contents of ``generateContent``."""

from __future__ import annotations

from typing import Any, Final

import attrs

from lamella import Message
from lamella._frozen import thaw
from lamella._json import dumps
from lamella.content import Block, OpaqueContent, ReasoningBlock, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella_transcripts.forms.gemini_writing import FORM, GENERATE, RAW, ContentsWriter
from lamella_transcripts.node import Node
from lamella_transcripts.patches import difference, note_block, note_message
from lamella_transcripts.reading import ReadReport, make_media, opaque
from lamella_transcripts.writing import Report

__all__ = ["ContentsReader"]

_HELD: Final = frozenset(
    ["text", "args", "name", "id", "data", "fileUri", "parts", "response", "result", "error"]
)
_SPELLINGS: Final = {
    "function_call": "functionCall",
    "function_response": "functionResponse",
    "inline_data": "inlineData",
    "file_data": "fileData",
    "thought_signature": "thoughtSignature",
    "mime_type": "mimeType",
    "file_uri": "fileUri",
}
"""How Google's Python SDK spells the fields of the wire."""


class ContentsReader:
    """Reads a list of contents; each part is a block."""

    def __init__(self, report: ReadReport, issuer: str) -> None:
        self._report = report
        self._issuer = issuer
        self._writer = ContentsWriter(Report(FORM, issuer))
        self._open: dict[str, list[str]] = {}  # calls without an output yet, by name
        self._names: dict[str, str] = {}

    def system(self, node: Node) -> list[Message]:
        """The instruction."""
        if node.value is None:
            return []
        source = {"parts": [{"text": node.value}]} if isinstance(node.value, str) else node.table()
        blocks = self._parts(Node(source, node.path))
        kept = [block for block in blocks if isinstance(block, TextBlock)]
        if len(kept) < len(blocks):
            self._report.drop("systemInstruction", "an instruction holds text only")
        if not kept:
            return []
        made = {"parts": source.get("parts")}
        return [
            note_message(Message(role="system", content=kept), FORM, patch=difference(source, made, _HELD))
        ]

    def contents(self, node: Node) -> list[Message]:
        """The contents."""
        found: list[Message] = []
        for index, each in enumerate(node.nodes()):
            self._report.at(index)
            if (message := self._content(each)) is not None:
                found.append(message)
        return found

    def _content(self, node: Node) -> Message | None:
        source = node.table()
        role = node["role"].one_of("user", "model", "function") if "role" in source else "user"
        blocks = self._parts(node)
        mine: Any = "assistant" if role == "model" else "user"
        if not blocks or (mine == "user" and all(isinstance(b, TextBlock) and not b.text for b in blocks)):
            self._report.at(self._report.message)
            self._report.drop("content", f"the {role} says nothing")
            return None
        message = Message(role=mine, content=blocks)
        made = self._writer.content(0, message) or {}
        return note_message(message, FORM, patch=difference(source, made, _HELD))

    def _parts(self, node: Node) -> list[Block]:
        blocks: list[Block] = []
        for place, each in enumerate(node["parts"].nodes()):
            self._report.at(self._report.message, place)
            each = Node(_spelled(each.table()), each.path)
            if each.value != node["parts"].value[place]:
                self._report.rewrite("part", "its fields are spelled as on the wire now", lossless=True)
            block = self._part(each)
            if block is None:
                continue
            if not isinstance(block, OpaqueContent):
                made = self._writer.parts(block)
                patch = difference(each.value, made[0], _HELD) if len(made) == 1 else {}
                block = note_block(block, FORM, patch=patch)
            blocks.append(block)
        return blocks

    def _part(self, node: Node) -> Block | None:
        source = node.table()
        if "functionCall" in source:
            return self._call(node["functionCall"], source)
        if "functionResponse" in source:
            return self._output(node["functionResponse"])
        if "text" in source:
            return self._text(node, source)
        made: Block | None = None
        if source.get("thought") is not True and ("inlineData" in source or "fileData" in source):
            made = self._media(node, source)
        return opaque(self._issuer, source, next(iter(source), "part")) if made is None else made

    def _text(self, node: Node, source: dict[str, Any]) -> Block:
        text = node["text"].text()
        rest = {
            key: value
            for key, value in source.items()
            if key not in ("text", "thought") and value is not None
        }
        state: dict[str, Any] = {"segments": [[len(text), rest]]} if rest else {}
        signature = rest.get("thoughtSignature")
        alone = not text and isinstance(signature, str) and source.get("thought") is not True
        if source.get("thought") is not True and not alone:
            return TextBlock(text=text, opaque={self._issuer: {GENERATE: state}} if state else {})
        if alone:
            state["alone"] = True
        return ReasoningBlock(
            summary=text or None,
            signature=signature if isinstance(signature, str) else None,
            provider=self._issuer,
            opaque={self._issuer: {GENERATE: state}},
        )

    def _call(self, node: Node, source: dict[str, Any]) -> Block:
        name, given_id = node["name"].text(), node["id"].optional_text()
        index, place = self._report.message, self._report.block
        call_id = given_id or f"call_{index}_{place}"
        self._open.setdefault(name, []).append(call_id)
        self._names[call_id] = name
        given = {} if node["args"].value is None else node["args"].table()
        raw = given.get(RAW) if given.keys() == {RAW} else None
        rest = {key: value for key, value in source.items() if key != "functionCall" and value is not None}
        kept = {key: value for key, value in node.table().items() if key not in ("id", "name", "args")}
        state = {"id": True if given_id else None, "part": rest or None, "call": kept or None}
        known = {key: value for key, value in state.items() if value is not None}
        return ToolCallBlock(
            call_id=call_id,
            name=name,
            arguments_json=raw if isinstance(raw, str) else dumps(given),
            opaque={} if known == {"id": True} else {self._issuer: {GENERATE: known}},
        )

    def _output(self, node: Node) -> Block:
        name, given_id = node["name"].text(), node["id"].optional_text()
        waiting = self._open.get(name, [])
        call_id = given_id or (waiting[0] if waiting else f"call_{self._report.message}_{self._report.block}")
        if call_id in waiting:
            waiting.remove(call_id)
        response = {} if node["response"].value is None else node["response"].table()
        whole = response.keys() not in ({"result"}, {"error"})
        failed = response.keys() == {"error"}
        output: Any = response if whole else next(iter(response.values()))
        parts = self._parts(Node({"parts": node["parts"].value}, node.path))
        if parts and not whole:
            text = output if isinstance(output, str) else dumps(output)
            if output == "" or not isinstance(output, str):
                self._report.rewrite("tool_output", "its result is text beside its media now", lossless=True)
            output = (*([TextBlock(text=text)] if text else []), *parts)
        elif parts:
            output = (TextBlock(text=dumps(thaw(response))), *parts)
            self._report.rewrite("tool_output", "its response is text beside its media now")
        state: dict[str, Any] = {self._issuer: {GENERATE: {}}} if given_id is None else {}
        block = ToolOutputBlock(call_id=call_id, name=name, output=output, is_error=failed, opaque=state)
        return note_block(block, FORM, whole=whole and not parts)

    def _media(self, node: Node, source: dict[str, Any]) -> Block | None:
        inline = "inlineData" in source
        place = node["inlineData" if inline else "fileData"]
        mime_type = place["mimeType"].optional_text() or ""
        kind = mime_type.partition("/")[0]
        kind = kind if kind in ("image", "audio", "video") else "document"
        if not mime_type:
            return None
        if inline:
            made = make_media(
                self._report, place["data"], kind, data=place["data"].text(), mime_type=mime_type
            )
        else:
            made = make_media(self._report, place, kind, url=place["fileUri"].text(), mime_type=mime_type)
        held = ("inlineData", "fileData")
        rest = {key: value for key, value in source.items() if key not in held and value is not None}
        if made is None or not rest:
            return made
        return attrs.evolve(made, opaque={self._issuer: {GENERATE: {"part": rest}}})


def _spelled(source: dict[str, Any]) -> dict[str, Any]:
    """The fields as the wire spells them, one level deep in what they hold."""
    return {
        _SPELLINGS.get(name, name): {_SPELLINGS.get(key, key): item for key, item in value.items()}
        if isinstance(value, dict)
        else value
        for name, value in source.items()
    }
