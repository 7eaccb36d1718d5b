"""The fields of the class: defaults, checks, the key, the issuer, and what may be shown."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lamella import get_model
from lamella.config import forget_projects
from lamella.errors import AgentInputError, AuthenticationError
from lamella.models import ModelRequest
from lamella_mistral import ChatMistral


def test_f_mis01_defaults() -> None:
    """F-MIS01."""
    model = ChatMistral(api_key="k-x")
    assert (model.model, model.timeout, model.max_retries) == ("mistral-small-latest", 60.0, 3)
    assert (model.provider, model.issuer, model.settings) == ("mistral", "mistral", {})
    payload = model.encode(ModelRequest.of("hi"))
    assert payload == {
        "model": "mistral-small-latest",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", 1.6),
        ("temperature", True),
        ("top_p", -0.1),
        ("top_k", 0),
        ("max_tokens", 0),
        ("min_tokens", -1),
        ("stop", [1]),
        ("random_seed", "a"),
        ("presence_penalty", 3),
        ("frequency_penalty", float("nan")),
        ("repetition_penalty", -1),
        ("logprobs", 1),
        ("top_logprobs", -1),
        ("reasoning_effort", "huge"),
        ("prompt_mode", "thinking"),
        ("prediction", 7),
        ("prompt_cache_key", ""),
        ("service_tier", "gold"),
        ("guardrails", {}),
        ("guardrails", ["x"]),
        ("metadata", "x"),
        ("safe_prompt", "yes"),
        ("text_format", "xml"),
        ("timeout", 0),
        ("max_retries", -1),
        ("base_url", "ftp://x"),
        ("model_kwargs", []),
        ("model", ""),
    ],
)
def test_bad_values_are_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(AgentInputError) as caught:
        ChatMistral(**{"api_key": "k-x", field: value})
    assert f"ChatMistral.{field}" in str(caught.value)


@pytest.mark.parametrize(
    ("given", "said"), [({"randomseed": 1}, "did you mean 'random_seed'"), ({"n": 2}, "no field 'n'")]
)
def test_unknown_fields_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(AgentInputError, match=said):
        ChatMistral(api_key="k-x", **given)


def test_every_setting_reaches_the_wire() -> None:
    given: dict[str, Any] = {
        "temperature": 0,
        "top_p": 0.5,
        "top_k": 3,
        "max_tokens": 10,
        "min_tokens": 0,
        "stop": ["END"],
        "random_seed": 0,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "repetition_penalty": 1.1,
        "logprobs": True,
        "top_logprobs": 2,
        "reasoning_effort": "high",
        "prompt_mode": "reasoning",
        "prediction": {"type": "content", "content": "x"},
        "prompt_cache_key": "c",
        "service_tier": "standard_only",
        "guardrails": [{"block_on_error": True}],
        "metadata": {"a": 1},
        "safe_prompt": False,
    }
    payload = ChatMistral(api_key="k-x", streaming=False, **given).encode(ModelRequest.of("hi"))
    assert {name: value for name, value in payload.items() if name not in ("model", "messages")} == given


def test_settings_with_forms_of_their_own() -> None:
    model = ChatMistral(
        api_key="k-x", stop="END", prediction="said", top_logprobs=2, text_format="json_object"
    )
    payload = model.encode(ModelRequest.of("hi", extra={"n": 1}))
    assert payload["stop"] == ["END"]
    assert payload["prediction"] == {"type": "content", "content": "said"}
    assert payload["logprobs"] is True
    assert payload["response_format"] == {"type": "json_object"}
    assert payload["n"] == 1


def test_text_format_and_response_format_go_together() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    for fields in ({"text_format": "json_schema"}, {"text_format": "json_object", "response_format": schema}):
        with pytest.raises(AgentInputError, match="go together"):
            ChatMistral(api_key="k-x", **fields)


def test_f_mis01_the_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """F-MIS01: argument, environment, ``.env``; without one the error says what to do."""
    with pytest.raises(AuthenticationError, match="MISTRAL_API_KEY"):
        ChatMistral()
    (tmp_path / ".env").write_text("MISTRAL_API_KEY=key-of-dotenv\n")
    forget_projects()
    assert ChatMistral()._key.reveal() == "key-of-dotenv"
    monkeypatch.setenv("MISTRAL_API_KEY", "key-of-environment")
    forget_projects()
    assert ChatMistral()._key.reveal() == "key-of-environment"
    model = ChatMistral(api_key="key-of-argument")
    assert model._key.reveal() == "key-of-argument"
    assert "key-of-argument" not in repr(model) + str(model.settings)


def test_the_issuer_is_the_host() -> None:
    for url, issuer in (
        ("https://api.eu.mistral.ai", "mistral"),
        ("http://127.0.0.1:9/v1", "mistral"),
        ("https://gate.example/v1", "gate.example"),
    ):
        assert ChatMistral(api_key="k-x", base_url=url).issuer == issuer
    assert ChatMistral(api_key="k-x", base_url="https://gate.example", issuer="mistral").issuer == "mistral"


def test_the_model_is_made_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", "key-of-environment")
    model = get_model("mistral:ministral-3b-latest", temperature=0)
    assert isinstance(model, ChatMistral)
    assert (model.model, model.temperature) == ("ministral-3b-latest", 0)


def test_the_plugin_module_is_light() -> None:
    """Neither the plugin nor a model imports the SDK or an HTTP library."""
    code = (
        "import sys, lamella_mistral.plugin as p; spec = p.lamella_provider(); "
        "assert spec.id == 'mistral' and spec.default_model in {m.formal_name for m in spec.models}; "
        "from lamella_mistral import ChatMistral; ChatMistral(api_key='k'); "
        "assert not {'mistralai', 'httpx', 'httpx2', 'pydantic', 'openai'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
