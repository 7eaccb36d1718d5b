"""The plugin ``guardrails``: where a project switches it on, with that project's settings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lamella import Agent, ConfigError, PluginError, Project, use_project
from lamella_guardrails import (
    InjectionGuardrail,
    JudgeGuardrail,
    LengthGuardrail,
    PiiGuardrail,
    TopicGuardrail,
)
from lamella_guardrails.plugin import lamella_guardrail

ALL = """
[plugins]
guardrails = true
[plugin.guardrails.length]
max_input = 20
[plugin.guardrails.injection]
[plugin.guardrails.topics]
blocked = ["casino*"]
on = ["output"]
[plugin.guardrails.pii]
kinds = ["email", "card"]
action = "redact"
[plugin.guardrails.judge]
model = "sim:echo"
policy = "Be kind."
on = ["output"]
"""


def project(folder: Path, text: str) -> Project:
    (folder / "lamella.toml").write_text(text, encoding="utf-8")
    return Project.load(folder)


def chain(folder: Path, text: str) -> Any:
    with use_project(project(folder, text)):
        return lamella_guardrail()


def test_f_x17_a_table_puts_its_guardrail_on_in_a_fixed_order(tmp_path: Path) -> None:
    assert chain(tmp_path, ALL).guardrails == (
        LengthGuardrail(max_input=20),
        InjectionGuardrail(),
        TopicGuardrail(blocked=["casino*"], on=["output"]),  # type: ignore[arg-type]
        PiiGuardrail(kinds=["email", "card"]),
        JudgeGuardrail(model="sim:echo", policy="Be kind.", on=["output"]),  # type: ignore[arg-type]
    )
    assert chain(tmp_path, "[plugin.guardrails.injection]\n").guardrails == (InjectionGuardrail(),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no guardrail is set up"),
        ("[plugin.guardrails.pi]\n", "did you mean 'pii'"),
        ('[plugin.guardrails.pii]\nkinds = ["name"]', "name"),
        ("[plugin.guardrails.topics]\n", "blocked"),
        ("[plugin.guardrails.length]\n", "max_input"),
        ("[plugin.guardrails.length]\nmax_inputs = 5", "max_inputs"),
        ('[plugin.guardrails.judge]\nmodel = "sim:echo"', "policy"),
    ],
)
def test_f_x17_a_setting_that_does_not_fit_is_a_configuration_error(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        chain(tmp_path, text)


async def test_f_x17_every_agent_of_the_project_is_guarded(tmp_path: Path) -> None:
    """F-X17: also where another project is the current one."""
    text = "[plugins]\nguardrails = true\n[plugin.guardrails.pii]\n"
    agent = Agent("sim:echo", project=project(tmp_path, text))
    assert (await agent.arun("I am ann@example.com")).output == "I am [email]"
    with use_project(Project.bare()):
        assert (await agent.arun("I am ann@example.com")).output == "I am [email]"


async def test_f_n31_switched_on_and_not_set_up_stops_the_run(tmp_path: Path) -> None:
    agent = Agent("sim:echo", project=project(tmp_path, "[plugins]\nguardrails = true\n"))
    with pytest.raises((ConfigError, PluginError), match="no guardrail is set up"):
        await agent.arun("I am ann@example.com")


async def test_switched_off_it_does_nothing(tmp_path: Path) -> None:
    agent = Agent("sim:echo", project=project(tmp_path, "[plugin.guardrails.pii]\n"))
    assert (await agent.arun("I am ann@example.com")).output == "I am ann@example.com"


def test_importing_loads_no_library() -> None:
    code = (
        "import sys, lamella_guardrails, lamella_guardrails.plugin\n"
        "print(sorted({'phonenumbers', 'stdnum'} & set(sys.modules)))\n"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )
