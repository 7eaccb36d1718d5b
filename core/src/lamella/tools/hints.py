"""Type hints, resolved: strings evaluated where they were written, wrappers taken off."""

from __future__ import annotations

import functools
import inspect
import sys
import types
import typing
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, TypeAlias, TypeVar, Union, get_args, get_origin

import attrs

from lamella.errors import AgentInputError
from lamella.tools.runtime import ToolRuntime, names_runtime

Hint: TypeAlias = Any
"""A resolved type hint: a class, a special form, an alias. ``typing`` has no type for it."""


def origin_of(hint: Hint) -> Any:
    """``typing.get_origin``, typed as what it is for a hint of any form."""
    return get_origin(hint)


_QUALIFIERS = {"Required", "NotRequired", "ReadOnly"}


def function_of(fn: Callable[..., Any]) -> Any:
    """The object that carries the annotations of a callable: its function, method or ``__init__``."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    if inspect.isclass(fn):
        return fn.__init__
    if inspect.ismethod(fn):
        return fn.__func__
    if inspect.isfunction(fn) or inspect.isbuiltin(fn):
        return fn
    return type(fn).__call__


def resolve_hints(fn: Callable[..., Any], label: str, only: str | None = None) -> dict[str, Hint]:
    """The parameter hints of a callable with all strings resolved; those of one parameter with ``only``.

    :raises AgentInputError: a hint names something that cannot be found; ``label`` is the tool's name.
    """
    target = function_of(fn)
    annotations = _annotations(target)
    names = _namespace(target)
    return {
        name: _resolve(name, annotation, names, label)
        for name, annotation in annotations.items()
        if name != "return" and only in (None, name)
    }


def _annotations(target: Any) -> Mapping[str, Any]:
    if sys.version_info >= (3, 14):
        import annotationlib

        return annotationlib.get_annotations(target, format=annotationlib.Format.FORWARDREF)
    return inspect.get_annotations(target) if callable(target) else {}


def _namespace(target: Any) -> ChainMap[str, Any]:
    """The names an annotation may use: closure, the defining frame while it runs, module, ours."""
    function = inspect.unwrap(target)
    code = getattr(function, "__code__", None)
    closure: dict[str, Any] = {}
    for name, cell in zip(
        getattr(code, "co_freevars", ()), getattr(function, "__closure__", None) or (), strict=False
    ):
        with_value = _cell(cell)
        closure.update({name: with_value[0]} if with_value else {})
    defining = next((frame for frame in _frames() if _defines(frame, code)), None)
    local = {} if defining is None else dict(defining.f_locals)
    return ChainMap(closure, local, getattr(function, "__globals__", {}), {"ToolRuntime": ToolRuntime})


def _cell(cell: types.CellType) -> tuple[Any] | None:
    try:
        return (cell.cell_contents,)
    except ValueError:  # a recursive name that is not bound yet
        return None


def _defines(frame: types.FrameType, code: types.CodeType | None) -> bool:
    # By identity: comparing code objects is slow, and crashes CPython 3.13.0 under a tracer.
    return any(constant is code for constant in frame.f_code.co_consts if constant is not None)


def _frames() -> Iterator[types.FrameType]:
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame
        frame = frame.f_back


def _resolve(name: str, annotation: Any, names: ChainMap[str, Any], label: str) -> Hint:
    holder = types.SimpleNamespace(__annotations__={name: annotation})
    try:
        return typing.get_type_hints(holder, dict(names.maps[2]), names, include_extras=True)[name]
    except Exception as error:
        text = getattr(annotation, "__forward_arg__", annotation)
        if isinstance(text, str) and names_runtime(text):
            return ToolRuntime
        raise AgentInputError(
            f"tool {label}: the type of parameter {name!r} cannot be resolved: {annotation!r} ({error}); "
            f"import it at run time, not only under TYPE_CHECKING, or pass input_schema",
            cause=error,
        ) from error


def class_hints(cls: type[Any]) -> dict[str, Hint]:
    """The field hints of a class, resolved; ``AgentInputError`` when one cannot be."""
    try:
        return typing.get_type_hints(cls, localns={cls.__name__: cls}, include_extras=True)
    except Exception as error:
        raise AgentInputError(
            f"the field types of {cls.__qualname__} cannot be resolved ({error}); "
            f"define and import them at module level",
            cause=error,
        ) from error


@attrs.frozen(kw_only=True)
class Bare:
    """A hint without its wrappers: ``Annotated`` metadata apart, ``Required``/``NotRequired`` noted."""

    hint: Hint
    metadata: tuple[Any, ...] = ()
    required: bool | None = None


def bare(hint: Hint) -> Bare:
    """Take off ``Annotated``, ``Required``, ``NotRequired``, ``NewType``, type aliases and type variables."""
    metadata: tuple[Any, ...] = ()
    required: bool | None = None
    while True:
        origin = origin_of(hint)
        qualifier = str(origin).rsplit(".", 1)[-1]
        if origin is Annotated:
            hint, metadata = get_args(hint)[0], (*get_args(hint)[1:], *metadata)
        elif qualifier in _QUALIFIERS:
            required = {"Required": True, "NotRequired": False}.get(qualifier, required)
            hint = get_args(hint)[0]
        elif isinstance(hint, TypeVar):
            hint = Any if hint.__bound__ is None else hint.__bound__
        elif (alias := getattr(hint, "__value__", None) or getattr(hint, "__supertype__", None)) is not None:
            hint = alias
        else:
            return Bare(hint=hint, metadata=metadata, required=required)


def union_members(hint: Hint) -> tuple[Hint, ...] | None:
    """The members of a union in order, ``None`` for anything else."""
    origin = origin_of(hint)
    return get_args(hint) if origin is Union or origin is types.UnionType else None


def admits_none(hint: Hint) -> bool:
    """Whether ``None`` is a value of the hint."""
    plain = bare(hint).hint
    if plain is None or plain is type(None) or plain is Any or plain is object:
        return True
    return any(admits_none(member) for member in union_members(plain) or ())


def without_none(hint: Hint) -> Hint:
    """The only other member of an optional, the hint itself otherwise."""
    plain = bare(hint).hint
    rest = [member for member in union_members(plain) or () if not admits_none(member)]
    return bare(rest[0]).hint if len(rest) == 1 else plain


def hint_name(hint: Hint) -> str:
    """A hint as a person writes it."""
    if hint is type(None):
        return "None"
    return (
        hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint).replace("typing.", "")
    )
