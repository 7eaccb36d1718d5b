"""The other endpoints: embeddings and the list of models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lamella.errors import AgentParsingError
from lamella.models import Embedding
from lamella.providers import ProviderTransport, Wire, check_texts, embeddings_in_order, read_list
from lamella.specs import ModelInfo
from lamella_ollama.catalog import EMBEDDER

__all__ = ["embed", "list_models", "read_embeddings", "read_models"]


async def embed(
    transport: ProviderTransport, inputs: Sequence[str], *, model: str | None, dimensions: int | None
) -> list[Embedding]:
    """The vectors of some texts, in order."""
    texts = check_texts(inputs)
    payload: dict[str, Any] = {"model": model or EMBEDDER, "input": texts}
    if dimensions is not None:
        payload["dimensions"] = dimensions
    return read_embeddings(await transport.request("POST", "/api/embed", payload), len(texts))


def read_embeddings(body: bytes, count: int) -> list[Embedding]:
    """The vectors in an answer of ``/api/embed``.

    :raises AgentParsingError: it holds none, or not ``count``.
    """
    vectors = read_list(body, "embeddings")
    for vector in vectors:
        if not isinstance(vector, list) or not all(type(value) in (int, float) for value in vector):
            raise AgentParsingError(f"an embedding must be a list of numbers, got {vector!r:.200}")
    return embeddings_in_order(enumerate(vectors), count)


async def list_models(transport: ProviderTransport) -> list[ModelInfo]:
    """The models that were pulled to the server, by name."""
    return read_models(await transport.request("GET", "/api/tags"))


def read_models(body: bytes) -> list[ModelInfo]:
    """The models in an answer of ``/api/tags``."""
    names = sorted({_name(entry) for entry in read_list(body, "models")})
    return [ModelInfo(formal_name=name, display_name=name) for name in names]


def _name(entry: Wire) -> str:
    name = (entry.get("model") or entry.get("name")) if isinstance(entry, Mapping) else None
    if not isinstance(name, str):
        raise AgentParsingError(f"a model in the server's list has no name: {entry!r:.200}")
    return name
