"""The plugin ``fetch``: where a project switches it on, with the project's settings."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from lamella import Agent, ConfigError, ContentFetchError, Message, Project, get_model, use_project
from lamella_fetch import Fetcher, FetchingModel, FetchSettings
from lamella_fetch.plugin import lamella_wrap_model
from lamella_image import ImageContent
from lamella_ollama import ChatOllama

Make = Callable[..., Fetcher]


def project(**overrides: Any) -> Project:
    return Project.load(overrides={f"plugin.fetch.{name}": value for name, value in overrides.items()})


def test_a_project_sets_the_limits() -> None:
    with use_project(
        project(max_bytes=5, allow_hosts=["a:1"], schemes=["https"], cache_bytes=9, concurrency=2)
    ):
        model = lamella_wrap_model(ChatOllama("m"))
    assert isinstance(model, FetchingModel)
    assert model.cache.fetcher == Fetcher(max_bytes=5, allow_hosts=["a:1"], schemes=["https"])
    assert model.concurrency == 2
    with use_project(project()):
        model = lamella_wrap_model(ChatOllama("m"))
    assert isinstance(model, FetchingModel)
    assert model.cache.fetcher == Fetcher() == FetchSettings().fetcher()


def test_a_model_whose_wire_is_not_known_is_left() -> None:
    with use_project(project()):
        assert lamella_wrap_model(get_model("sim:echo")) is None


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("max_byte", 5, "did you mean 'max_bytes'"),
        ("max_bytes", 0, "at least 1"),
        ("max_bytes", "many", "max_bytes"),
        ("timeout", -1, "timeout"),
        ("max_redirects", 99, "max_redirects"),
        ("allow_hosts", ["intranet"], "host:port"),
        ("schemes", ["ftp"], "https and http"),
        ("concurrency", 0, "concurrency"),
    ],
)
def test_a_setting_that_does_not_fit_is_a_configuration_error(setting: str, value: Any, said: str) -> None:
    with use_project(project(**{setting: value})), pytest.raises(ConfigError, match=said):
        lamella_wrap_model(ChatOllama("m"))


def test_settings_may_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMELLA__PLUGIN__FETCH__TIMEOUT", "3.5")
    with use_project(Project.load()):
        model = lamella_wrap_model(ChatOllama("m"))
    assert isinstance(model, FetchingModel)
    assert model.cache.fetcher.timeout == 3.5


@pytest.mark.parametrize("on", [True, False])
async def test_f_n29_it_acts_only_where_a_project_switches_it_on(server: Any, on: bool) -> None:
    """Installing it does nothing: without the switch the request is refused before any network."""
    server.answers["/a.png"] = server.whole()
    overrides: dict[str, Any] = {"plugins.fetch": on} if on else {}
    with use_project(Project.load(overrides=overrides)):
        agent = Agent(ChatOllama("m", base_url="http://127.0.0.1:9"))
        with pytest.raises(Exception, match="loopback" if on else "has no form|URL") as caught:
            await agent.arun([Message.user([ImageContent.from_url(server.url())])])
    assert isinstance(caught.value, ContentFetchError) is on
    assert server.heads == []


def test_it_is_the_innermost_middleware() -> None:
    """What wraps a model otherwise need not show the model's wire."""
    assert lamella_wrap_model.lamella_impl["trylast"]  # type: ignore[attr-defined]


def test_importing_the_plugin_imports_no_http_library() -> None:
    code = (
        "import sys, lamella_fetch, lamella_fetch.plugin, lamella_fetch.fetcher, lamella_fetch.settings\n"
        "lamella_fetch.Fetcher()\n"
        "assert not {'httpx2', 'httpcore2', 'anyio'} & set(sys.modules), sorted(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_module_has_what_it_says() -> None:
    import lamella_fetch

    assert dir(lamella_fetch) == sorted(lamella_fetch.__all__)
    assert all(getattr(lamella_fetch, name) for name in lamella_fetch.__all__)
    with pytest.raises(AttributeError, match="no attribute 'fetch_all'"):
        _ = lamella_fetch.fetch_all  # type: ignore[attr-defined]
