"""``lamella tools list | show | call``: what is shown, what is called, and how it ends."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lamella_cli.tool_arguments import read_pairs

TOOLS = '''
import asyncio
from pathlib import Path
from typing import Literal

from lamella import report_progress, tool
from lamella_image import ImageContent

GIF = b"GIF89a\\x01\\x00\\x01\\x00\\x80\\x00\\x00\\xff\\xff\\xff\\x00\\x00\\x00!\\xf9\\x04\\x00\\x00\\x00\\x00\\x00,\\x00\\x00\\x00\\x00\\x01\\x00\\x01\\x00\\x00\\x02\\x02D\\x01\\x00;"


def add(a: int, b: int = 2) -> int:
    """Add two numbers.

    :param a: the first
    """
    print("noise of the tool")
    return a + b


@tool(requires_approval=True, timeout=9)
def remove(name: str, tags: list[str] = [], kind: Literal["x", "y"] | None = None) -> dict:
    """Remove a file."""
    Path("removed").write_text(name)
    return {"name": name, "tags": tags, "kind": kind}


def fails() -> str:
    raise ValueError("no way")


def greet() -> str:
    return "hello\\x1b[31m"


def draw():
    return ["a dot", ImageContent.from_bytes(GIF)]


class Held:
    """A tool source that says when it is open and closed."""

    async def open(self):
        Path("open").write_text("")

    async def close(self):
        Path("closed").write_text("")

    async def wait(self) -> str:
        Path("waiting").write_text("")
        await asyncio.sleep(60)
        return "late"

    async def quick(self) -> str:
        return "done"
'''

PROJECT = """
[tools.shop]
source = "python"
module = "shop_calc"
include = ["add", "remove"]
prefix = "shop_"
timeout = 3

[tools.held]
source = "python"
module = "shop_calc:Held"
"""


@pytest.fixture(autouse=True)
def no_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))


@pytest.fixture
def shop(folder: Path) -> Iterator[Path]:
    (folder / "shop_calc.py").write_text(TOOLS)
    (folder / "lamella.toml").write_text(PROJECT)
    sys.modules.pop("shop_calc", None)
    yield folder
    sys.modules.pop("shop_calc", None)


# -- list ---------------------------------------------------------------------------------------------


def test_the_tables_then_the_installed_sources(lamella: Any, shop: Path) -> None:
    ended = lamella("tools", "list", "--json")
    found = {each["name"]: each for each in json.loads(ended.out)}
    assert list(found)[:2] == ["held", "shop"]
    assert (found["shop"]["source"], found["shop"]["state"]) == ("python", "available")
    assert found["shop"]["where"].endswith("lamella.toml")
    assert found["python"]["where"] is None
    shown = lamella("tools", "list")
    assert shown.out.splitlines()[0].split() == ["NAME", "SOURCE", "FROM", "STATE"]
    assert "shop_calc" not in sys.modules


def test_a_source_that_is_not_installed_is_missing(lamella: Any, shop: Path) -> None:
    (shop / "lamella.toml").write_text('[tools.x]\nsource = "nowhere"\n')
    ended = lamella("tools", "list")
    assert ended.code == 0
    assert "missing: no tool source 'nowhere' is installed; pip install lamella-nowhere" in ended.out
    assert lamella("tools", "list", "--tools").code == 2


def test_listing_imports_no_plugin(process: Any, site: Callable[..., Path]) -> None:
    site(
        "lamella-heavy",
        "[lamella.tool_sources]\nheavy = heavy_tools\n",
        heavy_tools="raise SystemExit('imported')\n",
    )
    ended = process("tools", "list")
    assert ended.code == 0, ended.err
    assert "heavy" in ended.out
    broken = process("tools", "list", "--tools")
    assert "heavy" in broken.out
    assert "SystemExit" in broken.out


def test_the_tools_of_open_sources(lamella: Any, shop: Path) -> None:
    ended = lamella("tools", "list", "--tools")
    assert ended.code == 0, ended.err
    assert "shop.shop_add  Add two numbers." in ended.out
    assert "held.quick" in ended.out
    assert (shop / "closed").exists()
    found = {each["name"]: each for each in json.loads(lamella("tools", "list", "--tools", "--json").out)}
    assert [tool["name"] for tool in found["shop"]["tools"]] == ["shop_add", "shop_remove"]
    assert found["python"]["tools"] is None
    assert "module" in found["python"]["error"]


# -- show ---------------------------------------------------------------------------------------------


def test_a_tool_in_words_and_as_json(lamella: Any, shop: Path) -> None:
    ended = lamella("tools", "show", "shop.shop_remove")
    assert ended.code == 0, ended.err
    for line in (
        "shop_remove", "Remove a file.", "approval   required", "timeout    3 s", "name: string, required",
        "tags: list of string", "kind: 'x' | 'y' | null", "source     python, configured as shop in",
    ):  # fmt: skip
        assert line in ended.out
    (facts,) = json.loads(lamella("tools", "show", "shop.shop_add", "--json").out)
    assert facts["input_schema"]["required"] == ["a"]
    assert facts["input_schema"]["properties"]["a"] == {"type": "integer", "description": "the first"}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("shop", ["shop_add", "shop_remove"]),
        ("shop_calc.py.add", ["add"]),
        ("shop_calc.py:fails", ["fails"]),
        ("shop_calc:add", ["add"]),
        ("held.wait", ["wait"]),
    ],
)
def test_any_name_that_run_takes_is_shown(lamella: Any, shop: Path, name: str, found: list[str]) -> None:
    ended = lamella("tools", "show", name, "--json")
    assert ended.code == 0, ended.err
    assert [each["name"] for each in json.loads(ended.out)] == found


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["show", "shop.shop_ad"], 2, "did you mean 'shop_add'?"),
        (["show", "shp"], 2, "neither a table of [tool.lamella.tools] (there are: held, shop)"),
        (["call", "shop", "nope"], 2, "shop has no tool 'nope' (its tools: shop_add, shop_remove)"),
        (["call", "shop", "shop_add", "aa=1"], 2, "there is no argument 'aa'; did you mean 'a'?"),
        (["call", "shop", "shop_add", "a"], 2, "arguments are key=value, got 'a'"),
        (["call", "shop", "shop_add", "a=x"], 2, "got invalid value for argument `a`: 'x'"),
        (["call", "shop", "shop_add"], 2, "missing 1 required argument: 'a'"),
        (["call", "shop", "shop_add", "a=1", "a=2"], 2, "a is given 2 times, and is no list"),
        (["call", "shop", "shop_add", "--json", "[1]"], 2, "--json must be an object"),
        (["call", "shop", "shop_add", "--json", "{"], 2, "--json is no JSON"),
        (["call", "shop_calc", "fails"], 1, "ValueError: no way [tool.execution.failed]"),
        (["call", "mcp_not_there", "x"], 2, "neither a table"),
    ],
)
def test_what_goes_wrong_is_said(
    lamella: Any, shop: Path, arguments: list[str], code: int, said: str
) -> None:
    ended = lamella("tools", *arguments)
    assert ended.code == code, ended.err
    assert said in ended.err
    assert ended.out == ""
    assert "Traceback" not in ended.err


# -- call ---------------------------------------------------------------------------------------------


def test_the_result_alone_reaches_standard_output(lamella: Any, shop: Path) -> None:
    ended = lamella("tools", "call", "shop", "shop_add", "a=40")
    assert (ended.code, ended.out) == (0, "42\n")
    assert "noise of the tool" in ended.err
    assert lamella("tools", "call", "shop", "shop_add", "b=1", "--json", '{"a": 1, "b": 5}').out == "2\n"
    assert (
        lamella("tools", "call", "shop_calc.py", "greet").out == "hello\x1b[31m\n"
    )  # a pipe gets what it is


def test_json_results_and_lists(lamella: Any, shop: Path) -> None:
    ended = lamella("tools", "call", "shop", "shop_remove", "name=3", "tags=1", "tags=b", "kind=x", "--yes")
    assert json.loads(ended.out) == {"name": "3", "tags": ["1", "b"], "kind": "x"}


def test_without_a_terminal_a_call_that_needs_approval_is_denied(lamella: Any, shop: Path) -> None:
    ended = lamella("tools", "call", "shop", "shop_remove", "name=a")
    assert ended.code == 1
    assert "was not approved: there is no terminal to ask at; say yes beforehand with --yes" in ended.err
    assert not (shop / "removed").exists()


def test_at_a_terminal_it_asks(lamella: Any, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(question: str) -> bool:
        asked.append(question)
        return True

    monkeypatch.setattr("lamella_cli.approving._at_terminal", lambda: True)
    monkeypatch.setattr("lamella_cli.approving._ask_terminal", answer)
    ended = lamella("tools", "call", "shop", "shop_remove", "name=a")
    assert ended.code == 0, ended.err
    assert asked == ['Run shop_remove({"name": "a"})?']


def test_media_are_saved_as_run_does(lamella: Any, shop: Path) -> None:
    ended = lamella("tools", "call", "shop_calc", "draw")
    assert (ended.code, ended.out) == (0, "a dot\n")
    assert (shop / "draw-1.gif").read_bytes().startswith(b"GIF89a")
    lamella("tools", "call", "shop_calc", "draw", "--save-media", "pictures")
    assert (shop / "pictures" / "draw-1.gif").exists()
    named = lamella("tools", "call", "shop_calc", "draw", "--no-save-media")
    assert "[image/gif" in named.err
    assert sorted(path.name for path in shop.glob("*.gif")) == ["draw-1.gif"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_f_x25_an_interrupted_call_closes_the_source(shop: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "lamella_cli", "tools", "call", "held", "wait"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ),
    )  # fmt: skip
    end = time.monotonic() + 30
    while not (shop / "waiting").exists() and time.monotonic() < end:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert (out, b"interrupted" in err) == (b"", True)
    assert (shop / "closed").exists()


# -- arguments ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "pairs", "value"),
    [
        ({"type": "string"}, ["x=3"], "3"),
        ({"type": "integer"}, ["x=3"], 3),
        ({"type": "boolean"}, ["x=true"], True),
        ({"type": ["string", "null"]}, ["x=3"], "3"),
        ({"type": ["string", "null"]}, ["x=null"], None),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, ["x=3"], 3),
        ({"enum": ["1", "2"]}, ["x=1"], "1"),
        ({"type": "number"}, ["x=3"], 3),
        ({"type": "array", "items": {"type": "integer"}}, ["x=1", "x=2"], [1, 2]),
        ({"type": "array", "items": {"type": "integer"}}, ["x=[1, 2]"], [1, 2]),
        ({"type": "array", "items": {"type": "string"}}, ["x=1"], ["1"]),
        ({"type": "object"}, ['x={"a": 1}'], {"a": 1}),
        ({"$ref": "#/$defs/t"}, ["x=3"], "3"),
        ({}, ["x=3"], 3),
        ({}, ["x=a=b"], "a=b"),
    ],
)
def test_values_are_read_as_the_schema_asks(schema: dict[str, Any], pairs: list[str], value: Any) -> None:
    root = {"type": "object", "properties": {"x": schema}, "$defs": {"t": {"type": "string"}}}
    assert read_pairs(pairs, None, root) == {"x": value}


# -- run ----------------------------------------------------------------------------------------------


AGENTS = """
[agents.clerk]
model = "sim:demo"
system_instruction = "Be brief."
tools = ["shop"]
max_iterations = 4

[agents.bare]
description = "has no model of its own"
"""


def stored(folder: Path) -> dict[str, Any]:
    paths = sorted((folder / ".lamella" / "runs").glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
    first: dict[str, Any] = json.loads(paths[-1].read_text().splitlines()[0])["event"]
    return first


def test_an_agent_by_name(lamella: Any, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (shop / "lamella.toml").write_text(PROJECT + AGENTS)
    ended = lamella("run", "--agent", "clerk", "-t", "shop_calc:greet", "Please shop_add 2 and 3")
    assert ended.code == 0, ended.err
    start = stored(shop)
    assert (start["agent"], start["system_instruction"]) == ("clerk", "Be brief.")
    assert "shop_add -> 5" in ended.err
    assert "greet -> hello" in lamella("run", "--agent", "clerk", "-t", "shop_calc:greet", "Please greet").err
    lamella("run", "--agent", "clerk", "--system", "Be long.", "-m", "sim:echo", "hi")
    assert (stored(shop)["system_instruction"], stored(shop)["model"]) == ("Be long.", "echo")


def test_an_agent_without_a_model_gets_one(lamella: Any, shop: Path) -> None:
    (shop / "lamella.toml").write_text(PROJECT + AGENTS)
    ended = lamella("run", "--agent", "bare", "-m", "sim:echo", "hi")
    assert (ended.code, ended.out.strip()[-2:]) == (0, "hi"), ended.err


def test_an_agent_that_is_not_there(lamella: Any, shop: Path) -> None:
    (shop / "lamella.toml").write_text(PROJECT + AGENTS)
    ended = lamella("run", "--agent", "clark", "hi")
    assert ended.code == 2
    assert "there is no agent 'clark'; did you mean 'clerk'?" in ended.err


def test_completion_of_names(shop: Path, process: Any) -> None:
    (shop / "lamella.toml").write_text(PROJECT + AGENTS)
    for words, found in (
        ("lamella tools show s", {"shop", "shop_calc.py"}),
        ("lamella run -t h", {"held"}),
        ("lamella run --agent c", {"clerk"}),
        ("lamella tools call /", {"/"}),
    ):
        count = len(words.split())
        ended = process(
            env={"_LAMELLA_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(count - 1)}
        )
        assert {line.partition(",")[2] for line in ended.out.splitlines()} == found, (words, ended)
