"""A conversation remembers what was said; the agent does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import attrs
import pytest

from lamella import (
    Agent,
    AgentExecutionError,
    AgentInputError,
    Event,
    Message,
    ModelRequest,
    Project,
    RunStreamEvent,
    ServerError,
    ToolOutputBlock,
    check_history,
    tool,
)
from lamella.layers import chain
from lamella.memory import Conversation
from lamella.models import Model
from lamella.serial import restore, to_dict
from lamella.specs import RunSummary

from fakes import ScriptedModel, bare, calls, says, usage


class Store:
    """A run store in memory that keeps what a file would."""

    def __init__(self) -> None:
        self.runs: dict[str, list[dict[str, Any]]] = {}

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        for envelope in batch:
            self.runs.setdefault(envelope.run_id, []).append(to_dict(envelope))

    async def load(self, run_id: str) -> Sequence[RunStreamEvent]:
        return restore(self.runs[run_id])

    async def list(self, *, limit: int | None = None) -> Sequence[RunSummary]:
        summaries = [
            RunSummary(run_id=run_id, status="completed", conversation=events[0]["event"].get("conversation"))
            for run_id, events in self.runs.items()
        ]
        return summaries[::-1][:limit]


class Parrot(Model):
    """Says how many things it has heard, and the last of them."""

    provider = "fake"

    async def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
        heard = [message.text for message in request.messages if message.role == "user"]
        await asyncio.sleep(0)
        for event in says(f"{len(heard)}: {heard[-1]}", usage(1, 1)):
            yield event


def parrot(**fields: Any) -> Agent:
    return Agent(Parrot(), name="parrot", project=bare(), **fields)


def texts(conversation: Conversation) -> list[str]:
    return [message.text for message in conversation.messages]


async def test_f_n33_memory_belongs_to_a_conversation_not_to_the_agent() -> None:
    agent = parrot()
    one, two = Conversation(agent), Conversation(agent)
    assert (await one.asend("a")).output == "1: a"
    assert (await one.asend("b")).output == "2: b"
    assert (await two.asend("c")).output == "1: c"
    assert texts(one) == ["a", "1: a", "b", "2: b"]
    assert (await agent.arun("d")).output == "1: d"
    assert one.id != two.id


async def test_f_n33_a_hundred_conversations_at_once_share_nothing() -> None:
    agent = parrot()
    conversations = [Conversation(agent) for _ in range(100)]

    async def speak(number: int) -> list[str]:
        for turn in range(3):
            await conversations[number].asend(f"{number}.{turn}")
        return texts(conversations[number])

    spoken = await asyncio.gather(*map(speak, range(100)))
    for number, said in enumerate(spoken):
        assert said[::2] == [f"{number}.{turn}" for turn in range(3)]
        assert said[-1] == f"3: {number}.2"


def test_it_works_without_a_loop() -> None:
    conversation = Conversation(parrot())
    conversation.send("a")
    assert conversation.send(Message.user("b")).output == "2: b"


async def test_events_come_as_they_do_from_the_agent_and_name_the_conversation() -> None:
    conversation = Conversation(parrot(), id="tea")
    async with conversation.astream("a") as stream:
        events = [event async for event in stream]
    assert events[0].event.conversation == "tea"  # type: ignore[attr-defined]
    assert stream.result.output == "1: a"
    assert stream.run_id == events[0].run_id
    assert texts(conversation) == ["a", "1: a"]


async def test_f_x24_a_stored_conversation_goes_on_after_a_restart() -> None:
    store = Store()
    first = Conversation(parrot(), id="tea", store=store)
    await first.asend("a")
    await Conversation(parrot(), id="coffee", store=store).asend("x")
    await first.asend("b")
    assert len(store.runs) == 3

    again = Conversation(parrot(), id="tea", store=store)
    assert again.messages == ()
    assert (await again.asend("c")).output == "3: c"
    assert texts(again) == ["a", "1: a", "b", "2: b", "c", "3: c"]
    assert texts(Conversation(parrot(), id="coffee", store=store).load()) == ["x", "1: x"]
    assert (await Conversation(parrot(), id="new", store=store).aload()).messages == ()


async def test_a_store_that_the_agent_has_already_gets_each_run_once() -> None:
    store = Store()
    await Conversation(parrot(sinks=[store]), store=store).asend("a")
    (events,) = store.runs.values()
    assert [event["seq"] for event in events] == list(range(len(events)))


async def test_a_second_send_is_refused_while_the_first_is_not_answered() -> None:
    conversation = Conversation(parrot())
    results = await asyncio.gather(conversation.asend("a"), conversation.asend("b"), return_exceptions=True)
    failed = [result for result in results if isinstance(result, AgentExecutionError)]
    assert len(failed) == 1
    assert "is answering something else" in str(failed[0])
    assert len(conversation.messages) == 2
    assert (await conversation.asend("c")).output == "2: c"


async def test_a_send_that_fails_leaves_it_as_it_was_and_can_be_retried() -> None:
    class Moody(Parrot):
        fails = True

        async def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
            if self.fails:
                raise ServerError("down")
            async for event in super().stream(request):
                yield event

    model, store = Moody(), Store()
    conversation = Conversation(Agent(model, project=bare()), id="tea", store=store)
    model.fails = False
    await conversation.asend("a")
    model.fails = True
    with pytest.raises(ServerError):
        await conversation.asend("b")
    assert texts(conversation) == ["a", "1: a"]
    model.fails = False
    restarted = Conversation(conversation.agent, id="tea", store=store)
    assert (await restarted.aretry()).output == "2: b"
    assert (await conversation.aretry()).output == "2: b"
    with pytest.raises(AgentInputError, match="did not fail"):
        await conversation.aretry()


async def test_f_x18_a_retry_repeats_no_tool_that_has_run() -> None:
    """F-X18: what a tool gave is on the record before the failure, and the retry goes on from it."""
    paid: list[int] = []

    @tool
    def pay(amount: int) -> str:
        """Pay."""
        paid.append(amount)
        return "paid"

    class Breaking(ScriptedModel):
        broken = True

        async def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
            if self.broken and request.messages[-1].tool_outputs:
                raise ServerError("down")
            async for event in super().stream(request):
                yield event

    model, store = Breaking(calls(("c1", "pay", '{"amount": 5}')), says("All paid.")), Store()
    agent = Agent(model, tools=[pay], project=bare())
    conversation = Conversation(agent, id="bill", store=store)
    with pytest.raises(ServerError):
        await conversation.asend("Pay 5.")
    assert [message.role for message in conversation.messages] == ["user", "assistant", "user"]
    with pytest.raises(ServerError):
        await conversation.aretry()
    model.broken = False
    restarted = Conversation(agent, id="bill", store=store)
    assert (await restarted.aretry()).output == "All paid."
    assert paid == [5]
    assert check_history(restarted.messages) == ()
    assert len(restarted.messages) == 4


async def test_a_stream_that_is_left_early_frees_the_conversation() -> None:
    conversation = Conversation(parrot())
    async with conversation.astream("a") as stream:
        async for _ in stream:
            break
    assert conversation.messages == ()
    unread = conversation.astream("never")
    with pytest.raises(AgentInputError, match="has not begun"):
        _ = unread.result
    assert (await conversation.asend("b")).output == "1: b"


async def test_a_fork_has_heard_the_same_and_goes_its_own_way() -> None:
    conversation = Conversation(parrot(), id="tea", store=Store())
    with pytest.raises(AgentInputError, match="load"):
        conversation.fork()
    await conversation.asend("a")
    twin = conversation.fork()
    assert (await twin.asend("b")).output == "2: b"
    assert texts(conversation) == ["a", "1: a"]
    assert (
        await Conversation(parrot(), id=twin.id, store=conversation.store).aload()
    ).messages == twin.messages


async def test_layers_remember_the_answer() -> None:
    conversation = Conversation(chain(parrot(), parrot(), project=bare()))
    await conversation.asend("a")
    assert len(conversation.messages) == 2
    await conversation.asend("b")
    assert len(conversation.messages) == 4


async def test_open_calls_at_the_cap_get_an_output() -> None:
    model = ScriptedModel(calls(("c1", "nothing", "{}")), says("ok"))
    agent = Agent(model, max_iterations=1, on_limit="return", project=bare())
    conversation = Conversation(agent)
    await conversation.asend("a")
    assert check_history(conversation.messages) == ()
    assert (await conversation.asend("b")).output == "ok"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"id": ""}, "not empty"),
        ({"id": 3}, "not empty"),
        ({"store": object()}, "needs a run store"),
        ({"messages": [Message.user([ToolOutputBlock(call_id="c", output="x")])]}, "unknown_result_id"),
    ],
)
def test_what_it_is_not_made_of(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(AgentInputError, match=words):
        Conversation(parrot(), **fields)
    with pytest.raises(AgentInputError, match="needs an agent"):
        Conversation("sim:demo")  # type: ignore[arg-type]


async def test_only_the_user_speaks() -> None:
    conversation = Conversation(parrot())
    with pytest.raises(AgentInputError, match="said by the user"):
        await conversation.asend(Message.assistant("I say."))
    with pytest.raises(AgentInputError, match="outputs of tools"):
        await conversation.asend(Message.user([ToolOutputBlock(call_id="c", output="x")]))


async def test_a_store_is_named_as_the_project_names_it(tmp_path: Any) -> None:
    """A store that the project has switched on gets each run once."""
    pytest.importorskip("lamella_jsonl")
    (tmp_path / "lamella.toml").write_text(f'[sink.jsonl]\npath = "{tmp_path.as_posix()}/runs"\n')
    project = Project.load(tmp_path)
    agent = Agent(Parrot(), project=project)
    conversation = Conversation(agent, id="tea", store="jsonl")
    await conversation.asend("a")
    (file,) = (tmp_path / "runs").iterdir()
    assert len(file.read_text().splitlines()) == 6
    again = Conversation(agent, id="tea", store="jsonl")
    assert (await again.asend("b")).output == "2: b"


async def test_a_conversation_with_a_typed_agent_gives_typed_answers() -> None:
    @attrs.frozen
    class City:
        name: str

    model = ScriptedModel(says('{"name": "Jena"}'), says('{"name": "Ulm"}'))
    conversation = Conversation(Agent(model, output_type=City, project=bare()))
    assert (await conversation.asend("Where?")).value == City(name="Jena")
    partials = [partial async for partial in conversation.astream("And then?").partials()]
    assert partials[-1].value == City(name="Ulm")
    assert len(conversation.messages) == 4
