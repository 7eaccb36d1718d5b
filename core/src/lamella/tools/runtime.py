"""``ToolRuntime``: what a run gives its tools behind the model's back."""

from __future__ import annotations

import ast
import types
from collections.abc import Mapping
from typing import Annotated, Any, NoReturn, Union, get_args, get_origin

from lamella.errors import AgentInputError

__all__ = ["ToolRuntime"]


class ToolRuntime:
    """The ``runtime_context`` of a run, read by attribute: ``runtime.tenant``.

    A tool parameter of this type is absent from the schema and filled by the run. Every key is
    reachable, whatever its name (``copy``, ``items``, ``get``): there are no methods to shadow it.
    Values show in no repr and no error message. It cannot be changed.
    """

    __slots__ = ("_context",)

    def __init__(self, context: Mapping[str, Any] | None = None, /) -> None:
        values = dict(context or {})
        for key in values:
            if not isinstance(key, str):
                raise AgentInputError(f"runtime_context keys must be str, got {type(key).__name__}")
        object.__setattr__(self, "_context", values)

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__") and hasattr(ToolRuntime, name):
            return object.__getattribute__(self, name)
        context: dict[str, Any] = object.__getattribute__(self, "_context")
        if name in context:
            return context[name]
        raise AttributeError(f"the runtime context has no {name!r}; {_listed(context)}")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"ToolRuntime is read-only; pass {name!r} in runtime_context")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"ToolRuntime is read-only; leave {name!r} out of runtime_context")

    def __dir__(self) -> list[str]:
        return list(object.__getattribute__(self, "_context"))

    def __repr__(self) -> str:
        return f"ToolRuntime({', '.join(sorted(dir(self)))})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("ToolRuntime holds hidden values and is not written down")


def _listed(context: Mapping[str, Any]) -> str:
    if not context:
        return "it is empty: pass runtime_context={…} to the run"
    return f"its keys are {', '.join(sorted(context))}"


def is_runtime(hint: Any) -> bool:
    """Whether a resolved hint means ``ToolRuntime``: itself, optional, annotated or under an alias."""
    if isinstance(hint, type):
        return issubclass(hint, ToolRuntime)
    origin = get_origin(hint)
    if origin is Annotated:
        return is_runtime(get_args(hint)[0])
    if origin is Union or origin is types.UnionType:
        return any(is_runtime(member) for member in get_args(hint))
    alias = getattr(hint, "__value__", None) or getattr(hint, "__supertype__", None)
    return alias is not None and is_runtime(alias)


def names_runtime(annotation: str) -> bool:
    """Whether an annotation that cannot be resolved speaks of ``ToolRuntime``: then it is hidden."""
    try:
        tree = ast.parse(annotation, mode="eval")
    except SyntaxError:
        return False
    names = (getattr(node, "id", None) or getattr(node, "attr", None) for node in ast.walk(tree))
    return "ToolRuntime" in names
