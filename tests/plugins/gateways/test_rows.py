"""The rows: complete, equal to the entry points, and imported as late as can be."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs
import pytest

import lamella_gateways
from lamella import ProviderSpec, get_model
from lamella.config import Project, current_project
from lamella.errors import AgentInputError, AuthenticationError, ConfigError
from lamella_gateways.plugin import Gateway, gateway
from lamella_gateways.rows import Row, rows
from lamella_openai import ChatOpenAICompletions
from lamella_openai.deviations import Deviations

FOLDER = Path(__file__).parents[3] / "plugins" / "gateways"
ROWS = list(rows().values())

each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)


def test_f_prv03_each_row_is_an_entry_point() -> None:
    """F-PRV03, F-X19: adding a gateway is a row and the line that this test names."""
    project = tomllib.loads((FOLDER / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = project["entry-points"]["lamella.providers"]
    wanted = {row.id: f"lamella_gateways:{row.id.replace('-', '_')}" for row in ROWS}
    missing = [
        f'add to pyproject.toml: {name} = "{value}"' for name, value in wanted.items() if name not in declared
    ]
    extra = [
        f"remove from pyproject.toml, there is no such row: {name}" for name in declared if name not in wanted
    ]
    assert [*missing, *extra] == []
    assert declared == wanted


def test_every_row_is_named_in_the_readme() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [row.id for row in ROWS if f"| `{row.id}` |" not in readme] == []


@each_row
def test_a_row_is_complete(row: Row) -> None:
    assert row.summary
    parts = urlsplit(row.base_url)
    local = parts.hostname == "localhost"
    assert parts.scheme == ("http" if local else "https")
    assert not row.base_url.endswith("/")
    assert urlsplit(row.docs).scheme == "https"
    assert row.needs_key is not local
    assert row.env or not row.needs_key
    assert all(name.isupper() for name in row.env)
    assert row.id == row.id.lower()


@each_row
def test_the_deviations_of_a_row_are_deviations(row: Row) -> None:
    """An unknown or useless one is a mistake in the row."""
    deviates = Deviations().changed(row.deviations)
    same = [name for name in row.deviations if getattr(deviates, name) == getattr(Deviations(), name)]
    assert same == []


def test_every_deviation_is_needed_by_a_row_or_a_known_server() -> None:
    """Deviations without a row have their server here."""
    elsewhere = {
        "stream_usage",  # Databricks; Mistral's endpoint answers "Extra inputs are not permitted" (HTTP 422)
        "reasoning_replay",  # servers in front of DeepSeek-R1 of its first API, which refused its own reasoning
    }
    used = {name for row in ROWS for name in row.deviations}
    assert used | elsewhere == {field.name for field in attrs.fields(Deviations)}
    assert not used & elsewhere


# -- the plugins ------------------------------------------------------------------------------------


@each_row
def test_a_row_is_a_provider_of_the_host(row: Row) -> None:
    spec = current_project().host.provider(row.id)
    assert (spec.id, spec.summary, spec.env, spec.default_model) == (
        row.id,
        row.summary,
        row.env,
        row.default_model,
    )
    record = current_project().host.record("provider", row.id)
    assert record.distribution == "lamella-gateways"


def test_a_plugin_is_the_attribute_of_its_row() -> None:
    plugin: Any = lamella_gateways.github_models
    assert isinstance(plugin, Gateway)
    assert plugin is gateway("github-models")
    assert isinstance(plugin.lamella_provider(), ProviderSpec)
    assert plugin.lamella_api == "1.0"
    with pytest.raises(AttributeError, match="no gateway of that name"):
        lamella_gateways.nowhere  # noqa: B018
    with pytest.raises(AttributeError):
        lamella_gateways.__wrapped__  # noqa: B018


def run_python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_f_prv02_nothing_of_openai_is_imported_before_a_model_is_built() -> None:
    """F-PRV02: the plugin of a row knows the row; the SDK comes with the first request."""
    code = """
import sys
from lamella.config import Project
project = Project.bare(overrides={"autoload": "installed"})
spec = project.host.provider("groq")
assert spec.id == "groq"
early = sorted(name for name in sys.modules if name.split(".")[0] in ("openai", "lamella_openai", "httpx2"))
assert early == [], early
model = project.host.make(spec, "m", api_key="sk-x")
assert "lamella_openai" in sys.modules
assert "openai" not in sys.modules
"""
    assert run_python(code) == ""


def test_importing_the_package_reads_no_file() -> None:
    code = """
import sys
import lamella_gateways
assert [name for name in sys.modules if name.startswith("lamella_gateways.")] == []
assert "tomllib" not in sys.modules
"""
    assert run_python(code) == ""


# -- models -----------------------------------------------------------------------------------------


@each_row
def test_a_model_of_a_row_has_the_rows_facts(row: Row) -> None:
    model: Any = get_model(f"{row.id}:some/model:free", api_key="sk-x")
    assert isinstance(model, ChatOpenAICompletions)
    assert (model.provider, model.model) == (row.id, "some/model:free")
    assert model._url == row.base_url
    assert model.base_url is None
    assert model.known_deviations == Deviations().changed(row.deviations)
    assert model.info is None
    assert dict(model.settings) == {}
    local = urlsplit(row.base_url).hostname == "localhost"
    assert model.issuer == (row.id if local else urlsplit(row.base_url).hostname)
    assert "sk-x" not in repr(model)
    again = model.with_settings(temperature=0)
    assert (again.provider, again.issuer, again.temperature) == (row.id, model.issuer, 0)


@pytest.mark.parametrize("row", [row for row in ROWS if row.needs_key], ids=lambda row: row.id)
def test_f_plg01_the_key_is_that_of_the_rows_variable(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    """F-PLG01: OpenAI's key is never sent to a gateway."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai-secret")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://elsewhere.example/v1")
    with pytest.raises(AuthenticationError, match=row.env[0]) as caught:
        get_model(f"{row.id}:m")
    assert caught.value.context == {"provider": row.id, "variable": row.env[0]}
    for variable in row.env:
        monkeypatch.setenv(variable, f"sk-of-{variable}")
        model: Any = get_model(f"{row.id}:m")
        assert model._key.reveal() == f"sk-of-{variable}"
        assert model._url == row.base_url
        monkeypatch.delenv(variable)


@pytest.mark.parametrize("row", [row for row in ROWS if not row.needs_key], ids=lambda row: row.id)
def test_local_servers_need_no_key_and_take_one(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai-secret")
    model: Any = get_model(f"{row.id}:m")
    assert model._key.reveal() == ""
    for variable in row.env:
        monkeypatch.setenv(variable, "sk-local")
        other: Any = get_model(f"{row.id}:m")
        assert other._key.reveal() == "sk-local"


def test_the_key_may_stand_in_dotenv(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GROQ_API_KEY=sk-dotenv\n")
    model: Any = get_model("groq:m", project=Project.load(tmp_path, environ={}))
    assert model._key.reveal() == "sk-dotenv"


def test_a_gateway_is_configured_as_any_provider(tmp_path: Path) -> None:
    """Its settings are those of `openai-chat`; deviations change the row's."""
    (tmp_path / "lamella.toml").write_text(
        '[provider.deepseek]\nbase_url = "https://api.deepseek.com/beta"\ntemperature = 0.5\n'
        "deviations = { strict_tools = true }\n"
        '[provider.second]\nlike = "deepseek"\napi_key = { env = "SECOND_KEY" }\n'
    )
    project = Project.load(tmp_path, environ={"DEEPSEEK_API_KEY": "sk-1", "SECOND_KEY": "sk-2"})
    model: Any = get_model("deepseek:m", project=project)
    assert (model.temperature, model._url) == (0.5, "https://api.deepseek.com/beta")
    assert model._deviates == Deviations().changed({**rows()["deepseek"].deviations, "strict_tools": True})
    assert model.issuer == "api.deepseek.com"
    second: Any = get_model("second:m", project=project)
    assert (second.provider, second._key.reveal(), second.issuer) == ("second", "sk-2", "api.deepseek.com")
    assert second._deviates == second.known_deviations
    (tmp_path / "lamella.toml").write_text("[provider.groq]\nreasoning_efort = 'low'\n")
    with pytest.raises(ConfigError, match=r"provider\.groq has no setting 'reasoning_efort'; did you mean"):
        get_model("groq:m", project=Project.load(tmp_path, environ={"GROQ_API_KEY": "k"}))
    (tmp_path / "lamella.toml").write_text("")
    with pytest.raises(AgentInputError, match="Groq has no field 'zzz'"):
        get_model("groq:m", api_key="k", zzz=1)


def test_issuers_of_gateways_are_their_hosts() -> None:
    elsewhere: Any = get_model("vllm:m", base_url="https://gpu.mylab.example/v1")
    assert elsewhere.issuer == "gpu.mylab.example"
    regional: Any = get_model("xai:m", api_key="k", base_url="https://eu.api.x.ai/v1")
    assert regional.issuer == "api.x.ai"
    assert len({get_model(f"{name}:m").issuer for name in ("vllm", "lmstudio", "llamacpp")}) == 3
