"""Digests of what a model is asked: short texts that are equal only where the requests are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from operator import is_
from typing import Any, Final

from lamella._json import dumps
from lamella.content import Block, MediaContent, ToolOutputBlock
from lamella.errors import AgentSerializationError
from lamella.messages import Message
from lamella.models.canonical import encoded
from lamella.models.model import Model
from lamella.models.request import ModelRequest
from lamella.serial._writing import write
from lamella.tools import Tool

__all__ = ["RequestDigests", "differing"]

_LENGTH: Final = 16


class RequestDigests:
    """The digests of one agent's requests; what has been digested for one is not digested again for the next.

    They are the same in every process and every release that sends the same. What something cost, and the
    providers' own payloads, do not count.
    """

    def __init__(self, model: Model) -> None:
        self._model = _digest((model.provider, model.model, dict(model.settings)))
        self._messages: list[Message] = []
        self._running: list[Any] = [hashlib.sha256()]
        self._known: dict[str, tuple[tuple[Any, ...], str]] = {}

    def of(self, request: ModelRequest) -> Mapping[str, str]:
        """``model``, ``system``, ``tools``, ``messages`` and ``options``, 16 hexadecimal digits each."""
        options = (
            request.tool_choice,
            request.parallel_tool_calls,
            request.output_schema,
            request.streaming,
            request.plain_input,
            request.transplant,
            request.extra,
        )
        return {
            "model": self._model,
            "system": self._once("system", (request.system_instruction,), _digest),
            "tools": self._once("tools", request.tools, _of_tools),
            "messages": self._of_messages(request.messages, request.native),
            "options": self._once("options", options, _digest),
        }

    def _once(self, name: str, parts: tuple[Any, ...], digest: Callable[[Any], str]) -> str:
        """The digest of objects that mostly are those of the request before."""
        known = self._known.get(name)
        if known is None or len(known[0]) != len(parts) or not all(map(is_, known[0], parts)):
            known = self._known[name] = (parts, digest(parts))
        return known[1]

    def _of_messages(self, messages: Sequence[Message], native: Any) -> str:
        """Histories grow at their end: what they begin with is digested once."""
        same = 0
        for known, message in zip(self._messages, messages, strict=False):
            if known is not message:
                break
            same += 1
        del self._messages[same:], self._running[same + 1 :]
        for message in messages[same:]:
            running = self._running[-1].copy()
            running.update(message.role.encode())
            for block in message.content:
                running.update(_of_block(block))
            self._messages.append(message)
            self._running.append(running)
        total = self._running[-1]
        if native is not None:
            total = total.copy()
            total.update(encoded(native))
        return str(total.hexdigest()[:_LENGTH])


def differing(logged: Mapping[str, str], asked: Mapping[str, str]) -> list[str]:
    """The parts of two requests that are not the same, as far as both say."""
    return [name for name in logged if name in asked and logged[name] != asked[name]]


def _digest(value: Any) -> str:
    return hashlib.sha256(encoded(value)).hexdigest()[:_LENGTH]


def _of_tools(tools: tuple[Tool, ...]) -> str:
    return _digest([(tool.name, tool.description, tool.wire_schema()) for tool in tools])


def _of_block(block: Block) -> bytes:
    """A block's form; text, calls and outputs by way of JSON, which is quicker. The bytes of media are hashed once."""
    if isinstance(block, MediaContent) or (
        isinstance(block, ToolOutputBlock) and isinstance(block.output, tuple)
    ):
        return encoded(block)
    try:
        return b"j" + dumps(write(block)).encode("utf-8", "surrogatepass")
    except AgentSerializationError:  # what a caller has put in has no stored form
        return encoded(block)
