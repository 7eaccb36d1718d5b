"""The OpenAPI tool source, held to the conformance kit, against a server on loopback."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lamella_openapi import OpenAPIToolSource
from lamella_testing import ToolCall, ToolSourceConformance

TOKEN = "sk-conformance-0123456789"


class Shop(BaseHTTPRequestHandler):
    """Prices, a failure, and one that takes its time; whoever asks must say the token."""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        status, answer = 200, {"item": path.rpartition("/")[2], "query": query}
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            status, answer = 401, {"detail": "who?"}
        elif path == "/fail":
            status, answer = 500, {"detail": "broken"}
        elif path == "/slow":
            time.sleep(2)
        body = json.dumps(answer).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            return  # who asked is gone

    def log_message(self, format: str, *args: Any) -> None:
        """Not on stderr."""


def operation(name: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": f"The operation {name}.",
        "parameters": list(parameters),
        "responses": {"200": {"description": "ok"}},
    }


def parameter(name: str, place: str, kind: str) -> dict[str, Any]:
    return {"name": name, "in": place, "required": True, "schema": {"type": kind}}


DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Shop", "version": "1"},
    "paths": {
        "/price/{item}": {
            "get": operation(
                "price", parameter("item", "path", "string"), parameter("count", "query", "integer")
            )
        },
        "/fail": {"get": operation("fail")},
        "/slow": {"get": operation("slow")},
    },
    "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    "security": [{"token": []}],
}


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class TestOpenAPI(ToolSourceConformance):
    """Tools of a document."""

    plugin = "openapi"
    secret = TOKEN
    patience = 5.0
    calls = (ToolCall("price", {"item": "apple", "count": 2}, output={"item": "apple", "query": "count=2"}),)
    failing_calls = (ToolCall("fail", {}),)
    slow_calls = (ToolCall("slow", {}),)

    @pytest.fixture(autouse=True)
    def _at(self, shop: str, tmp_path: Path) -> None:
        document = tmp_path / "shop.json"
        document.write_text(json.dumps(DOCUMENT))
        self.settings = {"document": str(document), "base_url": shop, "security": {"token": TOKEN}}

    def make_source(self) -> OpenAPIToolSource:
        """The shop."""
        return OpenAPIToolSource(**self.settings)

    def make_broken_source(self) -> OpenAPIToolSource:
        """A document that is none."""
        return OpenAPIToolSource(
            document={"openapi": "9"}, base_url="http://127.0.0.1:9", security={"token": TOKEN}
        )
