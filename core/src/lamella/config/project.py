"""A project: its configuration in layers, its plugins, and what it builds from both."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import attrs

from lamella._frozen import EMPTY
from lamella.config.aliases import LIKE, ProviderAlias, check_alias, read_aliases
from lamella.config.dotenv import read_dotenv
from lamella.config.entries import AgentConfig, ToolConfig, price_pair, read_tool
from lamella.config.files import ConfigFile, find_project_file, user_file
from lamella.config.layers import Layer, LayerName, Mention, find, merge, nested
from lamella.config.schema import check_layer, truth
from lamella.config.selection import SelectedTools, Selection
from lamella.config.switches import mentions, merge_switches
from lamella.config.variables import from_variables
from lamella.errors import ConfigError, PluginError
from lamella.plugins import LOCK_NAME, Kind, PluginHost, Setting, build_settings, read_lock
from lamella.plugins.names import canonical, did_you_mean
from lamella.plugins.settings import plain, settings_fields
from lamella.specs import ProviderSpec, RunStore, Sink, Spec, ToolSource

if TYPE_CHECKING:
    from lamella.pricing import PriceTable

__all__ = ["Project", "Provenance"]

_DEFAULTS = MappingProxyType({"autoload": "installed", "strict_plugins": False, "locked": False})
_TABLES: Mapping[Kind, str] = MappingProxyType(
    {"provider": "provider", "content": "content", "sink": "sink", "plugin": "plugin", "tool_source": "tools"}
)


@attrs.frozen(kw_only=True)
class Provenance:
    """Which layer set a value, and where: a file, a variable, or code."""

    layer: str
    where: str


# Not slotted: what is built from the layers is kept by cached properties. Nothing else changes.
@attrs.frozen(kw_only=True, slots=False, eq=False)
class Project:
    """What a program runs in. Immutable; plugins are imported, and things built, when they are needed.

    Make one with :meth:`load` or :meth:`bare`; :func:`~lamella.config.current_project` is the one in force.

    ``root`` is the folder of the project's file, else the folder where the search began; ``None`` for a
    bare project. ``file`` is the project's file, if there is one.
    """

    layers: tuple[Layer, ...] = attrs.field(repr=False)
    root: Path | None = None
    file: Path | None = None
    _environ: Mapping[str, str] = attrs.field(repr=False)
    _dotenv: Mapping[str, str] = attrs.field(default=EMPTY, repr=False)
    _switches: Mapping[str, bool] = attrs.field(init=False, repr=False)
    _guard: threading.RLock = attrs.field(factory=threading.RLock, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        for layer in self.layers:
            check_layer(layer)
        object.__setattr__(self, "_switches", merge_switches(self.layers))

    @classmethod
    def load(
        cls,
        start: Path | str | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> Self:
        """Read the configuration: user file < project file < ``.env`` < environment < ``overrides``.

        :param start: where the search for the project's file begins, going up; by default the current folder.
        :param environ: the environment, instead of the process's own.
        :param overrides: the highest layer: tables, or dotted keys such as ``"provider.openai.timeout"``.
        :raises ConfigError: a file or variable is malformed, or has an unknown key.
        """
        environ = os.environ if environ is None else environ
        folder = Path.cwd() if start is None else Path(start).absolute()
        folder = folder.parent if folder.is_file() else folder
        own = find_project_file(folder)
        root = folder if own is None else own.path.parent
        dotenv_path = root / ".env" if (root / ".env").is_file() else folder / ".env"
        dotenv = read_dotenv(dotenv_path)
        return cls(
            layers=(
                Layer(name="defaults", data=_DEFAULTS),
                *_file_layer("user", user_file(environ)),
                *_file_layer("project", own),
                Layer(name="dotenv", path=dotenv_path, data=from_variables(dotenv)),
                Layer(name="environment", data=from_variables(environ)),
                Layer(name="code", data=nested(overrides or {})),
            ),
            root=root,
            file=None if own is None else own.path,
            environ=environ,
            dotenv=dotenv,
        )

    @classmethod
    def bare(cls, *, overrides: Mapping[str, Any] | None = None) -> Self:
        """A project of code alone: no files, no ``LAMELLA_…`` variables, no installed plugins.

        Providers registered in code work, and :meth:`env` still reads the process's environment.
        """
        data = {"autoload": "none", **nested(overrides or {})}
        layers = (Layer(name="defaults", data=_DEFAULTS), Layer(name="code", data=data))
        return cls(layers=layers, environ=os.environ)

    # -- plain values -------------------------------------------------------------------------------

    @property
    def model(self) -> str | None:
        """The default model's name, such as ``"openai:gpt-5-nano"``."""
        value = self._value("model")
        return None if value is None else str(value)

    @property
    def journal(self) -> str | None:
        """The name of the run store that every run is written to before anything is shown or done."""
        value = self._value("journal")
        return None if value is None else str(value)

    @property
    def strict_plugins(self) -> bool:
        """Whether every fault of a plugin is an error."""
        return self._truth("strict_plugins")

    @property
    def locked(self) -> bool:
        """Whether plugins that differ from ``lamella.lock`` are refused."""
        return self._truth("locked")

    def env(self, name: str) -> str | None:
        """A variable of the process's environment, else of the ``.env`` file in the project's root."""
        return self._environ.get(name, self._dotenv.get(name))

    def provenance(self, dotted_key: str) -> Provenance | None:
        """Which layer set a value: ``"provider.openai.timeout"``. ``None`` for tables and what is not set."""
        setting = find(self._tree, dotted_key)
        return Provenance(layer=setting.layer, where=setting.where) if isinstance(setting, Setting) else None

    def why(self, name: str) -> tuple[Mention, ...]:
        """What each layer says of a plugin (``name`` or ``kind.name``), lowest first: the last one decides."""
        return mentions(self.layers, name)

    # -- plugins ------------------------------------------------------------------------------------

    @property
    def host(self) -> PluginHost:
        """The plugins of this project. Making it imports none.

        :raises ConfigError: the project is ``locked``, and its lock cannot be read.
        """
        with self._guard:
            if "_host" not in self.__dict__:
                self.__dict__["_host"] = self._make_host()
            made: PluginHost = self.__dict__["_host"]
            return made

    def plugin_settings(
        self, kind: Kind, name: str, *, settings: type[Any] | str | None = None, complete: bool = False
    ) -> dict[str, Any]:
        """What the configuration sets for a plugin, checked against its settings class.

        :param settings: the class for a plugin of the group ``lamella.plugins``, which has no spec to name it.
        :param complete: whether settings without a default must be there.
        :raises ConfigError: an unknown key or a value that does not fit, with file and key.
        """
        if kind == "tool_source":
            config = self._tool(name)
            spec = self.host.tool_source(config.source)
            return self._settings(spec.settings, config.settings, f"tools.{name}", complete)
        table = self._table(_TABLES[kind], name)
        if kind == "provider" and (alias := self.provider_alias(name)) is not None:
            table = self._alias_table(alias, table)
        if not table and not complete:
            return {}
        if settings is None and kind != "plugin":
            settings = self._spec(kind, name).settings
        if settings is None and kind == "plugin":
            return {key: plain(value) for key, value in table.items()}
        return self._settings(settings, table, f"{_TABLES[kind]}.{name}", complete)

    # -- providers ----------------------------------------------------------------------------------

    @functools.cached_property
    def provider_aliases(self) -> Mapping[str, ProviderAlias]:
        """The providers that the configuration makes, ``[provider.NAME]`` with ``like``, as they stand there."""
        return read_aliases(self._tree.get("provider", {}))

    def provider_alias(self, name: str) -> ProviderAlias | None:
        """The alias of that name, ``None`` when there is none. Imports no plugin.

        :raises ConfigError: it shadows an installed provider, or is like none.
        """
        found = (
            alias for known, alias in self.provider_aliases.items() if canonical(known) == canonical(name)
        )
        alias = next(found, None)
        if alias is not None:
            check_alias(alias, self.provider_aliases, self.host.names("provider"))
        return alias

    def provider(self, name: str) -> ProviderSpec:
        """The installed provider of that name, or the one that an alias of that name is like.

        :raises ConfigError: there is neither.
        :raises PluginError: it is installed and cannot be used.
        """
        alias = self.provider_alias(name)
        if alias is None and self.provider_aliases and name not in self.host.names("provider"):
            known = sorted({*self.host.names("provider"), *self.provider_aliases})
            raise ConfigError(
                f"no provider {name!r} is installed or configured{did_you_mean(name, known)} "
                f'(known: {", ".join(known)}). Configure it: [provider.{name}] with {LIKE} = "…"; '
                f"or install it: pip install lamella-{name}",
                context={"kind": "provider", "name": name, "known": known},
            )
        return self.host.provider(name if alias is None else alias.like)

    def provider_settings(self, name: str) -> dict[str, Any]:
        """What ``[provider.NAME]`` sets, checked; see :meth:`plugin_settings`.

        A model of an alias is told its name, where its settings have a ``provider_name``.
        """
        return self.plugin_settings("provider", name)

    # -- sinks and tools ----------------------------------------------------------------------------

    def enabled_sinks(self) -> tuple[str, ...]:
        """The sinks that every run gets: those switched on, or with a table, by name.

        :raises ConfigError: one that is switched on is not installed.
        """
        catalog = self.host.catalog
        for name in catalog.unmet("sink"):
            raise catalog.unknown_switch(name)
        return tuple(name for kind, name in catalog.switched_on() if kind == "sink")

    def build_sink(self, name: str) -> Sink:
        """A sink with its settings, switched on or not.

        :raises ConfigError: it is not installed, or its settings do not fit.
        :raises PluginError: it cannot be used or made.
        """
        spec = self.host.sink(name)
        sink = self._make(spec, self.plugin_settings("sink", name, complete=True))
        if not isinstance(sink, Sink):
            raise PluginError(f"the factory of sink {name!r} returned {type(sink).__name__}, not a Sink")
        return sink

    def build_store(self, name: str) -> RunStore:
        """A sink that is a run store, with its settings, switched on or not.

        :raises ConfigError: it is no run store; and as :meth:`build_sink`.
        """
        store = self.build_sink(name)
        if not isinstance(store, RunStore):
            raise ConfigError(f"sink {name!r} is no run store: it takes events, and cannot give them back")
        return store

    @functools.cached_property
    def tools(self) -> Mapping[str, ToolConfig]:
        """The configured tool sources: ``[tools.NAME]``."""
        return MappingProxyType(
            {
                name: read_tool(name, table, functools.partial(self._settings, complete=True))
                for name, table in self._tree.get("tools", {}).items()
            }
        )

    def build_tool_source(self, name: str) -> ToolSource:
        """The tool source that ``[tools.NAME]`` sets up, else the installed one of that name, as it is.

        It gives the tools that the table selects (``include``, ``exclude``, ``prefix``, ``approve``, ``timeout``).

        :raises ConfigError: there is neither, or the settings do not fit.
        :raises PluginError: it cannot be used or made.
        """
        config = self._tool(name)
        spec = self.host.tool_source(config.source)
        settings = self._settings(spec.settings, config.settings, f"tools.{name}", complete=True)
        source = self._make(spec, settings)
        if not isinstance(source, ToolSource):
            raise PluginError(
                f"the factory of tool source {config.source!r} returned {type(source).__name__}, "
                "not a ToolSource"
            )
        selection = config.selection
        if selection.prefix is None and spec.prefixed:
            selection = attrs.evolve(selection, prefix=f"{config.name}_")
        return source if selection == Selection() else SelectedTools(source, selection, repr(config.name))

    # -- agents and prices --------------------------------------------------------------------------

    @functools.cached_property
    def agents(self) -> Mapping[str, AgentConfig]:
        """The configured agents: ``[agents.NAME]``, with the project's model where they name none.

        :raises ConfigError: an unknown key or a value that does not fit, with file and key.
        """
        tables = self._tree.get("agents", {})
        return MappingProxyType({name: self._agent(name, table) for name, table in tables.items()})

    @functools.cached_property
    def prices(self) -> PriceTable:
        """The configured prices: ``[prices]``, US dollars per million tokens.

        :raises ConfigError: an unknown key or a value that does not fit, with file and key.
        """
        from lamella.pricing import Price, PriceTable  # a floor below: only for who asks for prices

        rows = {}
        for model, value in self._tree.get("prices", {}).items():
            table = value if isinstance(value, Mapping) else price_pair(model, value)
            rows[model] = Price(**self._settings(Price, table, f"prices.{model}", complete=True))
        return PriceTable(rows=rows, source="configuration")

    # -- inside -------------------------------------------------------------------------------------

    @functools.cached_property
    def _tree(self) -> dict[str, Any]:
        return merge(self.layers)

    def _value(self, key: str) -> Any:
        setting = self._tree.get(key)
        return setting.value if isinstance(setting, Setting) else None

    def _truth(self, key: str) -> bool:
        setting = self._tree[key]
        layer = next(layer for layer in self.layers if layer.name == setting.layer)
        return truth(layer, (key,), setting.value)

    def _make_host(self) -> PluginHost:
        lock = read_lock((self.root or Path()) / LOCK_NAME) if self.locked else None
        host = PluginHost(
            switches=self._switches,
            autoload=self._value("autoload"),
            strict=self.strict_plugins,
            lock=lock,
            on_start=lambda: host.hooks.configure(self),
        )
        return host

    def _table(self, table: str, name: str) -> Mapping[str, Any]:
        found = find(self._tree.get(table, {}), name)
        return found if isinstance(found, Mapping) else {}

    def _alias_table(self, alias: ProviderAlias, table: Mapping[str, Any]) -> Mapping[str, Any]:
        """The settings of an alias: its table without ``like``, and its name for a model that takes one.

        A server of its own gets no key but the alias's own.
        """
        own = {key: value for key, value in table.items() if key != LIKE}
        fields = settings_fields(self.host.provider(alias.like).settings, f"provider.{alias.name}")
        if "provider_name" in fields:
            own.setdefault("provider_name", Setting(alias.name, "code", alias.where))
        if "base_url" in own and "api_key" in fields:
            # The key that the aliased provider would find for itself is not for this server.
            own.setdefault("api_key", Setting("", "code", alias.where))
        return own

    def _spec(self, kind: Kind, name: str) -> Spec:
        if kind == "provider":
            return self.provider(name)
        return self.host.content(name) if kind == "content" else self.host.sink(name)

    def _settings(
        self, settings: type[Any] | str | None, table: Mapping[str, Any], where: str, complete: bool
    ) -> dict[str, Any]:
        return build_settings(settings, table, where=where, env=self.env, root=self.root, complete=complete)

    def _make(self, spec: Spec, settings: Mapping[str, Any]) -> Any:
        from lamella.config.current import use_project

        with use_project(self):
            return self.host.make(spec, **settings)

    def _tool(self, name: str) -> ToolConfig:
        for known, config in self.tools.items():
            if canonical(known) == canonical(name):
                return config
        if name in self.host.names("tool_source"):
            return ToolConfig(name=name, source=name)
        names = sorted({*self.tools, *self.host.names("tool_source")})
        raise ConfigError(
            f"no tool source {name!r} is configured or installed{did_you_mean(name, names)} "
            f'(known: {", ".join(names) or "none"}). Configure it: [tools.{name}] with source = "…"; '
            f"or install it: pip install lamella-{name}",
            context={"name": name, "known": names},
        )

    def _agent(self, name: str, table: Any) -> AgentConfig:
        given = self._settings(AgentConfig, table, f"agents.{name}", complete=True)
        return AgentConfig(**{"name": name, "model": self.model, **given})


def _file_layer(name: LayerName, file: ConfigFile | None) -> tuple[Layer, ...]:
    return () if file is None else (Layer(name=name, path=file.path, table=file.table, data=file.data),)
