"""The sink as a plugin: found and configured by a project, light until it is used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lamella import Project
from lamella.errors import ConfigError
from lamella_otel import OtelSettings, OtelSink


def project(folder: Path, config: str) -> Project:
    (folder / "lamella.toml").write_text(config)
    return Project.load(folder, environ={})


def test_a_project_builds_it(tmp_path: Path) -> None:
    sink = project(tmp_path, "[sink.otel]\ncontent = true\ncost = true\nmetrics = false\n").build_sink("otel")
    assert isinstance(sink, OtelSink)
    assert repr(sink) == "OtelSink(content=True, metrics=False, cost=True)"


def test_installing_it_switches_nothing_on(tmp_path: Path) -> None:
    assert "otel" not in project(tmp_path, "").enabled_sinks()
    assert "otel" in project(tmp_path, "[sink.otel]\n").enabled_sinks()


def test_an_unknown_setting_is_refused_with_file_and_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"lamella\.toml.*contents"):
        project(tmp_path, "[sink.otel]\ncontents = true\n").build_sink("otel")


def test_the_plugin_module_is_light() -> None:
    code = "import sys, lamella_otel.plugin; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for heavy in ("'opentelemetry'", "'lamella_otel.sink'", "'asyncio'"):
        assert heavy not in loaded


def test_the_sink_needs_the_api_only() -> None:
    """Neither the SDK nor the constants, which are deprecated for the names in use, are imported."""
    code = "import sys, lamella_otel.sink; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "'opentelemetry.trace'" in loaded
    for absent in ("'opentelemetry.sdk'", "'opentelemetry.semconv'", "'google.protobuf'"):
        assert absent not in loaded


def test_the_package_names_what_it_exports() -> None:
    import lamella_otel

    assert set(dir(lamella_otel)) == {"OtelSettings", "OtelSink"}
    assert lamella_otel.OtelSettings is OtelSettings
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = lamella_otel.nothing
