"""What plugins contribute: frozen descriptions, made without I/O, returned by the contribution hooks.

A ``factory`` or ``settings`` may be the object itself or an import string ``"module:name"``, which is
imported only when the thing is used: that is how a plugin module stays light.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, runtime_checkable

import attrs

from lamella._frozen import as_tuple

if TYPE_CHECKING:
    from lamella.content import MediaContent
    from lamella.events import RunStreamEvent
    from lamella.models import Capabilities, Model
    from lamella.tools import Tool

__all__ = [
    "PLUGIN_API",
    "AgentSpec",
    "ChangingToolSource",
    "ClaimingStore",
    "CommandSpec",
    "ContentSpec",
    "Executor",
    "Guardrail",
    "ModelInfo",
    "ProviderSpec",
    "RunStore",
    "RunSummary",
    "Sink",
    "SinkSpec",
    "Spec",
    "ToolSource",
    "ToolSourceSpec",
    "Verdict",
    "is_secret",
    "secret",
]

PLUGIN_API = (1, 0)
"""The plugin API of this host: a plugin's ``lamella_api`` must have this major and no newer minor."""

T = TypeVar("T")
ImportString: TypeAlias = str


# -- what specs make ------------------------------------------------------------------------------


@runtime_checkable
class Sink(Protocol):
    """Takes the events of runs.

    For each run the core calls ``open`` once, ``write`` with batches in order, ``close`` once, also
    when the run fails. An object that is given to several runs gets these calls once per run, and
    every event names its ``run_id``. A sink that raises is reported by name and gets no more events
    of that run.
    """

    async def open(self) -> None:
        """Get ready for a run."""

    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        """Take the next events; returning means that they are as safe as this sink makes them."""

    async def close(self) -> None:
        """A run ended: write out what is held."""


@attrs.frozen(kw_only=True)
class RunSummary:
    """One line of a run store's list. ``started_at`` is Unix time in seconds.

    ``status`` is that of ``RunResult``, or ``running`` where the store knows that a process is still writing the run.
    """

    run_id: str
    status: str
    agent: str | None = None
    provider: str | None = None
    model: str | None = None
    started_at: float | None = None
    events: int | None = None
    total_tokens: int | None = None
    prompt: str | None = None
    """The first text of the run's input, cut to 200 characters."""

    conversation: str | None = None
    """The id of the conversation that the run is part of, as its ``stream.start`` says."""

    forked_from: str | None = None
    """The id of the run that this one is a fork of."""


@runtime_checkable
class RunStore(Sink, Protocol):
    """A sink that can also read back what it was given."""

    async def load(self, run_id: str) -> Sequence[RunStreamEvent]:
        """The events of a run; ``AgentInputError`` when there is no such run."""

    async def list(self, *, limit: int | None = None) -> Sequence[RunSummary]:
        """The stored runs, newest first."""


@runtime_checkable
class ClaimingStore(RunStore, Protocol):
    """A run store that knows whether a run is still being written, so that two processes never go on with one run.

    A run is claimed by whoever writes its first event, until its terminal event, or the end of the process.
    """

    async def claim(self, run_id: str, *, force: bool = False) -> None:
        """Take over an interrupted run: what follows is written by this process.

        :param force: although another process seems to be writing it, whose writes fail from now on.
        :raises AgentInputError: there is no such run.
        :raises StoreError: another process is writing it (``store.conflict``).
        """


@runtime_checkable
class ToolSource(Protocol):
    """Tools from elsewhere, and their lifetime."""

    async def open(self) -> Sequence[Tool]:
        """Start what is behind the tools and return them."""

    async def close(self) -> None:
        """Stop it; called once after a successful ``open``, on every path."""


@runtime_checkable
class ChangingToolSource(ToolSource, Protocol):
    """A tool source whose tools may change while a run goes on."""

    async def refresh(self) -> Sequence[Tool] | None:
        """All tools anew, ``None`` when they are as they were. Asked before each further model call: must be cheap."""


@attrs.frozen(kw_only=True)
class Verdict:
    """What a guardrail says: pass (the default), ``replace`` the text, or ``block`` it with a reason."""

    replace: str | None = None
    block: bool = False
    reason: str | None = None


@runtime_checkable
class Guardrail(Protocol):
    """Checks text on its way in and out. One that raises blocks."""

    @property
    def name(self) -> str:
        """What it is called in events and in what the user reads."""

    async def check_input(self, text: str) -> Verdict:
        """Judge the last user message."""

    async def check_output(self, text: str) -> Verdict:
        """Judge the answer before the run ends."""


@runtime_checkable
class Executor(Protocol):
    """Runs the effects of a run: durable executors record them and never repeat one."""

    async def __call__(self, key: str, step: Callable[[], Awaitable[T]]) -> T:
        """Run ``step`` once for ``key`` (run id, path and call id)."""


# -- specs ----------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class ModelInfo:
    """A model a provider is known to have. Unknown facts are ``None``."""

    formal_name: str
    display_name: str
    outdated: bool = False
    context_window: int | None = None
    max_output_tokens: int | None = None


def _names(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)


def _model_infos(values: Iterable[ModelInfo]) -> tuple[ModelInfo, ...]:
    return tuple(values)  # typed, where a bare tuple as converter leaves type checkers with nothing to infer


@attrs.frozen(kw_only=True)
class Spec:
    """Base of the contributions. ``id`` is the entry point's name, ``summary`` one line for listings.

    ``settings`` is an attrs class: the plugin's table in the configuration is checked against it
    (unknown keys are errors), and what was set is passed to ``factory`` by keyword.
    """

    id: str
    summary: str = ""
    settings: type[Any] | ImportString | None = None


@attrs.frozen(kw_only=True)
class ProviderSpec(Spec):
    """A model provider. ``factory(model, **settings)`` returns a ``Model``.

    ``env`` names the environment variables that hold its key, the usual one first; ``offline`` marks
    a provider that needs neither key nor network; ``models`` are the models it is known to have;
    ``dialect`` is the wire its models speak, for those who ask what it takes.
    """

    factory: Callable[..., Model] | ImportString
    env: tuple[str, ...] = attrs.field(default=(), converter=as_tuple)
    default_model: str | None = None
    offline: bool = False
    models: tuple[ModelInfo, ...] = attrs.field(default=(), converter=as_tuple)
    capabilities: Capabilities | None = None
    dialect: str | None = None


@attrs.frozen(kw_only=True)
class ContentSpec(Spec):
    """A content type: ``id`` is the JSON tag, ``content_class`` the ``MediaContent`` subclass.

    ``dialects`` are the wires that the plugin writes it for.
    """

    content_class: type[MediaContent] | ImportString
    dialects: tuple[str, ...] = attrs.field(default=(), converter=_names)


@attrs.frozen(kw_only=True)
class AgentSpec(Spec):
    """An agent. ``factory()`` returns an ``Agent``, a layer, or an ``async (model, emit, prev_runs) -> AgentRun``.

    It is asked for by name (``get_agent``, in layers, ``lamella run --agent``), and made anew each time.
    """

    factory: Callable[[], Any] | ImportString


@attrs.frozen(kw_only=True)
class ToolSourceSpec(Spec):
    """A tool source. ``factory(**settings)`` returns a ``ToolSource``.

    ``prefixed`` says whether the tools of a table ``[tools.NAME]`` are called ``NAME_…`` unless it sets
    another ``prefix``: for servers of others, whose names may be the same. ``settings`` must not have the fields
    of :class:`~lamella.config.selection.Selection`, which every table may set.
    """

    factory: Callable[..., ToolSource] | ImportString
    prefixed: bool = False


@attrs.frozen(kw_only=True)
class SinkSpec(Spec):
    """An event sink. ``factory(**settings)`` returns a ``Sink``, a ``RunStore`` when ``store`` is true."""

    factory: Callable[..., Sink] | ImportString
    store: bool = False


@attrs.frozen(kw_only=True)
class CommandSpec:
    """A command of the command line: ``command`` is a click command or its import string."""

    name: str
    command: Any
    summary: str = ""


# -- secret settings ------------------------------------------------------------------------------


def secret(**kwargs: Any) -> Any:
    """An ``attrs.field`` for a secret: never in a repr, and in files only as a reference."""
    metadata = {**kwargs.pop("metadata", {}), "lamella_secret": True}
    return attrs.field(repr=False, metadata=metadata, **kwargs)


def is_secret(attribute: attrs.Attribute[Any]) -> bool:
    """Whether a settings field was made by :func:`secret`."""
    return bool(attribute.metadata.get("lamella_secret"))
