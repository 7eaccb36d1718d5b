"""Servers behind a URL, on loopback: who they are spoken to as, and how they fail."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from mcp_servers import calling, served
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from lamella import Agent, AgentExecutionError, ConfigError, tool
from lamella_mcp import MCPToolError, MCPToolSource, agent_server


@tool
async def double(number: int) -> dict[str, int]:
    """Twice the number."""
    return {"double": 2 * number}


@tool
async def slow() -> str:
    """Take a while."""
    await asyncio.sleep(60)
    return ""


def guarded(app: Any, wanted: str, seen: list[dict[str, str]]) -> Any:
    """The application for those who have the right header."""

    async def guard(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            headers = {name.decode(): value.decode() for name, value in scope["headers"]}
            seen.append(headers)
            if headers.get("authorization") != wanted:
                await PlainTextResponse("who are you?", 401)(scope, receive, send)
                return
        await app(scope, receive, send)

    return guard


async def test_tools_over_http() -> None:
    """F-X25: streamable HTTP, end to end, with a bearer token that no repr shows."""
    seen: list[dict[str, str]] = []
    app = guarded(agent_server([double]).streamable_http_app(), "Bearer tok-9", seen)
    async with served(app) as address:
        source = MCPToolSource(url=f"{address}/mcp", token="tok-9", headers={"X-Tenant": "t1"}, name="calc")
        result = await Agent(calling("double", number=21), tools=[source]).arun("?")
        assert "tok-9" not in repr(source) + repr(source._settings)
    (output,) = [item for item in result.new_items if item.type == "tool.output.item"]
    assert output.result == {"double": 42}
    assert {headers["x-tenant"] for headers in seen} == {"t1"}


async def test_the_wrong_token() -> None:
    app = guarded(agent_server([double]).streamable_http_app(), "Bearer right", [])
    async with served(app) as address:
        with pytest.raises(AgentExecutionError) as caught:
            await MCPToolSource(url=f"{address}/mcp?key=s3cret", token="wr0ng", name="calc").open()
    said = str(caught.value)
    assert f"MCP server calc could not be opened: {address}/mcp answered 401 Unauthorized: set token" in said
    assert caught.value.context == {"server": "calc", "status": 401}
    assert "wr0ng" not in said + repr(caught.value.__cause__)
    assert "s3cret" not in said


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (PlainTextResponse("no", 403), "answered 403 Forbidden"),
        (PlainTextResponse("no", 404), "answered 404 Not Found: there is nothing at this URL"),
        (PlainTextResponse("no", 405), "answered 405 Method Not Allowed: this is no endpoint"),
        (PlainTextResponse("no", 500), "answered 500 Internal Server Error: look at the server's log"),
        (JSONResponse({"error": "x"}, 503), "answered 503 Service Unavailable"),
        (
            Response("<html>Hi</html>", media_type="text/html"),
            "is no MCP endpoint: it answered with text/html",
        ),
    ],
)
async def test_what_is_no_endpoint(answer: Response, words: str) -> None:
    async def handle(request: Request) -> Response:
        return answer

    app = Starlette(routes=[Route("/mcp", handle, methods=["GET", "POST", "DELETE"])])
    async with served(app) as address:
        with pytest.raises(AgentExecutionError, match=rf"MCP server web could not be opened: .*{words}"):
            await MCPToolSource(url=f"{address}/mcp", name="web", start_timeout=10).open()


async def test_json_that_is_no_mcp() -> None:
    async def handle(request: Request) -> Response:
        return JSONResponse({"hello": "world"})

    app = Starlette(routes=[Route("/mcp", handle, methods=["POST"])])
    async with served(app) as address:
        with pytest.raises(AgentExecutionError, match="MCP server web could not be opened"):
            await MCPToolSource(url=f"{address}/mcp", name="web", start_timeout=5).open()


async def test_nobody_listens() -> None:
    with pytest.raises(
        AgentExecutionError, match=r"http://127.0.0.1:9/mcp cannot be reached .* is the server run"
    ):
        await MCPToolSource(url="http://127.0.0.1:9/mcp").open()


async def test_a_server_that_does_not_answer() -> None:
    async def handle(request: Request) -> Response:
        await asyncio.sleep(30)
        return PlainTextResponse("")

    app = Starlette(routes=[Route("/mcp", handle, methods=["POST"])])
    async with served(app) as address:
        with pytest.raises(AgentExecutionError, match=r"was not ready within 0.3 s"):
            await MCPToolSource(url=f"{address}/mcp", start_timeout=0.3).open()


async def test_a_server_that_goes_away_and_comes_back() -> None:
    app = agent_server([double]).streamable_http_app
    async with served(app()) as address:
        source = MCPToolSource(url=f"{address}/mcp", name="calc")
        (twice,) = await source.open()
        assert await twice.coroutine(number=1) == {"double": 2}
    with pytest.raises(MCPToolError, match="MCP server calc, tool double: the server is gone"):
        await twice.coroutine(number=1)
    with pytest.raises(MCPToolError, match='restart = "on-crash"'):
        await twice.coroutine(number=1)
    await source.close()


@tool
async def many(size: int) -> str:
    """So many letters."""
    return "x" * size


@pytest.mark.parametrize("as_json", [True, False])
async def test_a_message_that_is_too_large(as_json: bool) -> None:
    app = agent_server([many]).streamable_http_app(json_response=as_json)
    limited = {"name": "big", "max_result_bytes": 1000}
    async with served(app) as address, MCPToolSource(url=f"{address}/mcp", **limited) as source:
        (letters,) = await source._listed()
        assert (await letters.coroutine(size=2000)).endswith("first 1,000 are shown]")
        with pytest.raises(MCPToolError, match=r"MCP server big, tool many: ") as caught:
            await letters.coroutine(size=2_000_000)
        assert not as_json or "it sent a message of 2,000," in str(caught.value)
        assert await letters.coroutine(size=2) == "xx"


async def test_a_hanging_call_ends_with_its_run() -> None:
    async with served(agent_server([slow]).streamable_http_app()) as address:
        agent = Agent(calling("slow"), tools=[MCPToolSource(url=f"{address}/mcp", call_timeout=0.3)])
        (output,) = [i for i in (await agent.arun("?")).new_items if i.type == "tool.output.item"]
    assert output.is_error
    assert output.result.startswith("ToolTimeoutError: ")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "exactly one of command"),
        ({"command": "a", "url": "http://b"}, "exactly one of command"),
        ({"command": "a", "server": object()}, "exactly one of command, url and server"),
        ({"url": "ftp://b"}, "url must begin with http"),
        ({"command": "a", "token": "t"}, "token means nothing for a server that is set up by its command"),
        ({"url": "http://b", "args": ["x"]}, "args means nothing for a server that is set up by its url"),
        ({"url": "http://b", "oauth_client_id": "x"}, "belong together"),
        ({"command": "a", "call_timeout": 0}, "call_timeout must be more than 0"),
        ({"command": "a", "restart": "always"}, 'restart must be "never" or "on-crash"'),
        ({"command": "a", "args": "x y"}, "lists of texts"),
    ],
)
def test_settings_that_contradict_each_other(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        MCPToolSource(**settings)


async def test_oauth_client_credentials() -> None:
    """The SDK's flow: discovery, a token for the configured client, the token on each request."""
    asked: list[str] = []
    seen: list[dict[str, str]] = []
    mcp_app = guarded(agent_server([double]).streamable_http_app(), "Bearer from-oauth", seen)
    home: list[str] = []

    async def protected(request: Request) -> Response:
        return JSONResponse({"resource": f"{home[0]}/mcp", "authorization_servers": [home[0]]})

    async def metadata(request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": home[0],
                "authorization_endpoint": f"{home[0]}/authorize",
                "token_endpoint": f"{home[0]}/token",
                "response_types_supported": ["code"],
                "grant_types_supported": ["client_credentials"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            }
        )

    async def token(request: Request) -> Response:
        asked.append((await request.body()).decode())
        if not request.headers.get("authorization", "").startswith("Basic "):
            return JSONResponse({"error": "invalid_client"}, 401)
        return JSONResponse({"access_token": "from-oauth", "token_type": "Bearer", "expires_in": 3600})

    side = Starlette(
        routes=[
            Route("/.well-known/oauth-protected-resource/mcp", protected),
            Route("/.well-known/oauth-authorization-server", metadata),
            Route("/token", token, methods=["POST"]),
        ]
    )

    async def both(scope: Any, receive: Any, send: Any) -> None:
        inner = mcp_app if scope["type"] == "lifespan" or scope.get("path") == "/mcp" else side
        await inner(scope, receive, send)

    async with served(both) as address:
        home.append(address)
        source = MCPToolSource(
            url=f"{address}/mcp", oauth_client_id="me", oauth_client_secret="hush", oauth_issuer=address
        )
        async with source:
            (twice,) = await source._listed()
            assert await twice.coroutine(number=4) == {"double": 8}
    assert "grant_type=client_credentials" in asked[0]
    assert "hush" not in repr(source._settings)
