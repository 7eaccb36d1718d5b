"""What the simulator says by rule: sentences about tool outputs, and what it says without any."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lamella._json import dumps, loads
from lamella.content import Block, MediaContent, OpaqueContent, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella.errors import AgentSerializationError
from lamella_sim.conversation import Exchange

__all__ = ["answer_outputs", "describe_media", "restate"]

NOTICE: Final = "[sim] This is the offline simulator, not a language model."

_SAYS_ERROR: Final = re.compile(r"[A-Za-z_.]*(?:Error|Exception|Timeout)\b.*?:|error\b\s*:", re.IGNORECASE)
_SHOWN: Final = 300


def answer_outputs(exchange: Exchange) -> str:
    """One sentence for each tool output of the exchange, errors as errors."""
    calls = {call.call_id: call for call in exchange.calls}
    return " ".join(_sentence(output, calls.get(output.call_id)) for output in exchange.outputs)


def restate(exchange: Exchange, missing: Mapping[str, Sequence[str]], offered: Sequence[str]) -> str:
    """The honest reply where there is nothing to call: who answers, what was asked, what was sent."""
    said = [NOTICE]
    if exchange.text:
        shown = exchange.text if len(exchange.text) <= _SHOWN else f"{exchange.text[:_SHOWN]}…"
        said.append(f"You asked: “{shown}”")
    said.extend(f"You sent {describe_media(media)}." for media in exchange.media)
    said.extend(
        f"The tool {name} needs {_listed(gap)}, which the prompt does not give."
        for name, gap in missing.items()
    )
    if offered and not missing:
        said.append(f"It plainly asks for none of the tools I was offered ({', '.join(offered)}).")
    return " ".join(said)


def describe_media(media: Block) -> str:
    """Kind, type and size of a media block."""
    if isinstance(media, MediaContent):
        kind = media.type if media.type != "media" else media.mime_type.partition("/")[0]
        if media.data is not None:
            return f"{_article(kind)} ({media.mime_type}, {len(media.data)} bytes)"
        return f"{_article(kind)} ({media.mime_type}, {'by URL' if media.url is not None else 'by file id'})"
    kind = media.type if isinstance(media, OpaqueContent) else type(media).__name__
    return f"content of type {kind}"


def _article(kind: str) -> str:
    kind = {"application": "document", "text": "document"}.get(kind, kind)
    return f"an {kind}" if kind[:1] in "aeiou" else f"a {kind}"


def _sentence(output: ToolOutputBlock, call: ToolCallBlock | None) -> str:
    name = _call(output, call)
    said = _stop(_rendered(output))
    if output.is_error or _SAYS_ERROR.match(said):
        return f"{name} failed: {said}"
    return f"According to {name}, the answer is {said}" if said != "." else f"{name} answered with nothing."


def _call(output: ToolOutputBlock, call: ToolCallBlock | None) -> str:
    if call is None:
        return output.name or "the tool"
    given = ", ".join(
        f"{key}={dumps(value)}" for key, value in (call.arguments or {}).items() if value is not None
    )
    return f"{call.name}({given})"


def _rendered(output: ToolOutputBlock) -> str:
    if output.parts is not None:
        said = (part.text if isinstance(part, TextBlock) else describe_media(part) for part in output.parts)
        return ", ".join(filter(None, said))
    return _value(_parsed(output.output))


def _parsed(value: Any) -> Any:
    """Text that is a JSON object or list is read as one: on the wires it arrives as text."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return loads(value)
        except AgentSerializationError:
            return value
    return value


def _value(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    if (
        isinstance(value, Mapping)
        and value
        and not any(isinstance(each, list | Mapping) for each in value.values())
    ):
        return ", ".join(f"{key} {_value(each)}" for key, each in value.items())
    if isinstance(value, list) and value and not any(isinstance(each, list | Mapping) for each in value):
        return ", ".join(_value(each) for each in value)
    return dumps(value)


def _stop(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _listed(names: Sequence[str]) -> str:
    return " and ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} and {names[-1]}"
