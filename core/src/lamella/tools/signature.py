"""What a function takes: hints, docstring and defaults agreed upon, and the call made from checked values."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, get_args

import attrs

from lamella._frozen import FrozenDict, freeze_mapping
from lamella.errors import AgentInputError
from lamella.tools.docstrings import DocParameter, Docstring
from lamella.tools.hints import Hint, admits_none, hint_name, origin_of, resolve_hints, without_none
from lamella.tools.runtime import ToolRuntime, is_runtime
from lamella.tools.schema import SchemaBuilder, enum_values

_EMPTY: Final = inspect.Parameter.empty
_VARIADIC: Final = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_DOC_TYPES: Final[dict[str, type[Any]]] = {
    "str": str, "string": str, "int": int, "integer": int, "float": float, "number": float,
    "bool": bool, "boolean": bool,
}  # fmt: skip


@attrs.frozen(kw_only=True)
class Parameter:
    """One parameter that the model fills. ``hint`` is resolved; ``default`` only counts when not ``required``."""

    name: str
    hint: Hint
    required: bool
    description: str = ""


@attrs.frozen(kw_only=True)
class Signature:
    """The parameters of a tool's function. ``runtime`` names those that the run fills."""

    parameters: tuple[Parameter, ...]
    runtime: tuple[str, ...] = ()
    positional: tuple[tuple[str, Any], ...] = ()
    """Names and defaults of the positional-only parameters, in order."""

    def schema(self) -> FrozenDict:
        """The JSON schema of the arguments: an object that admits the parameters and nothing else."""
        builder = SchemaBuilder()
        properties: dict[str, Any] = {}
        for parameter in self.parameters:
            made = builder.schema(parameter.hint)
            said = {"description": parameter.description} if parameter.description else {}
            properties[parameter.name] = {**made, **said}
        schema: dict[str, Any] = {
            "type": "object",
            "properties": properties,
            "required": [parameter.name for parameter in self.parameters if parameter.required],
            "additionalProperties": False,
        }
        return freeze_mapping({**schema, "$defs": builder.defs} if builder.defs else schema)

    def bind(self, values: Mapping[str, Any], runtime: ToolRuntime) -> tuple[list[Any], dict[str, Any]]:
        """Positional and keyword arguments of the call."""
        named = {**values, **dict.fromkeys(self.runtime, runtime)}
        positional = [named.pop(name, default) for name, default in self.positional]
        return positional, named


def read_signature(fn: Callable[..., Any], label: str, doc: Docstring) -> Signature:
    """Read a callable's parameters; ``label`` is the tool's name in errors.

    :raises AgentInputError: a type has no schema or cannot be resolved, or docstring and signature
        contradict each other.
    """
    hints = resolve_hints(fn, label)
    try:
        found = inspect.signature(fn).parameters
    except (TypeError, ValueError) as error:
        raise AgentInputError(
            f"tool {label}: its signature cannot be read ({error}); wrap it in a function", cause=error
        ) from error
    _check_documented(found, doc, label)
    _refuse_unbound(fn, found, label)
    runtime = tuple(name for name in found if is_runtime(hints.get(name, _EMPTY)))
    taken = [p for p in found.values() if p.kind not in _VARIADIC and p.name not in runtime]
    return Signature(
        parameters=tuple(_parameter(p, hints.get(p.name, _EMPTY), doc.get(p.name), label) for p in taken),
        runtime=runtime,
        positional=tuple(
            (p.name, p.default) for p in found.values() if p.kind is inspect.Parameter.POSITIONAL_ONLY
        ),
    )


def _check_documented(found: Mapping[str, Any], doc: Docstring, label: str) -> None:
    unknown = [parameter.name for parameter in doc.parameters if parameter.name not in found]
    keywords = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in found.values())
    if unknown and not keywords:
        raise AgentInputError(
            f"tool {label}: the docstring documents {', '.join(map(repr, unknown))}, which the function "
            f"does not take; it takes {', '.join(map(repr, found)) or 'nothing'}"
        )


def _refuse_unbound(fn: Callable[..., Any], found: Mapping[str, Any], label: str) -> None:
    if next(iter(found), None) == "self" and inspect.isfunction(fn):
        raise AgentInputError(
            f"tool {label}: a method without its object; give the bound method: Tool.from_callable(obj.{label})"
        )


def _parameter(found: inspect.Parameter, hint: Hint, doc: DocParameter | None, label: str) -> Parameter:
    if doc is not None:
        hint = _agreed(found, hint, doc, label)
    if found.default is None and hint is not _EMPTY and not admits_none(hint):
        hint = hint | None if isinstance(hint, type) else (hint if hint is Any else _optional(hint))
    return Parameter(
        name=found.name,
        hint=hint,
        required=found.default is _EMPTY,
        description="" if doc is None else doc.description,
    )


def _optional(hint: Hint) -> Hint:
    from typing import Optional

    return Optional[hint]  # noqa: UP045  # built at run time: `|` is not defined for every special form


def _agreed(found: inspect.Parameter, hint: Hint, doc: DocParameter, label: str) -> Hint:
    """The type both sides mean; a hint rules, a documented type fills in for a missing one."""
    if doc.binding and doc.optional and found.default is _EMPTY:
        raise AgentInputError(
            f"tool {label}: the docstring calls {found.name!r} optional, but it has no default value"
        )
    documented = Literal[doc.enum] if doc.enum is not None else _DOC_TYPES.get(doc.type or "")
    if documented is None:
        return hint
    if hint is _EMPTY:
        return documented
    if doc.enum is not None:
        return _agreed_enum(found, hint, doc.enum, documented, label)
    plain = without_none(hint)
    if plain is not documented and (doc.binding or plain in _DOC_TYPES.values()):
        raise AgentInputError(
            f"tool {label}: the type of {found.name!r} is {hint_name(hint)}, the docstring says {doc.type}"
        )
    return hint


def _agreed_enum(
    found: inspect.Parameter, hint: Hint, values: tuple[str, ...], documented: Hint, label: str
) -> Hint:
    plain = without_none(hint)
    if plain is str:
        return _optional(documented) if admits_none(hint) else documented
    actual: list[Any] | None = None
    if origin_of(plain) is Literal:
        actual = list(get_args(plain))
    elif isinstance(plain, type) and issubclass(plain, enum.Enum):
        actual = list(enum_values(plain))
    if actual is None or sorted(map(str, actual)) != sorted(values):
        said = hint_name(hint) if actual is None else sorted(map(str, actual))
        raise AgentInputError(
            f"tool {label}: the values of {found.name!r} are {said}, the docstring says {sorted(values)}"
        )
    return hint


def runtime_only(fn: Callable[..., Any], label: str) -> Signature:
    """The signature of a function whose schema is given: only its ``ToolRuntime`` parameters matter."""
    runtime: list[str] = []
    for name in inspect.signature(fn).parameters:
        try:
            hint = resolve_hints(fn, label, only=name).get(name, _EMPTY)
        except AgentInputError:  # a type that only a type checker sees; the given schema describes it
            continue
        if is_runtime(hint):
            runtime.append(name)
    return Signature(parameters=(), runtime=tuple(runtime))
