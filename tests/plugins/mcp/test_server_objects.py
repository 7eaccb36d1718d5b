"""Servers in this process: results of each kind, resources, prompts, changes, and what a server may ask."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from mcp import types
from mcp.server import Server
from mcp.server.mcpserver import Context, Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_servers import calling

from lamella import (
    Agent,
    AgentExecutionError,
    AgentInputError,
    Message,
    Project,
    TextBlock,
    ToolTimeoutError,
    use_project,
)
from lamella_image import ImageContent
from lamella_mcp import MCPPrompt, MCPResource, MCPToolError, MCPToolSource
from lamella_sim import ChatSim

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WAVE = base64.b64encode(b"RIFF\x24\x00\x00\x00WAVEfmt ").decode()


def answering(*content: Any, **fields: Any) -> MCPToolSource:
    """A source with the tool ``t`` that answers with this content."""
    output_schema = fields.pop("output_schema", None)
    settings = fields.pop("settings", {})

    async def list_tools(context: Any, params: Any) -> types.ListToolsResult:
        made = types.Tool(name="t", input_schema={"type": "object"}, output_schema=output_schema)
        return types.ListToolsResult(tools=[made])

    async def call_tool(context: Any, params: Any) -> types.CallToolResult:
        return types.CallToolResult(content=list(content), **fields)

    server = Server("own", on_list_tools=list_tools, on_call_tool=call_tool)
    return MCPToolSource(server=server, **settings)


async def result(source: MCPToolSource) -> Any:
    async with source:
        (tool,) = await source._listed()
        return await tool.coroutine()


def text(value: str) -> types.TextContent:
    return types.TextContent(type="text", text=value)


def picture(data: str = base64.b64encode(PIXEL).decode()) -> types.ImageContent:
    return types.ImageContent(type="image", data=data, mime_type="image/png")


# -- results ----------------------------------------------------------------------------------------


async def test_texts_and_nothing() -> None:
    assert await result(answering(text("a"), text("b"))) == "a\nb"
    assert await result(answering()) is None


@pytest.mark.parametrize("value", [{"a": 1, "b": [None, True]}, [1, {"c": 2}], 7])
async def test_structured_content_stays_json(value: Any) -> None:
    """F-N16: what a server gives as JSON is JSON; its text form, which servers send besides, is not doubled."""
    assert await result(answering(text(json.dumps(value)), structured_content=value)) == value


async def test_media_keeps_its_order_among_texts() -> None:
    audio = types.AudioContent(type="audio", data=WAVE, mime_type="audio/wav")
    first, second, third, fourth = await result(answering(text("a"), picture(), text("b"), audio))
    assert (first, third) == (TextBlock(text="a"), TextBlock(text="b"))
    assert isinstance(second, ImageContent)
    assert second.data == PIXEL
    assert (fourth.type, fourth.mime_type) == ("audio", "audio/wav")


async def test_media_beside_structured_content_is_kept() -> None:
    said, image = await result(answering(picture(), structured_content={"n": 1}))
    assert said == TextBlock(text='{"n": 1}')
    assert isinstance(image, ImageContent)


async def test_media_beside_structured_content_of_a_schema() -> None:
    """The schema is of the structured content; the image is kept beside it."""
    source = answering(picture(), structured_content={"n": 1}, output_schema={"type": "object"})
    (output,) = [
        i for i in (await Agent(calling("t"), tools=[source]).arun("?")).new_items if "output" in i.type
    ][:1]
    assert not output.is_error
    assert [block.type for block in output.result] == ["text", "image"]


async def test_embedded_resources_and_links() -> None:
    embedded = types.EmbeddedResource(
        type="resource", resource=types.TextResourceContents(uri="file:///a", text="inside")
    )
    blob = types.EmbeddedResource(
        type="resource",
        resource=types.BlobResourceContents(
            uri="file:///b.pdf", mime_type="application/pdf", blob=base64.b64encode(b"%PDF-1.7\n").decode()
        ),
    )
    link = types.ResourceLink(type="resource_link", uri="file:///c", name="c", mime_type="text/plain")
    inside, document, shown = await result(answering(embedded, blob, link))
    assert inside == TextBlock(text="inside")
    assert (document.type, document.mime_type, document.data) == (
        "document",
        "application/pdf",
        b"%PDF-1.7\n",
    )
    assert shown == TextBlock(text="[resource c: file:///c (text/plain)]")


async def test_media_without_its_plugin_is_named() -> None:
    with use_project(Project.bare(overrides={"plugins.content.image": False})):
        said = await result(answering(picture()))
    assert said == "[an image (image/png, 70 bytes) is left out: pip install lamella-image to get it]"


async def test_media_that_is_none_is_named() -> None:
    assert "is left out: it is empty, no base64" in await result(answering(picture("§§")))


async def test_an_error_result_has_the_servers_text() -> None:
    with pytest.raises(MCPToolError, match=r"^no such city\n.*image/png"):
        await result(answering(text("no such city"), picture(), is_error=True))


async def test_an_error_reaches_the_model_as_an_error_output() -> None:
    agent = Agent(calling("t"), tools=[answering(text("no such city"), is_error=True)])
    (output,) = [item for item in (await agent.arun("go")).new_items if item.type == "tool.output.item"]
    assert output.is_error
    assert output.result == "MCPToolError: no such city"


async def test_results_over_the_limit() -> None:
    small = {"max_result_bytes": 50}
    said = await result(answering(text("é" * 20), text("b" * 20), settings=small))
    assert said.startswith("é" * 20 + "\n" + "b" * 10 + "\n[cut: 60 bytes")
    with pytest.raises(MCPToolError, match=r"image \(image/png, 70 bytes\) has 70 bytes, and the limit"):
        await result(answering(picture(), settings=small))
    structured = {"a": "x" * 60}
    assert (await result(answering(structured_content=structured, settings=small))).endswith("are shown]")
    with pytest.raises(MCPToolError, match="the structured result has 69 bytes"):
        await result(
            answering(structured_content=structured, settings=small, output_schema={"type": "object"})
        )


async def test_structured_content_is_held_to_the_output_schema() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    assert await result(answering(structured_content={"n": 1}, output_schema=schema)) == {"n": 1}
    with pytest.raises(MCPToolError, match=r"MCP server own, tool t: .*Invalid structured content"):
        await result(answering(structured_content={"n": "x"}, output_schema=schema))


# -- a server of the SDK, with everything -----------------------------------------------------------


def shop() -> MCPServer:
    server = MCPServer("shop", log_level="CRITICAL")

    @server.tool(title="The price", annotations=types.ToolAnnotations(read_only_hint=True))
    def price(item: str) -> dict[str, float]:
        """The price of an item in euros."""
        if item != "apple":
            raise ToolError(f"there is no {item}")
        return {"price": 0.5}

    @server.tool()
    def photo(item: str) -> Image:
        """A photo of an item."""
        return Image(data=PIXEL, format="png")

    @server.tool()
    async def count(context: Context) -> str:
        """Count the stock."""
        for done in (1, 2, 3, 4):
            await context.report_progress(done, 4, "counting")
        return "all counted"

    @server.tool()
    async def hang() -> str:
        """Never end."""
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            CANCELLED.append("hang")
            raise
        return ""

    @server.tool()
    async def extend(context: Context) -> str:
        """Get a new tool."""

        def discount(item: str) -> float:
            """The discount of an item."""
            return 0.1

        server.add_tool(discount)
        await context.notify_tools_changed()
        return "extended"

    @server.resource("shop://opening-hours", mime_type="text/plain")
    def hours() -> str:
        """When the shop is open."""
        return "8 to 20"

    @server.resource("shop://photo/{item}", mime_type="image/png")
    def item_photo(item: str) -> bytes:
        """A photo of an item."""
        return PIXEL

    @server.prompt()
    def advertise(item: str) -> str:
        """Praise an item."""
        return f"Write two lines that praise the {item}."

    return server


CANCELLED: list[str] = []


@pytest.fixture
async def source() -> AsyncIterator[MCPToolSource]:
    async with MCPToolSource(server=shop, name="shop") as opened:
        yield opened


async def test_tools_with_schemas_hints_and_titles(source: MCPToolSource) -> None:
    tools = {tool.name: tool for tool in await source._listed()}
    assert tools["price"].description == "The price of an item in euros."
    assert tools["price"].input_schema["required"] == ["item"]
    assert tools["price"].output_schema is not None
    assert source.annotations["price"] == {"readOnlyHint": True}
    assert await tools["price"].coroutine(item="apple") == {"price": 0.5}
    with pytest.raises(MCPToolError, match="there is no pear"):
        await tools["price"].coroutine(item="pear")


async def test_an_agent_calls_a_server_object() -> None:
    """F-X25: an in-process server, end to end: structured, media, progress."""
    agent = Agent(calling("photo", item="apple"), tools=[MCPToolSource(server=shop)])
    run = await agent.arun("Show me an apple.")
    (output,) = [item for item in run.new_items if item.type == "tool.output.item"]
    assert isinstance(output.result[0], ImageContent)
    assert output.result[0].data == PIXEL

    seen = []
    async for envelope in Agent(calling("count"), tools=[MCPToolSource(server=shop)]).astream("Count."):
        if envelope.event.type.startswith("progress."):
            seen.append(envelope.event)
    assert [event.type for event in seen][:1] == ["progress.start"]
    assert seen[0].details == "counting"
    assert [event.type for event in seen][-2:] == ["progress.update", "progress.end"]
    assert seen[-2].fraction == 1.0


async def test_wrong_arguments_do_not_reach_the_server() -> None:
    """F-TOOL10: the arguments are checked against the server's schema."""
    agent = Agent(calling("price", item=7), tools=[MCPToolSource(server=shop)])
    (output,) = [i for i in (await agent.arun("?")).new_items if i.type == "tool.output.item"]
    assert output.is_error
    assert "$.item: 7 is not of type 'string'" in output.result


async def test_a_cancelled_call_is_cancelled_in_the_server(source: MCPToolSource) -> None:
    hang = next(tool for tool in await source._listed() if tool.name == "hang")
    calling_it = asyncio.create_task(hang.coroutine())
    await asyncio.sleep(0.05)
    calling_it.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling_it
    await asyncio.sleep(0.05)
    assert CANCELLED.pop() == "hang"


async def test_changes_are_followed_by_listening(source: MCPToolSource) -> None:
    """F-X25: since 2026-07-28 changes come to those who listen."""
    tools = {tool.name: tool for tool in await source._listed()}
    assert await source.refresh() is None
    assert await tools["extend"].coroutine() == "extended"
    fresh = None
    for _ in range(100):
        if (fresh := await source.refresh()) is not None:
            break
        await asyncio.sleep(0.01)
    assert fresh is not None
    assert "discount" in [tool.name for tool in fresh]


async def test_resources(source: MCPToolSource) -> None:
    found = await source.resources()
    assert [(item.uri, item.template) for item in found] == [
        ("shop://opening-hours", False),
        ("shop://photo/{item}", True),
    ]
    assert isinstance(found[0], MCPResource)
    assert found[0].description == "When the shop is open."
    assert await source.read_resource("shop://opening-hours") == (TextBlock(text="8 to 20"),)
    (photo,) = await source.read_resource("shop://photo/apple")
    assert isinstance(photo, ImageContent)
    assert photo.data == PIXEL
    with pytest.raises(MCPToolError, match=r"MCP server shop, resource shop://nothing: .*shop://nothing"):
        await source.read_resource("shop://nothing")


async def test_a_resource_that_does_not_come() -> None:
    async def read(context: Any, params: Any) -> Any:
        await asyncio.sleep(60)

    source = MCPToolSource(server=Server("slow", on_read_resource=read), call_timeout=0.1)
    async with source:
        with pytest.raises(ToolTimeoutError, match=r"MCP server slow, resource a:b: no answer within 0.1 s"):
            await source.read_resource("a:b")


async def test_resources_as_tools() -> None:
    agent = Agent(
        calling("read_resource", uri="shop://opening-hours"),
        tools=[MCPToolSource(server=shop, resources=True)],
    )
    (output,) = [i for i in (await agent.arun("?")).new_items if i.type == "tool.output.item"]
    assert output.result[0].text == "8 to 20"


async def test_prompts(source: MCPToolSource) -> None:
    (found,) = await source.prompts()
    assert isinstance(found, MCPPrompt)
    assert [a.name for a in found.arguments] == ["item"]
    assert await source.get_prompt("advertise", {"item": "apple"}) == [
        Message.user("Write two lines that praise the apple.")
    ]


# -- what a server may ask --------------------------------------------------------------------------


def asking() -> Server:
    async def list_tools(context: Any, params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[types.Tool(name="ask", input_schema={"type": "object"})])

    async def call_tool(context: Any, params: Any) -> Any:
        if params.input_responses is None:
            return types.InputRequiredResult(input_requests=QUESTIONS)
        given = params.input_responses
        said = [given["a"].content.text, given["b"].action, given["b"].content, str(given["c"].roots[0].uri)]
        return types.CallToolResult(content=[text(json.dumps(said))])

    return Server("asking", on_list_tools=list_tools, on_call_tool=call_tool)


QUESTIONS = {
    "a": types.CreateMessageRequest(
        params=types.CreateMessageRequestParams(
            messages=[types.SamplingMessage(role="user", content=text("say it"))], max_tokens=20
        )
    ),
    "b": types.ElicitRequest(
        params=types.ElicitRequestFormParams(
            message="Who are you?",
            requested_schema={"type": "object", "properties": {"name": {"type": "string"}}},
        )
    ),
    "c": types.ListRootsRequest(),
}


async def test_a_server_that_asks_is_answered() -> None:
    async def person(message: str, schema: Mapping[str, Any]) -> dict[str, Any] | None:
        return {"name": "Ada"} if message == "Who are you?" and "name" in schema["properties"] else None

    model = ChatSim(script=lambda request: f"{request.messages[-1].text}!")
    source = MCPToolSource(server=asking, sampling=model, elicitation=person, roots=["/srv/shop"])
    assert json.loads(await result(source)) == ["say it!", "accept", {"name": "Ada"}, "file:///srv/shop"]


async def test_a_server_that_asks_in_vain() -> None:
    with pytest.raises(MCPToolError, match=r"MCP server asking, tool ask: .*not supported"):
        await result(MCPToolSource(server=asking))


# -- opening ----------------------------------------------------------------------------------------


async def test_a_server_that_raises_when_it_starts() -> None:
    def broken() -> Any:
        raise LookupError("no stock file")

    with pytest.raises(AgentExecutionError, match="could not be opened: LookupError: no stock file"):
        await MCPToolSource(server=broken, name="shop").open()


def test_nothing_but_servers_is_served() -> None:
    from lamella_mcp import agent_server

    with pytest.raises(AgentInputError, match="only an Agent or a Tool can be served over MCP, got str"):
        agent_server(["x"])  # type: ignore[list-item]
