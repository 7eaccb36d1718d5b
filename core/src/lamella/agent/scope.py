"""What the agents of one run share, and where each of them stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from lamella.budgets import Account, Budget
from lamella.errors import AgentExecutionError
from lamella.models.assemble import ResponseAssembler
from lamella.tools.tool import RunMode

if TYPE_CHECKING:
    from lamella.agent.journal import Intents
    from lamella.agent.rerun import Rerun
    from lamella.config import Project
    from lamella.models.model import Model
    from lamella.runs import AgentRun
    from lamella.tools import Approvals

__all__ = ["RunScope", "RunState"]

_MAX_DEPTH: Final = 32


@attrs.define(kw_only=True)
class RunState:
    """Shared by all agents of one run. ``open`` holds the responses being received, by path.

    ``intents`` are there with a journal, ``rerun`` where the run is done again from its log; ``listened`` says
    whether anybody keeps the events.
    """

    run_id: str
    project: Project = attrs.field(repr=False)
    approvals: Approvals = attrs.field(repr=False)
    intents: Intents | None = attrs.field(default=None, repr=False)
    rerun: Rerun | None = attrs.field(default=None, repr=False)
    listened: bool = False
    open: dict[tuple[str, ...], ResponseAssembler] = attrs.field(factory=dict, init=False)
    _names: dict[tuple[str, ...], int] = attrs.field(factory=dict, init=False)

    def child_path(self, parent: tuple[str, ...], name: str) -> tuple[str, ...]:
        """A path that no other call of this run has: ``name``, then ``name#2`` and so on."""
        key = (*parent, name)
        self._names[key] = count = self._names.get(key, 0) + 1
        return key if count == 1 else (*parent, f"{name}#{count}")

    def new_path(self, parent: tuple[str, ...], name: str) -> tuple[str, ...]:
        """A path that no call has, in the log neither."""
        while True:
            path = self.child_path(parent, name)
            if self.rerun is None or self.rerun.agent(path) is None:
                return path


@attrs.frozen(kw_only=True)
class RunScope:
    """One agent's place in the run, and what it hands to the agents it calls."""

    state: RunState
    path: tuple[str, ...] = ()
    mode: RunMode = "run_async"
    runtime_context: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    model: Model | None = attrs.field(default=None, repr=False)
    """For agents that have none of their own: that of their caller."""
    accounts: tuple[Account, ...] = attrs.field(default=(), repr=False)
    """What this agent, and every one above it, may spend."""
    prev_runs: tuple[AgentRun, ...] = attrs.field(default=(), repr=False)
    """For functional agents: what ran before them."""

    def spending(self, budget: Budget | Account | None) -> RunScope:
        """This scope with a budget more; the clock of what it limits begins."""
        if budget is None:
            return self
        account = budget.open() if isinstance(budget, Budget) else budget
        account.begin()
        return attrs.evolve(self, accounts=(*self.accounts, account))

    def child(self, name: str, *, path: tuple[str, ...] | None = None, **changes: Any) -> RunScope:
        """The scope of a nested agent, with ``changes`` of other fields.

        :param path: the path that it has in any case.
        :raises AgentExecutionError: agents call agents more than 32 levels deep.
        """
        if len(self.path) >= _MAX_DEPTH:
            raise AgentExecutionError(
                f"agents call each other more than {_MAX_DEPTH} levels deep: {' > '.join(self.path[:4])} …"
            )
        if path is None:
            path = self.state.child_path(self.path, name)
        return attrs.evolve(self, path=path, **{"prev_runs": (), **changes})
