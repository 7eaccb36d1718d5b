"""Classes, objects, functions that make tools, packages: what ``module`` may name besides a module."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lamella import Agent, AgentInputError, ConfigError, PluginError, Project, Tool, ToolCallBlock
from lamella_python import PythonToolSettings, PythonToolSource
from lamella_testing import ScriptedModel

DESK = '''
from contextlib import asynccontextmanager, contextmanager

from lamella import Tool

LOG = []


class Base:
    def ping(self) -> str:
        """Answer."""
        return "pong"


class Desk(Base):
    """The desk of a shop.

    More about it.
    """

    rate = 2

    def __init__(self, name: str = "main", token: str = "") -> None:
        self.name = name
        self._token = token
        self.sold = 0
        if token == "bad-token-123":
            raise ValueError(f"refused {token}")

    @property
    def dangerous(self) -> str:
        raise AssertionError("a property was run")

    def sell(self, item: str, count: int = 1) -> int:
        """Sell something.

        :param item: what
        """
        self.sold += count
        return self.sold

    async def who(self) -> str:
        return self.name

    @staticmethod
    def double(number: int) -> int:
        """Twice."""
        return 2 * number

    @classmethod
    def rated(cls, number: int) -> int:
        """Times the rate."""
        return cls.rate * number

    def _hidden(self) -> None: ...


shop = Desk("shop")


class Opened(Desk):
    async def open(self) -> None:
        LOG.append("open")

    def close(self) -> None:
        LOG.append("close")


class Closed(Desk):
    async def aclose(self) -> None:
        LOG.append("aclose")


closing = Closed()


class Entered(Desk):
    def __enter__(self):
        LOG.append("enter")
        return self

    def __exit__(self, *exc_info):
        LOG.append("exit")


class AsyncEntered(Desk):
    async def __aenter__(self):
        LOG.append("aenter")

    async def __aexit__(self, *exc_info):
        LOG.append("aexit")


class Source:
    """A tool source."""

    def __init__(self) -> None:
        self.tools = [Tool(len, name="size", input_schema={"type": "object"})]
        self.changed = False

    async def open(self):
        LOG.append("open source")
        return self.tools

    async def refresh(self):
        return [*self.tools, Tool(len, name="more", input_schema={"type": "object"})] if self.changed else None

    async def close(self) -> None:
        LOG.append("close source")


source = Source()


@asynccontextmanager
async def lent(name: str):
    LOG.append(f"lend {name}")
    yield Desk(name)
    LOG.append("return")


@contextmanager
def broken_lent():
    yield Desk()
    raise RuntimeError("cannot be returned")


async def make(name: str):
    return Desk(name)


def several():
    return [shop.sell, Desk.double]


LIST = (shop.sell, shop.who)


class Fails:
    async def open(self) -> None:
        raise OSError("no connection")

    async def close(self) -> None:
        LOG.append("closed although not open")


class Works:
    def __call__(self, number: int) -> int:
        """Work."""
        return number


works = Works()
'''


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Any]:
    """The module ``shop_desk``, and its ``LOG``."""
    (tmp_path / "shop_desk.py").write_text(DESK)
    yield lambda: sys.modules["shop_desk"].LOG
    for name in [name for name in sys.modules if name.startswith("shop_")]:
        del sys.modules[name]


async def opened(tmp_path: Path, module: str, **settings: Any) -> tuple[PythonToolSource, dict[str, Tool]]:
    source = PythonToolSource(module=f"shop_desk:{module}", path=str(tmp_path), **settings)
    return source, {tool.name: tool for tool in await source.open()}


async def test_f_tool02_the_public_methods_of_a_class_are_tools(desk: Any, tmp_path: Path) -> None:
    source, tools = await opened(tmp_path, "Desk")
    assert list(tools) == ["ping", "sell", "who", "double", "rated"]
    assert tools["sell"].description == "Sell something."
    assert tools["who"].description == "The desk of a shop."  # it has no words of its own
    properties = tools["sell"].input_schema["properties"]
    assert properties["item"]["description"] == "what"
    assert set(properties) == {"item", "count"}
    assert (tools["double"](4), tools["rated"](4), tools["ping"]()) == (8, 8, "pong")
    await source.close()


async def test_each_source_has_an_object_of_its_own(desk: Any, tmp_path: Path) -> None:
    first, tools = await opened(tmp_path, "Desk")
    second, others = await opened(tmp_path, "Desk")
    assert (tools["sell"]("apple", 2), tools["sell"]("apple"), others["sell"]("apple")) == (2, 3, 1)
    again = {tool.name: tool for tool in await first.open()}
    assert again["sell"]("pear") == 1
    await first.close()
    await second.close()


async def test_an_object_of_the_module_keeps_its_state(desk: Any, tmp_path: Path) -> None:
    source, tools = await opened(tmp_path, "shop")
    assert await tools["who"]() == "shop"
    tools["sell"]("apple")
    await source.close()
    source, tools = await opened(tmp_path, "shop")
    assert tools["sell"]("apple") == 2
    await source.close()


async def test_arguments_and_secrets_are_what_it_is_made_with(desk: Any, tmp_path: Path) -> None:
    for place in ("Desk", "make()", "lent()"):
        source, tools = await opened(tmp_path, place, arguments={"name": "north"})
        assert await tools["who"]() == "north"
        await source.close()
    source, tools = await opened(tmp_path, "Desk", secrets={"token": "t-0123456789"})
    shown = [repr(source), *(f"{tool!r}{dict(tool.input_schema)}" for tool in tools.values())]
    assert not any("t-0123456789" in text for text in shown)
    await source.close()


async def test_a_secret_is_in_no_error(desk: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(
        PluginError, match=r"shop_desk:Desk could not be made: ValueError: refused \[hidden\]"
    ) as caught:
        await opened(tmp_path, "Desk", secrets={"token": "bad-token-123"})
    assert caught.value.cause is None
    assert "bad-token" not in caplog.text
    assert "bad-token" not in repr(PythonToolSettings(module="m", secrets={"token": "bad-token-123"}))


@pytest.mark.parametrize(
    ("place", "log"),
    [
        ("Opened", ["open", "close"]),
        ("Closed", ["aclose"]),
        ("Entered", ["enter", "exit"]),
        ("AsyncEntered", ["aenter", "aexit"]),
        ("Source", ["open source", "close source"]),
        ("source", ["open source", "close source"]),
        ("closing", []),  # somebody else made it
    ],
)
async def test_lifetimes_are_those_of_the_run(desk: Any, tmp_path: Path, place: str, log: list[str]) -> None:
    source, tools = await opened(tmp_path, place)
    assert desk() == log[: len(log) // 2 if len(log) > 1 else 0]
    assert not {"open", "close", "aclose", "refresh"} & set(tools)
    assert tools
    await source.close()
    await source.close()
    assert desk() == log


async def test_a_context_manager_lends_the_object(desk: Any, tmp_path: Path) -> None:
    source, tools = await opened(tmp_path, "lent()", arguments={"name": "west"})
    assert desk() == ["lend west"]
    assert list(tools) == ["ping", "sell", "who", "double", "rated"]
    await source.close()
    assert desk() == ["lend west", "return"]


async def test_what_cannot_be_opened_or_closed_leaves_nothing_behind(desk: Any, tmp_path: Path) -> None:
    before = list(sys.path)
    with pytest.raises(PluginError, match="shop_desk:Fails could not be opened: OSError: no connection"):
        await opened(tmp_path, "Fails")
    assert desk() == []
    assert sys.path == before
    source, _ = await opened(tmp_path, "broken_lent()")
    with pytest.raises(RuntimeError, match="cannot be returned"):
        await source.close()
    assert sys.path == before


async def test_a_tool_source_may_change_its_tools(desk: Any, tmp_path: Path) -> None:
    source, tools = await opened(tmp_path, "source")
    assert list(tools) == ["size"]
    assert await source.refresh() is None
    sys.modules["shop_desk"].source.changed = True
    changed = await source.refresh()
    assert changed is not None
    assert [tool.name for tool in changed] == ["size", "more"]
    await source.close()


async def test_lists_and_callables(desk: Any, tmp_path: Path) -> None:
    for place, found in (("LIST", ["sell", "who"]), ("several()", ["sell", "double"]), ("works", ["Works"])):
        source, tools = await opened(tmp_path, place)
        assert list(tools) == found
        await source.close()
    source, tools = await opened(tmp_path, "shop.sell")
    assert list(tools) == ["sell"]
    await source.close()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"module": "shop_desk:Desk", "arguments": {"nam": "x"}},
            "cannot be called with these arguments: got an",
        ),
        ({"module": "shop_desk:make()"}, "missing a required argument: 'name'"),
        ({"module": "shop_desk:shop", "arguments": {"name": "x"}}, "but shop_desk:shop is not called"),
        ({"module": "shop_desk", "arguments": {"name": "x"}}, "but shop_desk is not called"),
        ({"module": "shop_desk:LOG()"}, "cannot be called; take the"),
        ({"module": "shop_desk:Des"}, "has no 'Des'; did you mean 'Desk'?"),
        ({"module": "shop_desk:shop.sel"}, "has no 'shop.sel'"),
        ({"module": "shop_desk:Desk", "recursive": True}, "recursive is for packages"),
    ],
)
async def test_what_does_not_fit_says_what_to_do(
    desk: Any, tmp_path: Path, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        await PythonToolSource(path=str(tmp_path), **settings).open()
    assert said in str(caught.value)


@pytest.fixture
def package(tmp_path: Path, desk: Any) -> Path:
    """A package with packages below it, which use each other."""
    files = {
        "shop_pkg/__init__.py": "from shop_pkg.stock import count\ndef top() -> int:\n    'Top.'\n    return 1\n",
        "shop_pkg/stock.py": "from lamella import tool\n@tool\ndef count() -> int:\n    'Count.'\n    return 2\n",
        "shop_pkg/_private.py": "raise AssertionError('imported')\n",
        "shop_pkg/sub/__init__.py": "from shop_pkg.stock import count\n",
        "shop_pkg/sub/deep.py": "def below() -> int:\n    'Below.'\n    return 3\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


async def test_the_modules_below_a_package_only_if_asked(package: Path) -> None:
    for recursive, found in ((False, ["count", "top"]), (True, ["count", "top", "below"])):
        source = PythonToolSource(module="shop_pkg", path=str(package), recursive=recursive)
        assert [tool.name for tool in await source.open()] == found
        await source.close()
    assert "shop_pkg.sub.deep" in sys.modules


async def test_several_modules_and_no_name_twice(package: Path) -> None:
    places = ["shop_pkg:top", "shop_desk:Desk", "shop_pkg.sub.deep", "shop_pkg:top"]
    source = PythonToolSource(modules=places[:3], path=str(package))
    assert [tool.name for tool in await source.open()][:2] == ["top", "ping"]
    await source.close()
    with pytest.raises(AgentInputError, match="two tools are called 'top'"):
        await PythonToolSource(modules=places, path=str(package)).open()


async def test_two_sources_need_the_folder_as_long_as_one_is_open(package: Path) -> None:
    before = list(sys.path)
    first = PythonToolSource(module="shop_pkg", path=str(package))
    second = PythonToolSource(module="shop_desk", path=str(package))
    await first.open()
    await second.open()
    assert len(sys.path) == len(before) + 1
    await first.close()
    assert len(sys.path) == len(before) + 1
    await second.close()
    assert sys.path == before


def test_a_table_of_the_configuration(desk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything a table may say: the settings, and the selection that the core makes of it."""
    monkeypatch.setenv("DESK_TOKEN", "t-0123456789")
    (tmp_path / "lamella.toml").write_text(
        """
        [tools.desk]
        source = "python"
        module = "shop_desk:Opened"
        arguments = { name = "south" }
        secrets = { token = { env = "DESK_TOKEN" } }
        include = ["s*", "who"]
        prefix = "desk_"
        approve = ["sell"]
        timeout = 5
        """
    )
    project = Project.load(tmp_path)
    model = ScriptedModel(ToolCallBlock(call_id="1", name="desk_who", arguments={}), "done")
    Agent(model, tools=["desk"], project=project).run("go")
    assert model.requests[1].messages[-1].tool_outputs[0].output == "south"
    assert [tool.name for tool in model.requests[0].tools] == ["desk_sell", "desk_who"]
    assert desk() == ["open", "close"]
    assert "t-0123456789" not in repr(project.tools)


def test_a_secret_in_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lamella.toml").write_text(
        '[tools.desk]\nsource = "python"\nmodule = "m:C"\nsecrets = { token = "t-0123456789" }\n'
    )
    with pytest.raises(ConfigError, match=r"secrets.token is a secret and must not stand in a file"):
        Project.load(tmp_path).build_tool_source("desk")
