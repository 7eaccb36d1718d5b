"""Defects: each is the correct tool source with one thing wrong, and the tests of the kit that must fail."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import larder.heavy
import larder.plugin
from larder.source import NOTHING, Larder
from larder_suites import larder_suite

import lamella
from lamella import MediaContent, Tool, ToolSourceSpec
from lamella_testing import ToolSourceConformance

__all__ = ["DEFECTS", "Defect", "suite"]


@attrs.frozen
class Defect:
    """A class of sources and a plugin with one thing wrong, and the names of the tests that must fail, all of them."""

    kind: type[Any]
    plugin: types.ModuleType | None
    caught_by: frozenset[str]
    given: Mapping[str, Any]


DEFECTS: dict[str, Defect] = {}
SLOW = {
    "test_a_timeout_is_honoured", "test_close_during_a_call", "test_close_under_a_call",
    "test_a_cancelled_run_leaves_nothing",
}  # fmt: skip


def suite(name: str) -> type[ToolSourceConformance]:
    """The kit for a defect."""
    found = DEFECTS[name]
    return larder_suite(found.kind, found.plugin, **found.given)


def defect(*caught_by: str, **given: Any) -> Callable[[type[Any]], type[Any]]:
    """Register a class of sources as a defect; its name says what it is."""

    def register(kind: type[Any]) -> type[Any]:
        tests = frozenset(f"test_{test}" for test in caught_by)
        slow = {} if tests & SLOW else {"slow_calls": ()}  # for the time it takes
        DEFECTS[kind.__name__] = Defect(kind, None, tests, {"settings": None, **slow, **given})
        return kind

    return register


def plugin_defect(name: str, *caught_by: str, api: str = "1.0", **wrong: Any) -> None:
    """Register a wrong spec as a defect."""
    spec = {
        "id": "larder", "summary": "jam", "factory": "larder.source:Larder",
        "settings": "larder.settings:LarderSettings", **wrong,
    }  # fmt: skip

    @lamella.hookimpl
    def lamella_tool_source() -> ToolSourceSpec:
        return ToolSourceSpec(**spec)

    module = types.ModuleType(f"larder_defect_{name}")
    vars(module).update(lamella_api=api, lamella_tool_source=lamella_tool_source)
    tests = frozenset(f"test_{test}" for test in caught_by)
    DEFECTS[name] = Defect(Larder, module, tests, {"slow_calls": ()})


# -- the plugin ---------------------------------------------------------------------------------------

DEFECTS["imports_a_library"] = Defect(
    Larder, larder.heavy, frozenset({"test_the_plugin_module_is_light"}), {}
)
plugin_defect("newer_api", "the_plugin_is_usable", api="2.0")
plugin_defect("no_summary", "the_spec_says_what_it_is", summary=" ")
plugin_defect("no_source", "a_table_makes_the_source", factory=lambda **settings: object())


@attrs.frozen(kw_only=True)
class TakesTheSelection:
    token: str = lamella.secret()
    include: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class OpenToken:
    token: str


@attrs.frozen(kw_only=True)
class TakesMore:
    token: str = lamella.secret()
    colour: str = "red"


plugin_defect(
    "takes_the_selection", "the_settings_leave_the_selection_alone", "the_settings_fit_the_factory",
    settings=TakesTheSelection,
)  # fmt: skip
plugin_defect("open_token", "secret_settings_are_secret", settings=OpenToken)
plugin_defect("takes_more", "the_settings_fit_the_factory", settings=TakesMore)


# -- the protocol -------------------------------------------------------------------------------------


@defect("it_is_a_tool_source")
class NotAwaitedClose(Larder):
    def close(self) -> Any:  # type: ignore[override]
        return super().close()


@defect(
    "making_it_starts_nothing",
    "nothing_is_left_after_close",
    "an_opening_that_fails_leaves_nothing",
    "an_opening_that_is_cancelled_leaves_nothing",
)
class StartsWhenMade(Larder):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.early = socket.socket()

    def __del__(self) -> None:
        self.early.close()


@defect("making_it_starts_nothing")
class ConnectsWhenMade(Larder):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        with socket.socket() as early:
            early.connect_ex(("127.0.0.1", 9))


@defect("open_returns_tools")
class ReturnsFunctions(Larder):
    async def open(self) -> Any:
        return [*await super().open(), print]


@defect("names_are_distinct_and_legal", "refresh_gives_all_tools_after_a_change", "an_agent_uses_it")
class SameName(Larder):
    def tools(self) -> Any:
        return [*super().tools(), self.tool(self.look, "look", "Look again.", NOTHING)]


@defect("names_are_distinct_and_legal")
class DottedName(Larder):
    def tools(self) -> Any:
        return [*super().tools(), self.tool(self.look, "look.again", "Look again.", NOTHING)]


@defect("tools_are_described")
class NoDescription(Larder):
    def tools(self) -> Any:
        return [*super().tools(), self.tool(self.look, "again", " ", NOTHING)]


class OddSchema(Larder):
    schema: Any = NOTHING
    options: Any = {}

    def tools(self) -> Any:
        return [*super().tools(), self.tool(self.look, "odd", "Odd.", self.schema, **self.options)]


@defect("input_schemas_are_valid_and_of_objects")
class NoObject(OddSchema):
    schema = {"properties": {"x": {"type": "string"}}}


@defect("input_schemas_are_valid_and_of_objects", "schemas_become_strict_or_say_why")
class InvalidSchema(OddSchema):
    schema = {"type": "object", "properties": {"x": {"type": "text"}}}


@defect("input_schemas_are_valid_and_of_objects", "schemas_become_strict_or_say_why")
class LostReference(OddSchema):
    schema = {"type": "object", "properties": {"x": {"$ref": "#/$defs/nowhere"}}}


@defect("output_schemas_are_valid")
class InvalidOutputSchema(OddSchema):
    options = {"output_schema": {"type": "anything"}}


@defect("schemas_become_strict_or_say_why")
class StrictInVain(OddSchema):
    schema = {"type": "object", "properties": {"x": {"type": "object", "additionalProperties": True}}}
    options = {"strict": True}


# -- lifetimes ----------------------------------------------------------------------------------------


@defect("it_can_be_opened_again")
class OpensOnce(Larder):
    done = False

    async def open(self) -> Any:
        if self.done:
            raise RuntimeError("used up")
        return await super().open()

    async def close(self) -> None:
        self.done = True
        await super().close()


@defect("two_sources_at_once")
class SharesState(Larder):
    shared: dict[str, int] = {}
    users: list[Any] = []

    async def start(self) -> None:
        await super().start()
        if not self.users:
            self.shared.clear()
        self.users.append(self)
        self.kept = self.shared

    async def close(self) -> None:
        self.users[:] = [user for user in self.users if user is not self]
        await super().close()


LEFT = (
    "nothing_is_left_after_close",
    "close_during_a_call",
    "close_under_a_call",
    "a_cancelled_run_leaves_nothing",
)


@defect(*LEFT, "an_opening_that_is_cancelled_leaves_nothing")
class LeavesATask(Larder):
    async def start(self) -> None:
        await super().start()
        self.other = asyncio.create_task(self.watch())


@defect(*LEFT, "an_opening_that_is_cancelled_leaves_nothing")
class LeavesAThread(Larder):
    async def start(self) -> None:
        threading.Thread(target=time.sleep, args=(30,), name="forgotten", daemon=True).start()
        await super().start()


@defect(*LEFT, "an_opening_that_is_cancelled_leaves_nothing")
class LeavesASocket(Larder):
    async def start(self) -> None:
        self.forgotten = socket.socket()
        KEPT.append(self.forgotten)
        await super().start()


@defect(*LEFT, "an_opening_that_is_cancelled_leaves_nothing")
class LeavesAProcess(Larder):
    async def start(self) -> None:
        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"])  # noqa: ASYNC220  # the defect
        KEPT.append(process)
        await super().start()


KEPT: list[Any] = []


@defect("an_opening_that_fails_is_a_typed_error", "the_secret_is_seen_nowhere")
class LeaksInTheError(Larder):
    async def open(self) -> Any:
        if self.shelf == "none":
            raise OSError(f"401 for {self.token}")
        return await super().open()


@defect("an_opening_that_fails_leaves_nothing")
class HalfOpen(Larder):
    async def open(self) -> Any:
        if self.shelf == "none":
            KEPT.append(socket.socket())
        return await super().open()


@defect("an_opening_that_is_cancelled_leaves_nothing")
class NoCleaningUp(Larder):
    async def open(self) -> Any:
        if self.shelf == "none":
            return await super().open()
        await self.start()
        await asyncio.sleep(0.02)
        return self.tools()


# -- calls --------------------------------------------------------------------------------------------


@defect("calls_give_what_they_should", "an_agent_uses_it", "it_can_be_opened_again", "two_sources_at_once",
        "a_failing_call_is_an_error_output", "a_timeout_is_honoured")  # fmt: skip
class WrongResult(Larder):
    async def put(self, item: str, count: int) -> int:
        return 1 + await super().put(item, count)


@defect("outputs_can_be_stored")
class BareMedia(Larder):
    async def look(self) -> Any:
        return [MediaContent(data=b"x", mime_type="image/png"), "a photo"]


@defect("calls_at_once")
class MixesUp(Larder):
    async def count(self, item: str) -> Any:
        self.item = item
        await super().count(item)
        return {"item": self.item, "letters": len(self.item)}


@defect("a_failing_call_is_an_error_output")
class FailureIsText(Larder):
    async def count(self, item: str) -> Any:
        try:
            return await super().count(item)
        except lamella.AgentToolExecutionError as error:
            return str(error)


@defect("a_failing_call_is_an_error_output")
class SilentFailure(Larder):
    async def count(self, item: str) -> Any:
        with contextlib.suppress(lamella.AgentToolExecutionError):
            return await super().count(item)
        raise RuntimeError


@defect("arguments_are_declared", "bad_arguments_do_not_reach_the_source")
class HidesArguments(Larder):
    def tools(self) -> Any:
        put, *others = super().tools()
        schema = {"type": "object", "properties": {"item": {"type": "string"}}, "required": ["item"]}
        return [attrs.evolve(put, input_schema=schema), *others]


@defect("bad_arguments_do_not_reach_the_source")
class TakesAnything(Larder):
    def tools(self) -> Any:
        put, *others = super().tools()
        loose = {"type": "object", "properties": {"item": {}, "count": {}}}
        return [attrs.evolve(put, input_schema=loose), *others]


@defect("a_timeout_is_honoured", "close_during_a_call", "a_cancelled_run_leaves_nothing")
class IgnoresCancelling(Larder):
    async def wait(self) -> str:
        end = time.monotonic() + 1.6
        while time.monotonic() < end:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.05)
        return "at last"


@defect("close_under_a_call")
class CloseWaitsForCalls(Larder):
    async def start(self) -> None:
        await super().start()
        self.free = asyncio.Event()
        self.free.set()

    async def wait(self) -> str:
        self.free.clear()
        try:
            return await super().wait()
        finally:
            self.free.set()

    async def close(self) -> None:
        if hasattr(self, "free"):
            await self.free.wait()
        await super().close()


class OddTool(Tool):
    """A tool that cannot be copied."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{key: value for key, value in options.items() if key != "timeout"})
        if options.get("timeout"):
            raise TypeError("no timeout for this one")


@defect("tools_are_plain_data", "a_timeout_is_honoured")
class OwnTools(Larder):
    def tool(
        self, coroutine: Any, name: str, description: str, schema: dict[str, Any], **options: Any
    ) -> Tool:
        return OddTool(
            coroutine=coroutine, name=name, description=description, input_schema=schema, **options
        )


# -- changes and secrets ------------------------------------------------------------------------------


@defect("refresh_is_cheap_and_says_nothing_new", "refresh_gives_all_tools_after_a_change")
class AlwaysNew(Larder):
    async def refresh(self) -> Any:
        return self.tools()


@defect("refresh_is_cheap_and_says_nothing_new")
class AsksTheServer(Larder):
    async def refresh(self) -> Any:
        with socket.socket() as asking:
            asking.connect_ex(self.server.sockets[0].getsockname())
        return await super().refresh()


@defect("refresh_gives_all_tools_after_a_change")
class SaysItTwice(Larder):
    async def refresh(self) -> Any:
        found = await super().refresh()
        self.changed = found is not None
        return found


@defect("the_secret_is_seen_nowhere")
class ShowsTheToken(Larder):
    def __repr__(self) -> str:
        return f"Larder({self.token})"


@defect("the_secret_is_seen_nowhere")
class LogsTheToken(Larder):
    async def ask(self, text: str) -> str:
        logging.getLogger("larder").debug("asking with %s", self.token)
        return await super().ask(text)
