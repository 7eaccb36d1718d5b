"""An MCP server without the SDK, which does on purpose what servers do wrong. Speaks 2025-11-25 over stdio.

The first argument says how it starts: ``fine``, ``crash``, ``silent``, ``chatty`` (prints beside the protocol),
``old`` (speaks a version that nobody knows), ``twins`` (two tools of one name), ``deaf`` (does not end with its
input), ``parent`` (leaves a child behind).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time

MODE = sys.argv[1] if len(sys.argv) > 1 else "fine"
LOG = sys.argv[2] if len(sys.argv) > 2 else None
EXTRA: list[str] = []
LOCK = threading.Lock()


def write(message: dict) -> None:
    with LOCK:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()


def note(text: str) -> None:
    if LOG is not None:
        with open(LOG, "a") as file:
            file.write(text + "\n")


def tool(name: str, **properties: object) -> dict:
    return {
        "name": name,
        "description": f"The tool {name}.",
        "inputSchema": {"type": "object", "properties": properties},
    }


def tools() -> list[dict]:
    names = ["echo", "crash", "hang", "steps", "grow", "environment", "big", "odd", "flood", "ask", "pid"]
    listed = [tool(name) for name in (*names, *EXTRA)]
    listed[names.index("big")]["inputSchema"] = {
        "type": "object",
        "properties": {"size": {"type": "integer"}},
        "required": ["size"],
        "additionalProperties": False,
    }
    listed.append({**tool("bad.schema"), "inputSchema": {"type": "object", "properties": {"a": {"type": 7}}}})
    if MODE == "twins":
        listed.append(tool("echo"))
    return listed


def text(value: str) -> dict:
    return {"content": [{"type": "text", "text": value}]}


def call(request: dict) -> dict | None:
    name, given = request["params"]["name"], request["params"].get("arguments", {})
    if name == "echo":
        return text(json.dumps(given, sort_keys=True))
    if name == "pid":
        return text(str(os.getpid()))
    if name == "environment":
        return text(json.dumps(dict(os.environ)))
    if name == "crash":
        print("Traceback: out of cheese", file=sys.stderr, flush=True)
        os._exit(3)
    if name == "hang":
        note("hanging")
        return None
    if name == "steps":
        token = request["params"]["_meta"]["progressToken"]
        for step in (1, 2):
            params = {"progressToken": token, "progress": step, "total": 2, "message": f"step {step}"}
            write({"method": "notifications/progress", "params": params})
            time.sleep(0.05)
        write({"method": "notifications/message", "params": {"level": "warning", "data": "half way"}})
        return text("stepped")
    if name == "grow":
        EXTRA.append(f"grown_{len(EXTRA)}")
        write({"method": "notifications/tools/list_changed"})
        return text("grown")
    if name == "big":
        return text("x" * given.get("size", 10))
    if name == "flood":
        with LOCK:
            while True:
                sys.stdout.write("y" * 65536)
    if name == "ask":
        write({"id": "ask-1", "method": "sampling/createMessage", "params": ASKED})
        return None
    return {"content": [{"type": "hologram", "depth": 3}, {"type": "text", "text": "beside it"}]}


def answer(request: dict) -> None:
    method = request.get("method")
    if method == "initialize":
        version = "1999-01-01" if MODE == "old" else request["params"]["protocolVersion"]
        note(json.dumps(request["params"]["capabilities"]))
        result = {
            "protocolVersion": version,
            "capabilities": {"tools": {"listChanged": True}, "logging": {}},
            "serverInfo": {"name": "raw", "version": "1"},
        }
    elif method == "tools/list":
        result = paged(request.get("params") or {})
    elif method == "tools/call":
        result = call(request)
    elif method == "notifications/cancelled":
        note(f"cancelled {request['params'].get('reason')}")
        return
    elif method is None and "error" in request:
        write({"id": PENDING["ask"], "result": text(f"declined: {request['error']['message']}")})
        return
    elif method is None:
        write({"id": PENDING["ask"], "result": text(f"answered: {request['result']['content']['text']}")})
        return
    elif "id" not in request:
        return
    else:
        write({"id": request["id"], "error": {"code": -32601, "message": f"no method {method}"}})
        return
    if result is not None:
        write({"id": request["id"], "result": result})
    elif method == "tools/call" and request["params"]["name"] == "ask":
        PENDING["ask"] = request["id"]


PENDING: dict = {}
ASKED = {"messages": [{"role": "user", "content": {"type": "text", "text": "Well?"}}], "maxTokens": 5}


def paged(params: dict) -> dict:
    """Three tools at a time."""
    start = int(params.get("cursor") or 0)
    page = {"tools": tools()[start : start + 3]}
    return {**page, "nextCursor": str(start + 3)} if start + 3 < len(tools()) else page


def main() -> None:
    if MODE == "crash":
        print("no database at this address", file=sys.stderr)
        raise SystemExit(4)
    if MODE == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if MODE == "parent":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        note(str(child.pid))
    if MODE == "chatty":
        print("Welcome to the raw server!")
        print('{"jsonrpc": "2.0", "id": 77, "result": ')
    for line in sys.stdin:
        if MODE != "silent":
            answer(json.loads(line))
    while MODE in ("deaf", "silent"):
        time.sleep(1)


main()
