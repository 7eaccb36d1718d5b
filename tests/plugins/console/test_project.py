"""The sink as a plugin: found, configured and driven by a project and an agent."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from lamella import Agent, Project
from lamella.errors import ConfigError
from lamella_console import ConsoleSink


async def test_a_project_shows_its_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("lamella_sim")
    (tmp_path / "lamella.toml").write_text("[sink.console]\ntool_result_width = 1\n")
    project = Project.load(tmp_path, environ={})

    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    result = await Agent("sim:demo", tools=[add], project=project).arun("Please add 20 and 3")
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith('add({"a": 20, "b": 3})\n  add -> 2… (1 more)\n\n')
    assert result.output in out
    assert "simulated" in out.splitlines()[-1]


async def test_f_run06_nested_agents_of_a_real_run_are_shown() -> None:
    """F-RUN06: an agent as a tool: its call, its lines under its name, its output."""
    pytest.importorskip("lamella_sim")
    out = io.StringIO()
    helper = Agent("sim:echo", name="helper", description="Answers questions.")
    await Agent("sim:demo", tools=[helper], sinks=[ConsoleSink(stream=out)]).arun(
        "Ask the helper with prompt='the sky'"
    )
    shown = out.getvalue()
    assert "\n  helper on sim:echo\n\n  the sky\n  helper -> the sky\n" in shown, shown


def test_settings_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    (tmp_path / "lamella.toml").write_text("[sink.console]\ncolour = 'never'\n")
    with pytest.raises(ConfigError, match="colour"):
        Project.load(tmp_path, environ={}).build_sink("console")


def test_the_plugin_module_is_light() -> None:
    code = "import sys, lamella_console.plugin; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for heavy in ("'rich'", "'lamella_console.sink'", "'lamella.events'"):
        assert heavy not in loaded


def test_the_package_names_what_it_exports() -> None:
    import lamella_console

    assert {name for name in dir(lamella_console) if getattr(lamella_console, name) is not None} == {
        "ConsoleSettings",
        "ConsoleSink",
    }
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = lamella_console.nothing


async def test_a_reader_that_leaves_is_an_error_of_the_sink_alone() -> None:
    """Rich would end the process."""

    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    from lamella.events import MessageOutputDelta, RunStreamEvent

    sink = ConsoleSink(stream=Closed())
    await sink.open()
    with pytest.raises(BrokenPipeError):
        await sink.write([RunStreamEvent(event=MessageOutputDelta(delta="x"), run_id="r", seq=0)])


@pytest.mark.parametrize("said", ["auto", "true", "false"])
def test_settings_come_from_files_and_the_environment(tmp_path: Path, said: str) -> None:
    (tmp_path / "lamella.toml").write_text("[sink.console]\nview = 'tree'\nmarkdown = true\nwidth = 50\n")
    sink = Project.load(tmp_path, environ={}).build_sink("console")
    chosen = Project.load(tmp_path, environ={"LAMELLA__SINK__CONSOLE__MARKDOWN": said}).build_sink("console")
    assert isinstance(sink, ConsoleSink)
    assert isinstance(chosen, ConsoleSink)
    assert (sink._chosen_view, sink._markdown, sink._width) == ("tree", True, 50)
    assert chosen._markdown == {"auto": "auto", "true": True, "false": False}[said]
