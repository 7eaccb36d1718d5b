"""The other endpoints: the model list and token counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lamella.errors import AgentParsingError
from lamella.models import TokenCount
from lamella.models.options import RequestOptions
from lamella.providers import ProviderTransport, read_object
from lamella.specs import ModelInfo

__all__ = ["count_tokens", "list_models"]

_COUNTED: Final = (
    "model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "cache_control", "speed",
    "mcp_servers", "context_management",
)  # fmt: skip
"""What of a request the counting endpoint takes."""

_PAGE: Final = 1000


async def count_tokens(transport: ProviderTransport, payload: Mapping[str, Any]) -> TokenCount:
    """The input tokens of a payload, as the server counts them."""
    asked = {name: payload[name] for name in _COUNTED if name in payload}
    body = read_object(await transport.request("POST", "/v1/messages/count_tokens", asked))
    count = body.get("input_tokens")
    if not isinstance(count, int) or isinstance(count, bool):
        raise AgentParsingError(f"the server's token count holds no count: {body!r:.200}")
    return TokenCount(tokens=count, estimated=False)


async def list_models(transport: ProviderTransport) -> list[ModelInfo]:
    """The server's models, newest first as it lists them, all pages."""
    found: list[ModelInfo] = []
    query = {"limit": str(_PAGE)}
    seen: set[str] = set()
    while True:
        options = RequestOptions(query=query)
        page = read_object(await transport.request("GET", "/v1/models", options=options))
        items = page.get("data")
        if not isinstance(items, list):
            raise AgentParsingError(f"the server's model list has no list 'data': {page!r:.200}")
        found += [_model(item) for item in items]
        last = page.get("last_id")
        if not page.get("has_more") or not isinstance(last, str) or last in seen:
            return found
        seen.add(last)
        query = {**query, "after_id": last}


def _model(item: Any) -> ModelInfo:
    if not isinstance(item, Mapping) or not isinstance(item.get("id"), str):
        raise AgentParsingError(f"the server's model list holds what is no model: {item!r:.200}")
    return ModelInfo(
        formal_name=item["id"],
        display_name=str(item.get("display_name") or item["id"]),
        outdated=item.get("lifecycle") in ("deprecated", "retired"),
        context_window=_limit(item.get("max_input_tokens")),
        max_output_tokens=_limit(item.get("max_tokens")),
    )


def _limit(value: Any) -> int | None:
    """A limit in tokens; 0 and anything else that is no count mean that it is not known."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
