"""Switches, autoload, and what is addressable or ambient."""

from __future__ import annotations

import sys

import pytest
from distributions import Site

from lamella.errors import ConfigError, PluginError
from lamella.plugins import PluginHost, PluginState


def test_f_plg02_listing_imports_no_plugin(site: Site) -> None:
    site.add_provider("acme")
    site.add_sink("log")
    host = PluginHost(distributions=site.distributions(), switches={"log": True})
    assert [(record.kind, record.name, record.state) for record in host.records()] == [
        ("provider", "acme", PluginState.AVAILABLE),
        ("sink", "log", PluginState.AVAILABLE),
    ]
    assert host.faults() == ()
    assert site.imported() == set()


def test_a_disabled_plugin_is_refused_when_it_is_named(site: Site) -> None:
    site.add_provider("acme")
    for switch in ("acme", "provider.acme"):
        host = PluginHost(distributions=site.distributions(), switches={switch: False})
        assert host.record("provider", "acme").state is PluginState.DISABLED
        with pytest.raises(PluginError, match="lamella plugins why acme"):
            host.provider("acme")
    assert site.imported() == set()


def test_a_switch_for_a_kind_wins_over_one_for_the_name(site: Site) -> None:
    site.add_provider("acme")
    host = PluginHost(distributions=site.distributions(), switches={"acme": False, "provider.acme": True})
    assert host.provider("acme").id == "acme"


def test_dashes_and_underscores_in_switches_are_equal(site: Site) -> None:
    site.add_provider("ac-me")
    host = PluginHost(distributions=site.distributions(), switches={"ac_me": False})
    assert host.record("provider", "ac-me").state is PluginState.DISABLED


def test_autoload_listed_uses_only_what_is_switched_on(site: Site) -> None:
    site.add_provider("acme")
    site.add_provider("other")
    host = PluginHost(distributions=site.distributions(), autoload="listed", switches={"acme": True})
    assert host.provider("acme").id == "acme"
    assert host.record("provider", "other").state is PluginState.NOT_LISTED
    with pytest.raises(PluginError, match="other = true"):
        host.provider("other")


def test_autoload_none_uses_nothing_that_is_installed(site: Site) -> None:
    site.add_provider("acme")
    host = PluginHost(distributions=site.distributions(), autoload="none", switches={"acme": True})
    with pytest.raises(PluginError, match='autoload is "none"'):
        host.provider("acme")
    assert host.hooks.guardrails() == ()
    assert site.imported() == set()


def test_an_unknown_autoload_is_refused() -> None:
    with pytest.raises(ConfigError, match='must be "installed"'):
        PluginHost(autoload="all")  # type: ignore[arg-type]


def test_activate_kind_takes_addressable_ones_and_ambient_ones_that_are_on(site: Site) -> None:
    site.add_provider("acme")
    site.add_provider("off")
    site.add_sink("log")
    site.add_sink("quiet")
    host = PluginHost(distributions=site.distributions(), switches={"off": False, "log": True})
    assert [record.name for record in host.activate_kind("provider")] == ["acme"]
    assert [record.name for record in host.activate_kind("sink")] == ["log"]
    assert host.sink("quiet").id == "quiet", "a sink that a program names is usable unless it is switched off"


def test_every_kind_names_its_unknown(site: Site) -> None:
    host = PluginHost(distributions=site.distributions())
    for call, words in [
        (host.content, "content type"),
        (host.tool_source, "tool source"),
        (host.sink, "sink"),
    ]:
        with pytest.raises(ConfigError, match=f"no {words} 'x' is installed .*pip install lamella-x"):
            call("x")


def test_the_host_starts_once_before_the_first_activation(site: Site) -> None:
    site.add_provider("acme")
    started: list[set[str]] = []
    host = PluginHost(distributions=site.distributions(), on_start=lambda: started.append(site.imported()))
    host.records()
    assert started == []
    host.provider("acme")
    host.provider("acme")
    assert started == [set()]


def test_starting_may_activate_the_plugin_that_is_about_to_be(site: Site) -> None:
    module = site.add_plugin(
        "acme",
        """
        calls = []

        @lamella.hookimpl
        def lamella_provider():
            calls.append(1)
            return ProviderSpec(id="acme", factory="m:f")
        """,
        group="lamella.providers",
    )
    host = PluginHost(distributions=site.distributions(), on_start=lambda: host.activate("provider", "acme"))
    host.provider("acme")
    assert sys.modules[module].calls == [1]


def test_content_classes_are_found_by_tag_and_never_stop_a_reader(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.add_plugin(
        "taste",
        """
        @lamella.hookimpl
        def lamella_content_types():
            return (
                ContentSpec(id="taste", content_class="site_taste_content:Taste"),
                ContentSpec(id="smell", content_class="site_taste_content:Smell"),
                ContentSpec(id="lost", content_class="no_such_module:Lost"),
            )
        """,
        group="lamella.content",
    )
    (site.path / "site_taste_content.py").write_text(
        'import lamella\nclass Taste(lamella.MediaContent):\n    type = "taste"\n'
        'class Smell(lamella.MediaContent):\n    type = "smell"\n',
        encoding="utf-8",
    )
    site.add_plugin("broken", "1 / 0\n", group="lamella.content")
    host = PluginHost(distributions=site.distributions())
    taste, smell = host.content_class("taste"), host.content_class("smell")
    assert taste is not None
    assert smell is not None
    assert (taste.type, smell.type) == ("taste", "smell")
    assert host.content_class("sound") is None
    assert host.content_class("lost") is None
    assert host.content_class("broken") is None
    assert "no_such_module" in caplog.text
    with pytest.raises(PluginError, match="no_such_module"):
        strict = PluginHost(distributions=site.distributions(), strict=True, switches={"broken": False})
        strict.content_class("lost")
