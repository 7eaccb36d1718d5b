"""``Agent``: a face without logic. What it is is data; what it does is in ``turns`` and ``run``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

import attrs

from lamella._frozen import EMPTY
from lamella.agent.base import BaseAgent
from lamella.agent.fanout import SlowSinkPolicy
from lamella.agent.journal import Journal, as_journal
from lamella.agent.prepare import Prepared, given_tools, prepare, static_names
from lamella.agent.scope import RunScope
from lamella.budgets import Account, Budget
from lamella.errors import AgentInputError
from lamella.events import ApprovalPending
from lamella.models.model import Model
from lamella.models.request import TransplantMode
from lamella.runs import Out_co
from lamella.specs import Guardrail, Sink
from lamella.tools import Tool, normalise_choice

if TYPE_CHECKING:
    from typing_extensions import TypeForm

    from lamella.config import Project
    from lamella.models.structured import OutputStrategy, OutputType, Strategy

__all__ = ["Agent", "Approve", "ToolLike"]

Approve: TypeAlias = Callable[[ApprovalPending], bool | Awaitable[bool]]

ToolLike: TypeAlias = "Tool | Callable[..., Any] | Agent | Any"
"""A tool, a function, an agent, a ``ToolSource``, or the name of a tool source in the configuration."""


_NO_TYPE: Any = None
"""No ``output_type``. Type checkers find the type of a union only where a parameter takes nothing but types."""


def _at_least_one(instance: object, attribute: attrs.Attribute[int], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise AgentInputError(f"Agent.{attribute.name} must be an int >= 1, got {value!r}")


def _not_negative(instance: object, attribute: attrs.Attribute[int], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise AgentInputError(f"Agent.{attribute.name} must be an int >= 0, got {value!r}")


def _one_of(*allowed: str) -> Callable[[object, attrs.Attribute[Any], object], None]:
    def check(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if value not in allowed:
            raise AgentInputError(
                f"Agent.{attribute.name} must be one of {', '.join(allowed)}, got {value!r}"
            )

    return check


def _text(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, str):
        raise AgentInputError(f"Agent.{attribute.name} must be a str or None, got {type(value).__name__}")


def _flag(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, bool):
        raise AgentInputError(f"Agent.{attribute.name} must be True or False, got {value!r}")


def _seconds(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise AgentInputError(f"Agent.{attribute.name} must be a number of seconds >= 0, got {value!r}")


def _settings(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise AgentInputError(f"Agent.{attribute.name} must be a dict of values by name, got {value!r:.80}")


def _budget(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, Budget | Account):
        raise AgentInputError(
            f"Agent.budget must be a Budget or an Account, got {type(value).__name__}: Budget(cost=0.5, turns=10)"
        )


def _own_settings(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def _listed(value: object) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, Iterable) else (value,)


def _all(kind: type) -> Callable[[object, attrs.Attribute[Any], object], None]:
    def check(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        for item in value:
            if not isinstance(item, kind):
                raise AgentInputError(
                    f"Agent.{attribute.name} takes a list of {kind.__name__} objects, got {type(item).__name__}"
                )

    return check


def _model(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, Model | str):
        raise AgentInputError(
            f"Agent.model must be a Model or a name such as 'openai:gpt-5-nano', got {type(value).__name__}"
        )


@attrs.frozen(eq=False)
class Agent(BaseAgent[Out_co]):
    """A model with instructions and tools. Immutable, and safe to run many times at once.

    :param model: a ``Model``, or a name for ``get_model`` (built on first use; close it with ``aclose``).
        Without one the agent is *unbound*: it uses the model of the agent that calls it, else the project's.
    :param name: identifies the agent in events, logs and runs; needed to use it as a tool.
    :param description: what another agent's model reads about it.
    :param system_instruction: travels apart from the history and goes before its system messages.
    :param tools: tools, functions, agents (called as tools), tool sources, or names of configured ones.
    :param tool_choice: ``auto``, ``required`` (= ``any``), ``none`` or a tool's name. Forcing holds
        for the first iteration, or for all with ``force_every_turn``.
    :param parallel_tool_calls: whether the model may ask for several calls in one turn.
    :param max_iterations: model calls per run; at the cap the run fails, or with ``on_limit="return"`` ends;
        either way the last calls have no output (``repair_history`` gives them one).
    :param max_concurrency: tools that may run at once in one turn.
    :param approve: called for tools that require approval; without it the run waits for
        ``stream.approve(call_id)`` and denies after ``approval_timeout`` seconds.
    :param guardrails: see the last user message on its way in and the answer on its way out.
    :param sinks: receive the run's events, beside the sinks that the project enables.
    :param journal: a run store that has each event before it is shown and each tool call before it runs, so that the
        run can be resumed: a store, a ``Journal``, or the name of a configured one; by default the project's,
        with ``False`` none.
    :param meta: JSON values that are stored with each run, for whoever looks for it.
    :param slow_sinks: ``wait`` for a slow sink, or ``shed`` deltas (durable events are never shed).
    :param tool_error_detail: how much of a tool's error the model is told: its ``message`` or only its ``class``.
    :param max_tool_output: where the outputs of tools are cut, in characters, unless a tool sets its own
        ``max_output_chars``; a mark tells the model how much is missing.
    :param streaming: ``False`` asks the provider for answers in one piece; the events are the same.
    :param transplant: ``degrade`` leaves out what the model cannot take and reports it, ``strict`` refuses.
    :param model_settings: settings of the model for this agent alone, such as ``{"reasoning_effort": "low"}``;
        the model that was given is not changed.
    :param output_type: what the agent answers with: attrs, dataclass, TypedDict, msgspec, pydantic, Literal, Enum,
        a union or a container of these, a scalar, or a JSON schema. ``run(…).value`` is the validated value, and the
        run an ``ExtractionRun``.
    :param output_strategy: how the model is asked for it: its ``native`` structured output, a final ``tool``, the
        schema in the ``prompt``; ``auto`` takes the first that the model can do with the schema whole.
    :param output_retries: how often an answer that does not fit goes back to the model; each time is one of the
        ``max_iterations``.
    :param budget: what a run may spend, with all agents below it: a ``Budget`` for each run, or an ``Account`` that
        several share.
    :param project: whose plugins and configuration apply, by default the current folder's.
    :raises AgentInputError: a value that does not fit, or two tools with one name.
    """

    model: Model | str | None = attrs.field(default=None, validator=_model)
    name: str | None = attrs.field(default=None, kw_only=True, validator=_text)
    description: str | None = attrs.field(default=None, kw_only=True, validator=_text)
    system_instruction: str | None = attrs.field(default=None, kw_only=True, validator=_text, repr=False)
    tools: Sequence[ToolLike] = attrs.field(default=(), kw_only=True, converter=given_tools, repr=False)
    tool_choice: str = attrs.field(default="auto", kw_only=True)
    force_every_turn: bool = attrs.field(default=False, kw_only=True, validator=_flag)
    parallel_tool_calls: bool = attrs.field(default=True, kw_only=True, validator=_flag)
    max_iterations: int = attrs.field(default=20, kw_only=True, validator=_at_least_one)
    on_limit: Literal["raise", "return"] = attrs.field(
        default="raise", kw_only=True, validator=_one_of("raise", "return")
    )
    max_concurrency: int = attrs.field(default=8, kw_only=True, validator=_at_least_one)
    approve: Approve | None = attrs.field(default=None, kw_only=True, repr=False)
    approval_timeout: float = attrs.field(default=300.0, kw_only=True, validator=_seconds, repr=False)
    guardrails: Sequence[Guardrail] = attrs.field(
        default=(), kw_only=True, validator=_all(Guardrail), converter=_listed, repr=False
    )
    sinks: Sequence[Sink] = attrs.field(
        default=(), kw_only=True, validator=_all(Sink), converter=_listed, repr=False
    )
    journal: Journal | str | Literal[False] | None = attrs.field(
        default=None, kw_only=True, converter=as_journal, repr=False
    )
    meta: Mapping[str, Any] = attrs.field(
        default=EMPTY, kw_only=True, validator=_settings, converter=_own_settings, repr=False
    )
    slow_sinks: SlowSinkPolicy = attrs.field(
        default="wait", kw_only=True, validator=_one_of("wait", "shed"), repr=False
    )
    tool_error_detail: Literal["message", "class"] = attrs.field(
        default="message", kw_only=True, validator=_one_of("message", "class"), repr=False
    )
    max_tool_output: int | None = attrs.field(
        default=None, kw_only=True, validator=attrs.validators.optional(_at_least_one), repr=False
    )
    streaming: bool = attrs.field(default=True, kw_only=True, validator=_flag, repr=False)
    transplant: TransplantMode = attrs.field(
        default="degrade", kw_only=True, validator=_one_of("degrade", "strict"), repr=False
    )
    model_settings: Mapping[str, Any] = attrs.field(
        default=EMPTY, kw_only=True, validator=_settings, converter=_own_settings, repr=False
    )
    output_type: TypeForm[Out_co] = attrs.field(default=_NO_TYPE, kw_only=True)
    output_strategy: OutputStrategy = attrs.field(
        default="auto", kw_only=True, validator=_one_of("auto", "native", "tool", "prompt"), repr=False
    )
    output_retries: int = attrs.field(default=1, kw_only=True, validator=_not_negative, repr=False)
    budget: Budget | Account | None = attrs.field(default=None, kw_only=True, validator=_budget, repr=False)
    project: Project | None = attrs.field(default=None, kw_only=True, repr=False)
    _output: OutputType[Out_co] | None = attrs.field(default=None, init=False, repr=False)
    _strategies: dict[str, tuple[Any, Strategy]] = attrs.field(factory=dict, init=False, repr=False)
    _built: dict[str | int, tuple[Model | str, Model]] = attrs.field(factory=dict, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if (names := static_names(self.tools)) is not None:
            normalise_choice(self.tool_choice, names)
        if self.output_type is not _NO_TYPE:
            from lamella.models.structured import OutputType

            object.__setattr__(self, "_output", OutputType.of(self.output_type))

    async def prepare(self, scope: RunScope, stack: AsyncExitStack) -> Prepared:
        """Build the model, open the tool sources, gather the guardrails."""
        return await prepare(self, scope, stack)

    def on(self, model: Model) -> Agent[Out_co]:
        """This agent on another model."""
        return attrs.evolve(self, model=model)

    async def aclose(self) -> None:
        """Close the model that was built from a name or for ``model_settings``. A model you gave is yours to close."""
        while self._built:
            _, (_, model) = self._built.popitem()
            await model.aclose()

    def close(self) -> None:
        """:meth:`aclose` for synchronous code."""
        from lamella.sync import run

        run(self.aclose())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
