"""The plugin: what it contributes agrees with its entry point, its settings and its factory."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Mapping
from typing import Any, Final

import attrs

from lamella.errors import LamellaError
from lamella.plugins.importing import resolve_import_string
from lamella.specs import RunStore, Sink, SinkSpec, is_secret
from lamella_testing.hosts import IsolatedHost
from lamella_testing.light import heavy_imports
from lamella_testing.sinks.base import SinkBase
from lamella_testing.verdict import fail, require, skip

__all__ = ["PluginContract"]

_SECRETIVE: Final = re.compile(
    r"(^|_)(secrets?|token|password|passwd|api_?key|credentials?)(?!_(urls?|uris?|endpoints?|limit)$)($|_)"
)
"""Names of what must not be read by others; the address where a token is had is no secret."""


class PluginContract(SinkBase):
    """What holds of the plugin module."""

    def test_the_plugin_is_usable(self) -> None:
        """The host can activate it: API version, hook, and the spec under the entry point's name."""
        name, isolated, _ = self._installed()
        try:
            isolated.host.sink(name)
        except LamellaError as error:
            fail(f"the plugin cannot be used: {error}")

    def test_the_spec_says_what_it_is(self) -> None:
        """There is a summary, factory and settings lead somewhere, and ``store`` is true of a run store."""
        spec = self._spec()
        require(spec.summary.strip(), "SinkSpec.summary is empty; say in a line what becomes of the events")
        require(callable(_resolved(spec.factory, "factory")), "SinkSpec.factory cannot be called")
        settings = None if spec.settings is None else _resolved(spec.settings, "settings")
        require(
            settings is None or (isinstance(settings, type) and attrs.has(settings)),
            f"SinkSpec.settings is {settings!r}; give an attrs class: @attrs.frozen(kw_only=True)",
        )
        store = isinstance(self.make_sink(), RunStore)
        require(
            spec.store == store,
            f"SinkSpec.store is {spec.store}, and the sink is {'a' if store else 'no'} run store; set store={store}",
        )

    def test_the_settings_fit_the_factory(self) -> None:
        """What is set is given to the factory by name."""
        factory: Any = _resolved(self._spec().factory, "factory")
        try:
            parameters = inspect.signature(factory).parameters
        except (TypeError, ValueError):
            skip("the signature of the factory cannot be read")
        keywords = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values())
        unknown = [name for name in self._fields() if name not in parameters and not keywords]
        require(
            not unknown,
            f"the factory does not take {', '.join(unknown)}, which the settings have; give it keyword arguments of "
            "the same names",
        )

    def test_secret_settings_are_secret(self) -> None:
        """Fields for keys, tokens and passwords are made by ``lamella.secret()``."""
        bare = [
            name for name, field in self._fields().items() if _SECRETIVE.search(name) and not is_secret(field)
        ]
        require(
            not bare,
            f"the settings {', '.join(bare)} may be read from a file and shown; write "
            f"{bare[0] if bare else 'token'}: str = lamella.secret()",
        )

    def test_a_table_makes_the_sink(self) -> None:
        """``[sink.NAME]`` with ``settings``, as a project does it; or the switch alone, where nothing is needed."""
        name, isolated, _ = self._installed()
        required = [field for field, each in self._fields().items() if each.default is attrs.NOTHING]
        if self.settings is None and required:
            skip(f"set settings = {{…}}: the table needs {', '.join(required)}")
        given = dict(self.settings or {})
        with isolated.project({"sink": {name: given}} if given else {"plugins": {name: True}}) as project:
            try:
                sink: Any = project.build_sink(name)
            except LamellaError as error:
                fail(f"a table with {', '.join(given) or 'nothing'} set does not make the sink: {error}")
        require(isinstance(sink, Sink), f"{name}: the factory returns {type(sink).__name__}, no Sink")

    def test_the_plugin_module_is_light(self) -> None:
        """Importing the plugin module imports ``lamella``, its own package and the standard library, nothing else."""
        _, _, module = self._installed()
        heavy = heavy_imports(module)
        require(
            not heavy,
            f"importing {module} imports {', '.join(heavy)}; import it in the function that needs it, and name factory "
            'and settings by import strings: factory="package.sink:Class"',
        )

    # -- inside -------------------------------------------------------------------------------------

    def _installed(self) -> tuple[str, IsolatedHost, str]:
        """The plugin's name, a host that has only this one, and its module."""
        isolated = IsolatedHost()
        if self.plugin is None:
            skip("plugin is not set: give the name of your entry point in lamella.sinks")
        if isinstance(self.plugin, str):
            try:
                return self.plugin, isolated, isolated.adopt(kind="sink", name=self.plugin)
            except ValueError as error:
                fail(f"plugin = {self.plugin!r}: {error}")
        name = _id_of(self.plugin)
        isolated.install(self.plugin, kind="sink", name=name)
        return name, isolated, self.plugin.__name__

    def _spec(self) -> SinkSpec:
        name, isolated, _ = self._installed()
        try:
            return isolated.host.sink(name)
        except LamellaError:
            skip("the plugin cannot be used; see test_the_plugin_is_usable")

    def _fields(self) -> Mapping[str, attrs.Attribute[Any]]:
        settings = self._spec().settings
        cls: Any = None if settings is None else _resolved(settings, "settings")
        if cls is None or not attrs.has(cls):
            return {}
        return {field.alias or field.name: field for field in attrs.fields(cls) if field.init}


def _resolved(value: Any, what: str) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return resolve_import_string(value, distribution=None)
    except LamellaError as error:
        fail(f"SinkSpec.{what} = {value!r} leads nowhere: {error}")


def _id_of(module: types.ModuleType) -> str:
    """The name that an entry point of this module must have."""
    contribute = getattr(module, "lamella_event_sink", None)
    spec = contribute() if callable(contribute) else None
    return spec.id if isinstance(spec, SinkSpec) else "sink"
