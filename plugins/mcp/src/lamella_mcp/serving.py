"""Agents and tools as an MCP server: one MCP tool for each."""

from __future__ import annotations

import abc
import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final, Literal

import anyio
from mcp import MCPError, types
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server

from lamella._frozen import thaw
from lamella._json import dumps
from lamella.agent import Agent
from lamella.content import Block, MediaContent, TextBlock, ToolCallBlock
from lamella.errors import AgentExecutionError, AgentInputError, LamellaError
from lamella.events import (
    AgentStart,
    ApprovalPending,
    Event,
    ProgressStart,
    ProgressUpdate,
    ToolCallDone,
    ToolOutputDone,
)
from lamella.runs import MessageOutputItem, RunResult
from lamella.tools import Approvals, Tool, run_calls
from lamella_mcp.content import as_result, content_of

__all__ = ["agent_server", "aserve_agent", "serve_agent"]

_NO_NAME: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_CLEANUP_SECONDS: Final = 15.0
_PROMPT: Final = {
    "type": "object",
    "properties": {
        "prompt": {"type": "string", "description": "The task, with all that must be known for it."}
    },
    "required": ["prompt"],
    "additionalProperties": False,
}

Report = Callable[[str | None, float | None], Awaitable[None]]
"""Tells the client how far a call is: what happens, and the fraction that is done."""


def serve_agent(
    served: Agent | Tool | Sequence[Agent | Tool],
    transport: Literal["stdio", "http"] = "stdio",
    host: str = "127.0.0.1",
    port: int = 8000,
    *,
    name: str | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve agents and tools as an MCP server until the client leaves (stdio) or the process is interrupted.

    With ``stdio`` the standard output belongs to the protocol: what else is printed goes to standard error. With
    ``http`` the endpoint is ``http://HOST:PORT/mcp``; whoever reaches it may use it, so keep it on loopback or put
    something in front of it that checks who asks.

    :param name: what the server calls itself, by default as the first agent.
    :param on_ready: called with the address when an HTTP server takes requests.
    :raises AgentInputError: something that cannot be served.
    """
    asyncio.run(aserve_agent(served, transport, host, port, name=name, on_ready=on_ready))


async def aserve_agent(
    served: Agent | Tool | Sequence[Agent | Tool],
    transport: Literal["stdio", "http"] = "stdio",
    host: str = "127.0.0.1",
    port: int = 8000,
    *,
    name: str | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """:func:`serve_agent` for asynchronous code; ends when it is cancelled."""
    server = agent_server(served, name=name)
    if transport == "stdio":
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())
    elif transport == "http":
        await _serve_http(server, host, port, on_ready)
    else:
        raise AgentInputError(f'transport must be "stdio" or "http", got {transport!r}')


def agent_server(served: Agent | Tool | Sequence[Agent | Tool], *, name: str | None = None) -> Server[Any]:
    """The SDK's server object: for transports of your own, or ``MCPToolSource(server=…)``.

    :raises AgentInputError: something that cannot be served, or two with one name.
    """
    items = served if isinstance(served, Sequence) else [served]
    offers = [_offer(item) for item in items]
    named = {offer.tool.name: offer for offer in offers}
    if not offers or len(named) < len(offers):
        raise AgentInputError(
            "serve at least one agent or tool, each under a name of its own: Agent(…, name='researcher')"
        )

    async def list_tools(
        context: ServerRequestContext[Any], params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[offer.tool for offer in offers])

    async def call_tool(
        context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        offer = named.get(params.name)
        if offer is None:
            raise MCPError(
                types.INVALID_PARAMS, f"unknown tool {params.name!r}; there are {', '.join(named)}"
            )
        return await _apart(offer.call(params.arguments or {}, _reporter(context)))

    return Server(name or offers[0].tool.name, on_list_tools=list_tools, on_call_tool=call_tool)


async def _apart(work: Any) -> types.CallToolResult:
    """Run a call in a task of its own: when the client cancels, it is cancelled once, and may clean up.

    In the SDK's task every ``await`` of the clean-up would be cancelled again.
    """
    task: asyncio.Task[types.CallToolResult] = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    finally:
        if not task.done():
            task.cancel()
            with anyio.CancelScope(shield=True):
                await asyncio.wait({task}, timeout=_CLEANUP_SECONDS)


def _reporter(context: ServerRequestContext[Any]) -> Report:
    """Progress must grow with each notification: fractions do, and what has none counts."""
    last = 0.0
    counted = 0

    async def report(message: str | None, fraction: float | None) -> None:
        nonlocal last, counted
        if fraction is None:
            counted += 1
            await context.session.report_progress(float(counted), None, message)
        elif fraction > last:
            last = fraction
            await context.session.report_progress(fraction, 1.0, message)

    return report


# -- what is served ---------------------------------------------------------------------------------


def _offer(item: Any) -> _Offer:
    if isinstance(item, Agent):
        return _AgentOffer(item)
    if isinstance(item, Tool):
        return _ToolOffer(item)
    raise AgentInputError(f"only an Agent or a Tool can be served over MCP, got {type(item).__name__}")


class _Offer(abc.ABC):
    """A tool of the server."""

    tool: types.Tool

    @abc.abstractmethod
    async def call(self, arguments: Mapping[str, Any], report: Report) -> types.CallToolResult:
        """Run it."""


class _AgentOffer(_Offer):
    """An agent: it takes a prompt, each call is a run of its own."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        name = _NO_NAME.sub("_", agent.name or "agent")
        self.tool = types.Tool(
            name=name,
            description=agent.description or f"Ask the agent {name}; it knows only what the prompt says.",
            input_schema=_PROMPT,
        )

    async def call(self, arguments: Mapping[str, Any], report: Report) -> types.CallToolResult:
        """Run the agent on the prompt."""
        prompt = arguments.get("prompt")
        if not isinstance(prompt, str) or not prompt.strip() or len(arguments) > 1:
            return as_result("the agent takes one argument, prompt, a text that is not empty", is_error=True)
        stream = self._agent.astream(prompt)
        try:
            async with aclosing(stream):
                async for envelope in stream:
                    if (said := _story(envelope.event)) is not None:
                        await report(said, None)
        except LamellaError as error:
            return as_result(f"{type(error).__name__}: {error.message}", is_error=True)
        return types.CallToolResult(content=content_of(_answer(stream.result)))


def _story(event: Event) -> str | None:
    """What a client is told of a run while it goes on."""
    if isinstance(event, ToolCallDone):
        return f"calls {event.name}"
    if isinstance(event, ToolOutputDone):
        return f"{event.name} {'failed' if event.is_error else 'is done'}"
    if isinstance(event, AgentStart):
        return f"asks {event.agent}"
    if isinstance(event, ProgressStart):
        return event.details or event.key
    if isinstance(event, ProgressUpdate):
        return f"{event.key}: {event.fraction:.0%}"
    return None


def _answer(result: RunResult) -> list[Block]:
    """The text of the answer, then the media that the run made."""
    media = [
        item.block
        for item in result.new_items
        if isinstance(item, MessageOutputItem) and isinstance(item.block, MediaContent)
    ]
    text = result.output
    return [*([TextBlock(text=text)] if text or not media else []), *media]


class _ToolOffer(_Offer):
    """A tool. One that requires approval is denied: nobody here can be asked."""

    def __init__(self, tool: Tool) -> None:
        self._tool = tool
        self.tool = types.Tool(
            name=_NO_NAME.sub("_", tool.name),
            description=tool.description or None,
            input_schema=thaw(tool.input_schema),
            output_schema=None if tool.output_schema is None else thaw(tool.output_schema),
        )

    async def call(self, arguments: Mapping[str, Any], report: Report) -> types.CallToolResult:
        """Run the tool, checked and with its progress, as a run would."""
        call = ToolCallBlock(call_id="mcp", name=self._tool.name, arguments_json=dumps(dict(arguments)))
        running = run_calls(
            [call],
            {self._tool.name: self._tool},
            runtime_context={},
            mode="run_async",
            approvals=Approvals(_deny),
        )
        message: str | None = None
        output: ToolOutputDone | None = None
        async with aclosing(running) as emitted:
            async for item in emitted:
                event = item.event
                if isinstance(event, ToolOutputDone):
                    output = event
                elif isinstance(event, ProgressStart):
                    message = event.details
                elif isinstance(event, ProgressUpdate):
                    await report(message, event.fraction)
        if output is None:
            raise AgentExecutionError(f"the call of {self._tool.name} ended without an output")
        return as_result(output.output, is_error=output.is_error)


def _deny(pending: ApprovalPending) -> bool:
    return False


# -- http -------------------------------------------------------------------------------------------


async def _serve_http(
    server: Server[Any], host: str, port: int, on_ready: Callable[[str], None] | None
) -> None:
    import uvicorn

    config = uvicorn.Config(
        server.streamable_http_app(host=host), host=host, port=port, log_level="warning", access_log=False
    )
    serving = uvicorn.Server(config)
    task = asyncio.create_task(serving.serve(), name="mcp http")
    try:
        while not serving.started and not task.done():  # noqa: ASYNC110  # uvicorn sets a flag, no event
            await asyncio.sleep(0.01)
        if serving.started and on_ready is not None:
            bound = serving.servers[0].sockets[0].getsockname()
            shown = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
            on_ready(f"http://{shown}:{bound[1]}/mcp")
        await asyncio.shield(task)
    except SystemExit as error:  # how uvicorn says that it cannot listen
        raise AgentExecutionError(
            f"the MCP server cannot listen on {host}:{port}; is the port taken?", cause=error
        ) from error
    finally:
        serving.should_exit = True
        if not task.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({task}, timeout=_CLEANUP_SECONDS)
