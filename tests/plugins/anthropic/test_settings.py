"""The fields of the class: defaults, checks, the key, the issuer, and what may be shown."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lamella import get_model
from lamella.config import Project, forget_projects, use_project
from lamella.errors import AgentInputError, AuthenticationError, InvalidRequestError
from lamella.models import ModelRequest
from lamella_anthropic import ChatAnthropic
from lamella_anthropic.catalog import MODELS, takes_schemas
from lamella_anthropic.plugin import lamella_provider


def model(**fields: Any) -> ChatAnthropic:
    return ChatAnthropic(**{"api_key": "sk-x", **fields})


def payload(**fields: Any) -> dict[str, Any]:
    return model(**fields).encode(ModelRequest.of("hi"))


def test_f_ant01_defaults() -> None:
    """F-ANT01: what is not set is not sent."""
    made = model()
    assert (made.max_tokens, made.anthropic_version, made.timeout) == (4096, "2026-10-21", 60.0)
    assert made.settings == {}
    assert made.issuer == "anthropic"
    assert payload() == {
        "model": "claude-sonnet-5",
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        "stream": True,
    }
    assert "stream" not in payload(streaming=False)


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("max_tokens", -1, "at least 0"),
        ("temperature", 1.5, "from 0 to 1"),
        ("top_p", -0.1, "from 0 to 1"),
        ("top_k", -1, "at least 0"),
        ("stop_sequences", [1], "list of texts"),
        ("user", " ", "non-empty"),
        ("thinking", "deeply", "adaptive, disabled, between_tools"),
        ("thinking", 1023, "at least 1024"),
        ("thinking", True, "a dict with a type"),
        ("thinking", {"budget_tokens": 2048}, "a dict with a type"),
        ("thinking_display", "full", "summarized, omitted"),
        ("effort", "huge", "low, medium, high, xhigh, max"),
        ("service_tier", "flex", "auto, standard_only"),
        ("cache", "10m", "5m, 1h"),
        ("betas", [1], "list of texts"),
        ("anthropic_version", "", "non-empty"),
        ("model", "", "non-empty"),
        ("base_url", "ftp://x", "http"),
    ],
)
def test_f_ant01_bad_values_are_refused(field: str, value: Any, allowed: str) -> None:
    """F-ANT01: the error names field, value and what is allowed."""
    with pytest.raises(AgentInputError) as caught:
        model(**{field: value})
    assert f"ChatAnthropic.{field}" in str(caught.value)
    assert allowed in str(caught.value)


def test_f_ant01_unknown_fields_are_refused_with_a_suggestion() -> None:
    """F-ANT01."""
    with pytest.raises(AgentInputError, match="did you mean 'max_tokens'"):
        model(max_token=5)


@pytest.mark.parametrize("field", ["temperature", "top_p", "top_k"])
def test_f_ant01_sampling_is_refused_where_the_version_has_removed_it(field: str) -> None:
    """F-ANT01: before any network, with the way for models that still take it."""
    with pytest.raises(AgentInputError, match=rf'{field}.*anthropic_version="2023-06-01"'):
        model(**{field: 0})
    assert payload(anthropic_version="2023-06-01", **{field: 0})[field] == 0


def test_f_ant01_every_field_reaches_the_payload() -> None:
    """F-ANT01, F-N36."""
    sent = payload(
        max_tokens=9000,
        stop_sequences="END",
        user="u-1",
        thinking=2048,
        thinking_display="omitted",
        effort="low",
        service_tier="standard_only",
        model_kwargs={"container": "c", "metadata": {"x": "y"}, "output_config": {"z": 1}},
    )
    assert sent["max_tokens"] == 9000
    assert sent["stop_sequences"] == ["END"]
    assert sent["metadata"] == {"user_id": "u-1", "x": "y"}
    assert sent["thinking"] == {"type": "enabled", "budget_tokens": 2048, "display": "omitted"}
    assert sent["output_config"] == {"effort": "low", "z": 1}
    assert sent["service_tier"] == "standard_only"
    assert sent["container"] == "c"


def test_f_ant01_forms_of_thinking() -> None:
    """F-ANT01."""
    assert payload(thinking="adaptive")["thinking"] == {"type": "adaptive"}
    assert payload(thinking="disabled")["thinking"] == {"type": "disabled"}
    assert payload(thinking="between_tools")["thinking"] == {"type": "between_tools"}
    own = {"type": "adaptive", "future": 1}
    sent = payload(thinking=own, thinking_display="summarized")["thinking"]
    assert sent == {"type": "adaptive", "future": 1, "display": "summarized"}
    assert own == {"type": "adaptive", "future": 1}


def test_f_ant01_fields_that_exclude_each_other() -> None:
    """F-ANT01."""
    with pytest.raises(AgentInputError, match="less than max_tokens"):
        model(thinking=4096)
    assert model(thinking=4096, betas="interleaved-thinking-2025-05-14").betas == [
        "interleaved-thinking-2025-05-14"
    ]
    with pytest.raises(AgentInputError, match="goes with thinking"):
        model(thinking_display="omitted")
    with pytest.raises(AgentInputError, match="goes with thinking"):
        model(thinking="disabled", thinking_display="omitted")


def test_f_ant01_the_key_comes_from_argument_environment_or_dotenv(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """F-ANT01."""
    with pytest.raises(AuthenticationError, match="ANTHROPIC_API_KEY"):
        ChatAnthropic()
    (tmp_path / ".env").write_text("ANTHROPIC_API_KEY=sk-from-file\n")
    forget_projects()
    assert ChatAnthropic()._key.reveal() == "sk-from-file"
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-from-env")
    forget_projects()
    assert ChatAnthropic()._key.reveal() == "sk-from-env"
    assert ChatAnthropic(api_key="sk-given")._key.reveal() == "sk-given"


def test_secrets_are_in_no_repr() -> None:
    made = model(
        api_key="sk-ant-very-secret",
        headers={"x-api-key": "other-secret"},
        model_kwargs={"mcp_servers": [{"authorization_token": "t0ken", "authorization": "t0ken"}]},
    )
    for shown in (repr(made), str(made.settings)):
        assert "secret" not in shown
    assert model(betas=["a"], effort="low").settings == {"betas": ["a"], "effort": "low"}


def test_the_issuer_is_the_vendor_or_the_host() -> None:
    assert model(base_url="http://127.0.0.1:9").issuer == "anthropic"
    assert model(base_url="https://eu.api.anthropic.com").issuer == "anthropic"
    assert model(base_url="https://anthropic.com.evil.example").issuer == "anthropic.com.evil.example"
    assert model(base_url="https://gw.example", issuer="anthropic").issuer == "anthropic"


def test_models_by_name(tmp_path: Path) -> None:
    with use_project(Project.load(tmp_path)):
        made = get_model("anthropic:claude-haiku-4-5", api_key="sk-x", effort="low")
    assert isinstance(made, ChatAnthropic)
    assert (made.model, made.effort) == ("claude-haiku-4-5", "low")
    assert made.capabilities.context_window == 200_000
    assert model(model="claude-of-tomorrow").capabilities.context_window is None


async def test_f_emb_there_are_no_embeddings() -> None:
    """F-PRV01: a typed refusal."""
    with pytest.raises(InvalidRequestError, match="no embeddings"):
        await model().embed(["a"])


def test_the_default_model_is_current() -> None:
    spec = lamella_provider()
    current = {info.formal_name for info in MODELS if not info.outdated}
    assert spec.default_model in current
    assert model().model == spec.default_model


@pytest.mark.parametrize(
    ("name", "takes"),
    [
        ("claude-sonnet-5", True),
        ("claude-opus-4-1-20250805", True),
        ("claude-sonnet-4-5", True),
        ("claude-sonnet-4-20250514", False),
        ("claude-opus-4-0", False),
        ("claude-3-5-haiku-latest", False),
        ("anthropic/claude-haiku-4.5", True),
        ("anything", True),
    ],
)
def test_models_that_take_schemas(name: str, takes: bool) -> None:
    assert takes_schemas(name) is takes


def test_the_plugin_module_imports_no_sdk() -> None:
    code = (
        "import sys; import lamella_anthropic.plugin as p; p.lamella_provider(); from lamella_anthropic import "
        "ChatAnthropic; ChatAnthropic(api_key='k'); "
        "assert not {'anthropic', 'httpx2', 'pydantic', 'openai'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
