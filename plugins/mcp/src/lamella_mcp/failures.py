"""From what the SDK raises to typed errors that name the server and say what to do."""

from __future__ import annotations

import http
import signal
from collections.abc import Iterator
from typing import Any, Final

import httpx2
from mcp import MCPError
from mcp.client.auth import OAuthFlowError
from mcp.types import CONNECTION_CLOSED, UNSUPPORTED_PROTOCOL_VERSION
from pydantic import ValidationError

from lamella.errors import AgentExecutionError, LamellaError
from lamella_mcp.errors import MCPToolError
from lamella_mcp.targets import HTTPTarget, ProcessTarget, Target

__all__ = ["call_failure", "hung_at_start", "is_lost", "lost_text", "open_failure"]

_SHOWN: Final = 2000


def leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors of a group; a single error is its own."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error


def main_error(error: BaseException) -> BaseException:
    """The error of a group that tells most: ours, else the first that is no closed connection."""
    found = list(leaves(error))
    ours = [leaf for leaf in found if isinstance(leaf, LamellaError)]
    telling = [leaf for leaf in found if not is_lost(leaf)]
    return (ours or telling or found)[0]


def is_lost(error: BaseException) -> bool:
    """Whether an error only says that the connection is gone."""
    return isinstance(error, MCPError) and error.code == CONNECTION_CLOSED


# -- at the start -----------------------------------------------------------------------------------


def open_failure(name: str, target: Target, error: BaseException) -> LamellaError:
    """The error of a server that did not get ready."""
    main = main_error(error)
    if isinstance(main, LamellaError):
        return main
    context: dict[str, Any] = {"server": name}
    if isinstance(target, HTTPTarget) and target.status is not None:
        context["status"] = target.status
    if isinstance(target, ProcessTarget) and target.process.exit_code is not None:
        context["exit_code"] = target.process.exit_code
    said = _opening(target, main)
    return AgentExecutionError(
        f"MCP server {name} could not be opened: {said}", context=context, cause=_cause(main)
    )


def _opening(target: Target, error: BaseException) -> str:
    if versions := _versions(error):
        return versions
    if isinstance(target, ProcessTarget):
        return _process_story(target, error)
    if isinstance(target, HTTPTarget):
        return _http_story(target, error)
    return f"{type(error).__name__}: {error}"


def _versions(error: BaseException) -> str | None:
    from mcp.types.version import SUPPORTED_PROTOCOL_VERSIONS

    text = str(error)
    unsupported = isinstance(error, MCPError) and error.code == UNSUPPORTED_PROTOCOL_VERSION
    if not unsupported and "protocol version" not in text.lower():
        return None
    spoken = ""
    if isinstance(error, MCPError) and isinstance(error.data, dict) and "supported" in error.data:
        spoken = f" (it speaks {', '.join(map(str, error.data['supported']))})"
    return (
        f"it speaks no version of MCP that is known here: {text}{spoken}; known are "
        f"{', '.join(SUPPORTED_PROTOCOL_VERSIONS)}. Update the server, or the package mcp"
    )


def _process_story(target: ProcessTarget, error: BaseException) -> str:
    process = target.process
    if process.fault is not None:
        story = process.fault
    elif process.exit_code is not None:
        story = f"{target.leads_to} ended with {exit_text(process.exit_code)} before it was ready"
    else:
        story = f"{target.leads_to}: {type(error).__name__}: {error}"
    return f"{story}{_evidence(target)}"


def _evidence(target: Target) -> str:
    """What the process wrote, for a message."""
    if not isinstance(target, ProcessTarget):
        return ""
    noise = target.process.noise
    heard = "" if noise is None else f"; its standard output is no MCP: {noise[:200]!r}"
    said = target.process.last_words[-_SHOWN:]
    return f"{heard}; its last words:\n{said}" if said else heard


def exit_text(code: int) -> str:
    """``exit code 3``, or the name of the signal."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


_ADVICE: Final = {
    401: "set token, headers or the oauth_… settings",
    403: "what it was given does not suffice: look at token, headers and scopes",
    404: "there is nothing at this URL; the path of an MCP server is often /mcp",
    405: "this is no endpoint of streamable HTTP; the path of an MCP server is often /mcp",
}


def _http_story(target: HTTPTarget, error: BaseException) -> str:
    where = target.leads_to
    if target.fault is not None:
        return f"{where}: {target.fault}"
    if isinstance(error, OAuthFlowError):
        return f"{where}: the authorization failed: {error}"
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
        return f"{where} cannot be reached ({error}); is the server running, and is the URL right?"
    if target.status is not None and target.status >= 400:
        advice = _ADVICE.get(target.status, "look at the server's log")
        return f"{where} answered {_status_text(target.status)}: {advice}"
    if target.content_type is not None:
        return (
            f"{where} is no MCP endpoint: it answered with {target.content_type}; "
            "the path of an MCP server is often /mcp"
        )
    return f"{where}: {type(error).__name__}: {error}"


def _status_text(status: int) -> str:
    try:
        return f"{status} {http.HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def hung_at_start(name: str, target: Target, seconds: float) -> AgentExecutionError:
    """The error of a server that says nothing."""
    return AgentExecutionError(
        f"MCP server {name} could not be opened: {target.leads_to} was not ready within {seconds:g} s; "
        f"raise start_timeout if it needs longer{_evidence(target)}",
        context={"server": name},
    )


# -- in a call --------------------------------------------------------------------------------------


def lost_text(target: Target) -> str:
    """How a server was lost, as far as that is known."""
    if isinstance(target, ProcessTarget):
        process = target.process
        if process.fault is not None:
            return f"it was stopped: {process.fault}"
        if process.exit_code is not None:
            return f"it died with {exit_text(process.exit_code)}{_evidence(target)}"
        return f"it closed the connection{_evidence(target)}"
    if isinstance(target, HTTPTarget) and target.fault is not None:
        return target.fault
    return f"the connection to {target.leads_to} was lost"


def call_failure(name: str, what: str, target: Target, error: BaseException) -> Exception:
    """The error of a call that the server answered wrongly, or not at all."""
    main = main_error(error)
    if isinstance(main, LamellaError):
        return main
    context: dict[str, Any] = {"server": name}
    if isinstance(main, MCPError):
        context["mcp_code"] = main.code
        said = main.message
        if isinstance(target, HTTPTarget) and target.status is not None:
            context["status"] = target.status
            said = target.fault or f"{target.leads_to} answered {_status_text(target.status)} ({said})"
    elif isinstance(main, ValidationError):
        problems = "; ".join(f"{_place(e['loc'])}: {e['msg']}" for e in main.errors()[:3])
        said = f"the server sent what is no valid result: {problems}"
    else:
        said = f"{type(main).__name__}: {main}"
    return MCPToolError(f"MCP server {name}, {what}: {said[:_SHOWN]}", context=context, cause=_cause(main))


def _place(location: tuple[Any, ...]) -> str:
    return ".".join(map(str, location)) or "the result"


def _cause(error: BaseException) -> BaseException | None:
    """The cause to keep: one of HTTP holds the request, with its secret headers."""
    return None if isinstance(error, httpx2.HTTPError | httpx2.HTTPStatusError) else error
