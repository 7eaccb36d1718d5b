"""One run asked for on the command line: its model, tools, prompt, display and store, put together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import attrs
from lamella.agent import Agent, AgentStream
from lamella.models import Model, get_model
from lamella.specs import Sink

from lamella_cli.approving import ApprovalMode, Approver
from lamella_cli.choosing import choose_model
from lamella_cli.display import JSONLines, People
from lamella_cli.driving import Unshown, drive
from lamella_cli.images import read_images
from lamella_cli.output import notice
from lamella_cli.prompting import prompt_message, read_prompt
from lamella_cli.storing import Keeping, keep_runs
from lamella_cli.tooling import find_tools

if TYPE_CHECKING:
    from lamella.config import Project

    from lamella_cli.session import Session

__all__ = ["Asked", "ask"]


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


async def ask(session: Session, asked: Asked) -> int:
    """Do the run; return the exit code."""
    project = session.project
    message = prompt_message(read_prompt(asked.prompt), read_images(asked.images, project))
    choice = choose_model(asked.model, project)
    if choice.notice is not None:
        notice(choice.notice)
    async with get_model(choice.name, project=project) as model:
        keeping = keep_runs(project) if asked.store else None
        unshown = Unshown()
        stream = _agent(asked, model, project, keeping, unshown).astream([message])
        display = JSONLines() if asked.as_json else People()
        ended = await drive(stream, display, Approver(asked.approve), unshown, debug=session.debug)
        await _say_where(stream, keeping)
        return ended


def _agent(asked: Asked, model: Model, project: Project, keeping: Keeping | None, unshown: Unshown) -> Agent:
    sinks: list[Sink] = [unshown]
    if keeping is not None and keeping.extra is not None:
        sinks.append(keeping.extra)
    return Agent(
        model,
        system_instruction=asked.system,
        tools=find_tools(asked.tools, project),
        max_iterations=asked.max_iterations,
        sinks=sinks,
        project=project,
    )


async def _say_where(stream: AgentStream, keeping: Keeping | None) -> None:
    if keeping is not None and await keeping.has(stream.run_id):
        notice(f"stored as {stream.run_id} (lamella runs show {stream.run_id})")
