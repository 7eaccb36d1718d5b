"""The plugin host: activates a plugin when it is first needed, once, and serves what it contributes.

One plugin's fault never reaches another: it becomes the plugin's state, and an error only where that
plugin is named.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from lamella._frozen import EMPTY
from lamella.errors import LamellaError, PluginError
from lamella.plugins import refusals
from lamella.plugins.activation import Activated, ActivationFault, activate
from lamella.plugins.catalog import Autoload, Catalog
from lamella.plugins.discovery import DiscoveryFault, EntryPoint
from lamella.plugins.facade import Hooks, Implementation
from lamella.plugins.importing import missing_dependency, resolve_import_string
from lamella.plugins.kinds import ADDRESSABLE, CONTRIBUTIONS, Key, Kind
from lamella.plugins.lock import Lock, differences
from lamella.plugins.registry import registered_providers
from lamella.plugins.states import PluginRecord, PluginState
from lamella.specs import AgentSpec, CommandSpec, ContentSpec, ProviderSpec, SinkSpec, Spec, ToolSourceSpec

if TYPE_CHECKING:
    from importlib_metadata import Distribution
    from pluggy import HookImpl, PluginManager

    from lamella.content import MediaContent

__all__ = ["PluginHost"]

AnySpec = TypeVar("AnySpec", bound=Spec)

_FAULTY = (PluginState.BROKEN, PluginState.INCOMPATIBLE, PluginState.CONFLICT)

_logger = logging.getLogger("lamella.plugins")


@attrs.frozen(kw_only=True)
class _Outcome:
    """How the activation of a plugin ended."""

    record: PluginRecord
    activated: Activated | None = None
    cause: BaseException | None = None

    @property
    def specs(self) -> tuple[Spec, ...]:
        return self.activated.specs if self.activated else ()


class PluginHost:
    """The plugins of one project.

    :param switches: three-state switches: ``kind.name`` or ``name`` (in every kind), on or off.
    :param autoload: whether ``installed`` plugins may be used unless switched off, only ``listed`` ones
        (switched on), or ``none``.
    :param strict: turn every fault of every plugin that is looked at into a ``PluginError``.
    :param distributions: where to look, instead of what is installed.
    :param lock: refuse plugins that differ from this lock, before they are imported.
    :param on_start: called once, before the first plugin is activated.
    """

    def __init__(
        self,
        *,
        switches: Mapping[str, bool] = EMPTY,
        autoload: Autoload = "installed",
        strict: bool = False,
        distributions: Iterable[Distribution] | None = None,
        lock: Lock | None = None,
        on_start: Callable[[], object] | None = None,
    ) -> None:
        self.strict = strict
        self.catalog = Catalog(
            switches=switches, autoload=autoload, strict=strict, distributions=distributions
        )
        self.hooks = Hooks(self)
        self._lock = lock
        self._on_start = on_start
        self._guard = threading.RLock()
        self._pluggy: PluginManager | None = None
        self._outcomes: dict[Key, _Outcome] = {}
        self._content_classes: dict[str, type[MediaContent] | None] = {}

    def __repr__(self) -> str:
        return f"PluginHost(autoload={self.catalog.autoload!r}, strict={self.strict})"

    # -- what there is: imports no plugin -----------------------------------------------------------

    def records(self) -> tuple[PluginRecord, ...]:
        """Every plugin by kind and name, with its state. Imports none."""
        return tuple(self.record(*key) for key in self.catalog.listed())

    def record(self, kind: Kind, name: str) -> PluginRecord:
        """One plugin with its state. Imports nothing.

        :raises ConfigError: nothing of that kind and name is installed.
        """
        with self._guard:
            outcome = self._outcomes.get((kind, name))
            if outcome is not None and self.catalog.registered(kind, name) is None:
                return outcome.record
            return self.catalog.record(kind, name)

    def names(self, kind: Kind) -> tuple[str, ...]:
        """The names of a kind, whatever their state, sorted. Imports nothing."""
        with self._guard:
            return self.catalog.names(kind)

    def faults(self) -> tuple[DiscoveryFault, ...]:
        """Distributions whose metadata cannot be read."""
        with self._guard:
            return self.catalog.faults()

    # -- activation ---------------------------------------------------------------------------------

    def activate(self, kind: Kind, name: str) -> PluginRecord:
        """Import and check one plugin, once. A failure is its state, and one warning in the log.

        :raises ConfigError: nothing of that kind and name is installed.
        :raises PluginError: it failed, and this host is strict.
        """
        return self._outcome(kind, name).record

    def activate_kind(self, kind: Kind) -> tuple[PluginRecord, ...]:
        """Activate all of a kind that may be: the usable ones, of ambient kinds those switched on."""
        on = set(self.catalog.switched_on())
        wanted = [
            name
            for name in self.names(kind)
            if self.record(kind, name).usable and (kind in ADDRESSABLE or (kind, name) in on)
        ]
        return tuple(self.activate(kind, name) for name in wanted)

    def require(self, kind: Kind, name: str) -> PluginRecord:
        """Activate a plugin that a program or its configuration names.

        :raises ConfigError: it is not installed.
        :raises PluginError: it is installed and not usable; the message says whose it is, why, and the
            command that mends it.
        """
        outcome = self._outcome(kind, name)
        if outcome.record.state is not PluginState.ACTIVE:
            raise refusals.refusal(outcome.record, outcome.cause)
        return outcome.record

    def require_switched_on(self) -> None:
        """Make sure that what is switched on in the group ``lamella.plugins`` is there and works.

        A guard that cannot load must not be left out in silence.

        :raises LamellaError: as :meth:`require`.
        """
        for kind, name in self.catalog.switched_on():
            if kind == "plugin":
                self.require(kind, name)
        for name in self.catalog.unmet("plugin"):
            raise self.catalog.unknown_switch(name)

    # -- contributions ------------------------------------------------------------------------------

    def provider(self, name: str) -> ProviderSpec:
        """The provider of that name, from a plugin or registered in code. Raises as :meth:`require`."""
        record = self.require("provider", name)
        if record.distribution is None:
            return registered_providers()[name].spec
        return self._spec("provider", name, ProviderSpec)

    def content(self, name: str) -> ContentSpec:
        """The content type of that name. Raises as :meth:`require`."""
        self.require("content", name)
        return self._spec("content", name, ContentSpec)

    def tool_source(self, name: str) -> ToolSourceSpec:
        """The tool source of that name. Raises as :meth:`require`."""
        self.require("tool_source", name)
        return self._spec("tool_source", name, ToolSourceSpec)

    def agent(self, name: str) -> AgentSpec:
        """The agent of that name. Raises as :meth:`require`."""
        self.require("agent", name)
        return self._spec("agent", name, AgentSpec)

    def sink(self, name: str) -> SinkSpec:
        """The sink of that name, switched on or not. Raises as :meth:`require`."""
        self.require("sink", name)
        return self._spec("sink", name, SinkSpec)

    def content_types(self) -> tuple[ContentSpec, ...]:
        """The types of all usable content plugins, by plugin; activates them."""
        records = self.activate_kind("content")
        specs = (spec for record in records for spec in self._outcomes[record.key].specs)
        return tuple(spec for spec in specs if isinstance(spec, ContentSpec))

    def content_class(self, tag: str) -> type[MediaContent] | None:
        """The class of a content type by its JSON tag, ``None`` when no usable plugin has it.

        For readers of stored data: a plugin that cannot be used is a warning, and its content stays opaque.

        :raises PluginError: such a plugin, when this host is strict.
        """
        with self._guard:
            if tag not in self._content_classes:
                self._content_classes[tag] = self._find_content_class(tag)
            return self._content_classes[tag]

    def commands(self) -> list[CommandSpec]:
        """The commands of all usable plugins of the group ``lamella.plugins``; activates them."""
        return self.hooks.cli()

    def make(self, spec: Spec, *args: Any, **settings: Any) -> Any:
        """Call the factory of a spec of this host.

        :raises PluginError: the SDK behind it is missing (with the command that installs it), or the
            factory failed.
        """
        owner = self._owner(spec)
        factory = getattr(spec, "factory", None)
        if isinstance(factory, str):
            factory = resolve_import_string(factory, distribution=owner.distribution)
        if not callable(factory):
            raise PluginError(f"{owner.title} has no factory to call, but {type(factory).__name__}")
        try:
            return factory(*args, **settings)
        except (KeyboardInterrupt, LamellaError):
            raise
        except ImportError as error:
            raise missing_dependency(spec.id, owner.distribution or owner.origin, error) from error
        except BaseException as error:  # a plugin may raise anything, SystemExit included
            raise PluginError(
                f"{owner.title} could not be made: {type(error).__name__}: {error}", cause=error
            ) from error

    # -- hook implementations, for the facade -------------------------------------------------------

    def implementations(self, hook: str, keys: Iterable[Key]) -> Iterator[Implementation]:
        """The implementations of a hook by these plugins, each activated only when its turn comes."""
        seen: list[object] = []
        for key in keys:
            outcome = self._outcome(*key)
            plugin = outcome.activated.plugin if outcome.activated else None
            if plugin is None or any(plugin is other for other in seen):
                continue
            seen.append(plugin)
            for found in getattr(self._manager().hook, hook).get_hookimpls():
                if found.plugin is plugin:
                    yield _implementation(hook, found, outcome.record)

    def ambient(self, hook: str) -> list[Implementation]:
        """The implementations of a hook by what is switched on: ``tryfirst`` ones first, then by name."""
        found = self.implementations(hook, self.catalog.switched_on())
        return sorted(found, key=lambda implementation: implementation.rank)

    # -- inside -------------------------------------------------------------------------------------

    def _outcome(self, kind: Kind, name: str) -> _Outcome:
        with self._guard:
            if self._on_start is not None and self.record(kind, name).state is PluginState.AVAILABLE:
                self._start()  # which may activate this very plugin
            record = self.record(kind, name)
            outcome = self._outcomes.get((kind, name))
            if outcome is None or outcome.record is not record:
                outcome = _Outcome(record=record)
            if record.state is PluginState.AVAILABLE:
                outcome = self._activate(self.catalog.entries()[kind, name][0], record)
                self._outcomes[kind, name] = outcome
        if self.strict and outcome.record.state in _FAULTY:
            raise refusals.refusal(outcome.record, outcome.cause)
        return outcome

    def _activate(self, entry: EntryPoint, record: PluginRecord) -> _Outcome:
        try:
            self._check_lock(entry)
            activated = activate(entry, self._manager())
        except ActivationFault as fault:
            failed = attrs.evolve(record, state=fault.state, reason=str(fault), mend=fault.mend)
            _logger.warning("%s is %s: %s", failed.title, failed.state, failed.reason)
            _logger.debug("%s: traceback", failed.title, exc_info=fault.__cause__ or fault)
            return _Outcome(record=failed, cause=fault.__cause__)
        return _Outcome(record=attrs.evolve(record, state=PluginState.ACTIVE), activated=activated)

    def _check_lock(self, entry: EntryPoint) -> None:
        changed = [] if self._lock is None else differences(self._lock, entry)
        if changed:
            raise ActivationFault(
                PluginState.BROKEN,
                f"it is not what was locked: {changed[0]}",
                "look at it (lamella plugins verify), then lock it anew if it was upgraded (lamella plugins lock), "
                f"or install it anew: pip install --force-reinstall {entry.distribution}",
            )

    def _start(self) -> None:
        starting, self._on_start = self._on_start, None
        if starting is not None:
            starting()

    def _manager(self) -> PluginManager:
        if self._pluggy is None:
            from pluggy import PluginManager

            from lamella import hookspecs

            self._pluggy = PluginManager(hookspecs.PROJECT_NAME)
            self._pluggy.add_hookspecs(hookspecs)
        return self._pluggy

    def _spec(self, kind: Kind, name: str, wanted: type[AnySpec]) -> AnySpec:
        specs = self._outcomes[kind, name].specs
        return next(spec for spec in specs if spec.id == name and isinstance(spec, wanted))

    def _find_content_class(self, tag: str) -> type[MediaContent] | None:
        key: Key = ("content", tag)
        named = key in self.catalog.entries() and self.record(*key).usable
        specs = self._outcome(*key).specs if named else self.content_types()
        spec = next((spec for spec in specs if isinstance(spec, ContentSpec) and spec.id == tag), None)
        if spec is None:
            return None
        if not isinstance(spec.content_class, str):
            return spec.content_class
        try:
            found: type[MediaContent] = resolve_import_string(
                spec.content_class, distribution=self._owner(spec).distribution
            )
        except PluginError as error:
            if self.strict:
                raise
            _logger.warning("content type %r is read as it is: %s", tag, error)
            return None
        return found

    def _owner(self, spec: Spec) -> PluginRecord:
        for outcome in self._outcomes.values():
            if any(spec is other for other in outcome.specs):
                return outcome.record
        factory = getattr(spec, "factory", type(spec))
        module = factory if isinstance(factory, str) else getattr(factory, "__module__", "?")
        kinds = (kind for kind, made in CONTRIBUTIONS.items() if isinstance(spec, made.spec))
        return PluginRecord(kind=next(kinds, "plugin"), name=spec.id, module=module, state=PluginState.ACTIVE)


def _implementation(hook: str, found: HookImpl, owner: PluginRecord) -> Implementation:
    return Implementation(
        hook=hook,
        function=found.function,
        arguments=(*found.argnames, *found.kwargnames),
        owner=owner,
        rank=-1 if found.tryfirst else int(found.trylast),
    )
