"""The fields of the classes: defaults, checks, the key, the issuer, and what may be shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lamella import get_model
from lamella.config import Project, forget_projects, use_project
from lamella.errors import AgentInputError, AuthenticationError, ConfigError
from lamella.models import ModelRequest
from lamella_openai import ChatOpenAI, ChatOpenAICompletions

BOTH = pytest.mark.parametrize("cls", [ChatOpenAI, ChatOpenAICompletions])
Class = type[ChatOpenAI] | type[ChatOpenAICompletions]


@BOTH
def test_f_oai01_defaults(cls: Class) -> None:
    """F-OAI01, F-OAI02, F-OAI07."""
    model = cls(api_key="sk-x")
    assert (model.model, model.timeout, model.max_retries, model.model_kwargs) == ("gpt-5-nano", 60.0, 3, {})
    assert (model.text_format, model.temperature, model.streaming) == ("text", None, True)
    assert model.retry.max_retries == 3
    assert model.settings == {}
    assert ChatOpenAI(api_key="sk-x").store is False
    assert cls("gpt-5", api_key="sk-x").model == "gpt-5"


@BOTH
@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("temperature", "hot", "from 0 to 2"),
        ("temperature", 2.1, "from 0 to 2"),
        ("temperature", float("nan"), "from 0 to 2"),
        ("temperature", True, "from 0 to 2"),
        ("top_p", -0.1, "from 0 to 1"),
        ("top_logprobs", 21, "from 0 to 20"),
        ("timeout", 0, "at least 0.001"),
        ("max_retries", -1, "at least 0"),
        ("max_retries", 1.5, "at least 0"),
        ("reasoning_effort", "huge", "none, minimal, low, medium, high, xhigh"),
        ("verbosity", "loud", "low, medium, high"),
        ("text_format", "xml", "text, json_object, json_schema"),
        ("logprobs", 1, "True or False"),
        ("streaming", None, "True or False"),
        ("model_kwargs", [], "a dict"),
        ("metadata", "x", "a dict"),
        ("api_key", 7, "a text"),
        ("model", "", "non-empty"),
        ("base_url", "ftp://x", "http"),
        ("user", " ", "non-empty"),
    ],
)
def test_f_oai01_bad_values_are_refused(cls: Class, field: str, value: Any, allowed: str) -> None:
    """F-OAI01: the error names field, value and what is allowed."""
    with pytest.raises(AgentInputError) as caught:
        cls(**{"api_key": "sk-x", field: value})
    assert f"{cls.__name__}.{field}" in str(caught.value)
    assert allowed in str(caught.value)
    assert repr(value) in str(caught.value)


def test_f_oai02_f_oai07_bad_values_of_one_class() -> None:
    """F-OAI02, F-OAI07."""
    bad: tuple[tuple[Class, str, Any], ...] = (
        (ChatOpenAI, "reasoning_summary", "long"),
        (ChatOpenAI, "max_output_tokens", 0),
        (ChatOpenAI, "truncation", "yes"),
        (ChatOpenAI, "store", None),
        (ChatOpenAICompletions, "stop", [1]),
        (ChatOpenAICompletions, "frequency_penalty", 3),
        (ChatOpenAICompletions, "seed", "a"),
    )
    for cls, field, value in bad:
        with pytest.raises(AgentInputError, match=field):
            cls(**{"api_key": "sk-x", field: value})


@BOTH
def test_f_oai01_unknown_fields_are_refused(cls: Class) -> None:
    """F-OAI01: with the nearest field; nothing else is positional but the model."""
    with pytest.raises(AgentInputError, match="did you mean 'temperature'"):
        cls(api_key="sk-x", temprature=1)  # type: ignore[call-arg]
    with pytest.raises(AgentInputError, match="model_kwargs"):
        cls(api_key="sk-x", zzzz=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        cls("gpt-5", "sk-x")  # type: ignore[call-arg]
    with pytest.raises(AgentInputError, match="max_tokens"):
        ChatOpenAI(api_key="sk-x", max_tokens=1)  # type: ignore[call-arg]


@BOTH
def test_f_oai07_settings_are_copied_at_construction(cls: Class) -> None:
    """F-OAI07."""
    kwargs: dict[str, Any] = {"nested": {"list": [1]}}
    model = cls(api_key="sk-x", model_kwargs=kwargs)
    kwargs["nested"]["list"].append(2)
    assert model.model_kwargs == {"nested": {"list": [1]}}
    stop = ["a"]
    chat = ChatOpenAICompletions(api_key="sk-x", stop=stop)
    stop.append("b")
    assert chat.stop == ["a"]
    assert ChatOpenAICompletions(api_key="sk-x", stop="END").stop == ["END"]


# -- the key --------------------------------------------------------------------------------------


@BOTH
def test_f_plg01_the_key_is_required_at_construction(cls: Class) -> None:
    """F-OAI01, F-PLG01: also with a ``base_url`` of one's own, unless it is ``""``."""
    for fields in ({}, {"base_url": "http://localhost:1/v1"}):
        with pytest.raises(AuthenticationError, match="OPENAI_API_KEY"):
            cls(**fields)  # type: ignore[arg-type]
    assert cls(api_key="")._key.reveal() == ""


@BOTH
def test_f_plg01_argument_then_environment_then_dotenv(
    cls: Class, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """F-PLG01."""
    (tmp_path / ".env").write_text("OPENAI_API_KEY=sk-dotenv\n")
    forget_projects()
    assert cls()._key.reveal() == "sk-dotenv"
    monkeypatch.setenv("OPENAI_API_KEY", "sk-environment")
    forget_projects()
    assert cls()._key.reveal() == "sk-environment"
    assert cls(api_key="sk-argument")._key.reveal() == "sk-argument"


def test_openai_base_url_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://gateway.example/v1")
    forget_projects()
    assert ChatOpenAI(api_key="x").issuer == "gateway.example"
    assert ChatOpenAI(api_key="x", base_url="https://eu.api.openai.com/v1").issuer == "openai"


@BOTH
def test_f_n27_settings_show_what_was_given_and_no_secret(cls: Class) -> None:
    """F-N27, F-RUN02."""
    model = cls(
        api_key="sk-very-secret",
        temperature=0,
        base_url="https://user:pass@host.example/v1?key=1",
        issuer="me",
        model_kwargs={"tools": [{"type": "mcp", "authorization": "token-1", "headers": {"x": "token-2"}}]},
    )
    assert model.settings == {
        "temperature": 0,
        "base_url": "https://host.example/v1",
        "issuer": "me",
        "model_kwargs": {"tools": [{"type": "mcp", "authorization": "***", "headers": "***"}]},
    }
    for secret in ("sk-very-secret", "pass", "token-1", "token-2"):
        assert secret not in repr(model)
    assert repr(cls("gpt-5", api_key="sk-x", temperature=0)) == f"{cls.__name__}('gpt-5', temperature=0)"


# -- the issuer -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "issuer"),
    [
        ("https://api.openai.com/v1", "openai"),
        ("https://eu.api.openai.com/v1", "openai"),
        ("https://mine.openai.azure.com/openai/v1", "openai"),
        ("http://localhost:8000/v1", "openai"),
        ("http://127.0.0.2:8000/v1", "openai"),
        ("http://[::1]:8000/v1", "openai"),
        ("https://api.deepseek.com", "api.deepseek.com"),
        ("https://notopenai.com/v1", "notopenai.com"),
        ("https://openai.com.evil.example/v1", "openai.com.evil.example"),
        ("http://10.0.0.1:8000/v1", "10.0.0.1"),
    ],
)
def test_issuer(url: str, issuer: str) -> None:
    assert ChatOpenAI(api_key="x", base_url=url).issuer == issuer
    assert ChatOpenAI(api_key="x", base_url=url, issuer="mine").issuer == "mine"


# -- the plugin -----------------------------------------------------------------------------------


def test_f_plg02_models_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """F-PLG02, F-REG02: ``openai:…`` and ``openai-chat:…``, with known models."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    forget_projects()
    assert isinstance(get_model("openai:gpt-5-nano", temperature=0), ChatOpenAI)
    assert get_model("openai").model == "gpt-5-nano"
    assert isinstance(get_model("openai-chat:gpt-4o"), ChatOpenAICompletions)
    with pytest.raises(ConfigError):
        get_model("openai:gpt-5-nino", strict_models=True)


def test_f_reg02_known_models() -> None:
    """F-REG02."""
    from lamella_openai import chat_plugin, plugin

    for module in (plugin, chat_plugin):
        spec = module.lamella_provider()
        shown = {info.formal_name: info.display_name for info in spec.models}
        assert shown["gpt-4o-2024-05-13"] == "GPT-4o"
        assert shown["gpt-4-turbo-2024-04-09"] == "GPT-4"
        assert shown["gpt-3.5-turbo-0125"] == "GPT-3.5"
        assert spec.default_model in shown
        assert spec.env == ("OPENAI_API_KEY",)
        assert module.lamella_api == "1.0"
    assert ChatOpenAI(api_key="x").capabilities == plugin.lamella_provider().capabilities
    assert ChatOpenAICompletions(api_key="x").capabilities == chat_plugin.lamella_provider().capabilities


def test_f_plg03_configuration_reaches_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """F-PLG03, F-PLG01: a table in the project's file; a key only as a reference; typos with a suggestion."""
    monkeypatch.setenv("MY_KEY", "sk-referred")
    (tmp_path / "lamella.toml").write_text(
        '[provider.openai]\ntemperature = 0.5\nmax_output_tokens = 7\napi_key = { env = "MY_KEY" }\n'
    )
    with use_project(Project.load(tmp_path)):
        model = get_model("openai:gpt-5-nano")
    assert isinstance(model, ChatOpenAI)
    assert (model.temperature, model.max_output_tokens, model._key.reveal()) == (0.5, 7, "sk-referred")
    (tmp_path / "lamella.toml").write_text("[provider.openai]\ntemprature = 0.5\n")
    with use_project(Project.load(tmp_path)), pytest.raises(ConfigError, match="temperature"):
        get_model("openai:gpt-5-nano")
    (tmp_path / "lamella.toml").write_text('[provider.openai]\napi_key = "sk-literal"\n')
    with use_project(Project.load(tmp_path)), pytest.raises(ConfigError, match="secret") as caught:
        get_model("openai:gpt-5-nano")
    assert "sk-literal" not in str(caught.value)


def test_encoding_needs_no_network_and_is_pure() -> None:
    """F-OAI03: the same request gives the same payload."""
    model = ChatOpenAI(api_key="sk-x")
    request = ModelRequest.of("hi")
    assert model.encode(request) == model.encode(request)
    assert model.check("hi") == ()
