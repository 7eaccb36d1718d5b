"""The other endpoints: embeddings and the model list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lamella.errors import AgentParsingError
from lamella.models import Embedding
from lamella.providers import ProviderTransport, Wire, check_texts, embeddings_in_order, read_list
from lamella.specs import ModelInfo
from lamella_mistral.catalog import EMBEDDER

__all__ = ["embed", "list_models", "read_embeddings", "read_models"]


async def embed(
    transport: ProviderTransport, inputs: Sequence[str], *, model: str | None, dimensions: int | None
) -> list[Embedding]:
    """The vectors of some texts, in order."""
    texts = check_texts(inputs)
    payload: dict[str, Any] = {"model": model or EMBEDDER, "input": texts}
    if dimensions is not None:
        payload["output_dimension"] = dimensions
    return read_embeddings(await transport.request("POST", "/v1/embeddings", payload), len(texts))


def read_embeddings(body: bytes, count: int) -> list[Embedding]:
    """The vectors of ``count`` texts in an answer.

    :raises AgentParsingError: it holds something else.
    """
    data = read_list(body, "data")
    return embeddings_in_order([_vector(item, place) for place, item in enumerate(data)], count)


def _vector(item: Wire, place: int) -> tuple[int, Sequence[float]]:
    vector = item.get("embedding") if isinstance(item, Mapping) else None
    index = item.get("index", place) if isinstance(item, Mapping) else None
    numbers = isinstance(vector, list) and all(isinstance(number, int | float) for number in vector)
    if not numbers or not isinstance(index, int):
        raise AgentParsingError(f"entry {place} of the embeddings is no vector with an index: {item!r:.200}")
    return index, vector  # type: ignore[return-value]  # numbers says that it is a list


async def list_models(transport: ProviderTransport) -> list[ModelInfo]:
    """The server's models."""
    return read_models(await transport.request("GET", "/v1/models"))


def read_models(body: bytes) -> list[ModelInfo]:
    """The models of a list, by name. It has a row for each alias of a model; here each model has one.

    :raises AgentParsingError: it is no list of models.
    """
    found: dict[str, ModelInfo] = {}
    for row in read_list(body, "data"):
        if not isinstance(row, Mapping) or not isinstance(row.get("id"), str):
            raise AgentParsingError(f"a row of the model list is no model: {row!r:.200}")
        name = str(row.get("name") or row["id"])
        window = row.get("max_context_length")
        found[name] = ModelInfo(
            formal_name=name,
            display_name=name,
            outdated=row.get("deprecation") is not None,
            context_window=window if isinstance(window, int) else None,
        )
    return [found[name] for name in sorted(found)]
