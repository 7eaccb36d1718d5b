"""The plugin is light, found by name, and its settings are the source's."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from lamella import ConfigError
from lamella.config import Project
from lamella.specs import is_secret
from lamella_openapi import OpenAPISettings, OpenAPIToolSource, plugin

HEAVY = ("httpx2", "yaml", "jsonschema", "openapi_spec_validator", "pydantic", "lamella_openapi.source")


def test_importing_it_imports_no_http_or_validator_library() -> None:
    code = f"import sys, lamella_openapi, lamella_openapi.plugin as p; p.lamella_tool_source(); print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_making_a_source_imports_neither() -> None:
    code = "import sys, lamella_openapi as o; o.OpenAPIToolSource(document='x', base_url='http://x'); print([m for m in ('httpx2', 'yaml', 'jsonschema') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_spec_and_the_settings() -> None:
    spec = plugin.lamella_tool_source()
    assert (spec.id, spec.prefixed) == ("openapi", True)
    fields = {field.name: field for field in attrs.fields(OpenAPISettings)}
    taken = set(inspect.signature(OpenAPIToolSource).parameters)
    assert fields.keys() == taken - {"timeout", "http_client"}  # timeout is a setting of every table
    assert {name for name, field in fields.items() if is_secret(field)} == {"security", "headers"}
    defaults = {name: p.default for name, p in inspect.signature(OpenAPIToolSource).parameters.items()}
    for name, field in fields.items():
        assert field.default == (attrs.NOTHING if name == "document" else defaults[name]), name


def test_a_literal_secret_in_a_file_is_refused(tmp_path: Path) -> None:
    """F-N27: and neither the error nor the settings show one."""
    (tmp_path / "lamella.toml").write_text(
        '[tools.a]\nsource = "openapi"\ndocument = "x.json"\nbase_url = "http://x"\nsecurity = { key = "sk-123456" }\n'
    )
    with pytest.raises(ConfigError, match="must not stand in a file") as raised:
        Project.load(tmp_path).build_tool_source("a")
    assert "sk-123456" not in str(raised.value)
    assert "sk-123456" not in repr(OpenAPISettings(document="x", security={"key": "sk-123456"}))
