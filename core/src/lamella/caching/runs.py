"""``cached_run``: an agent whose runs are kept and played again to the same input."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs

from lamella._frozen import freeze, thaw
from lamella.agent.base import BaseAgent, Ready, Turns
from lamella.agent.prepare import Prepared
from lamella.agent.scope import RunScope
from lamella.caching.definition import looked_up, models_of, what_it_does
from lamella.caching.identity import identity_of_messages, identity_of_model
from lamella.caching.keeping import Keeping, Tenant, keeping
from lamella.caching.recording import ANSWERED, Moment, Replay, at_times, check_replay
from lamella.caching.store import CacheStore
from lamella.errors import AgentInputError, LamellaError
from lamella.events import AgentEnd, ApprovalPending, Event, GuardrailOverride, RunKind, StopReason
from lamella.models.canonical import NoCanonicalForm, encoded
from lamella.models.inputs import ParsedInput
from lamella.models.model import Model
from lamella.runs import NO_VALUE, Out_co
from lamella.tools import Emitted

if TYPE_CHECKING:
    from lamella.models.structured import OutputType

__all__ = ["CachedAgent", "ContextKey", "cached_run"]

_log = logging.getLogger(__name__)

ContextKey: TypeAlias = Sequence[str] | Callable[[Mapping[str, Any]], object]
"""Which values of ``runtime_context`` decide the answer: their names, or a function that returns what counts."""

_NOT_KEPT: Final = (ApprovalPending, GuardrailOverride)
"""Somebody, or something, decided in this run what must be decided each time."""


def cached_run(
    agent: BaseAgent[Out_co],
    store: CacheStore,
    *,
    tenant: Tenant = None,
    ttl: float | None = None,
    replay: Replay = "events",
    context: ContextKey | None = None,
    cache_tools: bool = False,
    identity: str | None = None,
) -> CachedAgent[Out_co]:
    """An agent that plays a run again when it is given the same.

    The key is made of the agent's definition, with those of the agents below it, and the input. Runs that failed, were
    refused or cut, or in which something had to be approved, are not kept. What is played again costs nothing and does
    nothing: no model is asked, and **no tool is run**.

    :param store: where runs are kept, such as ``MemoryCache()`` or ``DirectoryCache(path)``.
    :param tenant: whose runs they are, as in :func:`cached`.
    :param ttl: seconds for which a run is played again, ``None`` for as long as the store keeps it.
    :param replay: ``timed`` plays the events at the pace that they had.
    :param context: which values of ``runtime_context`` decide the answer, ``()`` for none. It is never guessed: a run
        with a ``runtime_context`` is refused without it.
    :param cache_tools: keep runs of agents that have tools, or functions of yours in them: what these do is then not
        done again.
    :param identity: stands for the agent's definition in the key, for agents with parts that cannot be compared,
        which otherwise share runs only with themselves, in this process. Change it with the agent.
    :raises AgentInputError: a value that does not fit, or an agent with tools without ``cache_tools``.
    """
    check_replay(replay, ttl, "cached_run")
    if not isinstance(agent, BaseAgent):
        raise AgentInputError(f"cached_run needs an agent, got {type(agent).__name__}")
    if isinstance(context, str):
        raise AgentInputError(f"cached_run: context must be a list of names or a function, got {context!r}")
    if not cache_tools and (found := next(what_it_does(agent), None)) is not None:
        raise AgentInputError(
            f"cached_run: {found}, and a run that is played again would not do what it does; if it only looks "
            "something up, say cache_tools=True"
        )
    if identity is None and (name := next(looked_up(agent), None)) is not None:
        raise AgentInputError(
            f"cached_run: {name!r} is looked up when the agent runs, so that nobody can tell whether it is the same; "
            "say what stands for the agent: identity='planner, version 3'"
        )
    return CachedAgent(
        agent=agent,
        keeping=keeping(store, tenant, ttl, "cached_run"),
        replay=replay,
        context=context if context is None or callable(context) else tuple(context),
        identity=identity,
    )


_THE_AGENTS: Final = (
    "name", "description", "approve", "approval_timeout", "sinks", "slow_sinks", "journal", "meta", "project"
)  # fmt: skip


@attrs.frozen(kw_only=True, eq=False)
class CachedAgent(BaseAgent[Out_co]):
    """An agent with a cache before it; made by :func:`cached_run`. Who it is, and who watches it, is the agent's."""

    agent: BaseAgent[Out_co]
    keeping: Keeping = attrs.field(repr=False)
    replay: Replay = "events"
    context: ContextKey | None = None
    identity: str | None = None
    name: str | None = attrs.field(init=False, repr=False)
    description: str | None = attrs.field(init=False, repr=False)
    approve: Any = attrs.field(init=False, repr=False)
    approval_timeout: float = attrs.field(init=False, repr=False)
    sinks: Any = attrs.field(init=False, repr=False)
    slow_sinks: Any = attrs.field(init=False, repr=False)
    journal: Any = attrs.field(init=False, repr=False)
    meta: Any = attrs.field(init=False, repr=False)
    project: Any = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        for name in _THE_AGENTS:
            object.__setattr__(self, name, getattr(self.agent, name))

    @property
    def _output(self) -> Any:
        """The agent's ``output_type``, for whoever shows partial values."""
        return getattr(self.agent, "_output", None)

    def on(self, model: Model) -> CachedAgent[Out_co]:
        """This on ``model``."""
        return attrs.evolve(self, agent=self.agent.on(model))

    async def prepare(self, scope: RunScope, stack: AsyncExitStack) -> Ready:
        """What the agent needs: also a run that is played again says with which model it was made."""
        ready = await self.agent.prepare(scope, stack)
        return _Cached(self, ready, scope)


class _Cached:
    """The agent made ready."""

    def __init__(self, cached: CachedAgent[Any], ready: Ready, scope: RunScope) -> None:
        self._cached = cached
        self._ready = ready
        self._scope = scope

    def facts(self) -> dict[str, Any]:
        """What the agent says of itself."""
        return self._ready.facts()

    def turns(self, given: ParsedInput) -> Turns:
        """The work, or what was kept of it."""
        output = getattr(getattr(self._ready, "answering", None), "output", None)
        key = None if self._is_logged() else self._key(given)
        return _CachedTurns(self._cached, self._ready.turns(given), key, output)

    def _is_logged(self) -> bool:
        """Whether a log answers: of a run that is done again, it says what was played, and how far that came."""
        rerun = self._scope.state.rerun
        return rerun is not None and (not rerun.live or rerun.log.has(self._scope.path))

    def _key(self, given: ParsedInput) -> str | None:
        asked = (identity_of_messages(given.messages), given.native, given.plain)
        context = self._context()
        try:
            definition = self._definition()
        except LamellaError as error:  # of an agent that may not even be asked; if it is, it says so
            _log.debug("a run is not kept, a model of it cannot be made: %s", error)
            return None
        return self._cached.keeping.key("run", definition, asked, context)

    def _definition(self) -> Any:
        if self._cached.identity is not None:
            return ("named", self._cached.identity)
        if isinstance(self._ready, Prepared):  # with the model and the tools that names stand for
            agent, model = self._ready.agent, self._ready.model
            below = list(models_of(agent.tools, attrs.evolve(self._scope, model=model)))
            return (agent, model, tuple(self._ready.toolbox.tools.values()), below)
        models = [identity_of_model(model) for model in models_of(self._cached.agent, self._scope)]
        return (self._cached.agent, models)

    def _context(self) -> Any:
        given, wanted = self._scope.runtime_context, self._cached.context
        if wanted is None:
            if given:
                raise AgentInputError(
                    f"cached_run does not guess which values of runtime_context decide the answer ({', '.join(given)}): "
                    "say context=['user'], or context=() if none does"
                )
            return None
        value = wanted(given) if callable(wanted) else {name: given.get(name) for name in wanted}
        try:
            encoded(value)
        except NoCanonicalForm as error:
            raise AgentInputError(
                f"cached_run: what decides the answer in runtime_context must be data: {error}"
            ) from error
        return value


class _CachedTurns:
    """An agent's work, kept when it is done; or what was kept, played again."""

    def __init__(
        self, cached: CachedAgent[Any], turns: Turns, key: str | None, output: OutputType[Any] | None
    ) -> None:
        self.output = ""
        self.result: Any = None
        self.stop_reason: StopReason = "end_turn"
        self.kind: RunKind | None = None
        self.value: Any = NO_VALUE
        self._output = output
        self._cached = cached
        self._turns = turns
        self._key = key

    async def events(self) -> AsyncGenerator[Emitted, None]:
        """The events of the run."""
        kept = None if self._key is None else await self._cached.keeping.get(self._key)
        if kept is None:
            async with aclosing(self._live()) as emitted:
                async for item in emitted:
                    yield item
            return
        moments, facts = kept
        async for _, path, event in at_times(moments, self._cached.replay):
            yield Emitted(path, event)
        self.output, self.result = facts["output"], freeze(facts["result"])
        self.stop_reason, self.kind = facts["stop_reason"], facts["kind"]
        if self._output is not None:
            self.value = self._output.read(facts["result"]).value

    async def _live(self) -> AsyncGenerator[Emitted, None]:
        begun = time.monotonic()
        moments: list[Moment] = []
        async with aclosing(self._turns.events()) as emitted:
            async for item in emitted:
                moments.append((time.monotonic() - begun, item.path, item.event))
                yield item
        self.output, self.result = self._turns.output, self._turns.result
        self.stop_reason, self.kind = self._turns.stop_reason, getattr(self._turns, "kind", None)
        self.value = getattr(self._turns, "value", NO_VALUE)
        if self._key is None or self.stop_reason not in ANSWERED or not _whole(item[2] for item in moments):
            return
        facts = {
            "output": self.output,
            "result": thaw(self.result),
            "stop_reason": self.stop_reason,
            "kind": self.kind,
        }
        await self._cached.keeping.put(self._key, moments, **facts)


def _whole(events: Iterable[Event]) -> bool:
    """Whether nothing in a run was decided by somebody, or failed."""
    return not any(
        isinstance(event, _NOT_KEPT) or (isinstance(event, AgentEnd) and event.error is not None)
        for event in events
    )
