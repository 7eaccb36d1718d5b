"""One run asked for on the command line: its model, tools, prompt, display and store, put together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

import attrs

from lamella.agent import Agent, AgentStream
from lamella.messages import Message
from lamella.models import get_model
from lamella.specs import Sink, ToolSource
from lamella_cli.approving import ApprovalMode, Approver
from lamella_cli.choosing import choose_model
from lamella_cli.display import Display, JSONLines, People
from lamella_cli.driving import Unshown, drive
from lamella_cli.images import read_images
from lamella_cli.output import notice
from lamella_cli.prompting import prompt_message, read_prompt
from lamella_cli.storing import Keeping, enabled_stores, keep_runs
from lamella_cli.tooling import find_tools

if TYPE_CHECKING:
    from lamella.config import Project
    from lamella_cli.session import Session

__all__ = ["Asked", "Planned", "ask", "plan"]

_CONSOLE: Final = "console"


@attrs.frozen(kw_only=True)
class Asked:
    """The arguments of ``lamella run``."""

    prompt: tuple[str, ...] = ()
    model: str | None = None
    tools: tuple[str, ...] = ()
    system: str | None = None
    images: tuple[Path, ...] = ()
    as_json: bool = False
    max_iterations: int = 20
    store: bool = True
    approve: ApprovalMode = "ask"


@attrs.frozen(kw_only=True)
class Planned:
    """A run ready to start: all that can be wrong with the command line has been said."""

    project: Project
    model: str
    message: Message
    tools: Sequence[ToolSource]
    display: Display
    debug: bool


def plan(session: Session, asked: Asked, output: TextIO) -> Planned:
    """Settle what the run is made of; the command line shows it, so the project's console sink does not.

    :param output: what gets the lines of JSON.
    :raises LamellaError: something named does not exist or cannot be used.
    :raises click.UsageError: there is no prompt.
    """
    project = session.project
    enabled = project.enabled_sinks()
    shown = project.plugin_settings("sink", _CONSOLE) if _CONSOLE in enabled else {}
    display = JSONLines(output) if asked.as_json else People(shown)
    stores = () if asked.store else tuple(enabled_stores(project))
    project = session.without_sinks([name for name in enabled if name == _CONSOLE or name in stores])
    message = prompt_message(read_prompt(asked.prompt), read_images(asked.images, project))
    choice = choose_model(asked.model, project)
    tools = find_tools(asked.tools, project)
    if choice.notice is not None:
        notice(choice.notice)
    return Planned(
        project=project, model=choice.name, message=message, tools=tools, display=display, debug=session.debug
    )


async def ask(planned: Planned, asked: Asked) -> int:
    """Do the run; return the exit code."""
    project = planned.project
    async with get_model(planned.model, project=project) as model:
        keeping = keep_runs(project) if asked.store else None
        unshown = Unshown()
        sinks: list[Sink] = [unshown]
        if keeping is not None and keeping.extra is not None:
            sinks.append(keeping.extra)
        agent = Agent(
            model,
            system_instruction=asked.system,
            tools=planned.tools,
            max_iterations=asked.max_iterations,
            sinks=sinks,
            project=project,
        )
        stream = agent.astream([planned.message])
        ended = await drive(stream, planned.display, Approver(asked.approve), unshown, debug=planned.debug)
        await _say_where(stream, keeping)
        return ended


async def _say_where(stream: AgentStream, keeping: Keeping | None) -> None:
    if keeping is not None and await keeping.has(stream.run_id):
        notice(f"stored as {stream.run_id} (lamella runs show {stream.run_id})")
