"""``MCPToolSource``: opens a session with an MCP server, and makes tools of what it offers."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from mcp import Client, MCPError, types

from lamella import AgentExecutionError, ConfigError, Message, Tool
from lamella.content import Block
from lamella.errors import AgentInputError
from lamella_mcp.answers import Elicitation, answers
from lamella_mcp.calling import MCPCall
from lamella_mcp.catalog import MCPPrompt, MCPResource, prompt, resource, template
from lamella_mcp.errors import MCPToolError
from lamella_mcp.reaching import below_project, default_name, target_factory
from lamella_mcp.results import Limit, blocks_of, resource_blocks
from lamella_mcp.session import Session
from lamella_mcp.settings import MCPToolSettings

if TYPE_CHECKING:
    import httpx2

    from lamella.models import Model

__all__ = ["MCPToolSource"]

T = TypeVar("T")

_NO_NAME: Final = re.compile(r"[^A-Za-z0-9_-]+")
"""What providers refuse in the name of a tool."""

_MAX_PAGES: Final = 1000


class MCPToolSource:
    """The tools, resources and prompts of one MCP server. Opened and closed by runs, or by ``async with``.

    Exactly one of ``command``, ``url`` and ``server`` says which server; the other parameters are those of
    :class:`MCPToolSettings`, and what only code can give:

    :param server: a server object of the SDK (``MCPServer``, ``Server``) or a function that makes one.
    :param name: what the server is called in errors and logs (``lamella.mcp.NAME``).
    :param auth: an ``httpx2.Auth`` for requests to ``url``, such as one of the SDK's OAuth providers.
    :param sampling: a model, or its name, that the server may ask for text.
    :param elicitation: a function ``(message, schema) -> dict | None`` that answers the server's questions.
    :raises ConfigError: settings that contradict each other.
    """

    def __init__(
        self,
        *,
        command: str | None = None,
        args: Iterable[str] = (),
        env: Mapping[str, Any] | None = None,
        cwd: str | Path | None = None,
        url: str | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
        auth: httpx2.Auth | None = None,
        oauth_client_id: str | None = None,
        oauth_client_secret: str | None = None,
        oauth_issuer: str | None = None,
        oauth_scope: str | None = None,
        server: Any = None,
        name: str | None = None,
        start_timeout: float = 30.0,
        call_timeout: float | None = 300.0,
        restart: Literal["never", "on-crash"] = "never",
        max_restarts: int = 3,
        restart_delay: float = 0.5,
        resources: bool = False,
        roots: Iterable[str] = (),
        sampling: Model | str | None = None,
        elicitation: Elicitation | None = None,
        max_result_bytes: int = 10_000_000,
    ) -> None:
        if server is not None and (command is not None or url is not None):
            raise ConfigError("the tool source mcp: set exactly one of command, url and server")
        self._settings = MCPToolSettings(
            command="" if server is not None else command,
            args=args,
            env=dict(env or {}),
            cwd=None if cwd is None else str(cwd),
            url=url,
            headers=dict(headers or {}),
            token=token,
            oauth_client_id=oauth_client_id,
            oauth_client_secret=oauth_client_secret,
            oauth_issuer=oauth_issuer,
            oauth_scope=oauth_scope,
            start_timeout=start_timeout,
            call_timeout=call_timeout,
            restart=restart,
            max_restarts=max_restarts,
            restart_delay=restart_delay,
            resources=resources,
            roots=tuple(roots),
            max_result_bytes=max_result_bytes,
        )
        if restart not in ("never", "on-crash"):
            raise ConfigError(f'the tool source mcp: restart must be "never" or "on-crash", got {restart!r}')
        self.name = name or default_name(command, url, server)
        self._new_target = target_factory(self._settings, server, auth, self.name)
        self._answers = answers(
            sampling=sampling,
            elicitation=elicitation,
            roots=tuple(str(below_project(root)) for root in self._settings.roots),
            limit=self._limit("a request of the server"),
        )
        self._session: Session | None = None
        self._users = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening = asyncio.Lock()
        self._tools: list[Tool] | None = None
        self._changed = False
        self._annotations: dict[str, dict[str, Any]] = {}

    def __repr__(self) -> str:
        return f"MCPToolSource({self.name!r})"

    # -- lifetime -----------------------------------------------------------------------------------

    async def open(self) -> Sequence[Tool]:
        """Start the session and list the tools; runs that go on at the same time share one session.

        :raises ConfigError: there is no such command.
        :raises AgentExecutionError: the server cannot be started, reached or spoken to; names it and says why.
        """
        self._enter_loop()
        self._users += 1
        try:
            async with self._opening:
                if self._session is None:
                    session = Session(self.name, self._new_target, self._answers, self._settings)
                    await session.open()
                    self._session, self._tools, self._changed = session, None, False
                if self._tools is None:
                    self._tools = await self._listed()
                return self._tools
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End the session, and the server's process if it is ours, when nobody uses it any more."""
        self._users = max(self._users - 1, 0)
        if self._users:
            return
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def refresh(self) -> Sequence[Tool] | None:
        """The tools anew if the server said that they changed, else ``None``; asks the server only then."""
        if self._session is None:
            return None
        if self._session.take_change():
            self._tools, self._changed = await self._listed(), True
            return self._tools
        # Of several runs one has taken the change; which of the others know it is not known.
        return self._tools if self._changed and self._users > 1 else None

    def _enter_loop(self) -> None:
        loop = asyncio.get_running_loop()
        if self._users == 0:
            self._loop, self._opening = loop, asyncio.Lock()
        elif self._loop is not loop:
            raise AgentExecutionError(
                f"MCP server {self.name} is in use in another event loop (run and arun have different ones); "
                "make a source for each, or name it in the configuration"
            )

    async def __aenter__(self) -> MCPToolSource:
        await self.open()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    @property
    def pid(self) -> int | None:
        """The process id of the server that was started, ``None`` for others."""
        return None if self._session is None else self._session.pid

    # -- what it offers -----------------------------------------------------------------------------

    @property
    def annotations(self) -> Mapping[str, Mapping[str, Any]]:
        """The server's hints by tool name, as it spells them: ``readOnlyHint``, ``destructiveHint`` and so on.

        Hints of a server that is not trusted mean nothing.
        """
        return self._annotations

    async def resources(self) -> list[MCPResource]:
        """The resources, then the templates of resources; empty for a server that has none."""
        return await self._request("resources/list", self._resources)

    async def read_resource(self, uri: str) -> tuple[Block, ...]:
        """The content of a resource as blocks of text and media."""
        what = f"resource {uri}"
        found = await self._request(what, lambda client: client.read_resource(uri))
        return tuple(resource_blocks(found.contents, self._limit(what)))

    async def prompts(self) -> list[MCPPrompt]:
        """The prompts; empty for a server that has none."""
        return await self._request("prompts/list", self._prompts)

    async def get_prompt(self, name: str, arguments: Mapping[str, str] | None = None) -> list[Message]:
        """The messages that the server makes of a prompt."""
        what = f"prompt {name}"
        found = await self._request(
            what, lambda client: client.get_prompt(name, dict(arguments) if arguments else None)
        )
        limit = self._limit(what)
        return [
            Message.user(blocks_of([m.content], limit))
            if m.role == "user"
            else Message.assistant(blocks_of([m.content], limit))
            for m in found.messages
        ]

    async def _resources(self, client: Client) -> list[MCPResource]:
        if client.server_capabilities.resources is None:
            return []
        found = [resource(item) for item in await _pages(client.list_resources, "resources")]
        try:
            templates = await _pages(client.list_resource_templates, "resource_templates")
        except MCPError as error:
            if error.code != types.METHOD_NOT_FOUND:
                raise
            templates = []
        return [*found, *(template(item) for item in templates)]

    async def _prompts(self, client: Client) -> list[MCPPrompt]:
        if client.server_capabilities.prompts is None:
            return []
        return [prompt(item) for item in await _pages(client.list_prompts, "prompts")]

    # -- tools --------------------------------------------------------------------------------------

    async def _listed(self) -> list[Tool]:
        found: list[types.Tool] = await self._request("tools/list", _list_tools)
        tools = [tool for item in found if (tool := self._tool(item)) is not None]
        if self._settings.resources:
            tools += self._resource_tools()
        _refuse_twins(self.name, tools)
        return tools

    def _tool(self, found: types.Tool) -> Tool | None:
        """The tool; ``None``, and a warning, for one whose schema cannot be used: the others are still good."""
        name = _NO_NAME.sub("_", found.name)
        hints = found.annotations
        self._annotations[name] = {} if hints is None else hints.model_dump(by_alias=True, exclude_none=True)
        title = found.title or (hints.title if hints is not None else None)
        try:
            _check_schema(found.input_schema)
            return Tool(
                coroutine=MCPCall(found, self._call, self._limit(f"tool {found.name}")),
                name=name,
                description=found.description or title or "",
                input_schema=found.input_schema,
                output_schema=found.output_schema,
                timeout=self._settings.call_timeout,
            )
        except (AgentInputError, ValueError) as error:
            logging.getLogger(f"lamella.mcp.{self.name}").warning(
                "MCP server %s: its tool %r is left out: %s", self.name, found.name, error
            )
            return None

    def _resource_tools(self) -> list[Tool]:
        async def list_resources() -> list[dict[str, Any]]:
            """List the resources that can be read, with their URIs."""
            return [
                {"uri": item.uri, "name": item.title or item.name, "description": item.description}
                for item in await self.resources()
            ]

        async def read_resource(uri: str) -> Any:
            """Read a resource by its URI."""
            return list(await self.read_resource(uri))

        timeout = self._settings.call_timeout
        return [Tool(coroutine=made, timeout=timeout) for made in (list_resources, read_resource)]

    async def _request(self, what: str, send: Callable[[Client], Awaitable[T]]) -> T:
        return await self._opened().request(what, send)

    async def _call(self, what: str, send: Callable[[Client], Awaitable[T]]) -> T:
        return await self._opened().request(what, send, timed=False)

    def _opened(self) -> Session:
        if self._session is None:
            raise AgentExecutionError(
                f"MCP server {self.name} is not open; open() it, or give it to an agent"
            )
        return self._session

    def _limit(self, what: str) -> Limit:
        return Limit(self._settings.max_result_bytes, self.name, what)


async def _list_tools(client: Client) -> list[types.Tool]:
    if client.server_capabilities.tools is None:
        return []
    found: list[types.Tool] = await _pages(client.list_tools, "tools")
    return found


async def _pages(listing: Callable[..., Awaitable[Any]], field: str) -> list[Any]:
    """All pages of a list.

    :raises MCPToolError: they do not end.
    """
    found: list[Any] = []
    cursor: str | None = None
    for _ in range(_MAX_PAGES):
        page = await listing(cursor=cursor)
        found.extend(getattr(page, field))
        if not (cursor := page.next_cursor):
            return found
    raise MCPToolError(f"the list of {field} has more than {_MAX_PAGES} pages")


def _check_schema(schema: Mapping[str, Any]) -> None:
    """:raises ValueError: it is no JSON schema."""
    import jsonschema  # type: ignore[import-untyped]  # ships no types

    try:
        jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator).check_schema(
            schema
        )
    except jsonschema.SchemaError as error:
        raise ValueError(f"its input schema is no JSON schema: {error.message}") from error


def _refuse_twins(server: str, tools: Sequence[Tool]) -> None:
    names = [tool.name for tool in tools]
    if twins := sorted({name for name in names if names.count(name) > 1}):
        raise AgentExecutionError(
            f"MCP server {server} has more than one tool called {', '.join(map(repr, twins))} "
            "(characters that no provider takes in a name count as _); the server must be mended",
            context={"server": server},
        )
