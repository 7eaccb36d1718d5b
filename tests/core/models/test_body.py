"""Bodies of requests: the JSON that is sent, whatever is in it, and long texts held only once."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamella._frozen import freeze
from lamella.content.base64_text import from_base64, to_base64
from lamella.errors import AgentSerializationError
from lamella.models.body import Body, body_of

LONG = 1 << 18


async def written(payload: Any) -> bytes:
    body = body_of(payload)
    if isinstance(body, bytes):
        return body
    text = b"".join([piece async for piece in body])
    assert len(text) == body.length
    assert b"".join(body.pieces()) == text  # it can be read again
    return text


async def test_a_short_payload_is_bytes() -> None:
    payload = {"text": "a" * (LONG - 1), "ü": [1, None, {"b": "\ud800"}]}
    assert isinstance(body_of(payload), bytes)
    assert json.loads(await written(payload)) == payload


async def test_long_texts_are_written_piece_by_piece() -> None:
    payload = {
        "messages": [
            {"parts": ("x" * LONG, 'é"\\\n\ud800€😀' * LONG)},
            {"url": f"data:;base64,{'A' * LONG}"},
        ],
        "tail": "x" * LONG,
        "short": 1.5,
    }
    assert isinstance(body_of(payload), Body)
    assert json.loads(await written(payload)) == json.loads(json.dumps(payload))


async def test_frozen_values_too() -> None:
    payload = freeze({"a": [{"b": "y" * LONG}]})
    assert json.loads(await written(payload)) == {"a": [{"b": "y" * LONG}]}


@pytest.mark.parametrize("bad", [float("nan"), b"bytes", object()])
def test_what_is_no_json_is_refused(bad: Any) -> None:
    for payload in ({"x": bad}, {"x": bad, "long": "a" * LONG}):
        with pytest.raises(AgentSerializationError, match="JSON"):
            body_of(payload)


def test_a_long_text_is_held_once() -> None:
    text = "A" * 20_000_000
    tracemalloc.start()
    try:
        body = body_of({"data": text})
        assert isinstance(body, Body)
        assert sum(map(len, body.pieces())) == body.length
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@given(st.binary(max_size=1000), st.text(max_size=5))
def test_f_n38_base64_is_the_usual(data: bytes, prefix: str) -> None:
    import base64

    assert to_base64(data, prefix) == prefix + base64.b64encode(data).decode()
    assert from_base64(to_base64(data)) == data


def test_f_n38_base64_of_much_is_the_text_and_nothing_beside_it() -> None:
    import base64

    data = bytes(range(256)) * 80_000
    tracemalloc.start()
    try:
        text = to_base64(data, "data:image/png;base64,")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert text == f"data:image/png;base64,{base64.b64encode(data).decode()}"
    assert peak < len(text) * 1.1


@pytest.mark.parametrize("text", ["A", "AA=", "AA==AA==", "A A=", "AA==\n", "é", "AA==x"])
def test_what_is_no_base64_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        from_base64(text)
