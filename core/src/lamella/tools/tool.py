"""``Tool``: a function that a model may call."""

from __future__ import annotations

import collections
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Generic, Literal, ParamSpec, TypeAlias, TypeVar, cast, overload

import attrs

from lamella._frozen import freeze_mapping
from lamella.content import ToolCallBlock
from lamella.errors import AgentInputError, AgentToolCallError
from lamella.tools.arguments import convert_arguments, read_arguments, validate_arguments
from lamella.tools.docstrings import Docstring, read_docstring
from lamella.tools.hints import function_of
from lamella.tools.invocation import ToolWrapper
from lamella.tools.runtime import ToolRuntime
from lamella.tools.signature import Signature, read_signature, runtime_only
from lamella.tools.strict import drop_nulls, strict_schema
from lamella.tools.validation import require_schema

__all__ = ["ApprovalRule", "ExecutionMode", "FunctionTool", "RunMode", "Tool", "as_tools", "tool"]

P = ParamSpec("P")
R = TypeVar("R")

RunMode: TypeAlias = Literal["run_sync", "run_async", "stream_sync", "stream_async"]
"""How the run was started: ``run``, ``arun``, ``stream``, ``astream``."""

ExecutionMode: TypeAlias = Literal["sync", "async"]
"""Which of a tool's two callables runs: ``func`` or ``coroutine``."""

ApprovalRule: TypeAlias = bool | Callable[[dict[str, Any]], bool]
"""Whether calls need approval: always, never, or as a function of the arguments says."""

_CONTEXT: Final = ToolRuntime()


def _or_default_text(value: str | None) -> str:
    """Gives the field its two types: ``None`` is taken, and replaced before the tool is made."""
    return cast("str", value)


def _as_wrappers(value: Iterable[ToolWrapper]) -> tuple[ToolWrapper, ...]:
    return tuple(value)


def _or_default_schema(value: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """As for text."""
    return cast("Mapping[str, Any]", value)


@attrs.frozen
class Tool:
    """A function with its name, description and schema.

    :param func: the sync function; it runs in a worker thread. A generator gives its text in pieces, which
        are shown as ``progress.update`` while it runs.
    :param coroutine: the async function or generator. With both given, ``run`` and ``stream`` use ``func``,
        ``arun`` and ``astream`` use ``coroutine``.
    :param name: what the model calls it, ``__name__`` by default.
    :param description: what the model reads, the docstring without its sections by default.
    :param input_schema: a JSON schema instead of the one from the type hints; needs ``lamella[jsonschema]``.
    :param output_schema: a JSON schema that results are checked against; needs ``lamella[jsonschema]``.
    :param strict: ask for constrained decoding, where the schema can be expressed in it.
    :param timeout: seconds for one call of the function, ``None`` for no limit.
    :param sequential: calls of such tools run one at a time, in order.
    :param requires_approval: true, or a function of the arguments; one that raises means yes.
    :param final: the run ends with this tool's output, unless it is an error; its text is the run's answer.
    :param idempotent: calling it twice has the effect of calling it once: a run that is resumed calls it again where
        nobody knows what came of the first call.
    :param on_error: ``return`` gives a failure to the model as an error output, ``raise`` ends the run.
    :param max_output_chars: where text and JSON are cut, with a mark that says how much is missing; ``None``: the
        agent's limit.
    :param max_output_bytes: how many bytes of media a result may hold; more is a failure.
    :param wrappers: what stands between a call and the function, the outermost first; see
        :func:`~lamella.tools.wrapped`.
    :raises AgentInputError: the functions, the docstring or a type do not fit.
    :raises ConfigError: a schema was given and ``jsonschema`` is not installed.
    """

    func: Callable[..., Any] | None = attrs.field(default=None, repr=False)
    coroutine: Callable[..., Any] | None = attrs.field(default=None, repr=False)
    name: str = attrs.field(default=None, kw_only=True, converter=_or_default_text)
    description: str = attrs.field(default=None, kw_only=True, converter=_or_default_text)
    input_schema: Mapping[str, Any] = attrs.field(
        default=None, kw_only=True, repr=False, converter=_or_default_schema
    )
    output_schema: Mapping[str, Any] | None = attrs.field(default=None, kw_only=True, repr=False)
    strict: bool = attrs.field(default=False, kw_only=True)
    timeout: float | None = attrs.field(default=None, kw_only=True)
    sequential: bool = attrs.field(default=False, kw_only=True)
    requires_approval: ApprovalRule = attrs.field(default=False, kw_only=True)
    on_error: Literal["return", "raise"] = attrs.field(default="return", kw_only=True)
    final: bool = attrs.field(default=False, kw_only=True)
    idempotent: bool = attrs.field(default=False, kw_only=True)
    max_output_chars: int | None = attrs.field(default=None, kw_only=True, repr=False)
    max_output_bytes: int | None = attrs.field(default=None, kw_only=True, repr=False)
    wrappers: tuple[ToolWrapper, ...] = attrs.field(
        default=(), kw_only=True, repr=False, eq=False, converter=_as_wrappers
    )
    strict_problems: tuple[str, ...] = attrs.field(default=(), init=False, repr=False, eq=False)
    """Why ``strict=True`` cannot be had for this schema: one line for each place, empty when it can."""
    _signature: Signature = attrs.field(init=False, repr=False, eq=False)
    _explicit: bool = attrs.field(default=False, init=False, repr=False, eq=False)
    _wire: Mapping[str, Any] = attrs.field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        main = _checked_callables(self.func, self.coroutine)
        _set(self, "name", _checked_name(self.name, main))
        _check_options(self)
        doc = read_docstring(_docstring_of(main), self.name)
        described: str | None = self.description
        _set(self, "description", doc.description if described is None else described)
        self._settle_input(main, doc)
        self._settle_output()
        self._settle_strict()

    def _settle_input(self, main: Callable[..., Any], doc: Docstring) -> None:
        given: Mapping[str, Any] | None = self.input_schema
        if given is None:
            signature = read_signature(main, self.name, doc)
            _set(self, "input_schema", signature.schema())
        else:
            signature = _given_signature(main, self.name, doc)
            # The function's own schema, given again by attrs.evolve, is still the function's own.
            _set(self, "_explicit", not _says(signature, given))
            if self._explicit:
                require_schema(given, "input_schema", self.name)
            _set(self, "input_schema", freeze_mapping(given))
            _check_root(given, signature, self.name)
        _set(self, "_signature", signature)
        if self.func is not None and self.coroutine is not None and not self._explicit:
            _check_twins(self.func, self.coroutine, self.name)

    def _settle_output(self) -> None:
        if self.output_schema is not None:
            require_schema(self.output_schema, "output_schema", self.name)
            _set(self, "output_schema", freeze_mapping(self.output_schema))

    def _settle_strict(self) -> None:
        wire = self.input_schema
        if self.strict:
            made, problems = strict_schema(self.input_schema)
            _set(self, "strict_problems", problems)
            wire = self.input_schema if problems else freeze_mapping(made)
        _set(self, "_wire", wire)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function itself: nothing is checked, converted or caught."""
        main = self.func if self.func is not None else self.coroutine
        assert main is not None
        return main(*args, **kwargs)

    @classmethod
    def from_callable(
        cls,
        fn: Callable[P, R],
        name: str | None = None,
        description: str | None = None,
        input_schema: Mapping[str, Any] | None = None,
        output_schema: Mapping[str, Any] | None = None,
        strict: bool = False,
        *,
        timeout: float | None = None,
        sequential: bool = False,
        requires_approval: ApprovalRule = False,
        on_error: Literal["return", "raise"] = "return",
        final: bool = False,
        idempotent: bool = False,
        max_output_chars: int | None = None,
        max_output_bytes: int | None = None,
    ) -> FunctionTool[P, R]:
        """A tool from a function, a bound method or a callable object, sync or async."""
        if not callable(fn):
            raise AgentInputError(f"a tool is made of a function, got {type(fn).__name__}")
        made: Any = FunctionTool(
            func=None if is_async(fn) else fn,
            coroutine=fn if is_async(fn) else None,
            name=name,
            description=description,
            input_schema=input_schema,
            output_schema=output_schema,
            strict=strict,
            timeout=timeout,
            sequential=sequential,
            requires_approval=requires_approval,
            on_error=on_error,
            final=final,
            idempotent=idempotent,
            max_output_chars=max_output_chars,
            max_output_bytes=max_output_bytes,
        )
        return cast("FunctionTool[P, R]", made)

    def wire_schema(self) -> tuple[Mapping[str, Any], bool]:
        """The schema to send and its strict flag.

        With ``strict=True`` the schema is in strict form; where that cannot be, it is the full
        schema with the flag off, and ``strict_problems`` says why.
        """
        return self._wire, self.strict and not self.strict_problems

    def callable_for(self, mode: RunMode) -> tuple[Callable[..., Any], ExecutionMode]:
        """The callable that a run of this mode uses, and how it is run."""
        if mode.endswith("_async") and self.coroutine is not None:
            return self.coroutine, "async"
        if self.func is not None:
            return self.func, "sync"
        assert self.coroutine is not None
        return self.coroutine, "async"

    def check(self, call: ToolCallBlock) -> dict[str, Any]:
        """The values a call means for the function's parameters.

        :raises AgentToolCallError: the arguments are no JSON object, or do not fit.
        """
        arguments = read_arguments(call)
        try:
            if self.strict and not self.strict_problems:
                arguments = drop_nulls(arguments, self.input_schema)
            if self._explicit:
                return validate_arguments(self.name, self._signature, self.input_schema, arguments)
            return convert_arguments(self.name, self._signature, arguments)
        except RecursionError as error:
            raise AgentToolCallError(
                f"the arguments of {self.name} are nested too deeply to be checked", cause=error
            ) from error

    def bind(
        self, values: Mapping[str, Any], runtime: ToolRuntime = _CONTEXT
    ) -> tuple[list[Any], dict[str, Any]]:
        """Positional and keyword arguments from checked values, ``ToolRuntime`` parameters filled in."""
        return self._signature.bind(values, runtime)

    def needs_approval(self, arguments: Mapping[str, Any]) -> bool:
        """Whether a call with these arguments waits for approval. A rule that raises says yes."""
        if not callable(self.requires_approval):
            return self.requires_approval
        try:
            return self.requires_approval(dict(arguments)) is not False
        except Exception:  # guards fail closed
            return True


@attrs.frozen
class FunctionTool(Tool, Generic[P, R]):
    """A tool made from one function: calling it has the function's types."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself: nothing is checked, converted or caught."""
        main: Any = self.func if self.func is not None else self.coroutine
        return cast("R", main(*args, **kwargs))


@overload
def tool(fn: Callable[P, R], /) -> FunctionTool[P, R]: ...
@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    input_schema: Mapping[str, Any] | None = None,
    output_schema: Mapping[str, Any] | None = None,
    strict: bool = False,
    timeout: float | None = None,
    sequential: bool = False,
    requires_approval: ApprovalRule = False,
    on_error: Literal["return", "raise"] = "return",
    final: bool = False,
    idempotent: bool = False,
    max_output_chars: int | None = None,
    max_output_bytes: int | None = None,
) -> Callable[[Callable[P, R]], FunctionTool[P, R]]: ...
def tool(fn: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a tool of a function: ``@tool``, or ``@tool(name=…, timeout=…)`` with the options of :class:`Tool`."""
    if fn is None:
        return functools.partial(Tool.from_callable, **options)
    return Tool.from_callable(fn, **options)


def as_tools(items: Iterable[Any] | None) -> tuple[Tool, ...]:
    """Tools from tools, callables and objects with ``as_tool()`` (agents).

    :raises AgentInputError: an item is none of these, or two tools share a name.
    """
    if isinstance(items, str | Tool) or callable(items):
        raise AgentInputError("tools must be a list of tools and functions; put the one tool in a list")
    made = tuple(_as_tool(item) for item in items or ())
    counted = collections.Counter(item.name for item in made)
    if repeated := sorted(name for name, count in counted.items() if count > 1):
        raise AgentInputError(
            f"two tools are called {', '.join(map(repr, repeated))}; give one another name: Tool(…, name=…)"
        )
    return made


def _as_tool(item: Any) -> Tool:
    if isinstance(item, Tool):
        return item
    convert = getattr(item, "as_tool", None)
    if callable(convert):
        made = convert()
        if isinstance(made, Tool):
            return made
        raise AgentInputError(f"{type(item).__name__}.as_tool() gave a {type(made).__name__}, not a Tool")
    if callable(item):
        return Tool.from_callable(item)
    raise AgentInputError(
        f"a tool must be a Tool, a callable or an object with as_tool(), got {type(item).__name__}"
    )


def is_async(fn: Any) -> bool:
    """Whether ``fn`` is async: a function, generator, method, partial or callable object."""
    return any(
        inspect.iscoroutinefunction(each) or inspect.isasyncgenfunction(each)
        for each in (fn, function_of(fn))
    )


def _set(instance: Tool, field: str, value: object) -> None:
    object.__setattr__(instance, field, value)


def _checked_callables(func: Any, coroutine: Any) -> Callable[..., Any]:
    if func is None and coroutine is None:
        raise AgentInputError("a Tool needs func (a sync function) or coroutine (an async one)")
    for field, value in (("func", func), ("coroutine", coroutine)):
        if value is not None and not callable(value):
            raise AgentInputError(f"Tool {field} must be callable, got {type(value).__name__}")
    if func is not None and is_async(func):
        raise AgentInputError("Tool func must be a sync function; pass the async one as coroutine=…")
    if coroutine is not None and not is_async(coroutine):
        raise AgentInputError("Tool coroutine must be an async function; pass the sync one as func=…")
    main: Callable[..., Any] = coroutine if func is None else func
    return main


def _checked_name(name: Any, fn: Any) -> str:
    if name is None:
        target = fn.func if isinstance(fn, functools.partial) else fn
        name = getattr(target, "__name__", type(target).__name__)
    if not isinstance(name, str) or not name or name == "<lambda>":
        raise AgentInputError(f"a tool needs a name (a non-empty str), got {name!r}; pass name=…")
    return name


def _check_options(item: Tool) -> None:
    timeout: Any = item.timeout
    if timeout is not None and (not isinstance(timeout, int | float) or not timeout > 0):
        raise AgentInputError(f"tool {item.name}: timeout must be a number of seconds > 0, got {timeout!r}")
    for limit in ("max_output_chars", "max_output_bytes"):
        value: Any = getattr(item, limit)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise AgentInputError(f"tool {item.name}: {limit} must be an int >= 1 or None, got {value!r}")
    if not all(callable(wrapper) for wrapper in item.wrappers):
        raise AgentInputError(
            f"tool {item.name}: wrappers must be callables: async (call, proceed) -> output"
        )
    if item.on_error not in ("return", "raise"):
        raise AgentInputError(
            f"tool {item.name}: on_error must be 'return' or 'raise', got {item.on_error!r}"
        )
    if not isinstance(item.requires_approval, bool) and not callable(item.requires_approval):
        raise AgentInputError(
            f"tool {item.name}: requires_approval must be a bool or a function of the arguments"
        )
    if callable(item.requires_approval) and is_async(item.requires_approval):
        raise AgentInputError(
            f"tool {item.name}: requires_approval must be a sync function; what has to wait decides in Agent(approve=…)"
        )
    description: Any = item.description
    if description is not None and not isinstance(description, str):
        raise AgentInputError(f"tool {item.name}: description must be a str")


def _docstring_of(fn: Any) -> str | None:
    """The docstring of a function; of a callable object its ``__call__``'s, else its class's."""
    target = function_of(fn)
    doc = getattr(target, "__doc__", None)
    if inspect.isclass(fn) or (not doc and target is not fn):
        return inspect.getdoc(fn.func if isinstance(fn, functools.partial) else fn)
    return doc


def _given_signature(fn: Callable[..., Any], label: str, doc: Docstring) -> Signature:
    """The signature beside a given schema: only its ``ToolRuntime`` parameters have to be readable."""
    try:
        return read_signature(fn, label, doc)
    except AgentInputError:
        return runtime_only(fn, label)


def _says(signature: Signature, given: Any) -> bool:
    try:
        return bool(signature.schema() == given)
    except AgentInputError:
        return False


def _check_root(given: Mapping[str, Any], signature: Signature, label: str) -> None:
    if given.get("type", "object") != "object":
        raise AgentInputError(f"tool {label}: input_schema must describe an object, got {given['type']!r}")
    shown = [name for name in signature.runtime if name in given.get("properties", {})]
    if shown:
        raise AgentInputError(
            f"tool {label}: input_schema shows {', '.join(map(repr, shown))}, which is filled from "
            f"runtime_context and hidden from the model; take it out"
        )


def _check_twins(func: Callable[..., Any], coroutine: Callable[..., Any], label: str) -> None:
    first, second = (list(inspect.signature(fn).parameters) for fn in (func, coroutine))
    if first != second:
        raise AgentInputError(
            f"tool {label}: func takes ({', '.join(first)}) and coroutine takes ({', '.join(second)}); "
            f"they must take the same parameters"
        )
