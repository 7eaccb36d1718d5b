"""The fields of the class: defaults, checks, the URL, the key, the issuer, and what may be shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lamella import get_model
from lamella.config import Project, forget_projects, use_project
from lamella.errors import AgentInputError, ConfigError
from lamella.models import ModelRequest
from lamella_ollama import ChatOllama

REMOTE = "http://gpu.example:11434"


def test_f_oll01_defaults() -> None:
    """F-OLL01: keep_alive, timeouts, the default server; no key is needed."""
    model = ChatOllama()
    assert (model.model, model.keep_alive, model.timeout, model.connect_timeout) == (
        "llama3.2",
        "5m",
        120.0,
        2.0,
    )
    assert (model.think, model.text_format, model.max_retries) == (None, "text", 3)
    assert model._url == "http://127.0.0.1:11434"
    assert model._key.reveal() == ""
    assert model.settings == {}
    assert ChatOllama("qwen3:4b").model == "qwen3:4b"


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("keep_alive", "soon", "duration"),
        ("keep_alive", "5", "duration"),
        ("keep_alive", True, "duration"),
        ("keep_alive", float("inf"), "duration"),
        ("think", "hard", "low, medium, high"),
        ("think", 1, "True, False"),
        ("timeout", 0, "at least 0.001"),
        ("connect_timeout", -1, "at least 0.001"),
        ("num_ctx", 0, "at least 1"),
        ("num_predict", -3, "at least -2"),
        ("temperature", -0.1, "at least 0"),
        ("temperature", float("nan"), "at least 0"),
        ("top_k", -1, "at least 0"),
        ("top_k", 1.5, "whole number"),
        ("top_p", 1.1, "from 0 to 1"),
        ("min_p", -0.1, "from 0 to 1"),
        ("seed", "a", "whole number"),
        ("stop", [1], "list of texts"),
        ("repeat_penalty", "x", "at least 0"),
        ("presence_penalty", 3, "from -2 to 2"),
        ("frequency_penalty", -3, "from -2 to 2"),
        ("logprobs", 1, "True or False"),
        ("top_logprobs", 21, "from 0 to 20"),
        ("text_format", "json", "text, json_object, json_schema"),
        ("model_kwargs", [], "a dict"),
        ("model", "", "non-empty"),
        ("base_url", "ftp://x", "http"),
        ("api_key", 7, "a text"),
    ],
)
def test_f_oll01_bad_values_are_refused(field: str, value: Any, allowed: str) -> None:
    """F-OLL01: the error names field, value and what is allowed."""
    with pytest.raises(AgentInputError) as caught:
        ChatOllama(**{field: value})
    assert f"ChatOllama.{field}" in str(caught.value)
    assert allowed in str(caught.value)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("value", ["5m", "1h30m", "-1m", "0", "0.5h", 300, 0, -1, 1.5, None])
def test_keep_alive_is_a_duration_or_seconds(value: Any) -> None:
    payload = ChatOllama(keep_alive=value).encode(ModelRequest.of("hi"))
    assert payload.get("keep_alive") == value


def test_unknown_fields_are_refused_with_a_suggestion() -> None:
    with pytest.raises(AgentInputError, match="did you mean 'num_ctx'"):
        ChatOllama(num_ctxt=1)  # type: ignore[call-arg]


def test_a_format_and_its_schema_go_together() -> None:
    with pytest.raises(AgentInputError, match="go together"):
        ChatOllama(text_format="json_schema")
    with pytest.raises(AgentInputError, match="go together"):
        ChatOllama(text_format="json_object", response_format={"type": "object"})


# -- where the server is --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("gpu-box", "http://gpu-box:11434"),
        ("gpu-box/", "http://gpu-box:11434"),
        ("gpu-box:8080", "http://gpu-box:8080"),
        (":8080", "http://127.0.0.1:8080"),
        ("1.2.3.4", "http://1.2.3.4:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("http://0.0.0.0:8080/", "http://127.0.0.1:8080"),
        ("[::]:8080", "http://[::1]:8080"),
        ("[::1]", "http://[::1]:11434"),
        ("gpu-box/ollama/", "http://gpu-box:11434/ollama"),
        ("http://gpu-box", "http://gpu-box"),
        ("https://ollama.com", "https://ollama.com"),
        ("https://gpu-box:8443/ollama", "https://gpu-box:8443/ollama"),
    ],
)
def test_f_oll01_hosts_are_read_as_the_sdk_does(
    given: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F-OLL01: as argument, in ``OLLAMA_BASE_URL`` and in ``OLLAMA_HOST``; ``0.0.0.0`` is where a server listens."""
    import httpx
    from ollama import AsyncClient

    assert ChatOllama(base_url=given)._url == url
    for variable in ("OLLAMA_HOST", "OLLAMA_BASE_URL"):
        monkeypatch.setenv(variable, given)
        forget_projects()
        assert ChatOllama()._url == url
    if "0.0.0.0" not in given and "[::]" not in given:
        assert str(AsyncClient(host=given)._client.base_url).rstrip("/") == str(httpx.URL(url))


def test_f_oll01_argument_then_base_url_then_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """F-OLL01."""
    monkeypatch.setenv("OLLAMA_HOST", "second")
    monkeypatch.setenv("OLLAMA_BASE_URL", "http://first:1")
    forget_projects()
    assert ChatOllama(base_url="http://mine:2")._url == "http://mine:2"
    assert ChatOllama()._url == "http://first:1"
    monkeypatch.delenv("OLLAMA_BASE_URL")
    forget_projects()
    assert ChatOllama()._url == "http://second:11434"


@pytest.mark.parametrize("given", ["http://", "gpu-box:port", "http://[::1", "gpu box"])
def test_hosts_that_are_none_are_refused(given: str) -> None:
    if given == "gpu box":
        assert ChatOllama(base_url=given)._url == "http://gpu box:11434"  # as the SDK; it will not resolve
        return
    with pytest.raises(AgentInputError, match="base_url"):
        ChatOllama(base_url=given)


@pytest.mark.parametrize(
    ("url", "issuer"),
    [
        ("https://ollama.com", "ollama"),
        ("http://localhost:11434", "ollama"),
        ("0.0.0.0", "ollama"),
        (REMOTE, "gpu.example"),
        ("https://ollama.com.evil.example", "ollama.com.evil.example"),
    ],
)
def test_issuer(url: str, issuer: str) -> None:
    assert ChatOllama(base_url=url).issuer == issuer
    assert ChatOllama(base_url=url, issuer="mine").issuer == "mine"


# -- secrets, configuration -----------------------------------------------------------------------


def test_f_n27_settings_show_what_was_given_and_no_secret() -> None:
    """F-N27: whatever form the URL was given in."""
    for url in ("https://user:pass@host.example/x", "user:pass@host.example"):
        model = ChatOllama(api_key="very-secret", base_url=url, temperature=0)
        assert "pass" not in repr(model)
        assert "very-secret" not in repr(model)
        assert model.settings["temperature"] == 0
        assert "host.example" in model.settings["base_url"]


def test_f_plg01_the_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """F-PLG01: argument, environment, ``.env``; ``""`` sends none."""
    (tmp_path / ".env").write_text("OLLAMA_API_KEY=from-dotenv\n")
    forget_projects()
    assert ChatOllama()._key.reveal() == "from-dotenv"
    monkeypatch.setenv("OLLAMA_API_KEY", "from-environment")
    forget_projects()
    assert ChatOllama()._key.reveal() == "from-environment"
    assert ChatOllama(api_key="from-argument")._key.reveal() == "from-argument"
    assert ChatOllama(api_key="")._key.reveal() == ""


def test_f_plg03_configuration_reaches_the_model(tmp_path: Path) -> None:
    """F-PLG02, F-PLG03: by name, with the project's table; typos are refused."""
    (tmp_path / "lamella.toml").write_text(
        '[provider.ollama]\nnum_ctx = 4096\nthink = "low"\nkeep_alive = -1\n'
    )
    with use_project(Project.load(tmp_path)):
        model = get_model("ollama:qwen3:4b", temperature=0)
    assert isinstance(model, ChatOllama)
    assert (model.model, model.num_ctx, model.think, model.keep_alive) == ("qwen3:4b", 4096, "low", -1)
    (tmp_path / "lamella.toml").write_text("[provider.ollama]\nnum_ctxt = 1\n")
    with use_project(Project.load(tmp_path)), pytest.raises(ConfigError, match="num_ctx"):
        get_model("ollama")


def test_the_plugin() -> None:
    from lamella_ollama import plugin

    spec = plugin.lamella_provider()
    assert (spec.id, spec.default_model, spec.env) == ("ollama", "llama3.2", ("OLLAMA_API_KEY",))
    assert spec.capabilities == ChatOllama().capabilities
    assert spec.models == ()  # any tag is a model: a list would warn about most of them
    assert plugin.lamella_api == "1.0"


def test_f_x14_capabilities() -> None:
    """Forced tools are the one thing this wire lacks; the context window is what was asked for."""
    can = ChatOllama().capabilities
    assert not can.forced_tools
    assert not can.count_tokens
    assert {can.tools, can.structured_output, can.reasoning, can.embeddings, can.list_models} == {True}
    assert can.context_window is None
    assert ChatOllama(num_ctx=8192).capabilities.context_window == 8192


def test_what_is_known_of_a_model_is_what_was_set() -> None:
    """A plan says what fits: the window is the server's business until ``num_ctx`` is set."""
    assert (ChatOllama().info, ChatOllama().output_limit) == (None, None)
    assert ChatOllama(num_predict=-1).output_limit is None
    model = ChatOllama(num_ctx=8192, num_predict=100)
    plan = model.plan("hi")
    assert (plan.context_window, plan.max_output_tokens, plan.problems) == (8192, 100, ())
    assert model.info is not None
    assert model.info.formal_name == "llama3.2"


def test_settings_can_be_changed() -> None:
    model = ChatOllama("m", base_url="gpu-box", issuer="mine", api_key="secret", keep_alive=0)
    changed = model.with_settings(temperature=0)
    assert (changed.model, changed._url, changed.issuer, changed.keep_alive) == ("m", model._url, "mine", 0)
    assert (changed.temperature, model.temperature, changed._key.reveal()) == (0, None, "secret")
