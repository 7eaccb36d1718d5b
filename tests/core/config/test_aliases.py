"""Providers that the configuration makes: ``[provider.NAME]`` with ``like``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from distributions import Site

from lamella import Agent, get_model
from lamella.config import Project
from lamella.errors import ConfigError, PluginError
from lamella.plugins import forget_discovered
from lamella.pricing import cost_of
from lamella.usage import TokenUsage

PROVIDER = """
    import lamella

    lamella_api = "1.0"

    @lamella.hookimpl
    def lamella_provider():
        return lamella.ProviderSpec(
            id="{name}",
            factory="{module}_model:Model",
            settings="{module}_model:Settings",
            default_model="m-0",
            models=(lamella.ModelInfo(formal_name="m-0", display_name="M"),),
        )
"""

MODEL = """
    import attrs
    from lamella import MessageOutputDelta, Model, ResponseDone, TokenUsage
    from lamella.specs import secret

    @attrs.define(kw_only=True)
    class Settings:
        api_key: str | None = secret(default=None)
        base_url: str | None = None
        temperature: float | None = None
        {field}

    class Model(Model):
        def __init__(self, model, provider_name=None, **settings):
            self.model, self.provider, self.given = model, provider_name or "{name}", settings

        async def stream(self, request):
            yield MessageOutputDelta(delta="hi")
            yield ResponseDone(stop_reason="end_turn", token_usage=TokenUsage(input_tokens=1, output_tokens=1))
"""


def add(site: Site, name: str, field: str = "provider_name: str | None = None") -> None:
    module = f"lamella_{name.replace('-', '_')}"
    site.add(
        f"lamella-{name}",
        entry_points={"lamella.providers": {name: module}},
        modules={
            module: PROVIDER.format(name=name, module=module),
            f"{module}_model": MODEL.format(name=name, field=field),
        },
    )


@pytest.fixture
def installed(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Only the provider ``acme-chat`` is installed; its models take a ``provider_name``."""
    add(site, "acme-chat")
    monkeypatch.setattr("importlib_metadata.distributions", site.distributions)
    forget_discovered()
    yield site
    forget_discovered()


def load(root: Path, text: str, environ: Mapping[str, str] | None = None) -> Project:
    (root / "lamella.toml").write_text(dedent(text), encoding="utf-8")
    return Project.load(root, environ=environ or {})


MYLAB = """
    [provider.mylab]
    like = "acme-chat"
    base_url = "https://llm.mylab.example/v1"
    api_key = { env = "MYLAB_API_KEY" }
"""


def test_f_prv03_three_lines_make_a_provider(installed: Site, tmp_path: Path) -> None:
    """F-PRV03, F-X19: another server of a known kind is configuration, not code."""
    project = load(tmp_path, MYLAB, {"MYLAB_API_KEY": "sk-mylab"})
    built: Any = get_model("mylab:some-model", project=project, temperature=0.5)
    assert (built.provider, built.model) == ("mylab", "some-model")
    assert built.given == {
        "base_url": "https://llm.mylab.example/v1",
        "api_key": "sk-mylab",
        "temperature": 0.5,
    }
    plain: Any = get_model("acme-chat:m-0", project=project)
    assert (plain.provider, plain.given) == ("acme-chat", {})


def test_an_alias_is_named_in_events_runs_and_prices(installed: Site, tmp_path: Path) -> None:
    project = load(
        tmp_path, MYLAB + '\n    [prices]\n    "mylab:some-model" = [1, 2]\n', {"MYLAB_API_KEY": "k"}
    )
    model = get_model("mylab:some-model", project=project)
    result = Agent(model, project=project).run("hi")
    assert (result.run.provider, result.run.model) == ("mylab", "some-model")
    usage = TokenUsage(input_tokens=1_000_000, output_tokens=0)
    assert cost_of(usage, "some-model", "mylab", prices=project.prices).amount == 1


def test_an_alias_may_be_the_projects_model_and_an_agents(installed: Site, tmp_path: Path) -> None:
    text = 'model = "mylab:x"\n' + dedent(MYLAB) + '[agents.scout]\nmodel = "mylab:y"\n'
    project = load(tmp_path, text, {"MYLAB_API_KEY": "k"})
    assert project.agents["scout"].model == "mylab:y"
    built = get_model(str(project.model), project=project)
    assert (built.provider, built.model) == ("mylab", "x")


def test_an_alias_does_not_inherit_key_or_url(installed: Site, tmp_path: Path) -> None:
    project = load(
        tmp_path,
        """
        [provider.acme-chat]
        temperature = 1.0
        api_key = { env = "ACME_KEY" }
        [provider.other]
        like = "acme-chat"
        """,
        {"ACME_KEY": "sk-acme"},
    )
    built: Any = get_model("other:m", project=project)
    assert (built.provider, built.given) == ("other", {})


def test_a_server_of_its_own_gets_no_key_but_its_own(installed: Site, tmp_path: Path) -> None:
    """Without one the model would look for the key of the provider it is like, and send it to another server."""
    own = load(tmp_path, '[provider.mylab]\nlike = "acme-chat"\nbase_url = "http://127.0.0.1:9/v1"\n')
    assert own.provider_settings("mylab")["api_key"] == ""
    same = load(tmp_path, '[provider.second]\nlike = "acme-chat"\ntemperature = 0.5\n')
    assert "api_key" not in same.provider_settings("second")


def test_an_alias_comes_from_any_layer(installed: Site, tmp_path: Path) -> None:
    environ = {
        "LAMELLA__PROVIDER__MYLAB__LIKE": "acme-chat",
        "LAMELLA__PROVIDER__MYLAB__TEMPERATURE": "0.25",
        "LAMELLA__PROVIDER__MYLAB__API_KEY": "sk-env",
    }
    built: Any = get_model("mylab:m", project=load(tmp_path, "", environ))
    assert (built.provider, built.given) == ("mylab", {"temperature": 0.25, "api_key": "sk-env"})
    code = Project.load(tmp_path, environ={}, overrides={"provider.mylab.like": "acme-chat"})
    assert get_model("mylab:m", project=code).provider == "mylab"
    found = load(tmp_path, MYLAB).provider_alias("mylab")
    assert found is not None
    assert (found.name, found.like, found.where) == ("mylab", "acme-chat", str(tmp_path / "lamella.toml"))


def test_dashes_and_underscores_of_an_alias_are_equal(installed: Site, tmp_path: Path) -> None:
    project = load(tmp_path, '[provider.my-lab]\nlike = "acme-chat"\n')
    assert get_model("my_lab:m", project=project).provider == "my-lab"


def test_the_list_of_the_installed_provider_says_nothing_of_an_alias(installed: Site, tmp_path: Path) -> None:
    """Warnings are errors here: a model of an alias is not looked for in OpenAI's list."""
    project = load(tmp_path, MYLAB, {"MYLAB_API_KEY": "k"})
    assert get_model("mylab:their-own", project=project, strict_models=True).model == "their-own"
    assert get_model("mylab", project=project).model == "m-0"
    with pytest.warns(UserWarning, match="acme-chat"):
        get_model("acme-chat:their-own", project=project)


def test_a_provider_whose_models_take_no_name_keeps_its_own(
    site: Site, tmp_path: Path, installed: Site
) -> None:
    add(site, "plain", field="")
    forget_discovered()
    project = load(tmp_path, '[provider.mylab]\nlike = "plain"\ntemperature = 0.5\n')
    built: Any = get_model("mylab:m", project=project)
    assert (built.provider, built.given) == ("plain", {"temperature": 0.5})


def test_a_provider_without_settings_can_be_aliased(site: Site, tmp_path: Path, installed: Site) -> None:
    module = site.add_provider("bare")
    (site.path / f"{module}_model.py").write_text(dedent(MODEL.format(name="bare", field="")))
    forget_discovered()
    assert (
        get_model("mylab:m", project=load(tmp_path, '[provider.mylab]\nlike = "bare"\n')).provider == "bare"
    )
    with pytest.raises(ConfigError, match=r"provider\.mylab takes no settings, but timeout is set"):
        get_model("mylab:m", project=load(tmp_path, '[provider.mylab]\nlike = "bare"\ntimeout = 3\n'))


# -- refusals ---------------------------------------------------------------------------------------


def refusal(project: Project, name: str = "mylab:m") -> str:
    with pytest.raises(ConfigError) as caught:
        get_model(name, project=project)
    return str(caught.value)


def test_a_mistake_in_an_alias_is_found_with_file_and_key(installed: Site, tmp_path: Path) -> None:
    file = str(tmp_path / "lamella.toml")
    said = refusal(load(tmp_path, MYLAB + "    temprature = 1\n", {"MYLAB_API_KEY": "k"}))
    assert said.startswith(f"{file}: provider.mylab has no setting 'temprature'; did you mean 'temperature'?")
    said = refusal(load(tmp_path, MYLAB))
    assert file in said
    assert "provider.mylab.api_key" in said
    assert "MYLAB_API_KEY" in said
    literal = MYLAB.replace('{ env = "MYLAB_API_KEY" }', '"sk-literal"')
    said = refusal(load(tmp_path, literal))
    assert "provider.mylab.api_key is a secret" in said
    assert "sk-literal" not in said


def test_f_err04_like_must_name_an_installed_provider(installed: Site, tmp_path: Path) -> None:
    said = refusal(load(tmp_path, '[provider.mylab]\nlike = "acme-chot"\n'))
    assert said.startswith(
        f"{tmp_path / 'lamella.toml'}: provider.mylab.like: no provider 'acme-chot' is installed"
    )
    assert "did you mean 'acme-chat'?" in said
    assert "pip install lamella-acme-chot" in said


def test_an_alias_may_not_shadow_an_installed_provider(installed: Site, tmp_path: Path) -> None:
    add(installed, "other")
    forget_discovered()
    said = refusal(load(tmp_path, '[provider.acme_chat]\nlike = "other"\n'), "acme-chat:m")
    assert "a provider 'acme-chat' is installed" in said
    assert "provider.acme_chat.like" in said


def test_an_alias_of_an_alias_is_refused_and_says_what_to_write(installed: Site, tmp_path: Path) -> None:
    project = load(tmp_path, MYLAB + '    [provider.second]\n    like = "mylab"\n', {"MYLAB_API_KEY": "k"})
    said = refusal(project, "second:m")
    assert "provider.second.like = 'mylab' is set up by the configuration itself" in said
    assert 'like = "acme-chat"' in said


def test_an_alias_of_itself_is_refused(installed: Site, tmp_path: Path) -> None:
    assert "configuration itself" in refusal(load(tmp_path, '[provider.mylab]\nlike = "mylab"\n'))


@pytest.mark.parametrize("value", ["true", '""', "3", '{ env = "X" }', '["acme-chat"]'])
def test_like_is_a_name(installed: Site, tmp_path: Path, value: str) -> None:
    with pytest.raises(ConfigError, match=r"provider\.mylab\.like must be the name of an installed provider"):
        load(tmp_path, f"[provider.mylab]\nlike = {value}\n")


def test_a_misspelt_alias_is_suggested(installed: Site, tmp_path: Path) -> None:
    said = refusal(load(tmp_path, MYLAB), "mylba:m")
    assert "did you mean 'mylab'?" in said
    assert "acme-chat, mylab" in said
    assert "[provider.mylba]" in said
    assert "pip install lamella-mylba" in said


def test_a_table_without_like_makes_no_provider(installed: Site, tmp_path: Path) -> None:
    said = refusal(load(tmp_path, '[provider.mylab]\nbase_url = "https://x.example"\n'))
    assert "no provider 'mylab' is installed" in said


def test_an_alias_of_a_provider_that_is_switched_off_says_so(installed: Site, tmp_path: Path) -> None:
    project = load(tmp_path, MYLAB + "    [plugins]\n    acme-chat = false\n", {"MYLAB_API_KEY": "k"})
    with pytest.raises(PluginError, match=r"acme-chat.*disabled"):
        get_model("mylab:m", project=project)


def test_aliases_import_no_plugin(installed: Site, tmp_path: Path) -> None:
    import sys

    project = load(tmp_path, MYLAB)
    assert project.provider_alias("mylab") is not None
    assert project.provider_alias("other") is None
    assert [record.name for record in project.host.records()] == ["acme-chat"]
    assert "lamella_acme_chat" not in sys.modules
