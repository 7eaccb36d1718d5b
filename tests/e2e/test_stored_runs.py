"""A run read back from JSON lines folds to the result of the live run: every kind of run, failed and cancelled ones too."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from lamella import Agent, LamellaError, Message, RunResult, check_history, fold, repair_history, tool
from lamella_image import ImageContent
from lamella_jsonl import JSONLStore
from lamella_sim import ChatSim, Delay, Error, Reasoning, Refusal, Script, Structured, Text, ToolCall

from fakes import bare

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cf500f0003"
    "860180b34fcd6e0000000049454e44ae426082"
)


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool
def fail(why: str) -> str:
    """Fail for a reason."""
    raise RuntimeError(why)


@tool
def chart() -> list[Any]:
    """Draw a chart."""
    return ["the chart:", ImageContent.from_bytes(PIXEL, "image/png")]


SCENARIOS: dict[str, tuple[Script, Any]] = {
    "text": (Script.of("Hello, world. \u2014 na\u00efve \U0001f600"), "hi"),
    "empty answer": (Script.of([]), "hi"),
    "tools": (
        Script.of(
            [Text("Adding. "), ToolCall("add", {"a": 1, "b": 2}), ToolCall("add", {"a": 3, "b": 4})],
            [ToolCall("fail", {"why": "no reason"}), ToolCall("nothing", {})],
            [ToolCall("add", arguments_json='{"a": 1,')],
            "3 and 7.",
        ),
        "go",
    ),
    "reasoning": (Script.of([Reasoning(summary="Hm.", signature="c2ln"), Text("So: 4.")]), "2 + 2?"),
    "structured": (Script.of([Structured({"answer": [1, None, {"deep": True}]})]), "as JSON"),
    "refusal": (Script.of([Refusal("I will not.")]), "do it"),
    "image in": (
        Script.of("A pixel."),
        [Message.user(["Describe:", ImageContent.from_bytes(PIXEL, "image/png")])],
    ),
    "image from a tool": (Script.of([ToolCall("chart", {})], "A chart."), "draw"),
}


def agent(script: Script, store: JSONLStore) -> Agent:
    return Agent(
        ChatSim(script=script), name="tester", tools=[add, fail, chart], sinks=[store], project=bare()
    )


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("deltas", [True, False])
async def test_f_sto01_what_is_read_back_is_the_live_result(
    scenario: str, deltas: bool, tmp_path: Path
) -> None:
    script, prompt = SCENARIOS[scenario]
    live = await agent(script, JSONLStore(tmp_path, deltas=deltas)).arun(prompt)
    stored = await JSONLStore(tmp_path).load(live.run_id)
    assert fold(stored) == live
    if deltas:
        assert stored[-1].output == "".join(message.text for message in live.messages)


async def test_a_failed_run(tmp_path: Path) -> None:
    script = Script.of([Text("Once upon a time"), Error(status=503, message="down")])
    with pytest.raises(LamellaError) as caught:
        await agent(script, JSONLStore(tmp_path)).arun("tell")
    live = caught.value.partial
    assert isinstance(live, RunResult)
    assert live.output == "Once upon a time"
    assert fold(await JSONLStore(tmp_path).load(live.run_id)) == live


async def test_a_run_cancelled_while_it_streams(tmp_path: Path) -> None:
    stream = agent(Script.of([Text("one two three"), Delay(60)]), JSONLStore(tmp_path)).astream("count")
    told = asyncio.Event()

    async def consume() -> None:
        async for event in stream:
            if event.output.endswith("three"):
                told.set()

    task = asyncio.create_task(consume())
    await told.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    live = stream.result
    assert live.status == "cancelled"
    assert live.output == "one two three"
    assert fold(await JSONLStore(tmp_path).load(live.run_id)) == live


async def test_a_run_abandoned_by_its_consumer_in_a_tool(tmp_path: Path) -> None:
    @tool
    async def hang() -> str:
        """Hang."""
        await asyncio.sleep(60)
        return "never"

    store = JSONLStore(tmp_path)
    hanging = Agent(
        ChatSim(script=Script.of([ToolCall("hang", {})])), tools=[hang], sinks=[store], project=bare()
    )
    async with hanging.astream("go") as stream:
        async for event in stream:
            if event.type == "response.done":
                break
    live = stream.result
    assert fold(await JSONLStore(tmp_path).load(live.run_id)) == live
    history = [Message.user("go"), *live.messages]
    assert [issue.kind for issue in check_history(history)] == ["missing_result"]
    assert check_history(repair_history(history)) == ()


async def test_nested_agents(tmp_path: Path) -> None:
    helper = Agent(ChatSim(script=Script.of("42")), name="helper", project=bare())
    boss = Agent(
        ChatSim(script=Script.of([ToolCall("helper", {"prompt": "6 x 7?"})], "It is 42.")),
        name="boss",
        tools=[helper],
        sinks=[JSONLStore(tmp_path)],
        project=bare(),
    )
    live = await boss.arun("?")
    assert len(list(live.run.walk())) == 2
    assert fold(await JSONLStore(tmp_path).load(live.run_id)) == live
