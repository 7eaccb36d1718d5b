"""``lamella eval``: imported when the command runs, by the command line, which brings click."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from lamella.agent import Agent
from lamella.agent.base import BaseAgent
from lamella.errors import AgentInputError, AgentSerializationError
from lamella.layers.parts import as_agent
from lamella.models import get_model
from lamella_cli.asking import Asked, agent_of, ready_model
from lamella_cli.completing import complete_agents, complete_sources
from lamella_cli.display import CONSOLE
from lamella_cli.exits import Exit
from lamella_cli.output import notice, write_json
from lamella_cli.session import Session, pass_session
from lamella_cli.storing import Keeping, enabled_stores, keep_runs
from lamella_cli.tooling import find_tools
from lamella_evals.evaluating import aevaluate
from lamella_evals.files import Evaluation, load_evaluation
from lamella_evals.report import Report

if TYPE_CHECKING:
    from lamella.config import Project
    from lamella_evals.comparing import Comparison
    from lamella_evals.results import CaseResult

__all__ = ["evaluate_file"]


@attrs.frozen(kw_only=True)
class _Asked:
    """The arguments of ``lamella eval``, as far as they are about the runs."""

    model: str | None
    agent: str | None
    tools: tuple[str, ...]
    repeat: int | None
    max_concurrency: int
    fail_fast: bool


@click.command(
    "eval",
    epilog="Exit codes: 0 passed, 1 not passed, 2 wrong usage, configuration or file.",
)
@click.argument("file")
@click.option("-m", "--model", metavar="MODEL", help="The model, as provider:model; over what FILE says.")
@click.option(
    "--agent", metavar="NAME", shell_complete=complete_agents, help="The agent; over what FILE says."
)
@click.option("-t", "--tools", multiple=True, metavar="TOOLS", shell_complete=complete_sources,
              help="Tools, as for lamella run, beside those of FILE. May be repeated.")  # fmt: skip
@click.option(
    "--repeat", type=click.IntRange(min=1), metavar="N", help="How often each case runs.  [default: 1]"
)
@click.option("--max-concurrency", type=click.IntRange(min=1), default=8, metavar="N", show_default=True,
              help="Runs at once.")  # fmt: skip
@click.option("--fail-fast", is_flag=True, help="Stop at the first run that does not pass.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON, and nothing else.")
@click.option("--save", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Save the report as JSON, to be the baseline of another.")  # fmt: skip
@click.option("--baseline", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
              help="A saved report: say what got better and worse since.")  # fmt: skip
@click.option("--fail-under", type=click.FloatRange(0, 1), metavar="RATE",
              help="The part of the runs that must pass.  [default: 1; with --baseline nothing may get worse]")  # fmt: skip
@click.option("--no-store", is_flag=True, help="Do not store the runs.")
@pass_session
def evaluate_file(
    session: Session,
    /,
    file: str,
    as_json: bool,
    save: Path | None,
    baseline: Path | None,
    fail_under: float | None,
    no_store: bool,
    **asked: Any,
) -> int:
    """Run an agent on the cases of FILE and check its answers.

    FILE is a TOML file with cases and checks, a file of JSON lines with a case in each, or module.py:cases, with
    'checks' and 'agent' beside it. Standard output gets the report, standard error the progress.
    """
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        before = None if baseline is None else _read(baseline)
        wanted = _Asked(**asked)
        project, keeping = _runs(session, store=not no_store)
        report = asyncio.run(_evaluate(load_evaluation(file), wanted, project, keeping, file))
    found = None if before is None else report.compare(before)
    if save is not None:
        save.write_text(f"{report.to_json()}\n", "utf-8")
    _show(report, found, as_json)
    return Exit.OK if _passes(report, found, fail_under) else Exit.FAILED


def _read(path: Path) -> Report:
    try:
        return Report.from_json(path.read_bytes())
    except AgentSerializationError as error:
        raise AgentInputError(f"{path}: {error.message}", cause=error) from error


def _runs(session: Session, store: bool) -> tuple[Project, Keeping | None]:
    """The project, whose console would show all runs at once, and where they are stored."""
    project = session.project
    enabled = project.enabled_sinks()
    keeping = keep_runs(project) if store else None
    stores = tuple(enabled_stores(project)) if keeping is None else (keeping.name,)
    return session.without_sinks([name for name in enabled if name == CONSOLE or name in stores]), keeping


async def _evaluate(
    evaluation: Evaluation, asked: _Asked, project: Project, keeping: Keeping | None, name: str
) -> Report:
    async with _agent(evaluation, asked, project) as agent:
        return await aevaluate(
            agent,
            evaluation.cases,
            evaluation.checks,
            repeat=asked.repeat or evaluation.repeat,
            max_concurrency=asked.max_concurrency,
            journal=False if keeping is None else keeping.journal,
            fail_fast=asked.fail_fast,
            on_result=_progress,
            name=name,
        )


@asynccontextmanager
async def _agent(evaluation: Evaluation, asked: _Asked, project: Project) -> AsyncIterator[BaseAgent[Any]]:
    """Who is asked; the model of a name is closed behind it."""
    tools = find_tools((*evaluation.tools, *asked.tools), project)
    given = evaluation.agent if asked.agent is None else asked.agent
    if given is not None and not isinstance(given, str):
        agent = _given(as_agent(given), tools)
        if asked.model is None:
            yield agent
            return
        async with get_model(asked.model, project=project) as model:
            yield agent.on(model)
        return
    words = Asked(
        agent=given,
        model=asked.model or (None if asked.agent else evaluation.model),
        system=evaluation.system,
    )
    named = agent_of(words, project, tools)
    async with ready_model(named, project) as model:
        yield attrs.evolve(named, model=model)


def _given(agent: BaseAgent[Any], tools: list[Any]) -> BaseAgent[Any]:
    if not tools:
        return agent
    if not isinstance(agent, Agent):
        raise click.UsageError("-t: the agent of the file is made of others; give the tools to them")
    return attrs.evolve(agent, tools=[*agent.tools, *tools])


def _progress(result: CaseResult, done: int, total: int) -> None:
    notice(f"[{done}/{total}] {'passed' if result.passed else 'FAILED'}: {result.case}")


def _show(report: Report, found: Comparison | None, as_json: bool) -> None:
    if as_json:
        write_json({**report.to_dict(), **({} if found is None else {"comparison": found.to_dict()})})
        return
    for line in report.lines():
        click.echo(line)
    if found is not None:
        click.echo()
        for line in found.lines():
            click.echo(line)


def _passes(report: Report, found: Comparison | None, fail_under: float | None) -> bool:
    if fail_under is None:
        fail_under = 1.0 if found is None else 0.0
    return report.pass_rate >= fail_under and not (found is not None and found.regressed)
