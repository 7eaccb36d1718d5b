"""The plugin: what it contributes agrees with its entry point, its settings and its factory."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Mapping
from typing import Any, Final

import attrs

from lamella.config.selection import Selection
from lamella.errors import LamellaError
from lamella.plugins.importing import resolve_import_string
from lamella.specs import ToolSource, ToolSourceSpec, is_secret
from lamella_testing.hosts import IsolatedHost
from lamella_testing.light import heavy_imports
from lamella_testing.tools.base import ToolSourceBase
from lamella_testing.verdict import fail, require, skip

__all__ = ["PluginContract"]

_SECRETIVE: Final = re.compile(
    r"(^|_)(secrets?|token|password|passwd|api_?key|credentials?)(?!_(urls?|uris?|endpoints?|limit)$)($|_)"
)
"""Names of what must not be read by others; the address where a token is had is no secret."""
_TABLE: Final = "conformance"


class PluginContract(ToolSourceBase):
    """What holds of the plugin module."""

    def test_the_plugin_is_usable(self) -> None:
        """The host can activate it: API version, hook, and the spec under the entry point's name."""
        name, isolated, _ = self._installed()
        try:
            isolated.host.tool_source(name)
        except LamellaError as error:
            fail(f"the plugin cannot be used: {error}")

    def test_the_spec_says_what_it_is(self) -> None:
        """There is a summary, and factory and settings lead somewhere."""
        spec = self._spec()
        require(spec.summary.strip(), "ToolSourceSpec.summary is empty; say in a line what the tools are")
        require(callable(_resolved(spec.factory, "factory")), "ToolSourceSpec.factory cannot be called")
        settings = None if spec.settings is None else _resolved(spec.settings, "settings")
        require(
            settings is None or (isinstance(settings, type) and attrs.has(settings)),
            f"ToolSourceSpec.settings is {settings!r}; give an attrs class: @attrs.frozen(kw_only=True)",
        )

    def test_the_settings_leave_the_selection_alone(self) -> None:
        """``include``, ``exclude``, ``prefix``, ``approve``, ``timeout`` and ``source`` belong to every table."""
        common = {field.name for field in attrs.fields(Selection)} | {"source"}
        taken = sorted(common & set(self._fields()))
        require(
            not taken,
            f"the settings have {', '.join(taken)}, which every table [tools.NAME] has already; take it out of the "
            "settings and the source: Lamella does it",
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

    def test_a_table_makes_the_source(self) -> None:
        """``[tools.NAME]`` with ``settings``, as a project does it; and ``-t NAME`` without, where nothing is needed."""
        name, isolated, _ = self._installed()
        spec = self._spec()
        given = dict(self.settings or {})
        if self.settings is None and self._required():
            skip(f"set settings = {{…}}: the table needs {', '.join(self._required())}")
        table = {"tools": {_TABLE: {"source": name, **given}}}
        for what, overrides, asked in (
            (f"a table with {', '.join(given) or 'nothing'} set", table, _TABLE),
            ("the source by its own name, without a table", {}, name),
        ):
            if asked == name and (given or self._required()):
                continue
            with isolated.project(overrides) as project:
                try:
                    source: Any = project.build_tool_source(asked)
                except LamellaError as error:
                    fail(f"{what} does not make a source: {error}")
            require(
                isinstance(source, ToolSource),
                f"{spec.id}: the factory returns {type(source).__name__}, no ToolSource",
            )

    def test_the_plugin_module_is_light(self) -> None:
        """Importing the plugin module imports ``lamella``, its own package and the standard library, nothing else."""
        _, _, module = self._installed()
        heavy = heavy_imports(module)
        require(
            not heavy,
            f"importing {module} imports {', '.join(heavy)}; import it in the function that needs it, and name factory "
            'and settings by import strings: factory="package.source:Class"',
        )

    # -- inside -------------------------------------------------------------------------------------

    def _installed(self) -> tuple[str, IsolatedHost, str]:
        """The plugin's name, a host that has only this one, and its module."""
        isolated = IsolatedHost()
        if self.plugin is None:
            skip("plugin is not set: give the name of your entry point in lamella.tool_sources")
        if isinstance(self.plugin, str):
            try:
                return self.plugin, isolated, isolated.adopt(kind="tool_source", name=self.plugin)
            except ValueError as error:
                fail(f"plugin = {self.plugin!r}: {error}")
        name = _id_of(self.plugin)
        isolated.install(self.plugin, kind="tool_source", name=name)
        return name, isolated, self.plugin.__name__

    def _spec(self) -> ToolSourceSpec:
        name, isolated, _ = self._installed()
        try:
            return isolated.host.tool_source(name)
        except LamellaError:
            skip("the plugin cannot be used; see test_the_plugin_is_usable")

    def _fields(self) -> Mapping[str, attrs.Attribute[Any]]:
        settings = self._spec().settings
        cls: Any = None if settings is None else _resolved(settings, "settings")
        if cls is None or not attrs.has(cls):
            return {}
        return {field.alias or field.name: field for field in attrs.fields(cls) if field.init}

    def _required(self) -> list[str]:
        return [name for name, field in self._fields().items() if field.default is attrs.NOTHING]


def _resolved(value: Any, what: str) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return resolve_import_string(value, distribution=None)
    except LamellaError as error:
        fail(f"ToolSourceSpec.{what} = {value!r} leads nowhere: {error}")


def _id_of(module: types.ModuleType) -> str:
    """The name that an entry point of this module must have."""
    contribute = getattr(module, "lamella_tool_source", None)
    spec = contribute() if callable(contribute) else None
    return spec.id if isinstance(spec, ToolSourceSpec) else "tools"
