"""Providers and agents registered in code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from distributions import Site

from lamella import ModelInfo, register_agent, register_provider
from lamella.errors import ConfigError, PluginError
from lamella.plugins import (
    PluginHost,
    PluginState,
    registered_agents,
    registered_providers,
    unregister_agent,
    unregister_provider,
)


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    yield
    for key in [*registered_providers()]:
        unregister_provider(key)
    for key in [*registered_agents()]:
        unregister_agent(key)


def make(model: str) -> Any:
    return model


def other(model: str) -> Any:
    return model


async def agent(model: Any, emit: Any, prev_runs: Any) -> Any: ...


def test_f_reg01_a_provider_registered_in_code_is_found_like_an_installed_one(site: Site) -> None:
    register_provider("house", make, display_name="The house", models=["house-1"])
    host = PluginHost(distributions=site.distributions())
    spec = host.provider("house")
    assert (spec.id, spec.summary, spec.factory) == ("house", "The house", make)
    assert spec.models == (ModelInfo(formal_name="house-1", display_name="house-1"),)
    (record,) = host.records()
    assert (record.state, record.distribution) == (PluginState.ACTIVE, None)
    assert "make" in record.origin
    with pytest.raises(ConfigError, match="did you mean 'house'"):
        host.provider("hose")


def test_f_reg01_a_second_registration_of_a_key_is_an_error() -> None:
    register_provider("house", make)
    with pytest.raises(
        PluginError, match=r"'house' is already registered by .*\.make, and now again by .*other"
    ):
        register_provider("house", other)
    register_agent("helper", agent, display_name="Helper")
    with pytest.raises(PluginError, match="agent 'helper' is already registered"):
        register_agent("helper", agent)
    assert registered_agents()["helper"].display_name == "Helper"
    assert registered_agents()["helper"].agent is agent


def test_an_agent_must_be_callable() -> None:
    with pytest.raises(PluginError, match="must be an Agent or a callable"):
        register_agent("helper", "agent")


def test_what_was_not_registered_cannot_be_taken_back() -> None:
    register_provider("house", make)
    with pytest.raises(PluginError, match="registered: house"):
        unregister_provider("horse")
    with pytest.raises(PluginError, match="registered: none"):
        unregister_agent("helper")


def test_a_key_in_code_and_installed_is_a_conflict_that_names_both(site: Site) -> None:
    site.add_provider("acme")
    host = PluginHost(distributions=site.distributions())
    assert host.provider("acme").factory != make
    register_provider("acme", make)
    with pytest.raises(PluginError, match=r"claimed by lamella-acme 1\.0 and by code \(.*\.make\)"):
        host.provider("acme")
    off = PluginHost(distributions=site.distributions(), switches={"acme": False})
    assert off.provider("acme").factory is make, "switching the installed one off settles it"
    unregister_provider("acme")
    assert host.provider("acme").factory != make


def test_f_reg02_model_info_has_formal_and_display_names() -> None:
    models = [
        ModelInfo(formal_name="gpt-4o-2024-05-13", display_name="GPT-4o"),
        ModelInfo(formal_name="gpt-4-turbo-2024-04-09", display_name="GPT-4"),
        ModelInfo(formal_name="gpt-3.5-turbo-0125", display_name="GPT-3.5", outdated=True),
    ]
    register_provider("gpt", make, models=models)
    spec = PluginHost(autoload="none").provider("gpt")
    assert {info.formal_name: info.display_name for info in spec.models} == {
        "gpt-4o-2024-05-13": "GPT-4o",
        "gpt-4-turbo-2024-04-09": "GPT-4",
        "gpt-3.5-turbo-0125": "GPT-3.5",
    }
    assert [info.outdated for info in spec.models] == [False, False, True]
