"""Laws of both wires: cut anywhere, in pieces of any size, streamed or not."""

from __future__ import annotations

import json
import random
from typing import Any

import attrs
import openai_wires as wires
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wire_player import play

from lamella.errors import LamellaError, StreamInterruptedError
from lamella.events import ResponseDone
from lamella.models import Completion, WireModel
from lamella_openai import ChatOpenAI, ChatOpenAICompletions
from lamella_openai.decode_chat import ChatDecoder
from lamella_openai.decode_responses import ResponsesDecoder


def chat(**fields: Any) -> ChatOpenAICompletions:
    return ChatOpenAICompletions("m", api_key="sk-x", max_retries=0, **fields)


def responses(**fields: Any) -> ChatOpenAI:
    return ChatOpenAI("m", api_key="sk-x", max_retries=0, **fields)


CASES: list[Any] = [
    pytest.param(chat(), wires.sse(*wires.CHAT_STREAM), wires.CHAT_WHOLE, id="chat"),
    pytest.param(
        responses(), wires.sse(*wires.RESPONSES_STREAM, named=True), wires.RESPONSES_WHOLE, id="responses"
    ),
]


def essence(completion: Completion | None) -> dict[str, Any]:
    """A completion without the payloads and the usage's place, which differ by nature."""
    assert completion is not None
    assert completion.message is not None
    return {
        **attrs.asdict(completion, recurse=False, filter=lambda field, _: field.name != "message"),
        "blocks": completion.message.content,
    }


@pytest.mark.parametrize(("model", "stream", "whole"), CASES)
async def test_f_n23_streamed_equals_unstreamed(
    model: WireModel, stream: bytes, whole: dict[str, Any]
) -> None:
    """F-N23, F-EVT15, F-OAI06: blocks, state, stop reason, usage."""
    streamed = await play(model, stream)
    unstreamed = await play(model, json.dumps(whole).encode(), streaming=False)
    assert streamed.error is None
    assert unstreamed.error is None
    assert essence(streamed.completion) == essence(unstreamed.completion)
    assert streamed.completion is not None
    assert streamed.completion.usage is not None
    assert streamed.completion.stop_reason == "tool_use"


@pytest.mark.parametrize(("model", "stream", "whole"), CASES)
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
async def test_pieces_of_any_size_read_the_same(
    model: WireModel, stream: bytes, whole: dict[str, Any], ending: str
) -> None:
    expected = await play(model, stream)
    body = stream.replace(b"\n", ending.encode())
    for seed in range(20):
        sizes = random.Random(seed)
        if seed % 2:
            sizes.randint = lambda low, high, chosen=sizes: int(chosen.random() * 5) + 1  # type: ignore[method-assign, misc]
        assert (await play(model, body, sizes=sizes)).events == expected.events


@pytest.mark.parametrize(("model", "stream", "whole"), CASES)
async def test_cut_at_every_byte(model: WireModel, stream: bytes, whole: dict[str, Any]) -> None:
    """F-N05, F-N06: interrupted until the terminal marker is in, complete after it, and nothing else."""
    complete = essence((await play(model, stream)).completion)
    interrupted = 0
    for end in range(len(stream)):
        got = await play(model, stream[:end])
        if got.error is None:
            found = essence(got.completion)
            if found["usage"] is None:  # a chat stream cut between its finish_reason and its usage
                found["usage"] = complete["usage"]
            assert found == complete
        else:
            interrupted += 1
            assert type(got.error) is StreamInterruptedError
            if got.error.partial is not None:
                assert complete["content"].startswith(got.error.partial.content)
                assert set(got.error.partial.tool_calls) <= set(complete["tool_calls"])
    assert interrupted > len(stream) * 0.6


@pytest.mark.parametrize(("model", "stream", "whole"), CASES)
@pytest.mark.parametrize("seed", range(5))
async def test_damaged_streams_leave_typed_errors_only(
    model: WireModel, stream: bytes, whole: dict[str, Any], seed: int
) -> None:
    """F-ERR01: bytes flipped, dropped or repeated: a completion or a ``LamellaError``."""
    chosen = random.Random(seed)
    for _ in range(40):
        body = bytearray(stream)
        for _ in range(chosen.randint(1, 4)):
            place = chosen.randrange(len(body))
            body[place : place + chosen.randint(0, 3)] = bytes(
                chosen.randrange(256) for _ in range(chosen.randint(0, 3))
            )
        got = await play(model, bytes(body))
        assert (got.completion is None) != (got.error is None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_decoders_take_any_field_of_any_type(data: st.DataObject) -> None:
    """A wrong type in any field is an event, an exception the base class types, or nothing: never a hang."""
    wired: list[tuple[Any, tuple[Any, ...]]] = [
        (ChatDecoder("openai"), wires.CHAT_STREAM),
        (ResponsesDecoder("openai"), wires.RESPONSES_STREAM),
    ]
    decoder, stream = data.draw(st.sampled_from(wired))
    chunk = json.loads(
        json.dumps(data.draw(st.sampled_from([one for one in stream if isinstance(one, dict)])))
    )
    owner = chunk
    while isinstance(owner, dict) and owner:
        key = data.draw(st.sampled_from(sorted(owner)))
        if not isinstance(owner[key], dict) or not owner[key] or data.draw(st.booleans()):
            owner[key] = data.draw(JSON)
            break
        owner = owner[key]
    try:
        for event in (*decoder.feed(chunk), *decoder.finish()):
            assert event.type
    except (LamellaError, TypeError, ValueError, KeyError, AttributeError, IndexError):
        return


async def test_one_response_done_and_it_is_last() -> None:
    """F-EVT15."""
    for case in CASES:
        model, stream, _ = case.values
        got = await play(model, stream)
        assert isinstance(got.events[-1], ResponseDone)
        assert sum(isinstance(event, ResponseDone) for event in got.events) == 1
