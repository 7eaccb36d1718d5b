"""Reads the answers of endpoints beside the model call: JSON objects, lists, vectors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from lamella.errors import AgentInputError, AgentParsingError
from lamella.models import Embedding

__all__ = ["check_texts", "embeddings_in_order", "read_list", "read_object"]


def read_object(text: bytes) -> dict[str, Any]:
    """The JSON object that a server sent.

    :raises AgentParsingError: it is something else.
    """
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AgentParsingError(f"the server sent what is not JSON: {text[:200]!r}", cause=error) from error
    if not isinstance(body, dict):
        raise AgentParsingError(f"the server sent {type(body).__name__} instead of a JSON object")
    return body


def read_list(text: bytes, name: str) -> list[Any]:
    """The list under ``name`` of the JSON object that a server sent."""
    found = read_object(text).get(name)
    if not isinstance(found, list):
        raise AgentParsingError(f"the server's answer has no list {name!r}: {text[:200]!r}")
    return found


def check_texts(inputs: Sequence[str]) -> list[str]:
    """The texts to embed.

    :raises AgentInputError: none, or something else than texts.
    """
    if isinstance(inputs, str) or not inputs or not all(isinstance(text, str) for text in inputs):
        raise AgentInputError("embed takes a list of at least one text")
    return list(inputs)


def embeddings_in_order(vectors: Iterable[tuple[int, Sequence[float]]], count: int) -> list[Embedding]:
    """The embeddings of ``count`` texts, in their order.

    :param vectors: each with the index of its text.
    :raises AgentParsingError: one is missing or there are too many.
    """
    found = sorted(
        (Embedding(index=index, vector=vector) for index, vector in vectors), key=lambda each: each.index
    )
    if [each.index for each in found] != list(range(count)):
        raise AgentParsingError(f"{count} texts were sent, and {len(found)} vectors came back")
    return found
