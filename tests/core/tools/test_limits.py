"""Outputs within limits: text is cut with a mark that tells what is missing, media are refused, nothing is silent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamella import AgentInputError, MediaContent, TextBlock, Tool, tool
from lamella.tools.limits import cut, limited, output_size

from turn import done, failed, outputs


def says(value: Any, **options: Any) -> Tool:
    return Tool(lambda: value, name="f", **options)


async def test_text_is_cut_and_the_mark_says_how_much_is_missing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="lamella.tools")
    (event,) = await done(says("x" * 2500, max_output_chars=1000))
    assert event.output == "x" * 1000 + "\n[cut: 1,500 of 2,500 characters left out]"
    assert not event.is_error
    assert event.block().text == event.output, "what is stored is what the model saw"
    assert [record.getMessage() for record in caplog.records] == [
        "the output of tool f was cut: 2500 characters became 1042"
    ]


async def test_text_at_the_limit_is_left() -> None:
    assert await outputs(says("x" * 1000, max_output_chars=1000)) == ["x" * 1000]


async def test_json_is_cut_as_text_and_never_shown_as_broken_json() -> None:
    rows = [{"row": index} for index in range(100)]
    (made,) = await outputs(says(rows, max_output_chars=30))
    assert isinstance(made, str)
    assert (
        made
        == json.dumps(rows)[:30]
        + f"\n[cut: {len(json.dumps(rows)) - 30:,} of {len(json.dumps(rows)):,} characters of JSON left out]"
    )
    assert await outputs(says(rows, max_output_chars=10_000)) == [rows]


@pytest.mark.parametrize("value", [None, True, 5, 1.5])
async def test_scalars_are_never_cut(value: Any) -> None:
    assert await outputs(says(value, max_output_chars=1)) == [value]


async def test_the_limit_of_the_agent_is_that_of_tools_without_one() -> None:
    for made, length in ((says("x" * 50), 5), (says("x" * 50, max_output_chars=10), 10)):
        (output,) = await outputs(made, max_output_chars=5)
        assert output.split("\n")[0] == "x" * length


async def test_texts_beside_media_are_cut_together_and_media_stay() -> None:
    picture = MediaContent(data=b"12345", mime_type="image/png")
    (event,) = await done(says(["abcdef", picture, "ghijkl", "mnopqr"], max_output_chars=8))
    assert event.output == (
        TextBlock(text="abcdef"),
        picture,
        TextBlock(text="gh\n[cut: 10 of 18 characters left out]"),
    )


async def test_media_beyond_the_limit_are_an_error() -> None:
    picture = MediaContent(data=b"x" * 10, mime_type="image/png")
    linked = MediaContent(url="https://a.test/b.png", mime_type="image/png")
    assert await outputs(says([picture, linked], max_output_bytes=10)) == [(picture, linked)]
    said = await failed(says([picture, picture], max_output_bytes=19))
    assert said == (
        "AgentToolExecutionError: tool f returned 20 bytes of media, and its max_output_bytes is 19; "
        "ask for less or for something smaller"
    )


async def test_errors_are_cut_too() -> None:
    @tool(max_output_chars=20)
    def f() -> None:
        raise ValueError("y" * 1_000_000)

    assert await failed(f) == "ValueError: yyyyyyyy\n[cut: 999,992 of 1,000,012 characters left out]"


@pytest.mark.parametrize("field", ["max_output_chars", "max_output_bytes"])
@pytest.mark.parametrize("value", [0, -1, True, 1.5, "9"])
def test_a_limit_is_a_positive_int(field: str, value: Any) -> None:
    options: dict[str, Any] = {field: value}
    with pytest.raises(AgentInputError, match=f"{field} must be an int >= 1"):
        says("x", **options)


@given(st.text(max_size=200), st.integers(1, 100))
def test_a_cut_text_begins_as_the_whole_and_counts_right(text: str, limit: int) -> None:
    made = cut(text, limit)
    if len(text) <= limit:
        assert made == text
        return
    kept, mark = made.rsplit("\n[cut: ", 1)
    assert text.startswith(kept)
    assert limit - 16 <= len(kept) <= limit
    assert mark == f"{len(text) - len(kept):,} of {len(text):,} characters left out]"


def test_letters_keep_their_accents_and_emoji_their_parts() -> None:
    accented = "e\u0301" * 10
    assert cut(accented, 5).startswith("e\u0301" * 2 + "\n")
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert cut("ab" + family, 4).startswith("ab\n")
    assert cut("\u0301" * 50, 20).startswith("\u0301" * 20 + "\n"), "no end of accents: cut at the limit"


def test_the_size_of_an_output() -> None:
    picture = MediaContent(data=b"12345", mime_type="image/png")
    assert output_size("abc") == 3
    assert output_size({"a": 1}) == 8
    assert output_size((TextBlock(text="ab"), picture)) == 7
    assert limited((picture,), "f", None, None) == (picture,)


async def test_results_are_not_nested_without_end() -> None:
    deep: Any = []
    for _ in range(200):
        deep = [deep]
    assert "is nested in more than 128 levels" in await failed(says(deep))
