"""Middleware: functions that see a call before it runs, what came of it, and why it failed."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import attrs

from lamella.errors import AgentInputError
from lamella.tools.invocation import Deny, Proceed, ToolInvocation, wrapped

if TYPE_CHECKING:
    from lamella.tools.tool import Tool

__all__ = ["AfterCall", "Answer", "BeforeCall", "OnCallError", "middleware"]

_log = logging.getLogger(__name__)


@attrs.frozen
class Answer:
    """An output in the place of the function's own: text, JSON or media, ``None`` included."""

    output: Any


BeforeCall: TypeAlias = Callable[[ToolInvocation], Any | Awaitable[Any]]
"""``None`` lets the call run, a mapping replaces its arguments, :class:`Answer` its output, :class:`Deny` refuses it."""

AfterCall: TypeAlias = Callable[[ToolInvocation, Any], Any | Awaitable[Any]]
"""``None`` leaves the output, anything else replaces it (:class:`Answer` for ``None`` itself)."""

OnCallError: TypeAlias = Callable[[ToolInvocation, Exception], Any | Awaitable[Any]]
"""``None`` leaves the failure, an exception is raised in its place, anything else is the output instead."""


@overload
def middleware(
    tools: Callable[..., Any],
    *,
    before: BeforeCall | None = None,
    after: AfterCall | None = None,
    error: OnCallError | None = None,
) -> Tool: ...
@overload
def middleware(
    tools: Iterable[Tool | Callable[..., Any]],
    *,
    before: BeforeCall | None = None,
    after: AfterCall | None = None,
    error: OnCallError | None = None,
) -> tuple[Tool, ...]: ...
def middleware(
    tools: Callable[..., Any] | Iterable[Tool | Callable[..., Any]],
    *,
    before: BeforeCall | None = None,
    after: AfterCall | None = None,
    error: OnCallError | None = None,
) -> Tool | tuple[Tool, ...]:
    """A tool, or several, with functions around its calls; sync or async, on the event loop.

    They run once the arguments are checked and the call is approved, within the agent's limit of
    concurrent calls and outside the tool's ``timeout``. Given again, the later ones are outside.

    :param before: sees the call. Whatever it raises denies the call.
    :param after: sees the output. What it raises is the call's failure: the output is withheld.
    :param error: sees the failure of the function (or of middleware further in), a timeout too; a denial it
        does not see. What it raises is the failure instead.
    :raises AgentInputError: nothing to do, or no tool.
    """
    if before is None and after is None and error is None:
        raise AgentInputError("middleware needs at least one of before, after and error")
    made = _Middleware(before, after, error)
    return wrapped(tools, made)


@attrs.frozen(eq=False)
class _Middleware:
    _before: BeforeCall | None
    _after: AfterCall | None
    _error: OnCallError | None

    async def __call__(self, call: ToolInvocation, proceed: Proceed) -> Any:
        said = None if self._before is None else await _asked(self._before, call)
        if isinstance(said, Answer):
            return await self._shown(call, said.output)
        if said is not None:
            call = attrs.evolve(call, arguments=dict(said))
        try:
            output = await proceed(call)
        except Deny:
            raise
        except Exception as error:
            return await self._mended(call, error)
        return await self._shown(call, output)

    async def _shown(self, call: ToolInvocation, output: Any) -> Any:
        if self._after is None:
            return output
        said = await _result(self._after(call, output))
        if isinstance(said, Answer):
            return said.output
        return output if said is None else said

    async def _mended(self, call: ToolInvocation, error: Exception) -> Any:
        said = None if self._error is None else await _result(self._error(call, error))
        if isinstance(said, BaseException):
            raise said from error
        if said is None:
            raise error
        return said.output if isinstance(said, Answer) else said


async def _asked(before: BeforeCall, call: ToolInvocation) -> Answer | Mapping[str, Any] | None:
    """What ``before`` says; it fails closed."""
    try:
        said = await _result(before(call))
        if isinstance(said, Deny):
            raise said
        if said is None or isinstance(said, Answer | Mapping):
            return said
        raise AgentInputError(
            f"before must return None, arguments (a mapping), Answer(…) or Deny(…), got {type(said).__name__}"
        )
    except Deny:
        raise
    except Exception as error:
        _log.warning(
            "middleware of tool %s raised %s, and the call is denied", call.tool.name, type(error).__name__
        )
        raise Deny(f"its middleware failed ({type(error).__name__})") from error


async def _result(said: Any) -> Any:
    return await said if inspect.isawaitable(said) else said
