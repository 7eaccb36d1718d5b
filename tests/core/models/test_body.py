"""Bodies of requests: the JSON that is sent, whatever is in it, and long texts held only once."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
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


MEASURED = """
import base64, tracemalloc
from lamella.content.base64_text import to_base64
from lamella.models.body import body_of

data = bytes(range(256)) * 80_000
tracemalloc.start()
text = to_base64(data, "data:image/png;base64,")
print(tracemalloc.get_traced_memory()[1] / len(text))
before = tracemalloc.get_traced_memory()[0]
tracemalloc.reset_peak()
body = body_of({"data": text})
assert sum(map(len, body.pieces())) == body.length > len(text)
print((tracemalloc.get_traced_memory()[1] - before) / len(text))
tracemalloc.stop()
print(text == f"data:image/png;base64,{base64.b64encode(data).decode()}")
"""


def test_f_n38_much_data_is_held_once() -> None:
    """In a process of its own: a tracer, such as that of a coverage run, holds on to what is appended to."""
    done = subprocess.run([sys.executable, "-c", MEASURED], capture_output=True, text=True, check=True)
    written, sent, same = done.stdout.split()
    assert float(written) < 1.2
    assert float(sent) < 0.1
    assert same == "True"


@given(st.binary(max_size=1000), st.text(max_size=5))
def test_f_n38_base64_is_the_usual(data: bytes, prefix: str) -> None:
    assert to_base64(data, prefix) == prefix + base64.b64encode(data).decode()
    assert from_base64(to_base64(data)) == data


@pytest.mark.parametrize("text", ["A", "AA=", "AA==AA==", "A A=", "AA==\n", "é", "AA==x"])
def test_what_is_no_base64_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        from_base64(text)
