"""A stored run and the agent that made it, put together again from what is kept with the run and the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TextIO

import attrs

from lamella.errors import AgentInputError, ConfigError
from lamella_cli.approving import ApprovalMode
from lamella_cli.asking import REMEMBERED, Asked, Planned, agent_of
from lamella_cli.display import CONSOLE, JSONLines, People, console_settings
from lamella_cli.loading import load_run
from lamella_cli.storing import Keeping, open_store, store_name
from lamella_cli.tooling import find_tools

if TYPE_CHECKING:
    from lamella.config import Project
    from lamella.recordings import Recording
    from lamella_cli.session import Session

__all__ = ["Again", "newest_interrupted", "read_recording", "said_again", "set_up"]


@attrs.frozen(kw_only=True)
class Again:
    """What the command line says of the agent of a stored run; what it leaves out is as the run says."""

    agent: str | None = None
    model: str | None = None
    tools: tuple[str, ...] = ()
    system: str | None = None
    approve: ApprovalMode = "ask"
    as_json: bool = False


async def read_recording(project: Project, run_id: str | None, store: str | None) -> Recording:
    """A stored run, the newest without an id.

    :raises AgentInputError: there is none.
    """
    from lamella.recordings import Recording

    kept = open_store(project, store)
    return Recording(await load_run(kept, run_id), kept)


async def newest_interrupted(project: Project, store: str | None) -> str | None:
    """The id of the newest run that was interrupted, ``None`` where there is none."""
    summaries = await open_store(project, store).list()
    return next((run.run_id for run in summaries if run.status == "interrupted"), None)


def said_again(recording: Recording, again: Again, project: Project) -> Asked:
    """What the command line would say to make the agent of the run.

    :raises ConfigError: the run was made in code, by an agent that has no name here.
    """
    start = recording.log.start
    kept = start.meta.get(REMEMBERED)
    if not isinstance(kept, dict):
        kept = _made_in_code(recording, again, project)
    model = again.model or kept.get("model")
    if model is None and again.agent is None and kept.get("agent") is None and start.provider is not None:
        model = f"{start.provider}:{start.model}"
    return Asked(
        agent=again.agent or kept.get("agent"),
        model=model,
        tools=again.tools or tuple(kept.get("tools", ())),
        system=again.system or kept.get("system"),
        max_iterations=kept.get("max_iterations"),
        approve=again.approve,
        as_json=again.as_json,
    )


def _made_in_code(recording: Recording, again: Again, project: Project) -> dict[str, Any]:
    from lamella.agent import get_agent

    name = recording.log.start.agent
    if again.agent is not None or again.tools or again.system is not None:
        return {}
    if name is not None:
        try:
            get_agent(name, project=project)
        except ConfigError:
            pass_over = f" {name!r}, which is not known here"
        else:
            return {"agent": name}
    else:
        pass_over = ", which has no name"
    if any(event.type == "tool.call.done" or event.path for event in recording.events):
        raise ConfigError(
            f"run {recording.run_id} was made in code, by an agent{pass_over}. Name the agent (--agent NAME: a table of "
            "[agents], or one that a plugin registers) or its tools (-t), or go on in code: "
            "Recording.load(store, run_id).resume(agent)"
        )
    system = recording.log.start.system_instruction
    return {} if system is None else {"system": system}


def set_up(
    session: Session, recording: Recording, again: Again, store: str | None, output: TextIO
) -> tuple[Planned, Asked]:
    """The agent of a stored run, ready to be run again; how it is shown, and where it is kept."""
    from lamella.agent import Journal
    from lamella.messages import Message

    if recording.store is None:
        raise AgentInputError(f"run {recording.run_id} was not read from a store")
    project = session.project
    asked = said_again(recording, again, project)
    name = store or store_name(project)
    display = JSONLines(output) if asked.as_json else People(console_settings(project, None))
    project = session.without_sinks([each for each in project.enabled_sinks() if each in (CONSOLE, name)])
    planned = Planned(
        project=project,
        agent=agent_of(asked, project, find_tools(asked.tools, project)),
        message=Message.user("…"),
        display=display,
        keeping=Keeping(name, Journal(recording.store, on_error="continue")),
        debug=session.debug,
    )
    return planned, asked
