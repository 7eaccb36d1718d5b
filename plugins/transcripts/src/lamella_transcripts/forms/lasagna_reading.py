"""Reads the messages of lasagna-ai."""

from __future__ import annotations

from typing import Any, Final

from lamella import Message
from lamella._frozen import freeze
from lamella.content import Block, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella_transcripts.forms.lasagna_writing import FORM, LasagnaWriter
from lamella_transcripts.node import Node
from lamella_transcripts.patches import difference, note_block, note_message
from lamella_transcripts.reading import ReadReport, media_of_url, opaque
from lamella_transcripts.usage import lasagna_usage
from lamella_transcripts.writing import Report

__all__ = ["LasagnaReader"]

_ROLES: Final = {"system": "system", "human": "user", "ai": "assistant"}
_HELD: Final = frozenset({"text", "media", "tools", "call_id", "name", "arguments", "result"})


class LasagnaReader:
    """Reads a list of messages.

    What a model said and the calls that it made in the same answer are one message here, where not both
    have a cost or a payload.
    """

    def __init__(self, report: ReadReport) -> None:
        self._report = report
        self._writer = LasagnaWriter(Report(FORM, FORM))
        self._names: dict[str, str] = {}

    def read(self, node: Node) -> list[Message]:
        """All messages."""
        found: list[Message] = []
        said: Node | None = None  # the message before, if calls may belong to it
        for index, each in enumerate(node.nodes()):
            self._report.at(index)
            role = each["role"].one_of("system", "human", "ai", "tool_call", "tool_res")
            if role == "tool_call" and said is not None and found and _one_answer(said, each):
                found[-1] = self._answer(found[-1], said, each)
                said = None
                continue
            message = self._message(each, role)
            said = each if role == "ai" and message is not None else None
            if message is not None:
                found.append(message)
        return found

    def _message(self, node: Node, role: str) -> Message | None:
        if role == "tool_call":
            blocks: list[Block] = [self._call(call) for call in node["tools"].nodes()]
        elif role == "tool_res":
            blocks = [self._result(result) for result in node["tools"].nodes()]
        else:
            blocks = self._said(node)
        mine: Any = {"tool_call": "assistant", "tool_res": "user"}.get(role) or _ROLES[role]
        if not blocks or (mine == "user" and all(isinstance(b, TextBlock) and not b.text for b in blocks)):
            self._report.at(self._report.message)
            self._report.drop("message", f"a message of {role} that says nothing")
            return None
        usage = lasagna_usage(node["cost"])
        message = Message(role=mine, content=blocks, usage=usage, raw=node["raw"].value)
        (made,) = self._writer.message(0, message)
        patch = difference(node.table(), made, _HELD)
        return note_message(message, FORM, **{"calls" if "tools" in made else "patch": patch})

    def _answer(self, message: Message, said: Node, calls: Node) -> Message:
        """A message with the calls that follow it."""
        first = said["cost"].value is not None or said["raw"].value is not None
        blocks = [*message.content, *(self._call(call) for call in calls["tools"].nodes())]
        joined = Message(
            role="assistant",
            content=blocks,
            usage=message.usage or lasagna_usage(calls["cost"]),
            raw=message.raw if message.raw is not None else calls["raw"].value,
        )
        joined = note_message(joined, FORM, first=first)
        (text, made) = self._writer.message(0, joined)
        patch, more = difference(said.table(), text, _HELD), difference(calls.table(), made, _HELD)
        return note_message(joined, FORM, patch=patch, calls=more)

    def _said(self, node: Node) -> list[Block]:
        text = node["text"].optional_text()
        blocks: list[Block] = [] if text is None else [TextBlock(text=text)]
        for place, each in enumerate(node["media"].nodes()):
            self._report.at(self._report.message, place)
            blocks.append(self._medium(each))
        if node["role"].value == "system" and any(not isinstance(block, TextBlock) for block in blocks):
            self._report.drop("media", "an instruction holds text only")
            blocks = [block for block in blocks if isinstance(block, TextBlock)]
        return blocks

    def _medium(self, node: Node) -> Block:
        source = node.table()
        if node["type"].text() != "image":
            return opaque(FORM, source)
        address = node["image"].text()
        if address.startswith("data:"):  # lasagna-ai takes it for a path
            return opaque(FORM, source)
        made = media_of_url(self._report, node["image"], "image", address)
        return opaque(FORM, source) if made is None else made

    def _call(self, node: Node) -> Block:
        call_id, name = node["call_id"].text(), node["function"]["name"].text()
        self._names[call_id] = name
        arguments = node["function"]["arguments"].text()
        block = ToolCallBlock(call_id=call_id, name=name, arguments_json=arguments)
        return self._noted(block, node)

    def _result(self, node: Node) -> Block:
        call_id, kind = node["call_id"].text(), node["type"].one_of("any", "layered_agent")
        output = node["result"].value if kind == "any" else _last_text(node["run"])
        failed = node["is_error"].value is True
        name = self._names.get(call_id)
        block = ToolOutputBlock(call_id=call_id, name=name, output=freeze(output), is_error=failed)
        return self._noted(block, node, frozenset(_HELD - {"result"}) if kind != "any" else _HELD)

    def _noted(self, block: Any, node: Node, held: frozenset[str] = _HELD) -> Block:
        patch = difference(node.table(), self._writer.tool(block), held)
        if "run" in patch.get("set", {}):
            patch = {**patch, "gone": ["result"]}
        return note_block(block, FORM, patch=patch)


def _one_answer(said: Node, calls: Node) -> bool:
    """Whether calls follow, and at most one of the two messages records what the answer cost and how it came."""
    if not calls["tools"].value:
        return False
    facts = [(node["cost"].value, node["raw"].value) for node in (said, calls)]
    return any(cost is None and raw is None for cost, raw in facts)


def _last_text(run: Node) -> str:
    """What an agent that was called as a tool said last."""
    if run["type"].value in ("messages", "extraction"):
        texts = [each["text"].value for each in run["messages"].nodes() if each["text"].value]
        return str(texts[-1]) if texts else ""
    runs = run["runs"].nodes()
    return _last_text(runs[-1]) if runs else ""
