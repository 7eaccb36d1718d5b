"""Reads items of the Responses API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from lamella import Message
from lamella.content import Block, OpaqueContent, ReasoningBlock, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella_transcripts.forms.responses_writing import CUSTOM, ITEM, ItemsWriter
from lamella_transcripts.node import Node
from lamella_transcripts.patches import difference, note_block
from lamella_transcripts.reading import ReadReport, make_media, media_of_url, opaque
from lamella_transcripts.writing import Report

__all__ = ["FORM", "ItemsReader"]

FORM: Final = "openai.responses"

_HELD: Final = frozenset(
    [
        "text",
        "refusal",
        "annotations",
        "image_url",
        "file_data",
        "file_url",
        "file_id",
        "content",
        "summary",
        "encrypted_content",
        "arguments",
        "input",
        "output",
        "call_id",
        "name",
        "logprobs",
    ]
)
_CALLS: Final = ("function_call", CUSTOM)
_OUTPUTS: Final = ("function_call_output", "custom_tool_call_output")
_GIVEN: Final = ("_output", "_response", "item_reference")
"""How the types of items end that the caller gives; others the model makes."""


class ItemsReader:
    """Reads a list of items; what the model made between two inputs is one message."""

    def __init__(self, report: ReadReport, issuer: str) -> None:
        self._report = report
        self._issuer = issuer
        self._writer = ItemsWriter(Report(FORM, issuer))
        self._names: dict[str, str] = {}
        self._messages: list[Message] = []
        self._outputs = False
        self._follows: str | None = None

    def read(self, node: Node) -> list[Message]:
        """All items."""
        for index, each in enumerate(node.nodes()):
            self._report.at(index)
            source = each.table()
            kind = source.get("type", "message")
            if kind == "message":
                self._message(index, each, source)
            elif kind in _OUTPUTS:
                self._given(self._output(each, source))
            elif isinstance(kind, str) and kind.endswith(_GIVEN):
                self._given(opaque(self._issuer, source))
            else:
                self._made([self._item(each, source, kind)])
        return self._messages

    def _given(self, block: Block) -> None:
        """An output, which goes to the outputs before it."""
        if self._outputs:
            last = self._messages.pop()
            self._messages.append(attrs.evolve(last, content=(*last.content, block)))
        else:
            self._messages.append(Message.user([block]))
        self._outputs = True
        self._follows = None

    def _made(self, blocks: list[Block]) -> None:
        """What the model made, which goes to what it made before."""
        self._outputs = False
        if self._messages and self._messages[-1].role == "assistant":
            last = self._messages.pop()
            blocks = [*last.content, *blocks]
        self._messages.append(Message.assistant(blocks))

    # -- messages -----------------------------------------------------------------------------------

    def _message(self, index: int, node: Node, source: dict[str, Any]) -> None:
        role = node["role"].one_of("system", "developer", "user", "assistant")
        blocks = self._parts(node, source, role)
        if role == "assistant":
            blocks = [note_block(block, FORM, place=index + 1) for block in blocks]
        if role in ("system", "developer"):
            kept: list[Block] = [block for block in blocks if isinstance(block, TextBlock)]
            if len(kept) < len(blocks):
                self._report.drop("content", "an instruction holds text only")
            blocks = kept
        mine: Any = "system" if role == "developer" else role
        empty = all(isinstance(block, TextBlock) and not block.text for block in blocks)
        if not blocks or (role == "user" and empty):
            self._report.drop("message", f"the {role} says nothing")
            return
        made = self._writer.items(0, Message(role=mine, content=blocks))[0]
        blocks[0] = note_block(blocks[0], FORM, item=difference(source, made, _HELD))
        if role == "assistant":
            self._made(blocks)
            return
        self._outputs, self._follows = False, None
        self._messages.append(Message(role=mine, content=blocks))

    def _parts(self, node: Node, source: dict[str, Any], role: str) -> list[Block]:
        content = node["content"]
        if isinstance(content.value, str):
            state = self._message_state(source, {}) if role == "assistant" and "id" in source else {}
            block = TextBlock(text=content.value, opaque=state)
            return [note_block(block, FORM, plain=True)]
        blocks = []
        for place, part in enumerate(content.nodes()):
            self._report.at(self._report.message, place)
            block_ = self._part(part, source, role)
            made = None if isinstance(block_, OpaqueContent) else self._writer.part(block_, role)
            if made is not None:
                block_ = note_block(block_, FORM, patch=difference(part.table(), made, _HELD))
            blocks.append(block_)
        return blocks

    def _message_state(self, source: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
        """What lamella-openai keeps of a message item and a part of it."""
        state: dict[str, Any] = {ITEM: _rest(source, "type", "role", "content")}
        if part.get("type") == "refusal":
            state["refusal"] = True
        if rest := _rest(part, "type", "text", "annotations", "logprobs", "refusal"):
            state["part"] = rest
        if self._follows is not None:
            state["follows"] = self._follows
        return {self._issuer: state}

    def _part(self, node: Node, source: dict[str, Any], role: str) -> Block:
        part = node.table()
        kind = node["type"].text()
        if kind in ("input_text", "output_text", "text", "refusal"):
            text = node["refusal" if kind == "refusal" else "text"].text()
            own = role == "assistant" and ("id" in source or kind == "refusal" or "annotations" in part)
            if not own:
                return TextBlock(text=text)
            cited = [each.table() for each in node["annotations"].nodes()]
            odds = node["logprobs"].nodes() or None
            return TextBlock(
                text=text,
                annotations=cited,
                logprobs=None if odds is None else [each.table() for each in odds],
                opaque=self._message_state(source, part),
            )
        made: Block | None = None
        if kind == "input_image":
            made = self._image(node)
        elif kind == "input_file":
            made = self._file(node)
        return opaque(self._issuer, part, part=True) if made is None else made

    def _image(self, node: Node) -> Block | None:
        detail = node["detail"].optional_text()
        if node["file_id"].value is not None:
            given = {"file_id": node["file_id"].text(), "provider": self._issuer, "detail": detail}
            return make_media(self._report, node, "image", **given)
        address = node["image_url"]
        return media_of_url(self._report, address, "image", address.text(), detail=detail)

    def _file(self, node: Node) -> Block | None:
        name = node["filename"].optional_text()
        if node["file_id"].value is not None:
            given = {"file_id": node["file_id"].text(), "provider": self._issuer, "name": name}
            return make_media(self._report, node, "document", **given)
        address = node["file_data" if node["file_data"].value is not None else "file_url"]
        return media_of_url(self._report, address, "document", address.text(), name=name)

    # -- items --------------------------------------------------------------------------------------

    def _output(self, node: Node, source: dict[str, Any]) -> Block:
        call_id = node["call_id"].text()
        output: Any = node["output"].value
        if not isinstance(output, str):
            output = tuple(self._parts(Node({"content": output}, node.path), {}, "user")) or ""
        block = ToolOutputBlock(call_id=call_id, name=self._names.get(call_id), output=output)
        made = self._writer.item(block) or {}
        return note_block(block, FORM, patch=difference(source, made, _HELD))

    def _item(self, node: Node, source: dict[str, Any], kind: Any) -> Block:
        if kind == "reasoning":
            return self._reasoning(node, source)
        if kind in _CALLS:
            return self._call(node, source, kind)
        if kind == "image_generation_call" and isinstance(source.get("result"), str) and source["result"]:
            return self._image_made(node, source)
        block = opaque(self._issuer, source)
        state = {} if self._follows is None else {self._issuer: {"follows": self._follows}}
        return attrs.evolve(block, opaque=state)

    def _image_made(self, node: Node, source: dict[str, Any]) -> Block:
        kind = f"image/{source.get('output_format') or 'png'}"
        made = make_media(self._report, node["result"], "image", data=source["result"], mime_type=kind)
        if made is None:
            return opaque(self._issuer, source)
        return attrs.evolve(made, opaque={self._issuer: self._with({ITEM: _rest(source, "result")})})

    def _call(self, node: Node, source: dict[str, Any], kind: str) -> Block:
        custom = kind == CUSTOM
        call_id, name = node["call_id"].text(), node["name"].text()
        self._names[call_id] = name
        text = node["input" if custom else "arguments"].text()
        held = ("call_id", "name", "input") if custom else ("call_id", "name", "arguments", "type")
        state = {self._issuer: self._with({ITEM: _rest(source, *held)})}
        block = ToolCallBlock(call_id=call_id, name=name, arguments_json=text, opaque=state)
        return note_block(block, FORM, patch=difference(source, self._writer.item(block) or {}, _HELD))

    def _with(self, state: dict[str, Any]) -> dict[str, Any]:
        return state if self._follows is None else {**state, "follows": self._follows}

    def _reasoning(self, node: Node, source: dict[str, Any]) -> Block:
        joined: dict[str, str | None] = {}
        held = ["type", "id", "encrypted_content"]
        for name, kind in (("summary", "summary_text"), ("content", "reasoning_text")):
            parts = node[name].nodes()
            joined[name] = "".join(part["text"].optional_text() or "" for part in parts) if parts else None
            usual = {"type": kind, "text": joined[name]}
            if len(parts) <= 1 and all(part.value == usual for part in parts):
                held.append(name)
        self._follows = node["id"].optional_text()
        block = ReasoningBlock(
            summary=joined["summary"],
            text=joined["content"],
            signature=node["encrypted_content"].optional_text(),
            reasoning_id=self._follows,
            provider=self._issuer,
            opaque={self._issuer: {ITEM: _rest(source, *held)}},
        )
        return note_block(block, FORM, patch=difference(source, self._writer.item(block) or {}, _HELD))


def _rest(source: Mapping[str, Any], *held: str) -> dict[str, Any]:
    return {name: value for name, value in source.items() if name not in held and value is not None}
