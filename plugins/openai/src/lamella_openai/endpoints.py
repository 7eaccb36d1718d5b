"""The other endpoints: embeddings, the model list, token counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from lamella.errors import AgentParsingError
from lamella.models import Embedding, TokenCount
from lamella.providers import ProviderTransport, check_texts, embeddings_in_order, read_list, read_object
from lamella.specs import ModelInfo

__all__ = ["count_tokens", "embed", "list_models"]

_EMBEDDER: Final = "text-embedding-3-small"
_COUNTED: Final = (
    "model", "input", "instructions", "tools", "tool_choice", "text", "reasoning", "parallel_tool_calls", "truncation",
)  # fmt: skip
"""What of a request the counting endpoint takes."""


async def embed(
    transport: ProviderTransport, inputs: Sequence[str], *, model: str | None, dimensions: int | None
) -> list[Embedding]:
    """The vectors of some texts, in order. Floats are asked for: compatible servers know no base64."""
    texts = check_texts(inputs)
    payload: dict[str, Any] = {"model": model or _EMBEDDER, "input": texts, "encoding_format": "float"}
    if dimensions is not None:
        payload["dimensions"] = dimensions
    data = read_list(await transport.request("POST", "/embeddings", payload), "data")
    vectors = ((item.get("index", place), item["embedding"]) for place, item in enumerate(data))
    return embeddings_in_order(vectors, len(texts))


async def list_models(transport: ProviderTransport) -> list[ModelInfo]:
    """The server's models, by name."""
    found = read_list(await transport.request("GET", "/models"), "data")
    names = sorted(str(item["id"]) for item in found)
    return [ModelInfo(formal_name=name, display_name=name) for name in names]


async def count_tokens(transport: ProviderTransport, payload: Mapping[str, Any]) -> TokenCount:
    """The input tokens of a Responses payload."""
    asked = {name: payload[name] for name in _COUNTED if name in payload}
    body = read_object(await transport.request("POST", "/responses/input_tokens", asked))
    if not isinstance(body.get("input_tokens"), int):
        raise AgentParsingError(f"the server's token count holds no count: {body!r:.200}")
    return TokenCount(tokens=body["input_tokens"], estimated=False)
