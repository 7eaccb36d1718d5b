"""One run asked for on the command line: its model, tools, prompt, display and store, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TextIO

import attrs

from lamella.agent import Agent, AgentStream
from lamella.messages import Message
from lamella.models import Model, get_model
from lamella.specs import Sink, ToolSource
from lamella_cli.approving import ApprovalMode, Approver
from lamella_cli.choosing import choose_model
from lamella_cli.display import CONSOLE, Collecting, Display, JSONLines, People, console_settings
from lamella_cli.downscaling import downscale
from lamella_cli.driving import Unshown, drive
from lamella_cli.exits import Exit
from lamella_cli.media import read_media
from lamella_cli.media_options import Given
from lamella_cli.naming import named_agent
from lamella_cli.output import error_line, notice
from lamella_cli.prompting import prompt_message, read_prompt
from lamella_cli.saving import MadeMedia, save_media
from lamella_cli.storing import Keeping, enabled_stores, keep_runs
from lamella_cli.tooling import find_tools, settled_name

if TYPE_CHECKING:
    from lamella.agent.journal import JournalLike
    from lamella.config import Project
    from lamella_cli.session import Session

__all__ = ["REMEMBERED", "Asked", "Planned", "agent_of", "ask", "plan", "ready_model", "show"]

REMEMBERED: Final = "command_line"
"""The key in a run's ``meta`` under which what the command line said of its agent is kept, to be said again."""


@attrs.frozen(kw_only=True)
class Asked:
    """The arguments of ``lamella run``. ``save_media`` is the folder for media that the model makes."""

    prompt: tuple[str, ...] = ()
    model: str | None = None
    agent: str | None = None
    tools: tuple[str, ...] = ()
    system: str | None = None
    media: tuple[Given, ...] = ()
    downscale: bool = False
    save_media: Path | None = None
    show_images: bool | None = None
    as_json: bool = False
    max_iterations: int | None = None
    store: bool = True
    approve: ApprovalMode = "ask"

    def remembered(self) -> dict[str, Any]:
        """What is kept of it with the run, so that ``lamella runs resume`` makes the same agent."""
        said: dict[str, Any] = {
            "agent": self.agent,
            "model": self.model,
            "tools": [settled_name(name) for name in self.tools],
            "system": self.system,
            "max_iterations": self.max_iterations,
        }
        return {REMEMBERED: {name: value for name, value in said.items() if value}}


@attrs.frozen(kw_only=True)
class Planned:
    """A run ready to start: all that can be wrong with the command line has been said."""

    project: Project
    agent: Agent
    message: Message
    display: Display
    keeping: Keeping | None
    debug: bool


def plan(session: Session, asked: Asked, output: TextIO) -> Planned:
    """Settle what the run is made of; the command line shows it, so the project's console sink does not.

    :param output: what gets the lines of JSON.
    :raises LamellaError: something named does not exist or cannot be used.
    :raises click.UsageError: there is no prompt.
    """
    project = session.project
    enabled = project.enabled_sinks()
    display = JSONLines(output) if asked.as_json else People(console_settings(project, asked.show_images))
    keeping = keep_runs(project) if asked.store else None
    stores = tuple(enabled_stores(project)) if keeping is None else (keeping.name,)
    project = session.without_sinks([name for name in enabled if name == CONSOLE or name in stores])
    text = read_prompt(asked.prompt, stdin_taken=any(given.is_stdin for given in asked.media))
    message = prompt_message(text, read_media(asked.media, project))
    agent = agent_of(asked, project, find_tools(asked.tools, project))
    return Planned(
        project=project, agent=agent, message=message, display=display, keeping=keeping, debug=session.debug
    )


def agent_of(asked: Asked, project: Project, tools: Sequence[ToolSource]) -> Agent:
    """The agent that is named, or one of the model alone, with what the command line says."""
    agent = Agent() if asked.agent is None else named_agent(asked.agent, asked.model, project)
    return attrs.evolve(
        agent,
        model=_model_of(agent, asked.model, project),
        system_instruction=agent.system_instruction if asked.system is None else asked.system,
        tools=[*agent.tools, *tools],
        max_iterations=asked.max_iterations or agent.max_iterations,
        approve=agent.approve if asked.approve == "ask" else None,
        meta={**agent.meta, **asked.remembered()},
        project=project,
    )


def _model_of(agent: Agent, asked: str | None, project: Project) -> Model | str:
    """The model of the command line, else the agent's, else the one to be chosen; what is chosen is said."""
    if asked is None and agent.model is not None:
        return agent.model
    choice = choose_model(asked, project)
    if choice.notice is not None:
        notice(choice.notice)
    return choice.name


async def ask(planned: Planned, asked: Asked) -> int:
    """Do the run; return the exit code."""
    async with ready_model(planned.agent, planned.project) as model:
        message = planned.message
        if asked.downscale:
            message = await downscale(message, getattr(model, "dialect", None))
        agent = attrs.evolve(planned.agent, model=model)
        return await show(agent, lambda made: made.astream([message]), planned, asked)


async def show(agent: Agent, start: Callable[[Agent], AgentStream], planned: Planned, asked: Asked) -> int:
    """Show the run that ``start`` makes of the agent, told where its events go; return the exit code."""
    unshown = Unshown()
    keeping = planned.keeping
    sinks: list[Sink] = [*agent.sinks, unshown]
    journal: JournalLike | Literal[False] = False if keeping is None else keeping.journal
    stream = start(attrs.evolve(agent, sinks=sinks, journal=journal))
    made = MadeMedia()
    display = Collecting(planned.display, made)
    try:
        # An agent that decides for itself does not ask.
        approver = Approver(asked.approve if agent.approve is None else "itself")
        ended = await drive(stream, display, approver, unshown, debug=planned.debug)
    finally:
        saved = _save(made, asked)
    await _say_where(stream, keeping)
    return ended if saved or ended is not Exit.OK else Exit.FAILED


@asynccontextmanager
async def ready_model(agent: Agent, project: Project) -> AsyncIterator[Model]:
    """The agent's model; one that is made of a name is closed."""
    if isinstance(agent.model, Model):
        yield agent.model
        return
    async with get_model(agent.model or "", project=project) as model:
        yield model


def _save(made: MadeMedia, asked: Asked) -> bool:
    """Save what the model made, if that is wanted; whether nothing went wrong. The answer is out by now."""
    if asked.save_media is None:
        return True
    otherwise = f"lamella runs show {made.run_id} --save-media DIR saves it elsewhere"
    failure = save_media(made, asked.save_media, otherwise if asked.store else "it was not stored either")
    if failure is not None:
        error_line(failure.message, failure.error_code.value)
    return failure is None


async def _say_where(stream: AgentStream, keeping: Keeping | None) -> None:
    if keeping is not None and await keeping.has(stream.run_id):
        notice(f"stored as {stream.run_id} (lamella runs show {stream.run_id})")
