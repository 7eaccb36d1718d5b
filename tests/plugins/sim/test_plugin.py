"""The plugin module is light, and the provider is found by name."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from lamella.errors import ConfigError
from lamella.models import get_model
from lamella_sim import plugin

_HEAVY = ("uvicorn", "starlette", "openai", "lamella_sim.model", "lamella_sim.server", "lamella_sim.wires")


def test_the_plugin_module_imports_nothing_heavy() -> None:
    code = f"import sys, lamella_sim, lamella_sim.plugin; print([m for m in {_HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_model_needs_no_server_extra() -> None:
    code = "import sys; sys.modules['uvicorn'] = sys.modules['starlette'] = None; import lamella_sim as s; print(s.ChatSim().complete_sync('hi').content)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("[sim]")


def test_the_server_says_which_extra_it_needs() -> None:
    code = "import sys; sys.modules['uvicorn'] = None; import lamella_sim as s; s.SimServer().start()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'lamella-sim[server]'" in done.stderr


def test_the_spec_says_what_the_provider_is() -> None:
    spec = plugin.lamella_provider()
    assert (spec.id, spec.offline, spec.default_model, spec.env) == ("sim", True, "demo", ())
    assert "no model behind it" in spec.summary
    assert plugin.lamella_api == "1.0"


def test_get_model_builds_it_without_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("sim", "sim:demo", "sim:echo"):
            assert get_model(name).complete_sync("hello").provider == "sim"


def test_a_script_comes_with_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "script.toml"
    file.write_text("[[turns]]\ntext = 'scripted'")
    for name in ("sim:script", "sim"):
        assert get_model(name, script=str(file)).complete_sync("hello").content == "scripted"


def test_a_faulty_name_lists_the_models() -> None:
    with pytest.warns(UserWarning, match="not in the list"), pytest.raises(ConfigError, match="sim:demo"):
        get_model("sim:gpt-9")
