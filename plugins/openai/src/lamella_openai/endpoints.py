"""The other endpoints: embeddings, the model list, token counts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lamella.errors import AgentInputError, AgentParsingError
from lamella.models import Embedding, TokenCount
from lamella.specs import ModelInfo
from lamella_openai.transport import OpenAITransport

__all__ = ["count_tokens", "embed", "list_models"]

_EMBEDDER: Final = "text-embedding-3-small"
_COUNTED: Final = (
    "model", "input", "instructions", "tools", "tool_choice", "text", "reasoning", "parallel_tool_calls", "truncation",
)  # fmt: skip
"""What of a request the counting endpoint takes."""


async def embed(
    transport: OpenAITransport, inputs: Sequence[str], *, model: str | None, dimensions: int | None
) -> list[Embedding]:
    """The vectors of some texts, in order. Floats are asked for: compatible servers know no base64."""
    if isinstance(inputs, str) or not inputs or not all(isinstance(text, str) for text in inputs):
        raise AgentInputError("embed takes a list of at least one text")
    payload: dict[str, Any] = {"model": model or _EMBEDDER, "input": list(inputs), "encoding_format": "float"}
    if dimensions is not None:
        payload["dimensions"] = dimensions
    data = _list(await transport.post("/embeddings", payload), "data")
    vectors = [
        Embedding(index=item.get("index", place), vector=item["embedding"]) for place, item in enumerate(data)
    ]
    if sorted(vector.index for vector in vectors) != list(range(len(inputs))):
        raise AgentParsingError(f"{len(inputs)} texts were sent, and {len(vectors)} vectors came back")
    return sorted(vectors, key=lambda vector: vector.index)


async def list_models(transport: OpenAITransport) -> list[ModelInfo]:
    """The server's models, by name."""
    found = _list(await transport.get("/models"), "data")
    names = sorted(str(item["id"]) for item in found)
    return [ModelInfo(formal_name=name, display_name=name) for name in names]


async def count_tokens(transport: OpenAITransport, payload: Mapping[str, Any]) -> TokenCount:
    """The input tokens of a Responses payload."""
    asked = {name: payload[name] for name in _COUNTED if name in payload}
    body = _object(await transport.post("/responses/input_tokens", asked))
    if not isinstance(body.get("input_tokens"), int):
        raise AgentParsingError(f"the server's token count holds no count: {body!r:.200}")
    return TokenCount(tokens=body["input_tokens"], estimated=False)


def _object(text: bytes) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AgentParsingError(f"the server sent what is not JSON: {text[:200]!r}", cause=error) from error
    if not isinstance(body, dict):
        raise AgentParsingError(f"the server sent {type(body).__name__} instead of a JSON object")
    return body


def _list(text: bytes, name: str) -> list[Any]:
    found = _object(text).get(name)
    if not isinstance(found, list):
        raise AgentParsingError(f"the server's answer has no list {name!r}: {text[:200]!r}")
    return found
