"""One place made into tools: imported, called, opened, looked at."""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from types import ModuleType
from typing import Any

import attrs

from lamella import ConfigError, PluginError, Tool
from lamella.errors import LamellaError
from lamella.specs import ChangingToolSource
from lamella.tools import as_tools
from lamella.tools.failure import Redaction
from lamella_python.lifetimes import enter, lifetime_names
from lamella_python.lookup import import_module, nearest
from lamella_python.members import method_tools, module_members, submodules
from lamella_python.place import Place

__all__ = ["Opening", "Shelf"]


@attrs.define(eq=False)
class Shelf:
    """The tools of one place; ``source`` is what says that they have changed."""

    tools: Sequence[Tool]
    source: ChangingToolSource | None = None

    async def refresh(self) -> bool:
        """Whether there are other tools than before."""
        changed = None if self.source is None else await self.source.refresh()
        if changed is None:
            return False
        self.tools = as_tools(changed)
        return True


@attrs.frozen
class Opening:
    """How places are opened. ``arguments`` are for what is called, ``stack`` ends what is begun."""

    stack: AsyncExitStack
    path: str
    recursive: bool = False
    arguments: Mapping[str, Any] = attrs.field(factory=dict, repr=False)

    async def shelf(self, place: Place) -> Shelf:
        """The tools of a place.

        :raises ConfigError: there is no such thing, it cannot be called so, or it has no tools.
        :raises PluginError: it raises.
        """
        module = import_module(place.module, self.path)
        if not place.name:
            self._no_arguments(place)
            below = submodules(module, self.path) if self.recursive else ()
            members = [member for each in (module, *below) for member in module_members(each)]
            return Shelf(as_tools({id(member): member for member in members}.values()))
        if self.recursive:
            raise ConfigError(
                "the tool source python: recursive is for packages; take it out, or name the package alone: "
                f"module = {place.module!r}"
            )
        found = _named(module, place.name)
        if place.called or inspect.isclass(found):
            return await self._object(await self._made(found, place), place, owned=True)
        self._no_arguments(place)
        return await self._object(found, place, owned=False)

    def _no_arguments(self, place: Place) -> None:
        if self.arguments:
            text = f"{place.module}:{place.name}" if place.name else place.module
            raise ConfigError(
                f"the tool source python: arguments are given, but {text} is not called; "
                "name a class, or a function with (): 'module:function()'"
            )

    async def _made(self, found: Any, place: Place) -> Any:
        name = f"{place.module}:{place.name}"
        if not callable(found):
            raise ConfigError(f"the tool source python: {name} cannot be called; take the () out")
        try:
            inspect.signature(found).bind(**self.arguments)
        except TypeError as error:
            said = self._redacted(error)
            raise ConfigError(
                f"the tool source python: {name} cannot be called with these arguments: {said}"
            ) from None
        except ValueError:  # a class of C without a signature: the call itself says what is wrong
            pass
        return await self._guarded(functools.partial(found, **self.arguments), name, "could not be made")

    async def _guarded(self, call: Callable[[], Any], name: str, what: str) -> Any:
        try:
            value = call()
            return await value if inspect.isawaitable(value) else value
        except LamellaError:
            raise
        except (Exception, SystemExit) as error:  # the user's code may raise anything
            said = self._redacted(error)
            # An exception that holds a secret must not travel as the cause.
            cause = error if said == str(error) else None
            raise PluginError(
                f"the tool source python: {name} {what}: {type(error).__name__}: {said}",
                context={"module": name},
                cause=cause,
            ) from cause

    def _redacted(self, error: BaseException) -> str:
        return Redaction(self.arguments)(str(error))

    async def _object(self, found: Any, place: Place, *, owned: bool) -> Shelf:
        name = f"{place.module}:{place.name}"
        if isinstance(found, ModuleType):
            return Shelf(as_tools(module_members(found)))
        if _is_tool(found):
            return Shelf(as_tools([found]))
        if _is_sequence(found):
            return Shelf(as_tools(found))
        given = await self._guarded(
            functools.partial(enter, found, self.stack, owned=owned), name, "could not be opened"
        )
        if _is_sequence(given):
            return Shelf(as_tools(given), found if isinstance(found, ChangingToolSource) else None)
        target = found if given is None else given
        tools = method_tools(target, lifetime_names(target) | lifetime_names(found))
        if not tools and callable(target):
            return Shelf(as_tools([target]))
        if not tools:
            raise ConfigError(
                f"the tool source python: {name} is no function or Tool, and a {type(target).__name__} has no "
                "public methods to be tools"
            )
        return Shelf(as_tools(tools))


def _is_tool(found: Any) -> bool:
    """Whether it is one tool: a ``Tool``, a function, or an agent."""
    return (
        isinstance(found, Tool | functools.partial) or inspect.isroutine(found) or hasattr(found, "as_tool")
    )


def _is_sequence(found: Any) -> bool:
    return isinstance(found, Sequence) and not isinstance(found, str | bytes)


def _named(module: ModuleType, name: str) -> Any:
    holder, _, last = name.rpartition(".")
    try:
        found = operator.attrgetter(holder)(module) if holder else module
        return getattr(found, last) if holder else vars(module)[last]
    except (AttributeError, KeyError) as error:
        names = [
            each
            for each, value in vars(module).items()
            if not each.startswith("__") and (callable(value) or isinstance(value, Tool | Sequence))
        ]
        raise ConfigError(
            f"the tool source python: module {module.__name__} has no {name!r}{nearest(name, names)}"
        ) from error
