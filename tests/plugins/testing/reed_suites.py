"""The kit's tests for the seeded providers, correct or with a defect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reed import CALLS, KEY, TALK, USAGE, ChatReed, Parrot, sse, streamed, whole

from lamella import Model, ServerError, TokenUsage
from lamella_testing import ProviderConformance, Sample

_COST = TokenUsage(input_tokens=7, cached_read_tokens=2, output_tokens=4, total_tokens=13)

SAMPLES = (
    Sample(
        name="talk",
        streamed=streamed(*TALK),
        whole=whole(*TALK),
        text="Hello.",
        reasoning="hm well",
        calls=[],
        usage=_COST,
        stop_reason="end_turn",
        state=("seal-of-reed", "nr-77", "find-1"),
    ),
    Sample(
        name="calls",
        streamed=streamed(*CALLS, usage={"in": 9, "out": 4}),
        whole=whole(*CALLS, usage={"in": 9, "out": 4}),
        calls=[("add", '{"a": 2, "b": 3}'), ("add", '{"a": broken')],
        usage=TokenUsage(input_tokens=9, output_tokens=4, total_tokens=13),
        stop_reason="tool_use",
    ),
    Sample(
        name="failure", streamed=sse({"k": "open", "id": "r1"}, {"k": "fail", "why": "no"}), error=ServerError
    ),
)
assert USAGE


def parrot_suite(kind: type[Parrot]) -> type[ProviderConformance]:
    """The kit for a plain model."""

    class TestParrot(ProviderConformance):
        def make_model(self, base_url: str | None = None) -> Model:
            return kind()

        def sent(self, model: Model) -> Sequence[Any] | None:
            assert isinstance(model, Parrot)
            return model.log

    return TestParrot


def reed_suite(kind: type[ChatReed]) -> type[ProviderConformance]:
    """The kit for a model over HTTP."""

    class TestReed(ProviderConformance):
        secret = KEY
        samples = getattr(kind, "given_samples", SAMPLES)
        patience = 3.0
        endpoints = {"embed": b'{"vectors": [[1, 2], [3, 4]]}'}

        def make_model(self, base_url: str | None = None) -> Model:
            return kind(base_url)

    return TestReed
