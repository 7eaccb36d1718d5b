"""Which row a name is: the provider's names, dated names, and names that only begin alike."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from genai_prices.data_snapshot import DataSnapshot, set_custom_snapshot
from genai_prices.types import (
    ClauseAnd,
    ClauseContains,
    ClauseEquals,
    ClauseOr,
    ClauseRegex,
    ClauseStartsWith,
    MatchLogic,
    ModelInfo,
    Provider,
)

from lamella_prices.lookup import find


def row(model: str, provider: str | None = None) -> str | None:
    found = find(model, provider)
    return None if found is None else f"{found.provider.id}/{found.model.id}"


@pytest.mark.parametrize(
    ("model", "id"),
    [
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("GPT-4o-Mini", "gpt-4o-mini"),
        ("gpt-4o-mini-2099-01-31", "gpt-4o-mini"),
        ("gpt-4o-mini-20990131", "gpt-4o-mini"),
        ("gpt-4.1", "gpt-4.1"),
        ("gpt-4.1-2025-04-14", "gpt-4.1"),
        ("gpt-4", "gpt-4"),
        ("gpt-4.19", None),
        ("gpt-4x", None),
        ("gpt-4o-unheard-of", None),
        ("o3", "o3"),
        ("o3-mini", "o3-mini"),
        ("o3-mini-2025-01-31", "o3-mini"),
        ("o3-mini-2099-01-31", "o3-mini"),
        ("o3-2025-04-16", "o3"),
        ("o3-unheard-of", None),
        ("ft:gpt-4o-mini-2024-07-18:org::id", "ft:gpt-4o-mini"),
    ],
)
def test_f_n24_a_dated_name_is_the_model_and_a_longer_name_is_not(model: str, id: str | None) -> None:
    assert row(model, "openai") == (id and f"openai/{id}")


@pytest.mark.parametrize(
    ("model", "id"),
    [
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("claude-sonnet-4-20250514", "claude-sonnet-4-0"),
        ("claude-sonnet-4-59", None),
        ("claude-opus-4.10", None),
        ("claude-3-5-sonnet-latest", "claude-3-5-sonnet"),
    ],
)
def test_f_n24_a_number_is_never_cut(model: str, id: str | None) -> None:
    assert row(model, "anthropic") == (id and f"anthropic/{id}")


@pytest.mark.parametrize(
    ("provider", "model", "found"),
    [
        ("gemini", "gemini-2.5-flash", "google/gemini-2.5-flash"),
        ("google", "models/gemini-2.5-flash", "google/gemini-2.5-flash"),
        ("gemini", "publishers/google/models/gemini-2.5-flash", "google/gemini-2.5-flash"),
        ("mistral", "mistral-large-latest", "mistral/mistral-large"),
        ("xai", "grok-4.3", "x-ai/grok-4.3"),
        ("groq", "llama-3.3-70b-versatile", "groq/llama-3.3-70b-versatile"),
        ("deepseek", "deepseek-chat", "deepseek/deepseek-chat"),
        ("moonshot", "kimi-k2-0905-preview", "moonshotai/kimi-k2-0905-preview"),
        ("openrouter", "openai/gpt-4o", "openrouter/openai/gpt-4o"),
        ("openrouter", "google/gemini-2.5-flash-20250617", "openrouter/google/gemini-2.5-flash"),
        ("openrouter", "openai/gpt-4o:free", None),
        ("azure", "gpt-4.1", "azure/gpt-4.1"),
        ("huggingface", "deepseek-ai/DeepSeek-R1:novita", "huggingface_novita/deepseek-ai/DeepSeek-R1"),
        ("huggingface", "deepseek-ai/DeepSeek-R1", None),
        ("ollama", "mistral-nemo", None),
        ("sim", "claude-sonnet-4-5", None),
        ("openai-compatible", "gpt-4o", None),
    ],
)
def test_the_names_of_providers(provider: str, model: str, found: str | None) -> None:
    """Gateways bill at prices of their own, and a server that is called alike is not the vendor."""
    assert row(model, provider) == found


@pytest.mark.parametrize(
    ("model", "found"),
    [
        ("claude-opus-4-6", "anthropic/claude-opus-4-6"),
        ("gpt-4o-mini", "openai/gpt-4o-mini"),
        ("openai:gpt-4o-mini", "openai/gpt-4o-mini"),
        ("gemini:gemini-2.5-flash", "google/gemini-2.5-flash"),
        ("ollama:mistral-nemo", None),
        ("sim:claude-opus-4-6", None),
        ("llama3:8b", None),
        ("someone/claude-opus-4-6", None),
        ("openai:", None),
        (":gpt-4o", None),
        ("unheard-of", None),
    ],
)
def test_without_a_provider_a_model_is_its_makers(model: str, found: str | None) -> None:
    assert row(model) == found


# -- the rule itself, on rows made for it ---------------------------------------------------------


@pytest.fixture
def acme() -> Iterator[list[ModelInfo]]:
    models: list[ModelInfo] = []
    set_custom_snapshot(DataSnapshot([Provider(id="acme", name="A", api_pattern="a", models=models)], False))
    yield models
    set_custom_snapshot(None)


@pytest.mark.parametrize(
    ("clause", "name", "is_one"),
    [
        (ClauseStartsWith("x-5"), "x-5", True),
        (ClauseStartsWith("x-5"), "x-5-large", True),
        (ClauseStartsWith("x-5"), "x-50", False),
        (ClauseStartsWith("x-5"), "x-5.1", False),
        (ClauseStartsWith("x-5"), "x-5.preview", True),
        (ClauseStartsWith("x-2025"), "x-20250514", True),
        (ClauseStartsWith("X-5"), "x-5-large", True),
        (ClauseContains("x-5"), "a-x-51", False),
        (ClauseContains("x-5"), "a-x-5-b", True),
        (ClauseOr([ClauseStartsWith("x-5"), ClauseEquals("x-51")]), "x-51", True),
        (ClauseAnd([ClauseStartsWith("x-5"), ClauseRegex("^x")]), "x-51", False),
        (ClauseRegex(r"^x-\d+$"), "x-51", True),
        (ClauseEquals("y"), "x-5", False),
    ],
)
def test_f_n24_what_a_row_matches(acme: list[ModelInfo], clause: MatchLogic, name: str, is_one: bool) -> None:
    acme.append(ModelInfo(id="row", match=clause))
    assert (find(name, "acme") is not None) is is_one
