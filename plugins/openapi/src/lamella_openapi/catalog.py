"""The operations of a document with all that a tool needs: name, description, arguments."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import attrs

from lamella_openapi.document import Document
from lamella_openapi.layout import Layout, Values, lay_out
from lamella_openapi.naming import tool_names
from lamella_openapi.notes import Notes
from lamella_openapi.operations import Operation, Parameter, read_operations
from lamella_openapi.problems import bad_setting, nearest, shortened
from lamella_openapi.schemas import Schemas
from lamella_openapi.selection import Choice

__all__ = ["Catalog", "Entry"]

_NEVER: Final = frozenset(
    {
        "accept", "accept-encoding", "authorization", "connection", "content-length", "content-type", "cookie",
        "expect", "forwarded", "host", "keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto",
    }
)  # fmt: skip
"""Headers that are no parameters, or would change where a request goes or how it is read."""


@attrs.frozen(kw_only=True)
class Entry:
    """An operation and its tool. ``fixed`` are the parameters whose values the project has set."""

    operation: Operation
    name: str
    description: str
    layout: Layout
    fixed: tuple[tuple[Parameter, Any], ...] = ()

    def values(self, arguments: Mapping[str, Any]) -> Values:
        """What the arguments of a call mean, together with what is fixed."""
        found = self.layout.values(arguments)
        return attrs.evolve(found, parameters=(*self.fixed, *found.parameters))


@attrs.frozen(kw_only=True)
class _Hiding:
    """Which parameters the model gets to see."""

    hidden: Collection[tuple[str, str]]
    fixed: Mapping[str, Any]

    def shows(self, parameter: Parameter) -> bool:
        name = parameter.name.lower() if parameter.location == "header" else parameter.name
        if parameter.location == "header" and name in _NEVER:
            return False
        return (parameter.location, name) not in self.hidden and parameter.name not in self.fixed

    def values(self, operation: Operation) -> tuple[tuple[Parameter, Any], ...]:
        return tuple(
            (parameter, self.fixed[parameter.name])
            for parameter in operation.parameters
            if parameter.name in self.fixed
        )


class Catalog:
    """All operations, named; what is chosen of them is worked out."""

    def __init__(
        self,
        document: Document,
        notes: Notes,
        *,
        hidden: Collection[tuple[str, str]] = (),
        fixed: Mapping[str, Any] | None = None,
        most_name: int,
        most_description: int,
    ) -> None:
        self._document = document
        self._schemas = Schemas(document, notes)
        self._hiding = _Hiding(hidden=frozenset(hidden), fixed=dict(fixed or {}))
        self._most = most_description
        self._operations = list(read_operations(document, notes))
        names = tool_names(self._operations, most_name, notes)
        self._names = {id(operation): name for operation, name in zip(self._operations, names, strict=True)}
        known = {parameter.name for operation in self._operations for parameter in operation.parameters}
        for name in self._hiding.fixed:
            if name not in known:
                raise bad_setting(
                    f"no operation has the parameter {name!r} of parameters{nearest(name, known)}"
                )

    def entries(self, choice: Choice) -> list[Entry]:
        """The chosen operations, in the order of the document.

        :raises ConfigError: one that is named is not there.
        """
        return [self._entry(operation) for operation in choice.choose(self._operations)]

    def _entry(self, operation: Operation) -> Entry:
        shown = [parameter for parameter in operation.parameters if self._hiding.shows(parameter)]
        return Entry(
            operation=operation,
            name=self._names[id(operation)],
            description=self._description(operation),
            layout=lay_out(operation, shown, self._schemas, self._document),
            fixed=self._hiding.values(operation),
        )

    def _description(self, operation: Operation) -> str:
        summary, description = operation.summary, operation.description
        if summary and description.startswith(summary):
            summary = ""
        text = "\n\n".join(filter(None, (summary, description))) or operation.label
        return shortened(f"Deprecated. {text}" if operation.deprecated else text, self._most)
