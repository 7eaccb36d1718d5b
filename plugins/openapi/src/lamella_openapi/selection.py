"""Which operations of a document become tools."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence

import attrs

from lamella_openapi.operations import Operation
from lamella_openapi.problems import bad_setting, nearest

__all__ = ["Choice"]


@attrs.frozen(kw_only=True)
class Choice:
    """An operation is taken when it fits all that is given. ``*`` and ``?`` stand for any characters, any character.

    :param operations: ids (``getPet``, ``pets/*``), or method and path (``GET /pets/{id}``, ``* /admin/*``).
    """

    operations: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    paths: tuple[str, ...] | None = None
    methods: tuple[str, ...] | None = None

    def choose(self, operations: Sequence[Operation]) -> list[Operation]:
        """The operations that fit, in their order.

        :raises ConfigError: something that is named without wildcards is not in the document.
        """
        self._require("operations", self.operations, [name for item in operations for name in _names(item)])
        self._require("tags", self.tags, [tag for item in operations for tag in item.tags])
        self._require("paths", self.paths, [item.path for item in operations])
        return [item for item in operations if self._fits(item)]

    def names(self, operation: Operation) -> bool:
        """Whether the operation is asked for by its very name."""
        return bool(set(self.operations or ()) & set(_names(operation)))

    def _fits(self, operation: Operation) -> bool:
        methods = None if self.methods is None else {method.upper() for method in self.methods}
        return (
            (self.operations is None or _matches(_names(operation), self.operations))
            and (self.tags is None or _matches(operation.tags, self.tags))
            and (self.paths is None or _matches((operation.path,), self.paths))
            and (methods is None or operation.method.upper() in methods)
        )

    def _require(self, setting: str, wanted: Iterable[str] | None, there: Sequence[str]) -> None:
        known = set(there)
        for name in wanted or ():
            if name not in known and not set(name) & set("*?"):
                raise bad_setting(
                    f"the document has no {name!r}, which {setting} names{nearest(name, known)}"
                )


def _names(operation: Operation) -> tuple[str, ...]:
    return (operation.label, *filter(None, (operation.operation_id,)))


def _matches(names: Iterable[str], patterns: Iterable[str]) -> bool:
    wanted = [pattern.replace("[", "[[]") for pattern in patterns]
    return any(fnmatch.fnmatchcase(name, pattern) for name in names for pattern in wanted)
