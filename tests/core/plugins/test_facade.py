"""Hook calls: in order, typed, and each failure with an owner."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from distributions import Site

from lamella import MediaContent, TokenUsage, UnsupportedContentError
from lamella.config import Project, use_project
from lamella.errors import ConfigError, PluginError
from lamella.plugins import PluginHost


class Taste(MediaContent):
    type = "taste"


TASTE = Taste(data=b"umami")
USAGE = TokenUsage(input_tokens=1)


def content_plugin(name: str, body: str) -> str:
    return f"""
        @lamella.hookimpl
        def lamella_content_types():
            return [ContentSpec(id="{name}", content_class="m:C")]

        @lamella.hookimpl
        def lamella_encode_content(content, dialect):
            {body}
    """


def add_content(site: Site, name: str, body: str) -> str:
    return site.add_plugin(name, content_plugin(name, body), group="lamella.content")


def add_guard(site: Site, name: str, hook: str) -> None:
    site.add_plugin(name, f"@lamella.hookimpl\ndef {hook}\n")


# -- encode_content ---------------------------------------------------------------------------------


def test_content_is_encoded_by_the_plugin_of_its_type_first(site: Site) -> None:
    taste = add_content(site, "taste", 'return {"by": "taste", "for": dialect}')
    add_content(site, "a_first_by_name", 'return {"by": "other"}')
    host = PluginHost(distributions=site.distributions())
    assert host.hooks.encode_content(TASTE, "acme.chat") == {"by": "taste", "for": "acme.chat"}
    assert site.imported() == {taste}, "nobody else was imported"


def test_then_by_the_provider_of_the_dialect_then_by_other_content_plugins(site: Site) -> None:
    add_content(site, "taste", 'return {"by": "taste"} if dialect == "taste" else None')
    add_content(site, "other", 'return {"by": "other"} if dialect != "none" else None')
    site.add_plugin(
        "acme",
        """
        @lamella.hookimpl
        def lamella_provider():
            return ProviderSpec(id="acme", factory="m:f")

        @lamella.hookimpl
        def lamella_encode_content(dialect):
            return {"by": "acme"}
        """,
        group="lamella.providers",
    )
    hooks = PluginHost(distributions=site.distributions()).hooks
    assert hooks.encode_content(TASTE, "acme.chat") == {"by": "acme"}
    assert hooks.encode_content(TASTE, "acme") == {"by": "acme"}
    assert hooks.encode_content(TASTE, "mistral.chat") == {"by": "other"}
    assert hooks.encode_content(TASTE, "none") is None


def test_a_disabled_or_broken_content_plugin_is_passed_over(site: Site) -> None:
    add_content(site, "taste", 'return {"by": "taste"}')
    site.add_plugin("broken", "1 / 0\n", group="lamella.content")
    add_content(site, "other", 'return {"by": "other"}')
    host = PluginHost(distributions=site.distributions(), switches={"taste": False})
    assert host.hooks.encode_content(TASTE, "acme") == {"by": "other"}


def test_an_ambient_plugin_encodes_where_it_is_switched_on(site: Site) -> None:
    add_guard(site, "extra", 'lamella_encode_content(content, dialect): return {"by": "extra"}')
    off = PluginHost(distributions=site.distributions())
    assert off.hooks.encode_content(TASTE, "acme") is None
    on = PluginHost(distributions=site.distributions(), switches={"extra": True})
    assert on.hooks.encode_content(TASTE, "acme") == {"by": "extra"}


def test_an_encoder_that_fails_is_named(site: Site) -> None:
    add_content(site, "taste", 'raise KeyError("salt")')
    hooks = PluginHost(distributions=site.distributions()).hooks
    with pytest.raises(
        PluginError, match=r"lamella_encode_content of content type 'taste' \(lamella-taste 1"
    ):
        hooks.encode_content(TASTE, "acme")


def test_an_encoder_refuses_in_its_own_typed_words(site: Site) -> None:
    add_content(site, "taste", 'raise UnsupportedContentError("too salty")')
    hooks = PluginHost(distributions=site.distributions()).hooks
    with pytest.raises(UnsupportedContentError, match="too salty"):
        hooks.encode_content(TASTE, "acme")


def test_an_encoder_that_returns_no_mapping_is_named(site: Site) -> None:
    add_content(site, "taste", 'return "salt"')
    hooks = PluginHost(distributions=site.distributions()).hooks
    with pytest.raises(PluginError, match="must return a mapping or None, got str"):
        hooks.encode_content(TASTE, "acme")


# -- prices, models, commands: isolated -------------------------------------------------------------


def test_f_use08_prices_come_from_plugins_that_are_switched_on(site: Site) -> None:
    site.add_plugin(
        "cheap",
        """
        from decimal import Decimal

        @lamella.hookimpl
        def lamella_price(usage, model):
            if model == "m":
                return Cost(amount=Decimal(usage.input_tokens), priced=True, source="cheap")
        """,
    )
    assert PluginHost(distributions=site.distributions()).hooks.price(USAGE, "m") is None
    hooks = PluginHost(distributions=site.distributions(), switches={"cheap": True}).hooks
    cost = hooks.price(USAGE, "m", "acme")
    assert cost is not None
    assert (cost.amount, cost.source) == (Decimal(1), "cheap")
    assert hooks.price(USAGE, "other", "acme") is None


def test_only_a_plugin_that_takes_a_time_is_asked_for_the_prices_of_one(site: Site) -> None:
    site.add_plugin(
        "undated",
        """
        from decimal import Decimal

        @lamella.hookimpl
        def lamella_price(usage, model, provider):
            return Cost(amount=Decimal(1), priced=True, source="undated")
        """,
    )
    site.add_plugin(
        "dated",
        """
        from decimal import Decimal

        @lamella.hookimpl
        def lamella_price(usage, at, context=None):
            return Cost(amount=Decimal(at.year), priced=True, source=str(context))
        """,
    )
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    hooks = PluginHost(distributions=site.distributions(), switches={"undated": True}).hooks
    assert hooks.price(USAGE, "m", at=moment) is None
    both = PluginHost(distributions=site.distributions(), switches={"dated": True, "undated": True}).hooks
    cost = both.price(USAGE, "m", at=moment, context={"service_tier": "flex"})
    assert cost is not None
    assert (cost.amount, cost.source) == (Decimal(2026), "{'service_tier': 'flex'}")
    now = hooks.price(USAGE, "m")
    assert now is not None
    assert now.source == "undated"


def test_a_provider_prices_and_lists_its_own_models(site: Site) -> None:
    site.add_plugin(
        "acme",
        """
        from decimal import Decimal
        from lamella.usage import Cost

        @lamella.hookimpl
        def lamella_provider():
            return ProviderSpec(id="acme", factory="m:f")

        @lamella.hookimpl
        def lamella_price(usage):
            return Cost(amount=Decimal(7), priced=True, source="acme")

        @lamella.hookimpl
        def lamella_model_info(provider):
            return [ModelInfo(formal_name="acme-1", display_name=f"{provider} one")]
        """,
        group="lamella.providers",
    )
    hooks = PluginHost(distributions=site.distributions()).hooks
    cost = hooks.price(USAGE, "m", "acme")
    assert cost is not None
    assert cost.source == "acme"
    assert hooks.price(USAGE, "m", "other") is None
    assert [info.display_name for info in hooks.model_info("acme")] == ["acme one"]
    assert hooks.model_info("other") == []


@pytest.mark.parametrize(
    ("hook", "call"),
    [
        ("lamella_price(usage, model, provider)", lambda hooks: hooks.price(USAGE, "m")),
        ("lamella_model_info(provider)", lambda hooks: hooks.model_info("acme") or None),
        ("lamella_cli()", lambda hooks: hooks.cli() or None),
        ("lamella_configure(project)", lambda hooks: hooks.configure(None)),
    ],
)
@pytest.mark.parametrize("body", ["raise ValueError('boom')", "return 3"])
def test_what_only_informs_fails_alone_with_a_warning(
    site: Site, caplog: pytest.LogCaptureFixture, hook: str, call: Any, body: str
) -> None:
    add_guard(site, "bad", f"{hook}: {body}")
    hooks = PluginHost(distributions=site.distributions(), switches={"bad": True}).hooks
    assert call(hooks) is None
    assert "'bad' (lamella-bad 1.0)" in caplog.text
    strict = PluginHost(distributions=site.distributions(), switches={"bad": True}, strict=True).hooks
    with pytest.raises(PluginError, match="lamella-bad"):
        call(strict)


def test_a_wrong_item_of_a_list_is_named_by_its_own_type(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    add_guard(site, "bad", "lamella_cli(): return [3]")
    assert PluginHost(distributions=site.distributions(), switches={"bad": True}).hooks.cli() == []
    assert "must return a sequence of CommandSpec or None, got int" in caplog.text


def test_commands_of_installed_plugins_are_usable_and_names_are_claimed_once(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    add_guard(site, "one", 'lamella_cli(): return [CommandSpec(name="go", command="m:one")]')
    add_guard(site, "two", 'lamella_cli(): return [CommandSpec(name="go", command="m:two")]')
    add_guard(site, "three", 'lamella_cli(): return [CommandSpec(name="stop", command="m:three")]')
    host = PluginHost(distributions=site.distributions(), switches={"three": False})
    assert [(command.name, command.command) for command in host.commands()] == [("go", "m:one")]
    assert "'two' (lamella-two 1.0): the command 'go' exists already" in caplog.text


# -- guards: fail closed ----------------------------------------------------------------------------


class Echo:
    """Enough of a model and a tool to be wrapped."""

    def __init__(self, inner: object = None, by: str = "") -> None:
        self.inner, self.by, self.input_schema = inner, by, ()

    def stream(self) -> None: ...


GUARDS = [
    ("lamella_wrap_model(model)", lambda hooks: hooks.wrap_model(Echo())),
    ("lamella_wrap_tool(tool)", lambda hooks: hooks.wrap_tool(Echo())),
    ("lamella_guardrail()", lambda hooks: hooks.guardrails()),
    ("lamella_executor()", lambda hooks: hooks.executor()),
]


@pytest.mark.parametrize(("hook", "call"), GUARDS)
@pytest.mark.parametrize("body", ["raise ValueError('boom')", "raise ConfigError('typed')", "return 3"])
def test_guards_and_middleware_fail_closed(site: Site, hook: str, call: Any, body: str) -> None:
    add_guard(site, "bad", f"{hook}: {body}")
    hooks = PluginHost(distributions=site.distributions(), switches={"bad": True}).hooks
    with pytest.raises(PluginError, match=r"'bad' \(lamella-bad 1\.0\)"):
        call(hooks)


@pytest.mark.parametrize(("hook", "call"), GUARDS)
def test_installing_a_package_changes_nothing(site: Site, hook: str, call: Any) -> None:
    add_guard(site, "bad", f"{hook}: raise ValueError('boom')")
    call(PluginHost(distributions=site.distributions()).hooks)
    call(PluginHost(distributions=site.distributions(), switches={"bad": False}).hooks)
    assert site.imported() == set()


@pytest.mark.parametrize(("hook", "call"), GUARDS)
def test_a_guard_that_cannot_load_is_not_left_out_in_silence(site: Site, hook: str, call: Any) -> None:
    site.add_plugin("bad", "1 / 0\n")
    hooks = PluginHost(distributions=site.distributions(), switches={"bad": True}).hooks
    with pytest.raises(PluginError, match=r"lamella-bad 1\.0.*ZeroDivisionError"):
        call(hooks)
    missing = PluginHost(distributions=site.distributions(), switches={"bat": True}).hooks
    with pytest.raises(ConfigError, match="no plugin 'bat' is installed; did you mean 'bad'"):
        call(missing)


def test_the_first_middleware_is_outermost_and_tryfirst_comes_first(site: Site) -> None:
    body = "    wrapped = type(tool)(tool, '{name}')\n    return wrapped\n"
    for name, options in [("a", ""), ("b", "(tryfirst=True)"), ("c", "(trylast=True)"), ("d", "")]:
        site.add_plugin(
            name, f"@lamella.hookimpl{options}\ndef lamella_wrap_tool(tool):\n{body.format(name=name)}"
        )
    on = dict.fromkeys("abcd", True)
    tool: Any = Echo(by="tool")
    wrapped: Any = PluginHost(distributions=site.distributions(), switches=on).hooks.wrap_tool(tool)
    order = []
    while wrapped is not None:
        order.append(wrapped.by)
        wrapped = wrapped.inner
    assert order == ["b", "a", "d", "c", "tool"]


def test_a_provider_acts_as_middleware_only_where_it_is_switched_on(site: Site) -> None:
    site.add_plugin(
        "acme",
        """
        @lamella.hookimpl
        def lamella_provider():
            return ProviderSpec(id="acme", factory="m:f")

        @lamella.hookimpl
        def lamella_wrap_model(model):
            return type(model)(model, "acme")
        """,
        group="lamella.providers",
    )
    model: Any = Echo()
    host = PluginHost(distributions=site.distributions())
    host.provider("acme")
    assert host.hooks.wrap_model(model) is model
    on: Any = PluginHost(distributions=site.distributions(), switches={"acme": True}).hooks.wrap_model(model)
    assert on.by == "acme"


def test_guardrails_and_the_executor_come_from_what_is_switched_on(site: Site) -> None:
    site.add_plugin(
        "guard",
        """
        class Guard:
            name = "guard"
            async def check_input(self, text): ...
            async def check_output(self, text): ...

        @lamella.hookimpl
        def lamella_guardrail():
            return Guard()

        @lamella.hookimpl
        def lamella_executor():
            async def execute(key, step):
                return await step()
            return execute
        """,
    )
    hooks = PluginHost(distributions=site.distributions(), switches={"guard": True}).hooks
    assert [guardrail.name for guardrail in hooks.guardrails()] == ["guard"]
    assert callable(hooks.executor())


def test_configure_is_called_once_with_the_project(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    module = site.add_plugin(
        "watch",
        """
        seen = []

        @lamella.hookimpl
        def lamella_configure(project):
            seen.append((project.model, project.host.names("plugin")))
        """,
    )
    found = site.distributions()
    monkeypatch.setattr("importlib_metadata.distributions", lambda: found)
    from lamella.plugins import forget_discovered

    forget_discovered()
    try:
        project = Project.load(site.path, environ={}, overrides={"model": "a:b", "plugins.watch": True})
        with use_project(project):
            assert project.host.hooks.guardrails() == ()
            assert project.host.hooks.executor() is None
    finally:
        forget_discovered()
    import sys

    assert sys.modules[module].seen == [("a:b", ("watch",))]
