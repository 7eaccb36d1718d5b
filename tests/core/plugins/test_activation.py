"""The fault matrix: whatever is wrong with a plugin, it is named and isolated, and the others work."""

from __future__ import annotations

import logging
from textwrap import dedent

import pytest
from distributions import PROVIDER, Site

from lamella.errors import ConfigError, PluginError
from lamella.plugins import PluginHost, PluginState

HEAD = 'import lamella\nfrom lamella import ProviderSpec, SinkSpec\n\nlamella_api = "1.0"\n\n'
HOOK = "@lamella.hookimpl\ndef lamella_provider():\n    "


def provider(body: str, head: str = HEAD) -> str:
    return head + HOOK + body + "\n"


GOOD = provider('return ProviderSpec(id="bad", factory="m:f")')

FAULTS = {
    "import error": ("import no_such_sdk\n", "broken", r"ModuleNotFoundError: No module named 'no_such_sdk'"),
    "syntax error": ("def (\n", "broken", "SyntaxError"),
    "exit": ("raise SystemExit(3)\n", "broken", "SystemExit: 3"),
    "exception": ("1 / 0\n", "broken", "ZeroDivisionError"),
    "wrong hook name": (
        GOOD + "\n@lamella.hookimpl\ndef lamella_wrap_tol(tool): ...\n",
        "broken",
        "no hook 'lamella_wrap_tol'; did you mean 'lamella_wrap_tool'",
    ),
    "wrong argument": (
        GOOD + "\n@lamella.hookimpl\ndef lamella_encode_content(contents, dialect): ...\n",
        "broken",
        "'lamella_encode_content' has no argument 'contents'; did you mean 'content'",
    ),
    "forgotten mark": (
        HEAD + 'def lamella_provider():\n    return ProviderSpec(id="bad", factory="m:f")\n',
        "broken",
        "decorate it with @lamella.hookimpl",
    ),
    "async hook": (
        GOOD + "\n@lamella.hookimpl\nasync def lamella_executor(): ...\n",
        "broken",
        "plain function",
    ),
    "wrapper": (
        GOOD + "\n@lamella.hookimpl(wrapper=True)\ndef lamella_executor():\n    return (yield)\n",
        "broken",
        "pluggy wrapper",
    ),
    "no hook": (HEAD, "broken", "does not implement lamella_provider"),
    "hook raises": (provider("raise ValueError('boom')"), "broken", "ValueError: boom"),
    "hook exits": (provider("raise SystemExit"), "broken", "SystemExit"),
    "nothing returned": (provider("return None"), "broken", "must return a ProviderSpec, got None"),
    "wrong type": (
        provider('return SinkSpec(id="bad", factory="m:f")'),
        "broken",
        "must return a ProviderSpec, got SinkSpec",
    ),
    "wrong id": (
        provider('return ProviderSpec(id="bat", factory="m:f")'),
        "broken",
        "returned the id 'bat', but the entry point is named 'bad'",
    ),
    "missing API": (GOOD.replace("lamella_api", "other"), "incompatible", "does not declare its plugin API"),
    "malformed API": (GOOD.replace('"1.0"', '"one"'), "incompatible", "lamella_api is 'one'"),
    "newer minor API": (
        GOOD.replace('"1.0"', '"1.99"'),
        "incompatible",
        "made for plugin API 1.99, this Lamella has 1.0",
    ),
    "newer major API": (GOOD.replace('"1.0"', '"2.0"'), "incompatible", "made for plugin API 2.0"),
    "older major API": (GOOD.replace('"1.0"', '"0.9"'), "incompatible", "made for plugin API 0.9"),
}


def install(site: Site, code: str) -> str:
    module = f"site_{site.path.parent.name}_bad".replace("-", "_")
    site.add(
        "lamella-bad",
        entry_points={"lamella.providers": {"bad": module}},
        modules={module: dedent(code)},
        version="3.1",
    )
    site.add_provider("acme")
    return module


@pytest.mark.parametrize("fault", FAULTS)
def test_f_plg02_a_faulty_plugin_is_named_and_isolated(
    site: Site, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    code, state, reason = FAULTS[fault]
    install(site, code)
    host = PluginHost(distributions=site.distributions())
    with caplog.at_level(logging.DEBUG, "lamella.plugins"):
        record = host.activate("provider", "bad")
        host.activate("provider", "bad")
    assert (record.state, record.distribution, record.version) == (PluginState(state), "lamella-bad", "3.1")
    assert record.reason is not None
    assert reason in record.reason
    assert record.mend
    warnings = [entry for entry in caplog.records if entry.levelno == logging.WARNING]
    assert len(warnings) == 1, "one line, and one only"
    assert "lamella-bad 3.1" in warnings[0].getMessage()
    assert "\n" not in warnings[0].getMessage()
    assert any(entry.exc_info for entry in caplog.records if entry.levelno == logging.DEBUG)

    with pytest.raises(PluginError) as refused:
        host.provider("bad")
    assert "lamella-bad 3.1" in str(refused.value)
    assert reason in str(refused.value)
    assert record.mend.lower() in str(refused.value).lower()
    assert refused.value.context["state"] == state

    assert host.provider("acme").id == "acme"
    assert {known.name: known.state.value for known in host.records()} == {"bad": state, "acme": "active"}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_strict_host_raises_for_every_fault(site: Site, fault: str) -> None:
    install(site, FAULTS[fault][0])
    host = PluginHost(distributions=site.distributions(), strict=True)
    with pytest.raises(PluginError, match=r"lamella-bad 3\.1"):
        host.activate("provider", "bad")
    assert host.provider("acme").id == "acme"


@pytest.mark.parametrize("value", ["not-a-module", "mod:", "mod:9x", "", ".m"])
def test_an_entry_point_that_names_nothing_is_broken(site: Site, value: str) -> None:
    site.add("lamella-bad", entry_points={"lamella.providers": {"bad": value}})
    host = PluginHost(distributions=site.distributions())
    assert host.activate("provider", "bad").state is PluginState.BROKEN
    with pytest.raises(PluginError, match="not of the form"):
        host.provider("bad")


def test_an_entry_point_with_a_missing_attribute_is_broken(site: Site) -> None:
    module = site.add_provider("acme")
    site.add("lamella-bad", entry_points={"lamella.providers": {"bad": f"{module}:nothing"}})
    host = PluginHost(distributions=site.distributions())
    assert "AttributeError" in (host.activate("provider", "bad").reason or "")
    assert host.provider("acme").id == "acme"


def test_an_interrupt_is_not_swallowed(site: Site) -> None:
    install(site, "raise KeyboardInterrupt\n")
    host = PluginHost(distributions=site.distributions())
    with pytest.raises(KeyboardInterrupt):
        host.activate("provider", "bad")


def test_a_plugin_may_be_an_object_of_a_module(site: Site) -> None:
    site.add(
        "lamella-object",
        entry_points={"lamella.providers": {"object": "site_object:plugin"}},
        modules={
            "site_object": """
                import lamella
                from lamella import ProviderSpec

                class Plugin:
                    lamella_api = "1.0"

                    @lamella.hookimpl
                    def lamella_provider(self):
                        return ProviderSpec(id="object", factory="m:f")

                plugin = Plugin()
            """
        },
    )
    assert PluginHost(distributions=site.distributions()).provider("object").factory == "m:f"


def test_one_module_may_serve_several_entry_points_and_fail_for_one_of_them(site: Site) -> None:
    site.add(
        "lamella-both",
        entry_points={
            "lamella.providers": {"both": "site_both"},
            "lamella.content": {"both": "site_both"},
            "lamella.sinks": {"both": "site_both"},
        },
        modules={
            "site_both": HEAD
            + "from lamella import ContentSpec\n"
            + HOOK
            + 'return ProviderSpec(id="both", factory="m:f")\n\n'
            + "@lamella.hookimpl\ndef lamella_content_types():\n"
            + '    return [ContentSpec(id="both", content_class="m:C"), ContentSpec(id="more", content_class="m:D")]\n'
        },
    )
    host = PluginHost(distributions=site.distributions())
    assert host.activate("sink", "both").state is PluginState.BROKEN
    assert host.provider("both").id == "both"
    assert host.content("both").id == "both"
    assert [spec.id for spec in host.content_types()] == ["both", "more"]


def test_the_plugin_is_left_unregistered_when_its_contribution_fails(site: Site) -> None:
    site.add_plugin(
        "bad",
        """
        @lamella.hookimpl
        def lamella_provider():
            raise ValueError("boom")

        @lamella.hookimpl
        def lamella_guardrail():
            raise AssertionError("a broken plugin is never called")
        """,
        group="lamella.providers",
    )
    host = PluginHost(distributions=site.distributions(), switches={"bad": True})
    assert host.activate("provider", "bad").state is PluginState.BROKEN
    assert host.hooks.guardrails() == ()


def test_two_distributions_with_one_name_are_in_conflict(site: Site) -> None:
    """F-REG01: the error names both."""
    site.add_provider("acme", dist="lamella-acme")
    site.add_provider("acme", dist="lamella-acme-too")
    site.add_provider("other")
    host = PluginHost(distributions=site.distributions())
    assert host.record("provider", "acme").state is PluginState.CONFLICT
    with pytest.raises(PluginError) as refused:
        host.provider("acme")
    assert "lamella-acme 1.0" in str(refused.value)
    assert "lamella-acme-too 1.0" in str(refused.value)
    assert "pip uninstall lamella-acme-too" in str(refused.value)
    assert host.provider("other").id == "other"
    assert not any("acme" in name for name in site.imported())


def test_f_err04_an_unknown_provider_names_the_installed_the_nearest_and_the_install_line(site: Site) -> None:
    site.add_provider("openai")
    site.add_provider("mistral")
    host = PluginHost(distributions=site.distributions())
    with pytest.raises(ConfigError) as unknown:
        host.provider("opnai")
    assert str(unknown.value) == (
        "no provider 'opnai' is installed; did you mean 'openai'? (installed: mistral, openai). "
        "Install it: pip install lamella-opnai"
    )
    assert isinstance(unknown.value, ValueError)
    assert unknown.value.context["installed"] == ["mistral", "openai"]
    assert site.imported() == set()


def test_the_unknown_name_may_be_one_whose_metadata_cannot_be_read(site: Site) -> None:
    site.add("lamella-bad", entry_points="[lamella.providers]\nbad\n")
    host = PluginHost(distributions=site.distributions())
    with pytest.raises(ConfigError, match="the metadata of lamella-bad is faulty: malformed metadata"):
        host.provider("bad")
    with pytest.raises(PluginError, match="lamella-bad: malformed metadata"):
        PluginHost(distributions=site.distributions(), strict=True).records()


def test_f_reg04_a_plugin_loads_when_it_is_first_needed_and_once(site: Site) -> None:
    module = site.add_provider("acme", code=PROVIDER + "\n    count = globals().get('count', 0) + 1\n")
    host = PluginHost(distributions=site.distributions())
    assert host.record("provider", "acme").state is PluginState.AVAILABLE
    assert site.imported() == set()
    assert host.provider("acme") is host.provider("acme")
    assert site.imported() == {module}
    assert host.record("provider", "acme").state is PluginState.ACTIVE


def test_f_reg04_a_missing_sdk_is_a_plugin_error_with_the_install_line(site: Site) -> None:
    module = site.add_provider("acme")
    (site.path / f"{module}_model.py").write_text(
        "class Model:\n    def __init__(self, model):\n        import no_such_sdk\n", encoding="utf-8"
    )
    host = PluginHost(distributions=site.distributions())
    spec = host.provider("acme")
    with pytest.raises(PluginError, match="pip install lamella-acme") as missing:
        host.make(spec, "m")
    assert isinstance(missing.value.cause, ImportError)
    assert missing.value.context["missing"] == "no_such_sdk"

    (site.path / f"{module}_model.py").unlink()
    site.forget()
    with pytest.raises(PluginError, match="pip install lamella-acme") as missing:
        host.make(spec, "m")
    assert isinstance(missing.value.cause, ImportError)


def test_a_factory_that_fails_is_named(site: Site) -> None:
    module = site.add_provider("acme")
    (site.path / f"{module}_model.py").write_text(
        "def Model(name):\n    raise OSError('no')\n", encoding="utf-8"
    )
    host = PluginHost(distributions=site.distributions())
    with pytest.raises(PluginError, match=r"'acme' \(lamella-acme 1\.0\) could not be made: OSError: no"):
        host.make(host.provider("acme"), "m")
