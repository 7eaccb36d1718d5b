"""A real FastAPI service on loopback, a server that records what it is sent, and a way to call tools."""

from __future__ import annotations

import enum
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

import attrs
import pytest
import uvicorn
from fastapi import Cookie, Depends, FastAPI, File, Form, Header, HTTPException, Query, Request, UploadFile
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from fastapi.security import (
    APIKeyCookie,
    APIKeyHeader,
    APIKeyQuery,
    HTTPBasic,
    HTTPBasicCredentials,
    HTTPBearer,
)
from pydantic import BaseModel, Field

from lamella import Tool, ToolCallBlock
from lamella.errors import AgentToolExecutionError
from lamella.tools import Approvals, run_calls
from lamella_openapi import OpenAPIToolSource

KEY = "sk-service-0123456789"
PASSWORD = "pass:word-9876"

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789cedc1010d000000c2a0f74f6d"
    "0e37a00000000000000000be0d21000001a8f0b1270000000049454e44ae426082"
)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Node(BaseModel):
    name: str
    children: list[Node] = []
    parent: Node | None = None


class Item(BaseModel):
    name: str = Field(description="What it is called.")
    price: float = Field(gt=0)
    colour: Colour = Colour.RED
    note: str | None = None
    tags: list[str] = []


def make_app() -> FastAPI:
    app = FastAPI(title="Shop", servers=[{"url": "/"}])

    @app.get("/items/{item_id}", operation_id="get_item", tags=["items"])
    async def get_item(
        item_id: int,
        verbose: bool = False,
        fields: Annotated[list[str] | None, Query()] = None,
        x_trace: Annotated[str | None, Header()] = None,
        session: Annotated[str | None, Cookie()] = None,
    ) -> dict[str, Any]:
        """Get one item."""
        return {"id": item_id, "verbose": verbose, "fields": fields, "trace": x_trace, "session": session}

    @app.post("/items", operation_id="create_item", tags=["items"], status_code=201)
    async def create_item(item: Item) -> Item:
        """Create an item."""
        return item

    @app.put("/items/{name}", operation_id="replace_item", tags=["items"])
    async def replace_item(name: str, item: Item) -> dict[str, Any]:
        """Its path and its body both have a name."""
        return {"path": name, "body": item.model_dump(mode="json")}

    @app.post("/trees", operation_id="measure_tree")
    async def measure_tree(tree: Node) -> dict[str, int]:
        def count(node: Node) -> int:
            return 1 + sum(map(count, node.children))

        return {"nodes": count(tree)}

    @app.post("/forms", operation_id="post_form")
    async def post_form(name: Annotated[str, Form()], sizes: Annotated[list[int], Form()]) -> dict[str, Any]:
        return {"name": name, "sizes": sizes}

    @app.post("/files", operation_id="upload")
    async def upload(
        title: Annotated[str, Form()],
        first: Annotated[UploadFile, File()],
        more: list[UploadFile] | None = None,
    ) -> list[Any]:
        files = [first, *(more or [])]
        return [title, *[[file.filename, file.content_type, (await file.read()).hex()] for file in files]]

    @app.get("/colours/{colour}", operation_id="get_colour")
    async def get_colour(colour: Colour, size: Literal["s", "m"] | None = None) -> str:
        return f"{colour.value}/{size}"

    @app.get("/files/{path:path}", operation_id="read_file")
    async def read_file(path: str) -> str:
        return path

    @app.get("/answers/{kind}", operation_id="answer")
    async def answer(kind: str, size: int = 0) -> Response:
        made: dict[str, Callable[[], Response]] = {
            "text": lambda: PlainTextResponse("plain"),
            "html": lambda: HTMLResponse("<b>bold</b>"),
            "latin": lambda: Response(
                "größer".encode("latin-1"), media_type="text/plain; charset=iso-8859-1"
            ),
            "png": lambda: Response(PNG, media_type="image/png"),
            "zip": lambda: Response(
                b"PK" + bytes(8),
                media_type="application/zip",
                headers={"content-disposition": "attachment; filename=../a.zip"},
            ),
            "none": lambda: Response(status_code=204),
            "long": lambda: PlainTextResponse("x" * size),
            "json": lambda: Response(json.dumps(["y" * 10] * size), media_type="application/problem+json"),
            "broken": lambda: Response("{not json", media_type="application/json"),
            "nan": lambda: Response("[NaN]", media_type="application/json"),
            "half": lambda: Response(r'["\ud800"]', media_type="application/json"),
            "deep": lambda: Response("[" * 20_000 + "]" * 20_000, media_type="application/json"),
            "away": lambda: RedirectResponse("http://127.0.0.2:9/secret?x=1"),
            "near": lambda: RedirectResponse("/answers/text"),
            "circle": lambda: RedirectResponse("/answers/circle"),
        }
        return made[kind]()

    @app.get("/fails/{status}", operation_id="fail")
    async def fail(status: int, request: Request) -> None:
        raise HTTPException(status, detail={"why": "x" * 5000, "sent": dict(request.headers)})

    @app.get("/slow", operation_id="slow")
    async def slow(seconds: float) -> str:
        import anyio

        await anyio.sleep(seconds)
        return "slept"

    @app.get("/by-header", operation_id="by_header")
    async def by_header(key: Annotated[str, Depends(APIKeyHeader(name="X-API-Key"))]) -> dict[str, Any]:
        return {"echo": key, "right": key == KEY}

    @app.get("/by-query", operation_id="by_query")
    async def by_query(key: Annotated[str, Depends(APIKeyQuery(name="api_key"))]) -> dict[str, Any]:
        return {"right": key == KEY}

    @app.get("/by-cookie", operation_id="by_cookie")
    async def by_cookie(key: Annotated[str, Depends(APIKeyCookie(name="auth"))]) -> dict[str, Any]:
        return {"right": key == KEY}

    @app.get("/by-basic", operation_id="by_basic")
    async def by_basic(given: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())]) -> dict[str, Any]:
        return {"right": (given.username, given.password) == ("me", PASSWORD)}

    @app.get("/by-bearer", operation_id="by_bearer")
    async def by_bearer(given: Annotated[Any, Depends(HTTPBearer())]) -> dict[str, Any]:
        return {"right": given.credentials == KEY}

    return app


class Running:
    """A server in a thread of its own."""

    def __init__(self, app: Any) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(app, log_level="error", lifespan="off", ws="none")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True
        )

    def start(self) -> Running:
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self._server.started:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return self

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(20)
        self._socket.close()


@attrs.frozen
class Sent:
    """A request as it came over the wire."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]


class Recorder:
    """An application that records requests and gives the answers it is told, ``{}`` unless told."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.url = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        target = scope["raw_path"].decode("ascii")
        if scope["query_string"]:
            target += "?" + scope["query_string"].decode("ascii")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self.sent.append(Sent(scope["method"], target, headers, body))
        status, more, data = self.answers.pop(0) if self.answers else (200, {}, b"{}")
        more = {"content-type": "application/json", **more}
        encoded = [(name.encode(), value.encode()) for name, value in more.items()]
        await send({"type": "http.response.start", "status": status, "headers": encoded})
        await send({"type": "http.response.body", "body": data})


@pytest.fixture(scope="session")
def shop() -> Iterator[Running]:
    running = Running(make_app()).start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def _recording() -> Iterator[Recorder]:
    recorder = Recorder()
    running = Running(recorder).start()
    recorder.url = running.url
    yield recorder
    running.stop()


@pytest.fixture
def recorder(_recording: Recorder) -> Recorder:
    _recording.sent.clear()
    _recording.answers.clear()
    return _recording


class Opened:
    """The tools of an open source, called as an agent calls them."""

    def __init__(self, source: OpenAPIToolSource, tools: Mapping[str, Tool]) -> None:
        self.source = source
        self.tools = tools

    def schema(self, name: str) -> Any:
        return self.tools[name].input_schema

    async def run(self, name: str, /, **arguments: Any) -> Any:
        """The output event of a call."""
        call = ToolCallBlock(call_id="1", name=name, arguments=arguments)
        items = run_calls([call], self.tools, runtime_context={}, mode="run_async", approvals=Approvals())
        *_, event = [item.event async for item in items]
        return event

    async def call(self, name: str, /, **arguments: Any) -> Any:
        """The output of a call that succeeds."""
        event = await self.run(name, **arguments)
        assert not event.is_error, event.output
        return event.output

    async def refused(self, name: str, /, **arguments: Any) -> str:
        """What the model reads of a call that fails."""
        event = await self.run(name, **arguments)
        assert event.is_error, event.output
        return str(event.output)

    async def error(self, name: str, /, **arguments: Any) -> AgentToolExecutionError:
        """The error that the function itself raises."""
        with pytest.raises(AgentToolExecutionError) as raised:
            await self.tools[name](**arguments)
        return raised.value


OpenTools = Callable[..., Any]


@pytest.fixture
def open_tools() -> OpenTools:
    @asynccontextmanager
    async def opened(
        document: Any, base_url: str = "http://127.0.0.1:9", **settings: Any
    ) -> AsyncIterator[Opened]:
        source = OpenAPIToolSource(document=document, base_url=base_url, **settings)
        tools = await source.open()
        try:
            yield Opened(source, {tool.name: tool for tool in tools})
        finally:
            await source.close()

    return opened


@pytest.fixture
def open_shop(shop: Running, open_tools: OpenTools) -> OpenTools:
    def opened(**settings: Any) -> Any:
        return open_tools(f"{shop.url}/openapi.json", shop.url, **{"anonymous": True, **settings})

    return opened


def described(paths: Mapping[str, Any], *, version: str = "3.1.0", **more: Any) -> dict[str, Any]:
    """A small document."""
    return {"openapi": version, "info": {"title": "t", "version": "1"}, "paths": dict(paths), **more}


@pytest.fixture
def document() -> Callable[..., dict[str, Any]]:
    return described
