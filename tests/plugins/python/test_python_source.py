"""The tool source ``python`` on real modules."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import lamella
from lamella import AgentInputError, ConfigError, PluginError, Tool, ToolCallBlock
from lamella.events import ToolOutputDone
from lamella.specs import ToolSource
from lamella.tools import Approvals, run_calls
from lamella_python import PythonToolSettings, PythonToolSource, plugin

COUNT = itertools.count()

TOOLS = '''
from __future__ import annotations

import os.path
from json import dumps
from lamella import Tool, ToolRuntime, tool

LIMIT = 3


def price(item: str, runtime: ToolRuntime) -> float:
    """The price of an item."""
    return runtime.prices[item]


async def stock(item: str) -> int:
    """How many there are."""
    return LIMIT


@tool(name="order_item", requires_approval=True)
def order(item: str) -> str:
    return item


again = order
sized = Tool(len, name="size", input_schema={"type": "object"})


def _hidden() -> None:
    """Not a tool."""


class Shop:
    """Not a tool."""
'''

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes a module under a fresh name and gives the name; forgets it afterwards."""
    before, path = set(sys.modules), list(sys.path)

    def make(text: str = TOOLS, name: str | None = None) -> str:
        name = name or f"shop_tools_{next(COUNT)}"
        file = tmp_path / f"{name.replace('.', '/')}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        return name

    yield make
    sys.path[:] = path
    for name in set(sys.modules) - before:
        if name.startswith(("shop_", "broken_")):
            del sys.modules[name]


async def names(**settings: Any) -> list[str]:
    source = PythonToolSource(**settings)
    try:
        return [made.name for made in await source.open()]
    finally:
        await source.close()


async def test_f_tool02_tools_and_public_functions_of_the_module(write: Write, tmp_path: Path) -> None:
    found = await names(module=write(), path=str(tmp_path))
    assert found == ["price", "stock", "order_item", "size"]


async def test_the_tools_run(write: Write, tmp_path: Path) -> None:
    source = PythonToolSource(module=write(), path=str(tmp_path))
    assert isinstance(source, ToolSource)
    tools = {made.name: made for made in await source.open()}
    assert isinstance(tools["price"], Tool)
    assert tools["price"].description == "The price of an item."
    calls = [
        ToolCallBlock(call_id="1", name="price", arguments={"item": "apple"}),
        ToolCallBlock(call_id="2", name="stock", arguments={"item": "apple"}),
    ]
    running = run_calls(
        calls,
        tools,
        runtime_context={"prices": {"apple": 0.5}},
        mode="run_async",
        approvals=Approvals(),
    )
    events = [item.event async for item in running]
    assert [event.output for event in events if isinstance(event, ToolOutputDone)] == [0.5, 3]
    await source.close()


async def test_one_function_or_tool_by_name(write: Write, tmp_path: Path) -> None:
    module = write()
    assert await names(module=f"{module}:stock", path=str(tmp_path)) == ["stock"]
    assert await names(module=f"{module}:order", path=str(tmp_path)) == ["order_item"]


async def test_all_says_what_is_public(write: Write, tmp_path: Path) -> None:
    module = write(
        "from os.path import basename\n__all__ = ['basename', '_a']\ndef _a() -> int: ...\ndef b() -> int: ...\n"
    )
    assert sorted(await names(module=module, path=str(tmp_path))) == ["_a", "basename"]


async def test_the_folder_leaves_the_path_again(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = list(sys.path)
    folder = os.path.realpath(tmp_path)  # noqa: ASYNC240  # nothing else runs
    module = write()
    source = PythonToolSource(module=module, path=str(tmp_path))
    await source.open()
    assert sys.path == [folder, *before]
    await source.close()
    await source.close()
    assert sys.path == before
    monkeypatch.chdir(tmp_path)
    assert await names(module=write()) == ["price", "stock", "order_item", "size"]
    with pytest.raises(ConfigError):
        await PythonToolSource(module="shop_nowhere", path=str(tmp_path)).open()
    assert sys.path == before


async def test_what_is_missing_is_a_config_error_with_the_nearest_name(write: Write, tmp_path: Path) -> None:
    module = write()
    write("", name="shop_package.__init__")
    write("", name="shop_package.inner")
    for settings, said in (
        (
            {"module": module.replace("tools", "toolz")},
            f"there is no module '{module.replace('tools', 'toolz')}'",
        ),
        ({"module": module.replace("tools", "toolz")}, "did you mean 'shop_tools_"),
        ({"module": "shop_package.iner"}, "did you mean 'shop_package.inner'?"),
        ({"module": f"{module}:pric"}, "has no 'pric'; did you mean 'price'?"),
        (
            {"module": f"{module}:LIMIT"},
            f"{module}:LIMIT is no function or Tool, and a int has no public methods",
        ),
        ({"module": module, "path": str(tmp_path / "gone")}, "is no folder"),
    ):
        with pytest.raises(ConfigError) as caught:
            await PythonToolSource(**{"path": str(tmp_path), **settings}).open()  # type: ignore[arg-type]
        assert said in str(caught.value)


@pytest.mark.parametrize("module", ["", ":x", "x:", "a b", "x:()", "x:f(1)"])
def test_malformed_settings(module: str) -> None:
    with pytest.raises(ConfigError, match="'module', 'module:name' or 'module:function"):
        PythonToolSource(module=module)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "and has neither"),
        ({"module": "a", "modules": ["b"]}, "and not both"),
        ({"modules": "a"}, "modules must be a list"),
        ({"modules": ["a", "b"], "arguments": {"x": 1}}, "arguments are for one class"),
    ],
)
def test_settings_that_contradict_each_other(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        PythonToolSource(**settings)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("1 / 0", ZeroDivisionError),
        ("import shop_not_installed", ModuleNotFoundError),
        ("def f(:", SyntaxError),
        ("raise SystemExit(3)", SystemExit),
    ],
)
async def test_a_module_that_raises_is_a_plugin_error_with_its_cause(
    write: Write, tmp_path: Path, text: str, cause: type[BaseException]
) -> None:
    module = write(text)
    with pytest.raises(PluginError, match=f"module '{module}' raises when it is imported") as caught:
        await PythonToolSource(module=module, path=str(tmp_path)).open()
    assert isinstance(caught.value.cause, cause)


async def test_a_function_that_cannot_be_a_tool_is_named(write: Write, tmp_path: Path) -> None:
    module = write('def f(x: int) -> None:\n    """Do.\n\n    :param: y: int: not there\n    """\n')
    with pytest.raises(AgentInputError, match="tool f: the docstring documents 'y'"):
        await PythonToolSource(module=module, path=str(tmp_path)).open()


def test_the_plugin_is_light_and_says_what_it_is() -> None:
    spec = plugin.lamella_tool_source()
    assert (spec.id, plugin.lamella_api) == ("python", "1.0")
    assert PythonToolSettings(modules=["a"]).modules == ("a",)
    code = "import sys, lamella_python.plugin as p; p.lamella_tool_source(); print('lamella_python.source' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_entry_point_names_the_plugin() -> None:
    import importlib.metadata

    (point,) = [
        p for p in importlib.metadata.entry_points(group="lamella.tool_sources") if p.name == "python"
    ]
    assert point.value == "lamella_python.plugin"
    assert lamella.ToolSourceSpec is type(plugin.lamella_tool_source())


async def test_a_relative_path_is_below_the_projects_root_wherever_the_program_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lamella import Project

    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "rooted_tools.py").write_text("def hello() -> str:\n    'Greet.'\n    return 'hi'\n")
    (tmp_path / "shop" / "lamella.toml").write_text('[tools.x]\nsource = "python"\nmodule = "rooted_tools"\n')
    monkeypatch.chdir(tmp_path)
    source = Project.load(tmp_path / "shop").build_tool_source("x")
    assert [tool.name for tool in await source.open()] == ["hello"]
    await source.close()
