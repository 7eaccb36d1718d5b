"""The fields: what they take, what they refuse, and where keys and URLs come from."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import attrs
import pytest

from lamella.errors import AgentInputError, AuthenticationError
from lamella.models import ModelRequest
from lamella_gemini import ChatGemini
from lamella_gemini.plugin import lamella_provider
from lamella_gemini.settings import GeminiSettings, InteractionsSettings

KEY = "AIzaVerySecret0123456789"


def model(**fields: Any) -> ChatGemini:
    return ChatGemini(**{"api_key": KEY, **fields})


def config(**fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = model(**fields).encode(ModelRequest.of("hi")).get("generationConfig", {})
    return found


def test_f_gem01_defaults() -> None:
    """F-GEM01: the default model, and nothing sent that was not set."""
    plain = model()
    assert plain.model == "gemini-3-flash-preview"
    assert plain.provider == plain.issuer == "gemini"
    assert plain.encode(ModelRequest.of("hi")) == {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    spec = lamella_provider()
    assert (spec.id, spec.default_model) == ("gemini", "gemini-3-flash-preview")
    assert spec.env[0] == "GOOGLE_API_KEY"


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({"temperature": 0}, {"temperature": 0}),
        ({"top_p": 0.5}, {"topP": 0.5}),
        ({"top_k": 3}, {"topK": 3}),
        ({"max_output_tokens": 9}, {"maxOutputTokens": 9}),
        ({"stop_sequences": "end"}, {"stopSequences": ["end"]}),
        ({"seed": 0}, {"seed": 0}),
        ({"presence_penalty": -1}, {"presencePenalty": -1}),
        ({"frequency_penalty": 0.5}, {"frequencyPenalty": 0.5}),
        ({"logprobs": 3}, {"logprobs": 3, "responseLogprobs": True}),
        ({"response_logprobs": True}, {"responseLogprobs": True}),
        ({"response_modalities": ["TEXT", "IMAGE"]}, {"responseModalities": ["TEXT", "IMAGE"]}),
        ({"media_resolution": "low"}, {"mediaResolution": "MEDIA_RESOLUTION_LOW"}),
        ({"speech_config": {"languageCode": "de-DE"}}, {"speechConfig": {"languageCode": "de-DE"}}),
        ({"image_config": {"aspectRatio": "1:1"}}, {"imageConfig": {"aspectRatio": "1:1"}}),
        ({"response_mime_type": "application/json"}, {"responseMimeType": "application/json"}),
        ({"reasoning_effort": "minimal"}, {"thinkingConfig": {"thinkingLevel": "MINIMAL"}}),
        ({"reasoning_effort": "low"}, {"thinkingConfig": {"thinkingLevel": "LOW"}}),
        ({"reasoning_effort": "medium"}, {"thinkingConfig": {"thinkingLevel": "MEDIUM"}}),
        ({"reasoning_effort": "high"}, {"thinkingConfig": {"thinkingLevel": "HIGH"}}),
        ({"reasoning_effort": "xhigh"}, {"thinkingConfig": {"thinkingLevel": "XHIGH"}}),
        ({"reasoning_summary": "auto"}, {"thinkingConfig": {"includeThoughts": True}}),
        ({"reasoning_summary": "none"}, {"thinkingConfig": {"includeThoughts": False}}),
        ({"thinking_budget": 0}, {"thinkingConfig": {"thinkingBudget": 0}}),
        ({"model": "gemini-2.5-pro", "thinking_budget": -1}, {"thinkingConfig": {"thinkingBudget": -1}}),
        (
            {"model": "gemini-2.5-flash", "reasoning_effort": "low"},
            {"thinkingConfig": {"thinkingBudget": 1024}},
        ),
    ],
)
def test_f_gem01_f_n36_settings_reach_the_generation_config(
    fields: dict[str, Any], sent: dict[str, Any]
) -> None:
    """F-GEM01, F-N36: every setting under its name on the wire; 0 is sent."""
    assert config(**fields) == sent


def test_settings_beside_the_generation_config() -> None:
    safety = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
    payload = model(
        safety_settings=safety, service_tier="flex", labels={"team": "a"}, cached_content="abc", store=False
    ).encode(ModelRequest.of("hi"))
    assert payload["safetySettings"] == safety
    assert payload["serviceTier"] == "flex"
    assert payload["labels"] == {"team": "a"}
    assert payload["cachedContent"] == "cachedContents/abc"
    assert "store" not in payload


def test_f_gem01_response_format_is_a_schema_of_json() -> None:
    """F-GEM01: a schema or a type; a MIME type of one's own stays."""

    @attrs.frozen
    class Answer:
        city: str

    sent = config(response_format=Answer)
    assert sent["responseMimeType"] == "application/json"
    assert sent["responseJsonSchema"]["properties"]["city"] == {"type": "string"}
    enum = config(
        response_format={"type": "object", "properties": {}}, response_mime_type="application/vnd.json"
    )
    assert enum["responseMimeType"] == "application/vnd.json"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"temperature": 3}, "temperature"),
        ({"top_p": 2}, "top_p"),
        ({"top_k": 0}, "top_k"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"stop_sequences": [1]}, "stop_sequences"),
        ({"seed": "1"}, "seed"),
        ({"presence_penalty": 9}, "presence_penalty"),
        ({"frequency_penalty": 9}, "frequency_penalty"),
        ({"logprobs": 21}, "logprobs"),
        ({"response_logprobs": 1}, "response_logprobs"),
        ({"reasoning_effort": "none"}, "minimal, low, medium, high"),
        ({"reasoning_summary": "detailed"}, "auto, none"),
        ({"thinking_budget": -2}, "thinking_budget"),
        ({"reasoning_effort": "low", "thinking_budget": 1}, "give one"),
        ({"model": "gemini-2.5-flash", "reasoning_effort": "xhigh"}, "thinking_budget"),
        ({"function_calling_mode": "maybe"}, "auto, any, none, validated"),
        ({"store": True}, "ChatGeminiInteractions"),
        ({"store": "no"}, "store"),
        ({"safety_settings": {"category": "x"}}, "list of dicts"),
        ({"media_resolution": "huge"}, "media_resolution"),
        ({"service_tier": "fast"}, "service_tier"),
        ({"labels": []}, "labels"),
        ({"api_version": ""}, "api_version"),
        ({"cached_content": 1}, "cached_content"),
        ({"speech_config": "x"}, "speech_config"),
        ({"response_format": {"type": "string"}}, "response_format"),
        ({"tempreature": 1}, "temperature"),
        ({"base_url": "nowhere"}, "base_url"),
    ],
)
def test_f_gem01_values_that_cannot_be_are_refused(fields: dict[str, Any], said: str) -> None:
    """F-GEM01: by the name of the field."""
    with pytest.raises(AgentInputError, match=said):
        model(**fields)


def test_settings_of_interactions() -> None:
    names = {field.name for field in attrs.fields(InteractionsSettings)}
    assert {"store", "previous_interaction_id", "reasoning_effort", "reasoning_summary", "seed"} <= names
    assert InteractionsSettings(store=True).store is True
    assert GeminiSettings().store is False


def test_the_key_comes_from_argument_or_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """F-GEM01: GOOGLE_API_KEY wins over GEMINI_API_KEY; without any no model is built."""
    with pytest.raises(AuthenticationError, match="GOOGLE_API_KEY"):
        ChatGemini()
    monkeypatch.setenv("GEMINI_API_KEY", "second-key-2")
    assert ChatGemini().api_key.reveal() == "second-key-2"  # type: ignore[union-attr]  # a Key after init
    monkeypatch.setenv("GOOGLE_API_KEY", "first-key-11")
    assert ChatGemini().api_key.reveal() == "first-key-11"  # type: ignore[union-attr]  # a Key after init
    assert KEY not in repr(model())


def test_the_issuer_is_told_from_the_host() -> None:
    assert model(base_url="http://127.0.0.1:1").issuer == "gemini"
    assert model(base_url="https://gemini.example.org").issuer == "gemini.example.org"
    assert model(base_url="https://gemini.example.org", issuer="gemini").issuer == "gemini"


def test_plugin_and_class_import_no_sdk() -> None:
    """F-PRV02: the SDK is imported by the first request."""
    code = (
        "import sys, lamella_gemini.plugin as p; p.lamella_provider();"
        "assert not [m for m in sys.modules if m.startswith(('google', 'httpx', 'lamella_gemini.model'))];"
        "from lamella_gemini import ChatGemini; ChatGemini(api_key='');"
        "assert not [m for m in sys.modules if m.startswith(('google.genai', 'httpx', 'pydantic'))]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
