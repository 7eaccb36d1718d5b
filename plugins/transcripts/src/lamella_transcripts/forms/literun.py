"""``literun``: LiteRun's prompt messages, or the items and the usage of one of its results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from lamella import Message
from lamella._frozen import thaw
from lamella._json import dumps
from lamella.content import Block, ReasoningBlock, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella.usage import add_usage
from lamella_transcripts.formats import Found
from lamella_transcripts.node import Node
from lamella_transcripts.patches import difference, note_block, patched
from lamella_transcripts.reading import ReadReport
from lamella_transcripts.usage import literun_usage
from lamella_transcripts.writing import Report

__all__ = ["read", "write"]

FORM: Final = "literun"

_HELD: Final = frozenset(
    [
        "text",
        "call_id",
        "name",
        "arguments",
        "output",
        "summary",
        "signature",
        "reasoning_id",
        "provider_meta",
    ]
)
_RAW: Final = "raw_arguments"


def read(node: Node, report: ReadReport, issuer: str) -> Found:
    """A list of prompt messages, a list of run items, or a result."""
    if isinstance(node.value, dict):
        found = _items(node["new_items"], report)
        usage = literun_usage(node["token_usage"]) or found.usage
        report.at(None)
        for name in ("timing",):
            if node[name].value is not None:
                report.drop(name, "it says when the run was, and is no part of a message")
        return Found(messages=found.messages, usage=usage)
    nodes = node.nodes()
    if nodes and all("item" in str(each["type"].value) for each in nodes):
        return _items(node, report)
    return Found(
        messages=[message for place, each in enumerate(nodes) if (message := _message(place, each, report))]
    )


# -- messages -----------------------------------------------------------------------------------------


def _message(index: int, node: Node, report: ReadReport) -> Message | None:
    report.at(index)
    role: Any = node["role"].one_of("system", "user", "assistant")
    blocks = [_block(each, report.issuer) for each in node["content"].nodes()]
    if not blocks:
        node["content"].fail("at least one block")
    if role == "user" and all(isinstance(block, TextBlock) and not block.text for block in blocks):
        report.drop("message", "the user says nothing")
        return None
    return Message(role=role, content=blocks)


def _block(node: Node, issuer: str) -> Block:
    source = node.table()
    kind = node["type"].one_of("text", "tool_call", "tool_output", "reasoning")
    block: Block
    if kind == "text":
        block = TextBlock(text=node["text"].text())
    elif kind == "tool_call":
        given = node["arguments"].table()
        raw = given.get(_RAW) if given.keys() == {_RAW} else None
        text = raw if isinstance(raw, str) else dumps(given)
        block = ToolCallBlock(call_id=node["call_id"].text(), name=node["name"].text(), arguments_json=text)
    elif kind == "tool_output":
        block = _output(node, node["output"].value)
    else:
        block = _reasoning(node, issuer)
    return note_block(block, FORM, patch=difference(source, _write_block(block, Report(FORM, issuer)), _HELD))


def _output(node: Node, output: Any) -> ToolOutputBlock:
    failed = node["is_error"].value
    return ToolOutputBlock(
        call_id=node["call_id"].text(),
        name=node["name"].optional_text(),
        output=output,
        is_error=bool(failed),
    )


def _reasoning(node: Node, issuer: str) -> ReasoningBlock:
    """Reasoning; LiteRun does not say whose it is, so that the caller must."""
    return ReasoningBlock(
        provider=issuer,
        summary=node["summary"].optional_text(),
        signature=node["signature"].optional_text(),
        reasoning_id=node["reasoning_id"].optional_text(),
        provider_meta=None if node["provider_meta"].value is None else node["provider_meta"].table(),
    )


# -- items --------------------------------------------------------------------------------------------


def _items(node: Node, report: ReadReport) -> Found:
    """The items of a run: what a model made between two outputs is one message."""
    found: list[Message] = []
    total = None
    for index, each in enumerate(node.nodes()):
        report.at(index)
        role: Any = "user" if each["type"].value == "tool.output.item" else "assistant"
        block = _item(each, report.issuer)
        if each["raw_item"].value is not None:
            report.drop("raw_item", "a message has one payload, its items have none")
        usage = literun_usage(each["token_usage"])
        total = add_usage(total, usage)
        if found and found[-1].role == role:
            last = found.pop()
            block_and = [*last.content, block]
            found.append(Message(role=role, content=block_and, usage=add_usage(last.usage, usage)))
        else:
            found.append(Message(role=role, content=[block], usage=usage))
    return Found(messages=found, usage=total)


def _item(node: Node, issuer: str) -> Block:
    kind = node["type"].one_of("message.output.item", "tool.call.item", "tool.output.item", "reasoning.item")
    if kind == "message.output.item":
        content = node["content"].value
        return TextBlock(
            text=content if isinstance(content, str) else "" if content is None else dumps(content)
        )
    if kind == "tool.call.item":
        given = {} if node["arguments"].value is None else node["arguments"].table()
        return ToolCallBlock(
            call_id=node["call_id"].text(), name=node["name"].text(), arguments_json=dumps(given)
        )
    if kind == "tool.output.item":
        return _output(node, "" if node["result"].value is None else node["result"].value)
    return ReasoningBlock(
        provider=issuer,
        summary=node["summary"].optional_text(),
        signature=node["signature"].optional_text(),
        reasoning_id=node["id"].optional_text(),
    )


# -- writing ------------------------------------------------------------------------------------------


def write(messages: Sequence[Message], report: Report) -> list[dict[str, Any]]:
    """A list of prompt messages."""
    written: list[dict[str, Any]] = []
    for index, message in enumerate(messages):
        report.facts(index, message)
        blocks = []
        for place, block in enumerate(message.content):
            with report.at(index, place, block, message.role):
                if (made := _write_block(block, report)) is not None:
                    blocks.append(made)
        if blocks:
            written.append({"role": message.role, "content": blocks})
    return written


def _write_block(block: Block, report: Report) -> Any:
    made: dict[str, Any]
    if isinstance(block, TextBlock):
        report.unsaid(block, "text")
        made = {"type": "text", "text": block.text}
    elif isinstance(block, ToolCallBlock):
        report.unsaid(block, "call_id", "name", "arguments_json", "arguments")
        given = report.arguments(block, _RAW)
        made = {"type": "tool_call", "call_id": block.call_id, "name": block.name, "arguments": given}
    elif isinstance(block, ToolOutputBlock):
        made = _write_output(block, report)
    elif isinstance(block, ReasoningBlock):
        return _write_reasoning(block, report)
    else:
        report.drop(f"{FORM} has no form for {getattr(block, 'type', 'this')}")
        return None
    return _patched(made, block, report)


def _write_output(block: ToolOutputBlock, report: Report) -> dict[str, Any]:
    report.unsaid(block, "call_id", "name", "output", "is_error")
    output = thaw(block.output) if isinstance(block.output, dict) else report.output_text(block)
    failed = True if block.is_error else None
    return {
        "type": "tool_output",
        "call_id": block.call_id,
        "name": block.name,
        "output": output,
        "is_error": failed,
    }


def _write_reasoning(block: ReasoningBlock, report: Report) -> dict[str, Any] | None:
    """Reasoning; its signature and ids only where they are the issuer's, for LiteRun sends them to whom it talks to."""
    summary, said = block.summary, ["summary", "provider"]
    if summary is None and block.text is not None:
        report.rewrite("its text is written as the summary")
        summary = block.text
        said.append("text")
    names = ("signature", "reasoning_id", "provider_meta")
    own = block.issued_to(report.issuer)
    rest = {name: thaw(getattr(block, name)) if own else None for name in names}
    if summary is None and not any(value is not None for value in rest.values()):
        report.drop(f"it has nothing that {FORM} has a place for")
        return None
    report.unsaid(block, *said, *(names if own else ()))
    if block.provider != report.issuer:
        report.rewrite(f"it reads as {report.issuer}'s now", lossless=True)
    return _patched({"type": "reasoning", "summary": summary, **rest}, block, report)


def _patched(made: dict[str, Any], block: Block, report: Report) -> dict[str, Any]:
    return patched(made, report.shape(block.opaque).get("patch"))
