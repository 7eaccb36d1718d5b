"""Messages with content of types that the SDK does not know: named in a text, so that the rest can be read."""

from __future__ import annotations

import json
from typing import Any, Final, Self

from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCResponse

__all__ = ["TolerantStream", "name_unknown"]

_KNOWN: Final = frozenset({"text", "image", "audio", "resource", "resource_link"})
_SHOWN: Final = 200


def name_unknown(item: SessionMessage | Exception) -> SessionMessage | Exception:
    """The message, with a text in the place of each content of an unknown type."""
    message = item.message if isinstance(item, SessionMessage) else None
    if not isinstance(message, JSONRPCResponse):
        return item
    content = message.result.get("content")
    if isinstance(content, list) and any(_unknown(part) for part in content):
        message.result["content"] = [_named(part) if _unknown(part) else part for part in content]
    return item


def _unknown(part: Any) -> bool:
    return isinstance(part, dict) and isinstance(part.get("type"), str) and part["type"] not in _KNOWN


def _named(part: dict[str, Any]) -> dict[str, Any]:
    facts = json.dumps({key: value for key, value in part.items() if key != "type"}, ensure_ascii=False)
    shown = facts if len(facts) <= _SHOWN else f"{facts[:_SHOWN]}…"
    return {"type": "text", "text": f"[content of the unknown type {part['type']!r}: {shown}]"}


class TolerantStream:
    """A read stream of the SDK with :func:`name_unknown` applied to what it yields."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def receive(self) -> SessionMessage | Exception:
        """The next message."""
        return name_unknown(await self._stream.receive())

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        return name_unknown(await self._stream.__anext__())

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *exc_info: Any) -> Any:
        return await self._stream.__aexit__(*exc_info)
