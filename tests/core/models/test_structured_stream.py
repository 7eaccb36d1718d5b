"""Partial answers: growing, typed, in order, and no more expensive than the answer is long."""

from __future__ import annotations

import json
import sys
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamella import (
    AttemptRollback,
    Capabilities,
    ConfigError,
    MessageOutputDelta,
    OutputParserError,
    ToolCallDelta,
)
from lamella.events import Event, ResponseDone
from lamella.models.structured import OutputType, Partial
from lamella.models.structured.partial import PartialReader

from fakes import ScriptedModel, calls, says

ABLE = Capabilities(structured_output=True)
jiter = pytest.importorskip("jiter")


@attrs.frozen
class Item:
    name: str
    price: int


@attrs.frozen
class Basket:
    owner: str
    items: list[Item] = attrs.field(factory=list)


DATA = {"owner": "Ada Lovelace", "items": [{"name": "tea", "price": 3}, {"name": "milk", "price": 12}]}


def pieces(text: str, size: int = 1) -> list[Event]:
    return [MessageOutputDelta(delta=text[at : at + size]) for at in range(0, len(text), size)]


async def parts_of(model: ScriptedModel, kind: Any, **options: Any) -> list[Partial[Any]]:
    return [part async for part in model.with_structured_output(kind, **options).stream("?")]


async def test_f_str01_partial_values_grow_and_end_in_the_answer() -> None:
    model = ScriptedModel([*pieces(json.dumps(DATA)), ResponseDone()], capabilities=ABLE)
    parts = await parts_of(model, Basket)
    assert [part.complete for part in parts] == [False] * (len(parts) - 1) + [True]
    owners = [part.value.owner for part in parts if part.value is not None]
    assert owners == sorted(owners)
    assert {"A", "Ada", "Ada Lovelace"} <= set(owners)
    counts = [len(part.value.items) for part in parts if part.value is not None]
    assert counts == sorted(counts)
    assert {0, 1, 2} == set(counts)
    assert parts[-1].value == Basket("Ada Lovelace", [Item("tea", 3), Item("milk", 12)])
    assert parts[0].data == {}
    assert parts[0].value is None


async def test_the_arguments_of_the_forced_tool_grow_too() -> None:
    text = json.dumps(DATA)
    deltas: list[Event] = [
        ToolCallDelta(call_id="c", name="structured_output", delta=text[at : at + 5])
        for at in range(0, len(text), 5)
    ]
    model = ScriptedModel([*deltas, *calls(("c", "structured_output", text))], capabilities=Capabilities())
    parts = await parts_of(model, Basket)
    assert len(parts) > 10
    assert parts[-1].value == Basket("Ada Lovelace", [Item("tea", 3), Item("milk", 12)])


async def test_words_and_a_fence_before_the_json_are_left_out() -> None:
    text = f"Here it is:\n```json\n{json.dumps(DATA)}\n```\nDone."
    model = ScriptedModel([*pieces(text, 4), ResponseDone()], capabilities=Capabilities(tools=False))
    parts = await parts_of(model, Basket, strategy="prompt")
    assert any(part.value is not None and not part.complete for part in parts)
    assert parts[-1].complete


async def test_wrapped_types_are_unwrapped_in_partials() -> None:
    model = ScriptedModel([*pieces('{"value": [1, 2, 33]}'), ResponseDone()], capabilities=ABLE)
    parts = await parts_of(model, list[int])
    assert parts[0].data == []
    assert parts[-1].value == [1, 2, 33]


async def test_a_retry_begins_the_answer_anew_and_says_so() -> None:
    model = ScriptedModel(
        [*pieces('{"owner": 1, "items": [7]}'), ResponseDone()],
        [*pieces('{"owner": "Ada"}'), ResponseDone()],
        capabilities=ABLE,
    )
    parts = await parts_of(model, Basket, retries=1)
    attempts = [part.attempt for part in parts]
    assert attempts == sorted(attempts)
    assert set(attempts) == {1, 2}
    assert parts[-1].value == Basket("Ada")


async def test_a_rolled_back_attempt_is_forgotten() -> None:
    model = ScriptedModel(
        [*pieces('{"owner": "Bo'), AttemptRollback(attempt=1), *pieces('{"owner": "Ada"}'), ResponseDone()],
        capabilities=ABLE,
    )
    assert (await parts_of(model, Basket))[-1].value == Basket("Ada")


async def test_the_error_comes_at_the_end_of_the_stream() -> None:
    model = ScriptedModel([*pieces('{"owner": []}'), ResponseDone()], capabilities=ABLE)
    seen = []
    with pytest.raises(OutputParserError):
        async for part in model.with_structured_output(Basket).stream("?"):
            seen.append(part.complete)  # what came before the error counts
    assert seen
    assert not any(seen)


async def test_leaving_early_closes_the_connection() -> None:
    model = ScriptedModel([*pieces(json.dumps(DATA)), ResponseDone()], capabilities=ABLE)
    async with model.with_structured_output(Basket).stream("?") as stream:
        async for _ in stream:
            break
    assert model.closed == 1


async def test_the_rest_of_a_stream_can_be_left_to_answer() -> None:
    model = ScriptedModel([*pieces(json.dumps(DATA)), ResponseDone()], capabilities=ABLE)
    stream = model.with_structured_output(Basket).stream("?")
    await stream.__anext__()
    assert (await stream.answer()).value.owner == "Ada Lovelace"


def test_the_sync_form_is_the_same() -> None:
    model = ScriptedModel(says('{"owner": "Ada"}'), capabilities=ABLE)
    assert list(model.with_structured_output(Basket).stream_sync("?"))[-1].value == Basket("Ada")


async def test_without_jiter_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jiter", None)
    model = ScriptedModel(says('{"owner": "Ada"}'), capabilities=ABLE)
    structured = model.with_structured_output(Basket)
    with pytest.raises(ConfigError, match=r'pip install "lamella\[partial\]"'):
        structured.stream("?")
    assert await structured.complete("?") == Basket("Ada")
    assert len(model.requests) == 1


def test_a_long_answer_in_small_pieces_is_not_read_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes that are parsed are a small multiple of the answer, not its square."""
    parsed = 0
    real = jiter.from_json

    def counting(data: bytes, **options: Any) -> Any:
        nonlocal parsed
        parsed += len(data)
        return real(data, **options)

    reader = PartialReader(OutputType.of(list[Item]))
    reader._from_json = counting
    text = json.dumps({"value": [{"name": "n" * 20, "price": 1}] * 6000})
    for event in pieces(text, 8):
        reader.feed(event)
    assert parsed < 50 * len(text)


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(max_size=4), _json, min_size=1, max_size=3), st.integers(1, 7))
def test_whatever_the_pieces_the_last_partial_is_the_data(data: dict[str, Any], size: int) -> None:
    reader = PartialReader(OutputType.of(Basket))
    seen = [part.data for event in pieces(json.dumps(data), size) if (part := reader.feed(event)) is not None]
    assert seen[-1] == data
