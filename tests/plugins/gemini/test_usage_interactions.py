"""Token counts of the Interactions API: buckets that never overlap, and ``None`` that is not zero."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from interactions_wires import USAGE

from lamella.usage import BUCKETS
from lamella_gemini.usage_interactions import read_interactions_usage


def test_f_gem02_golden() -> None:
    """F-GEM02, F-USE01: 95/25/40/30/10/200."""
    usage = read_interactions_usage(USAGE)
    assert usage is not None
    assert (usage.input_tokens, usage.cached_read_tokens, usage.output_tokens) == (95, 25, 40)
    assert (usage.reasoning_tokens, usage.tool_use_tokens, usage.total_tokens) == (30, 10, 200)
    assert sum(getattr(usage, name) or 0 for name in BUCKETS) == usage.total_tokens
    assert usage.raw == USAGE
    assert usage.audio_input_tokens is None


def test_audio_is_counted_apart() -> None:
    usage = read_interactions_usage(
        {
            **USAGE,
            "input_tokens_by_modality": [
                {"modality": "text", "tokens": 60},
                {"modality": "AUDIO", "tokens": 60},
            ],
            "cached_tokens_by_modality": [
                {"modality": "audio", "tokens": 5},
                {"modality": "text", "tokens": 20},
            ],
            "output_tokens_by_modality": [{"modality": "audio", "tokens": 30}],
        }
    )
    assert usage is not None
    assert (usage.input_tokens, usage.audio_input_tokens, usage.cached_read_tokens) == (40, 55, 25)
    assert (usage.output_tokens, usage.audio_output_tokens) == (10, 30)
    assert sum(getattr(usage, name) or 0 for name in BUCKETS) == usage.total_tokens


def test_what_is_not_reported_is_none() -> None:
    usage = read_interactions_usage({"total_input_tokens": 3})
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.cached_read_tokens) == (3, None, None)
    assert (usage.reasoning_tokens, usage.tool_use_tokens, usage.total_tokens) == (None, None, None)


def test_thoughts_by_their_older_name() -> None:
    usage = read_interactions_usage({"total_reasoning_tokens": 7})
    assert usage is not None
    assert usage.reasoning_tokens == 7


@pytest.mark.parametrize("raw", [None, [], "x", 3])
def test_no_usage(raw: Any) -> None:
    assert read_interactions_usage(raw) is None


ODD = st.one_of(st.none(), st.integers(), st.floats(), st.text(), st.booleans(), st.lists(st.integers()))


@given(st.dictionaries(st.sampled_from([*USAGE, "input_tokens_by_modality"]), ODD))
def test_odd_counts_do_no_harm(raw: dict[str, Any]) -> None:
    usage = read_interactions_usage(raw)
    assert usage is not None
    assert all(count is None or count >= 0 for count in (getattr(usage, name) for name in BUCKETS))
