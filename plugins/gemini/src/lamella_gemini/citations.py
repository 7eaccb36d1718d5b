"""What an answer is grounded on: metadata of a candidate that belong to its text, and arrive at its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

__all__ = ["Citations", "is_own"]

Wire: TypeAlias = Any

_METADATA: Final = ("groundingMetadata", "citationMetadata", "urlContextMetadata")


class Citations:
    """Collects the metadata and the probabilities of the tokens, chunk by chunk."""

    def __init__(self) -> None:
        self._metadata: dict[str, Wire] = {}
        self._logprobs: list[Wire] = []

    def note(self, candidate: Mapping[str, Wire]) -> None:
        """Take what a candidate holds beside its content."""
        for name in _METADATA:
            if found := candidate.get(name):
                self._metadata[name] = _merged(self._metadata.get(name), found)
        if isinstance(logprobs := candidate.get("logprobsResult"), Mapping):
            self._logprobs.extend(_tokens(logprobs))

    def __bool__(self) -> bool:
        return bool(self._metadata or self._logprobs)

    @property
    def names(self) -> list[str]:
        """The metadata that nothing took yet."""
        return list(self._metadata)

    def take(self) -> dict[str, Any]:
        """The fields of the text that all of it belongs to."""
        cited = [{name: value} for name, value in self._metadata.items()]
        fields = {"annotations": cited, "logprobs": self._logprobs or None}
        self._metadata, self._logprobs = {}, []
        return fields


def is_own(annotation: Wire) -> bool:
    """Whether an annotation is one that this API gives. It gives them and does not want them back."""
    return isinstance(annotation, Mapping) and not annotation.keys().isdisjoint(_METADATA)


def _merged(before: Wire, after: Wire) -> Wire:
    """Metadata that come in several chunks: objects are merged, lists grow."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return {**before, **{name: _merged(before.get(name), value) for name, value in after.items()}}
    if isinstance(before, list) and isinstance(after, list):
        if after[: len(before)] == before:
            return after
        return [*before, *(item for item in after if item not in before)]
    return after


def _tokens(logprobs: Mapping[str, Wire]) -> list[Wire]:
    """The tokens of an answer, each with its alternatives where they were asked for."""
    chosen = logprobs.get("chosenCandidates") or []
    others = logprobs.get("topCandidates") or []
    return [
        {**token, "topCandidates": others[place].get("candidates", [])} if place < len(others) else token
        for place, token in enumerate(chosen)
    ]
