"""What a model can do."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

__all__ = ["Capabilities"]


def _tags(value: Iterable[str]) -> frozenset[str]:
    return frozenset(value)


@attrs.frozen(kw_only=True)
class Capabilities:
    """What a model declares; the conformance kit holds it to it.

    ``inputs`` and ``outputs`` are content tags (``text``, ``image``, ``audio``, ``document``).
    ``context_window`` is in tokens, ``None`` when unknown.
    """

    streaming: bool = True
    tools: bool = True
    parallel_tools: bool = True
    forced_tools: bool = True
    structured_output: bool = False
    reasoning: bool = False
    native_input: bool = False
    embeddings: bool = False
    count_tokens: bool = False
    list_models: bool = False
    inputs: frozenset[str] = attrs.field(default=frozenset({"text"}), converter=_tags)
    outputs: frozenset[str] = attrs.field(default=frozenset({"text"}), converter=_tags)
    context_window: int | None = None
