"""Buckets of tokens that never overlap."""

from __future__ import annotations

from typing import Any

import pytest

from lamella_gemini.usage import read_usage


def test_f_gem02_usage_golden() -> None:
    """F-GEM02: 120 in, 25 cached, 40 out, 30 thought, 10 tool use, 200 total."""
    raw = {
        "promptTokenCount": 120,
        "cachedContentTokenCount": 25,
        "candidatesTokenCount": 40,
        "thoughtsTokenCount": 30,
        "toolUsePromptTokenCount": 10,
        "totalTokenCount": 200,
    }
    usage = read_usage(raw)
    assert usage is not None
    assert usage.raw == raw
    assert (
        usage.input_tokens,
        usage.cached_read_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
        usage.tool_use_tokens,
        usage.total_tokens,
    ) == (95, 25, 40, 30, 10, 200)
    assert usage.cached_write_tokens is None


def audio(count: int) -> list[dict[str, Any]]:
    return [{"modality": "TEXT", "tokenCount": 1}, {"modality": "AUDIO", "tokenCount": count}]


@pytest.mark.parametrize(
    ("raw", "buckets"),
    [
        ({"promptTokenCount": 100, "promptTokensDetails": audio(60)}, (40, None, 60)),
        (
            {
                "promptTokenCount": 100,
                "promptTokensDetails": audio(60),
                "cachedContentTokenCount": 50,
                "cacheTokensDetails": audio(50),
            },
            (40, 50, 10),
        ),
        (
            {"promptTokenCount": 100, "promptTokensDetails": audio(90), "cachedContentTokenCount": 50},
            (0, 50, 50),
        ),
        ({"promptTokenCount": 10, "cachedContentTokenCount": 20}, (0, 20, None)),
        ({"promptTokensDetails": audio(6)}, (None, None, 6)),
        ({"promptTokenCount": 5, "promptTokensDetails": "?"}, (5, None, None)),
    ],
)
def test_spoken_and_cached_input_are_apart(raw: dict[str, Any], buckets: tuple[int | None, ...]) -> None:
    usage = read_usage(raw)
    assert usage is not None
    assert (usage.input_tokens, usage.cached_read_tokens, usage.audio_input_tokens) == buckets


def test_spoken_output_is_apart() -> None:
    usage = read_usage({"candidatesTokenCount": 30, "candidatesTokensDetails": audio(25)})
    assert usage is not None
    assert (usage.output_tokens, usage.audio_output_tokens) == (5, 25)


def test_what_is_not_reported_is_none() -> None:
    assert read_usage(None) is None
    assert read_usage([1]) is None
    usage = read_usage({"trafficType": "ON_DEMAND", "promptTokenCount": "many", "totalTokenCount": True})
    assert usage is not None
    assert usage.input_tokens is usage.output_tokens is usage.total_tokens is None
