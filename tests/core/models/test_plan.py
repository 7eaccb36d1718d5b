"""The outlook of a request: sizes, costs and what is unknown."""

from __future__ import annotations

import pytest

from lamella import (
    MediaContent,
    Message,
    ModelInfo,
    ModelRequest,
    Plan,
    Project,
    TextBlock,
    TokenCount,
    tool,
    use_project,
)
from lamella.losses import Loss
from lamella.models import EncodeReport, PlanEntry, estimate_tokens
from lamella.models.http import _entries

from fakes import ScriptedModel


@tool
def look(place: str) -> str:
    """Look at a place."""
    return place


def test_f_x13_an_estimate_is_four_characters_a_token_and_marked() -> None:
    count = estimate_tokens(ModelRequest.of("x" * 41))
    assert (count.tokens, count.estimated, count.uncounted) == (11, True, ())


async def test_f_x13_a_model_without_a_counter_estimates() -> None:
    count = await ScriptedModel().count_tokens("x" * 8)
    assert (count.tokens, count.estimated) == (2, True)


def test_everything_that_is_sent_counts() -> None:
    bare = estimate_tokens(ModelRequest.of("hi")).tokens
    assert estimate_tokens(ModelRequest.of("hi", system_instruction="y" * 40)).tokens == bare + 10
    assert estimate_tokens(ModelRequest.of("hi", tools=(look,))).tokens > bare


def test_media_are_named_not_guessed() -> None:
    picture = MediaContent(data=b"x" * 1000)
    message = Message.user([TextBlock(text="abcd"), picture])
    assert estimate_tokens(ModelRequest.of([message])) == TokenCount(
        tokens=1, estimated=True, uncounted=("media",)
    )


def plan(**fields: object) -> Plan:
    known = {
        "input_tokens": TokenCount(tokens=1000, estimated=True),
        "max_output_tokens": 500,
        "context_window": 2000,
    }
    return Plan(provider="fake", model="m", **{**known, **fields})  # type: ignore[arg-type]


def test_whether_it_fits_is_known_only_when_all_of_it_is() -> None:
    assert plan().fits is True
    assert plan(max_output_tokens=1001).fits is False
    assert plan(context_window=900).fits is False
    assert plan(context_window=900, max_output_tokens=None).fits is False
    assert plan(max_output_tokens=None).fits is None
    assert plan(context_window=None).fits is None


def test_the_worst_case_cost_is_unknown_rather_than_zero() -> None:
    assert plan().worst_case_cost is None
    priced = Project.bare(overrides={"prices": {"m": [2, 10]}})
    with use_project(priced):
        cost = plan().worst_case_cost
        assert cost is not None
        assert float(cost.amount) == pytest.approx((1000 * 2 + 500 * 10) / 1_000_000)
        assert plan(max_output_tokens=None).worst_case_cost is None
        unseen = TokenCount(tokens=1, estimated=True, uncounted=("image",))
        assert plan(input_tokens=unseen).worst_case_cost is None


def test_a_block_fares_as_its_worst_entry_says() -> None:
    report = EncodeReport(provider="p", dialect="d")
    request = ModelRequest.of([Message.user([TextBlock(text="a"), TextBlock(text="b")])])
    for place, block in enumerate(request.messages[0].content):
        with report.at(0, place, block, "user"):
            report.rewrite("in another form", lossless=True)
            if place:
                report.drop("no place for it")
    report.rewrite("not said", "parallel_tool_calls", lossless=True)
    entries = list(_entries(request, report))
    assert [(entry.what, entry.status) for entry in entries] == [
        ("text", "emulated"),
        ("text", "lost"),
        ("parallel_tool_calls", "emulated"),
    ]
    assert entries[1].reason == "in another form; no place for it"
    assert isinstance(entries[0], PlanEntry)


def test_strict_mode_allows_what_loses_nothing() -> None:
    report = EncodeReport(provider="p", dialect="d", mode="strict")
    report.rewrite("another form", "call id", lossless=True)
    assert report.losses == [Loss(kind="rewritten", what="call id", reason="another form", lossless=True)]


def test_what_is_known_of_a_model_is_in_its_plan() -> None:
    class Known(ScriptedModel):
        @property
        def info(self) -> ModelInfo:
            return ModelInfo(formal_name="m", display_name="M", context_window=10, max_output_tokens=5)

    outlook = Known().plan("hi")
    assert (outlook.context_window, outlook.max_output_tokens, outlook.fits) == (10, 5, True)
