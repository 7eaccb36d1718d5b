"""Against a real FastAPI server, by the document it makes itself."""

from __future__ import annotations

import base64
import logging
from pathlib import Path
from typing import Any

import pytest

import lamella
from lamella import Agent, ConfigError
from lamella.config import Project, use_project
from lamella.errors import ToolTimeoutError
from lamella.runs import ToolCallOutputItem
from lamella.specs import ToolSource
from lamella_openapi import OpenAPIToolSource
from lamella_sim import ChatSim, Script, ToolCall

KEY = "sk-service-0123456789"
PASSWORD = "pass:word-9876"
SECRETS = {
    "APIKeyHeader": KEY,
    "APIKeyQuery": KEY,
    "APIKeyCookie": KEY,
    "HTTPBasic": {"username": "me", "password": PASSWORD},
    "HTTPBearer": KEY,
}


async def test_it_is_a_tool_source(open_shop: Any) -> None:
    async with open_shop() as shop:
        source: object = shop.source
        assert isinstance(source, ToolSource)
        assert {"get_item", "create_item", "measure_tree"} <= shop.tools.keys()
        assert shop.tools["get_item"].description == "Get Item\n\nGet one item."
        assert list(shop.source.notes) == []


async def test_parameters_in_path_query_header_and_cookie(open_shop: Any) -> None:
    async with open_shop() as shop:
        schema = shop.schema("get_item")
        assert list(schema["properties"]) == ["item_id", "verbose", "fields", "x-trace", "session"]
        assert schema["required"] == ["item_id"]
        assert schema["additionalProperties"] is False
        sent = {
            "item_id": 5,
            "verbose": True,
            "fields": ["a b", "c&d"],
            "x-trace": "t-1",
            "session": "s=1; x",
        }
        found = await shop.call("get_item", **sent)
        assert {**found, "session": None} == {
            "id": 5, "verbose": True, "fields": ["a b", "c&d"], "trace": "t-1", "session": None,
        }  # fmt: skip
        assert found["session"] in ("s=1; x", "s%3D1%3B%20x")  # frameworks differ in decoding cookies
        assert (await shop.call("get_item", item_id=5, fields=None))["fields"] is None


async def test_arguments_are_checked_before_anything_is_sent(open_shop: Any) -> None:
    async with open_shop() as shop:
        assert "is not of type 'integer'" in await shop.refused("get_item", item_id="five")
        assert "'item_id' is a required property" in await shop.refused("get_item")
        assert "'green' is not one of" in await shop.refused("get_colour", colour="green")
        assert await shop.call("get_colour", colour="blue", size="m") == "blue/m"


async def test_a_plain_body_is_flat_and_a_clash_is_nested(open_shop: Any) -> None:
    async with open_shop() as shop:
        schema = shop.schema("create_item")
        assert list(schema["properties"]) == ["name", "price", "colour", "note", "tags"]
        assert schema["required"] == ["name", "price"]
        assert schema["properties"]["name"]["description"] == "What it is called."
        made = await shop.call("create_item", name="cup", price=2.5, colour="blue", note=None)
        assert made == {"name": "cup", "price": 2.5, "colour": "blue", "note": None, "tags": []}
        assert list(shop.schema("replace_item")["properties"]) == ["path", "body"]
        found = await shop.call("replace_item", path={"name": "a"}, body={"name": "b", "price": 1})
        assert (found["path"], found["body"]["name"]) == ("a", "b")


async def test_a_recursive_model_stays_finite(open_shop: Any) -> None:
    async with open_shop() as shop:
        schema = shop.schema("measure_tree")
        assert schema["properties"]["children"]["items"] == {"$ref": "#/$defs/Node"}
        assert set(schema["$defs"]) == {"Node"}
        tree = {"name": "a", "children": [{"name": "b"}, {"name": "c", "children": [{"name": "d"}]}]}
        assert await shop.call("measure_tree", **tree) == {"nodes": 4}
        assert "name" in await shop.refused("measure_tree", name="a", children=[{"children": []}])


async def test_forms_and_files(open_shop: Any) -> None:
    async with open_shop() as shop:
        assert await shop.call("post_form", name="a&b=ü", sizes=[1, 2]) == {"name": "a&b=ü", "sizes": [1, 2]}
        encoded = base64.b64encode(b"\x00\xff").decode()
        found = await shop.call(
            "upload",
            title="t",
            first={"text": "häh", "filename": 'a"\r\nX: y.txt'},
            more=[{"base64": encoded, "content_type": "image/png"}],
        )
        assert found[0] == "t"
        assert found[1][1:] == ["text/plain; charset=utf-8", "häh".encode().hex()]
        assert "\n" not in found[1][0]
        assert found[2] == ["more", "image/png", "00ff"]
        assert "give" in await shop.refused("upload", title="t", first={"text": "a", "base64": "YQ=="})
        assert "cannot be read" in await shop.refused("upload", title="t", first={"base64": "*"})


async def test_a_path_is_never_left(open_shop: Any) -> None:
    async with open_shop() as shop:
        for value in (
            "../items",
            "a/../b",
            "..",
            ".",
            "a/b",
            "a\\b",
            "%2e%2e",
            "..%2f",
            "%252e%252e",
            "a\nb",
            "",
            "..;x",
        ):
            assert "path" in await shop.refused("read_file", path=value), value
        assert await shop.call("read_file", path="a?b#c d%") == "a?b#c d%"
    async with open_shop(slashes=["path"]) as shop:
        assert await shop.call("read_file", path="a/b c/d.txt") == "a/b c/d.txt"
        assert "path" in await shop.refused("read_file", path="a/../b")
        assert "path" in await shop.refused("read_file", path="a/%2e%2e/b")


async def test_answers(open_shop: Any) -> None:
    async with open_shop(max_result_chars=100, max_response_bytes=10_000) as shop:
        assert await shop.call("answer", kind="text") == "plain"
        assert await shop.call("answer", kind="html") == "<b>bold</b>"
        assert await shop.call("answer", kind="latin") == "größer"
        assert await shop.call("answer", kind="none") == "204 No Content"
        assert await shop.call("answer", kind="zip") == "[application/zip 'a.zip', 10 bytes, not shown]"
        assert (
            await shop.call("answer", kind="long", size=200) == "x" * 100 + "… [cut: 100 of 200 characters]"
        )
        assert (await shop.call("answer", kind="json", size=50)).endswith("… [cut: 100 of 700 characters]")
        assert await shop.call("answer", kind="json", size=2) == ["y" * 10] * 2
        assert await shop.call("answer", kind="broken") == "{not json"
        assert await shop.call("answer", kind="nan") == "[NaN]"
        assert await shop.call("answer", kind="half") == r'["\ud800"]'
        error = await shop.error("answer", kind="long", size=10_001)
        assert "more than 10000 bytes" in error.message
        assert not error.retryable
    async with open_shop(max_result_chars=100_000) as shop:
        assert (await shop.call("answer", kind="deep")).startswith("[[[[")


async def test_media_become_blocks(open_shop: Any) -> None:
    async with open_shop() as shop:
        (block,) = await shop.call("answer", kind="png")
        assert (block.type, block.mime_type) == ("image", "image/png")


async def test_failures_are_outputs_for_the_model(open_shop: Any) -> None:
    async with open_shop() as shop:
        said = await shop.refused("fail", status=404)
        assert said.startswith(
            'AgentToolExecutionError: GET /fails/{status} answered 404 Not Found: {"detail"'
        )
        assert "[cut: 2000 of" in said
        for status, retryable in ((400, False), (401, False), (429, True), (500, True), (503, True)):
            error = await shop.error("fail", status=status)
            assert (error.retryable, error.context["status"]) == (retryable, status)


async def test_timeouts_and_dead_servers_are_typed(open_shop: Any, open_tools: Any, shop: Any) -> None:
    async with open_shop(timeout=0.2) as opened:
        assert "did not finish within 0.2 s" in await opened.refused("slow", seconds=5)
    async with open_tools(f"{shop.url}/openapi.json", "http://127.0.0.1:9", anonymous=True) as opened:
        error = await opened.error("get_item", item_id=1)
        assert "could not be sent to http://127.0.0.1:9" in error.message
        assert error.retryable
        assert not isinstance(error, ToolTimeoutError)


async def test_redirects(open_shop: Any) -> None:
    async with open_shop() as shop:
        assert "a redirect to http://127.0.0.2:9/secret, which is another server" in await shop.refused(
            "answer", kind="away"
        )
        assert "allow_redirects = true" in await shop.refused("answer", kind="near")
    async with open_shop(allow_redirects=True) as shop:
        assert await shop.call("answer", kind="near") == "plain"
        assert "another server" in await shop.refused("answer", kind="away")
        assert "redirects more than 5 times" in await shop.refused("answer", kind="circle")


async def test_security_is_filled_in_and_shown_nowhere(
    open_shop: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """F-N27: neither schema, result, error nor log has a secret, also where the server echoes it."""
    caplog.set_level(logging.DEBUG)
    async with open_shop(security=SECRETS, anonymous=False) as shop:
        for way in ("by_header", "by_query", "by_cookie", "by_basic", "by_bearer"):
            assert shop.schema(way)["properties"] == {}
            found = await shop.call(way)
            assert found.get("echo", "***") == "***"
            assert found["right"] is True
        assert KEY not in repr((shop.source, shop.tools))
    async with open_shop(headers={"X-Token": KEY}) as shop:
        assert KEY not in await shop.refused("fail", status=400)
    assert "/by-query?api_key=***" in caplog.text
    assert KEY not in caplog.text
    assert PASSWORD not in caplog.text


async def test_a_missing_secret_is_said_when_opened(shop: Any) -> None:
    source = OpenAPIToolSource(document=f"{shop.url}/openapi.json", base_url=shop.url)
    with pytest.raises(
        ConfigError, match=r"GET /by-header and 4 other operations need the security scheme"
    ) as raised:
        await source.open()
    assert "'APIKeyHeader' (API key in header X-API-Key)" in raised.value.message
    assert 'security = { APIKeyHeader = { env = "…" } }' in raised.value.message
    source = OpenAPIToolSource(
        document=f"{shop.url}/openapi.json", base_url=shop.url, security={"HTTPBasik": "x"}
    )
    with pytest.raises(ConfigError, match="did you mean 'HTTPBasic'"):
        await source.open()
    source = OpenAPIToolSource(document=f"{shop.url}/openapi.json", base_url=shop.url, tags=["items"])
    assert len(await source.open()) == 3
    await source.close()


async def test_the_base_url_of_the_document(shop: Any) -> None:
    source = OpenAPIToolSource(
        document=f"{shop.url}/openapi.json", base_url="document", operations=["get_item"]
    )
    (tool,) = await source.open()
    assert (await tool(item_id=3))["id"] == 3
    await source.close()
    with pytest.raises(lamella.AgentToolExecutionError, match="is closed"):
        await tool(item_id=3)


async def test_a_client_of_ones_own_is_left_open(shop: Any) -> None:
    import httpx2

    async with httpx2.AsyncClient(headers={"x-trace": "mine"}, cookies={"session": "theirs"}) as client:
        source = OpenAPIToolSource(
            document=f"{shop.url}/openapi.json",
            base_url=shop.url,
            operations=["get_item"],
            http_client=client,
        )
        (tool,) = await source.open()
        found = await tool(item_id=3)
        assert (found["trace"], found["session"]) == ("mine", None)
        await source.close()
        assert not client.is_closed


def test_an_agent_uses_it_end_to_end(shop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the configuration: secrets by reference, names with a prefix, results in the next request."""
    (tmp_path / "lamella.toml").write_text(
        f"""
        [tools.shop]
        source = "openapi"
        document = "{shop.url}/openapi.json"
        base_url = "{shop.url}"
        tags = ["items"]
        operations = ["*"]
        security = {{ HTTPBearer = {{ env = "SHOP_TOKEN" }}, HTTPBasic = {{ username = {{ env = "U" }}, password = {{ env = "P" }} }} }}
        headers = {{ X-Trace = {{ env = "SHOP_TOKEN" }} }}
        """
    )
    for name in ("SHOP_TOKEN", "U", "P"):
        monkeypatch.setenv(name, KEY)
    monkeypatch.chdir(tmp_path)
    script = Script.of(
        [
            ToolCall("shop_get_item", {"item_id": 7}),
            ToolCall("shop_create_item", {"name": "cup", "price": 0}),
        ],
        "done",
    )
    with use_project(Project.load(tmp_path)):
        result = Agent(ChatSim(script=script), tools=["shop"]).run("Go.")
    outputs = [item.block.output for item in result.new_items if isinstance(item, ToolCallOutputItem)]
    assert outputs[0]["id"] == 7
    assert outputs[0]["trace"] == "***"
    assert "less than or equal" in outputs[1]
    assert result.output == "done"
    assert KEY not in repr(result)
