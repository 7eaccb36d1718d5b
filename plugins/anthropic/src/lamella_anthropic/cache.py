"""Cache breakpoints: what stands before one is kept at the server and read cheaply ("Prompt caching").

The order of a prompt is tools, system, messages, and four breakpoints are taken. A breakpoint covers all
that stands before it, so where there is no room the later places win.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from lamella.models import EncodeReport
from lamella.providers import Wire

__all__ = ["with_breakpoints"]

_MOST: Final = 4
_MARK: Final = "cache_control"


def with_breakpoints(payload: dict[str, Wire], ttl: str, report: EncodeReport) -> dict[str, Wire]:
    """The payload with breakpoints on the last tool, the last system block and the last user message.

    :param ttl: how long an entry lives, ``5m`` or ``1h``.
    """
    marked = dict(payload)
    mark = {"type": "ephemeral", "ttl": ttl}
    places: tuple[tuple[str, Callable[[Wire, Wire], list[Wire] | None]], ...] = (
        ("messages", _on_last_user),
        ("system", _on_last_block),
        ("tools", _on_last_tool),
    )
    room = _MOST - _count(payload)
    for name, put in places:
        changed = put(payload.get(name), mark)
        if changed is None:
            continue
        if room <= 0:
            report.rewrite(f"no breakpoint in {name}: {_MOST} are the limit", "cache", lossless=True)
            continue
        marked[name] = changed
        room -= 1
    return marked


def _count(value: Wire) -> int:
    """How many breakpoints the caller has set."""
    if isinstance(value, Mapping):
        own = isinstance(value.get(_MARK), Mapping)
        # A tool's schema, a call's input and a search result are data, in which the word means nothing.
        data = ("input", "input_schema", "source")
        return own + sum(_count(item) for name, item in value.items() if name not in data)
    if isinstance(value, list | tuple):
        return sum(_count(item) for item in value)
    return 0


def _on_last_block(blocks: Wire, mark: Wire) -> list[Wire] | None:
    """The blocks with a breakpoint on the last, ``None`` where there is none to mark or it has one."""
    if isinstance(blocks, str) and blocks.strip():
        blocks = [{"type": "text", "text": blocks}]
    return _marked(blocks, -1, mark) if _is_list(blocks) else None


def _on_last_user(messages: Wire, mark: Wire) -> list[Wire] | None:
    if not _is_list(messages):
        return None
    for place in range(len(messages) - 1, -1, -1):
        message = messages[place]
        if isinstance(message, Mapping) and message.get("role") == "user":
            content = _on_last_block(message.get("content"), mark)
            if content is None:
                return None
            return [*messages[:place], {**message, "content": content}, *messages[place + 1 :]]
    return None


def _on_last_tool(tools: Wire, mark: Wire) -> list[Wire] | None:
    """On the last tool that is part of the prompt: a deferred one is not."""
    if not _is_list(tools):
        return None
    for place in range(len(tools) - 1, -1, -1):
        if isinstance(tools[place], Mapping) and not tools[place].get("defer_loading"):
            return _marked(tools, place, mark)
    return None


def _marked(blocks: Sequence[Any], place: int, mark: Wire) -> list[Wire] | None:
    block = blocks[place]
    if not isinstance(block, Mapping) or isinstance(block.get(_MARK), Mapping):
        return None
    copied = list(blocks)
    copied[place] = {**block, _MARK: mark}
    return copied


def _is_list(value: Wire) -> bool:
    return isinstance(value, list | tuple) and bool(value)
