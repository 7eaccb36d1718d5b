"""Frames are the same however the bytes arrive."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamella import AgentParsingError
from lamella.models import NDJSONFrames, SSEFrames
from lamella.models import frames as room

STREAM = (
    b': comment\r\nevent: a\r\ndata: {"x": 1}\r\n\r\n'
    b"data:no space\n\nid: 7\nretry: 10\ndata: one\ndata: two\n\n"
    b"data: \xc3\xa9\r\rdata: [DONE]\n\n"
)
PAYLOADS = [b'{"x": 1}', b"no space", b"one\ntwo", b"\xc3\xa9", b"[DONE]"]


def feed(frames: SSEFrames | NDJSONFrames, pieces: list[bytes]) -> list[bytes]:
    got = [payload for piece in pieces for payload in frames.feed(piece)]
    return [*got, *frames.end()]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(bounds)]


@given(st.lists(st.integers(min_value=0, max_value=500), max_size=12))
def test_sse_is_the_same_cut_anywhere(places: list[int]) -> None:
    assert feed(SSEFrames(), cut(STREAM, places)) == PAYLOADS


def test_sse_byte_by_byte_with_a_byte_order_mark() -> None:
    data = b"\xef\xbb\xbf" + STREAM
    assert feed(SSEFrames(), [data[i : i + 1] for i in range(len(data))]) == PAYLOADS


def test_sse_gives_the_last_frame_without_its_blank_line() -> None:
    assert feed(SSEFrames(), [b"data: a\n\ndata: b"]) == [b"a", b"b"]


@given(st.lists(st.integers(min_value=0, max_value=500), max_size=12))
def test_ndjson_is_the_same_cut_anywhere(places: list[int]) -> None:
    data = b'{"a": 1}\n\n{"b": 2}\r\n{"c": 3}'
    got = feed(NDJSONFrames(), cut(data, places))
    assert [payload.strip() for payload in got] == [b'{"a": 1}', b'{"b": 2}', b'{"c": 3}']


def test_an_endless_line_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_MAX_FRAME", 1000)
    frames = SSEFrames()
    with pytest.raises(AgentParsingError, match="1000 bytes"):
        for _ in range(100):
            frames.feed(b"data: " + b"x" * 50)
