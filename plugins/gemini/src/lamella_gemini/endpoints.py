"""The other endpoints: embeddings, the model list, token counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from lamella.errors import AgentParsingError
from lamella.models import Embedding, TokenCount
from lamella.providers import check_texts, embeddings_in_order, read_list, read_object
from lamella.specs import ModelInfo
from lamella_gemini.transport import GeminiTransport, model_path

__all__ = ["count_tokens", "embed", "list_models"]

_EMBEDDER: Final = "gemini-embedding-001"
_BATCH: Final = 100
"""Texts the server takes at once."""

_MOST_PAGES: Final = 100


async def embed(
    transport: GeminiTransport, inputs: Sequence[str], *, model: str | None, dimensions: int | None
) -> list[Embedding]:
    """The vectors of some texts, in order (``batchEmbedContents``)."""
    texts = check_texts(inputs)
    vectors: list[Sequence[float]] = []
    for start in range(0, len(texts), _BATCH):
        vectors += await _embed_batch(
            transport, texts[start : start + _BATCH], model or _EMBEDDER, dimensions
        )
    return embeddings_in_order(enumerate(vectors), len(texts))


async def _embed_batch(
    transport: GeminiTransport, texts: Sequence[str], model: str, dimensions: int | None
) -> list[Sequence[float]]:
    resource = model_path(model)
    size = {} if dimensions is None else {"outputDimensionality": dimensions}
    asked = [{"model": resource, "content": {"parts": [{"text": text}]}, **size} for text in texts]
    path = transport.versioned(f"{resource}:batchEmbedContents")
    found = read_list(await transport.request("POST", path, {"requests": asked}), "embeddings")
    return [_vector(item) for item in found]


def _vector(item: Any) -> Sequence[float]:
    values = item.get("values") if isinstance(item, Mapping) else None
    if not isinstance(values, list) or not all(isinstance(value, int | float) for value in values):
        raise AgentParsingError(f"the server's embedding holds no values: {item!r:.200}")
    return values


async def list_models(transport: GeminiTransport) -> list[ModelInfo]:
    """The server's models, by name, from all pages."""
    found: list[ModelInfo] = []
    token = ""
    for _ in range(_MOST_PAGES):
        more = f"&pageToken={quote(token, safe='')}" if token else ""
        body = read_object(await transport.request("GET", transport.versioned(f"models?pageSize=1000{more}")))
        found += [_info(entry) for entry in body.get("models") or ()]
        token = body.get("nextPageToken") or ""
        if not token:
            return sorted(found, key=lambda info: info.formal_name)
    raise AgentParsingError(f"the server's model list does not end after {_MOST_PAGES} pages")


def _info(entry: Any) -> ModelInfo:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise AgentParsingError(f"an entry of the server's model list has no name: {entry!r:.200}")
    name = entry["name"].removeprefix("models/")
    return ModelInfo(
        formal_name=name,
        display_name=entry.get("displayName") or name,
        context_window=_count(entry.get("inputTokenLimit")),
        max_output_tokens=_count(entry.get("outputTokenLimit")),
    )


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


async def count_tokens(transport: GeminiTransport, model: str, payload: Mapping[str, Any]) -> TokenCount:
    """The input tokens of a ``generateContent`` payload: the system instruction and the tools count too."""
    resource = model_path(model)
    asked = {"generateContentRequest": {"model": resource, **payload}}
    body = read_object(await transport.request("POST", transport.versioned(f"{resource}:countTokens"), asked))
    total = body.get("totalTokens", 0)  # zero is left out
    if not isinstance(total, int) or isinstance(total, bool):
        raise AgentParsingError(f"the server's token count holds no count: {body!r:.200}")
    return TokenCount(tokens=total, estimated=False)
