"""``Recording``: what is refused and why, what is forced, what a changed agent is found by. F-X18."""

from __future__ import annotations

import asyncio
import socket
import urllib.request
from typing import Any

import attrs
import pytest

from lamella import (
    Agent,
    AgentInputError,
    ConfigError,
    ErrorCode,
    Message,
    Recording,
    ReplayMismatchError,
    StoreError,
    TokenUsage,
    Tool,
    fold,
    tool,
)
from lamella.models.digests import RequestDigests
from lamella.models.request import ModelRequest
from lamella.recordings.offline import offline
from lamella.runlog import RunLog
from lamella_sim import ChatSim, Reasoning, Script, ToolCall

from memory_store import MemoryStore
from scenarios import INPUT, add, effects, made


async def stored(name: str = "tools", cut: int | None = None, **options: Any) -> tuple[MemoryStore, str]:
    store = MemoryStore()
    result = await made(name, journal=store, **options).arun(INPUT)
    if cut is not None:
        store.cut(result.run_id, cut)
    return store, result.run_id


class Claimed(MemoryStore):
    """Somebody else writes the run."""

    async def claim(self, run_id: str, *, force: bool = False) -> None:
        if not force:
            raise StoreError(f"run {run_id} is being written", error_code=ErrorCode.STORE_CONFLICT)


# -- resume -----------------------------------------------------------------------------------------


async def test_only_an_interrupted_run_is_resumed() -> None:
    store, run_id = await stored()
    recording = await Recording.aload(store, run_id)
    with pytest.raises(AgentInputError, match=r"has ended\. Only an interrupted run is resumed; fork it"):
        await recording.aresume(made("tools"))
    with pytest.raises(AgentInputError, match="was not read from a store"):
        await Recording(recording.events).aresume(made("tools"))
    with pytest.raises(AgentInputError, match=r"a run begins with stream\.start"):
        Recording(recording.events[1:])
    with pytest.raises(AgentInputError, match="stored without an event"):
        Recording([])


async def test_a_run_that_is_being_written_is_left_alone() -> None:
    store = Claimed()
    result = await made("tools", journal=store).arun(INPUT)
    store.cut(result.run_id, 9)
    before = dict(store.lines[result.run_id])
    recording = await Recording.aload(store, result.run_id)
    watching = MemoryStore()
    agent = made("tools", sinks=[watching])
    with pytest.raises(StoreError, match="is being written"):
        await recording.aresume(agent)
    assert store.lines[result.run_id] == before
    assert watching.batches == []
    assert (await recording.aresume(agent, force=True)).output == "Three, seven."


async def test_what_was_written_since_is_taken_into_account() -> None:
    store, run_id = await stored(cut=9)
    early = await Recording.aload(store, run_id)
    await (await Recording.aload(store, run_id)).aresume(made("tools"))
    with pytest.raises(AgentInputError, match="has ended"):
        await early.aresume(made("tools"))


def test_the_four_ways_to_resume_and_to_fork() -> None:
    async def aresume(recording: Recording) -> Any:
        return await recording.aresume(made("tools"))

    def stream(events: Any) -> Any:
        for _ in events:
            pass
        return events.result

    async def astream(events: Any) -> Any:
        async for _ in events:
            pass
        return events.result

    ways = {
        "resume": lambda r: r.resume(made("tools")),
        "aresume": lambda r: asyncio.run(aresume(r)),
        "resume_stream": lambda r: stream(r.resume_stream(made("tools"))),
        "resume_astream": lambda r: asyncio.run(astream(r.resume_astream(made("tools")))),
        "fork": lambda r: r.fork(made("tools"), at=3),
        "afork": lambda r: asyncio.run(r.afork(made("tools"), at=3)),
        "fork_stream": lambda r: stream(r.fork_stream(made("tools"), at=3)),
        "fork_astream": lambda r: asyncio.run(astream(r.fork_astream(made("tools"), at=3))),
    }
    for name, go in ways.items():
        store, run_id = asyncio.run(stored(cut=9))
        result = go(Recording.load(store, run_id))
        assert result.output == "Three, seven.", name
        assert (result.run_id == run_id) is ("resume" in name)
        assert fold(asyncio.run(store.load(result.run_id))) == result


async def test_another_agent_is_refused_and_says_what_differs() -> None:
    store, run_id = await stored(cut=24)
    recording = await Recording.aload(store, run_id)
    changed = [
        (attrs.evolve(made("tools"), system_instruction="Be rude."), "its system differs"),
        (attrs.evolve(made("tools"), tools=[]), "its tools differs"),
        (
            attrs.evolve(made("tools"), model=ChatSim(delay=0.001)),
            "its model differs",
        ),
        (attrs.evolve(made("tools"), tool_choice="required"), "its options differs"),
    ]
    for agent, said in changed:
        with pytest.raises(ReplayMismatchError, match=said) as raised:
            await recording.aresume(agent)
        assert raised.value.error_code is ErrorCode.REPLAY_MISMATCH
        assert "force it" in raised.value.message
        assert raised.value.partial.status == "interrupted"
        assert (
            len(await store.load(run_id)) == 24
        )  # a refusal changes nothing: the right agent can still go on
    result = await recording.aresume(changed[0][0], force=True)
    assert result.output == "Three, seven."


async def test_what_cannot_begin_leaves_the_run_as_it_was() -> None:
    store, run_id = await stored(cut=9)
    watching = MemoryStore()
    broken = attrs.evolve(made("tools"), tools=["no such source"], sinks=[watching])
    with pytest.raises(ConfigError, match="no tool source"):
        await (await Recording.aload(store, run_id)).aresume(broken)
    stream = (await Recording.aload(store, run_id)).resume_astream(made("many_turns"))
    await stream.aclose()
    assert len(await store.load(run_id)) == 9
    assert watching.batches == []
    assert (await (await Recording.aload(store, run_id)).aresume(made("tools"))).output == "Three, seven."


async def test_an_unknown_call_is_told_and_an_idempotent_one_made_again() -> None:
    for idempotent in (False, True):
        effects.clear()
        agent = attrs.evolve(made("tools"), tools=[attrs.evolve(add, idempotent=idempotent)])
        store = MemoryStore()
        live = await attrs.evolve(agent, journal=store).arun(INPUT)
        events = await store.load(live.run_id)
        last_start = max(each.seq for each in events if each.type == "tool.start")
        store.cut(live.run_id, last_start + 1)
        effects.clear()
        stream = (await Recording.aload(store, live.run_id)).resume_astream(agent)
        new = [event async for event in stream]
        assert len(new[0].event.unknown) == 2
        errors = [item for item in stream.result.new_items if getattr(item, "is_error", False)]
        assert len(errors) == (0 if idempotent else 2)
        assert len(effects) == (2 if idempotent else 0)


async def test_the_usage_of_a_cut_response_stays_unknown_and_the_rest_is_counted_once() -> None:
    store, run_id = await stored("many_turns")
    whole = fold(await store.load(run_id))
    events = await store.load(run_id)
    second = [each.seq for each in events if each.type == "response.done"][1]
    store.cut(run_id, second)
    result = await (await Recording.aload(store, run_id)).aresume(made("many_turns"))
    assert result.token_usage == whole.token_usage
    assert result.timing.duration is not None
    assert result.started_at == whole.started_at


async def test_what_was_so_far_is_there() -> None:
    store, run_id = await stored("plain", cut=5)
    recording = await Recording.aload(store, run_id)
    assert recording.result.status == "interrupted"
    assert recording.output_so_far == "Hello there, how are"
    assert repr(recording) == f"Recording({run_id!r}, 5 events, interrupted)"


# -- fork -------------------------------------------------------------------------------------------


async def test_a_fork_costs_only_what_it_asks_anew() -> None:
    store, run_id = await stored("many_turns")
    recording = await Recording.aload(store, run_id)
    effects.clear()
    forked = await recording.afork(made("many_turns"))  # at the last response
    whole = recording.result
    assert effects == []
    assert forked.output == whole.output
    cached = [each.event for each in await store.load(forked.run_id) if each.type == "response.done"]
    assert [event.cached for event in cached] == [True, True, True, True, False]
    assert cached[0].token_usage == TokenUsage(input_tokens=0, output_tokens=0, total_tokens=0)
    assert forked.token_usage is not None
    assert whole.token_usage is not None
    assert forked.token_usage.input_tokens == whole.messages[-1].usage.input_tokens  # type: ignore[union-attr]


async def test_a_fork_moves_to_another_model_with_its_losses() -> None:
    turns = ([Reasoning(summary="Hm.", text="…"), ToolCall("add", {"a": 1, "b": 1})], "Two.")
    agent = Agent(ChatSim(script=Script.of(*turns)), tools=[add])
    store = MemoryStore()
    first = await attrs.evolve(agent, journal=store).arun(INPUT)
    recording = await Recording.aload(store, first.run_id)
    other = ChatSim(script=lambda request: f"I heard {len(request.messages)} messages.")
    plan = recording.transplant(other)
    assert plan.possible
    forked = await recording.afork(agent, model=other)
    assert forked.output == "I heard 3 messages."
    assert forked.run.model == "demo"


async def test_where_a_run_can_be_forked() -> None:
    store, run_id = await stored()
    recording = await Recording.aload(store, run_id)
    last = recording.events[-1].seq
    for at in (0, last + 2, True, "3"):
        with pytest.raises(AgentInputError, match=f"can be forked at events 1 to {last + 1}"):
            recording.fork_astream(made("tools"), at=at)  # type: ignore[arg-type]
    layered, other = await stored("chained")
    with pytest.raises(AgentInputError, match="is one of layers"):
        (await Recording.aload(layered, other)).until()
    elsewhere = MemoryStore()
    forked = await recording.afork(made("tools"), at=2, store=elsewhere)
    assert list(elsewhere.lines) == [forked.run_id]
    loose = await Recording(recording.events).afork(made("tools"), at=2)
    assert loose.output == "Three, seven."


# -- verify -----------------------------------------------------------------------------------------


async def test_a_changed_agent_is_found() -> None:
    store, run_id = await stored()
    recording = await Recording.aload(store, run_id)
    for agent, said in [
        (attrs.evolve(made("tools"), system_instruction="Be rude."), "its system differs"),
        (attrs.evolve(made("tools"), name="other"), "event 0 is stream.start {'agent': 'other'}"),
        (attrs.evolve(made("tools"), max_iterations=1), "stream.error"),
        (attrs.evolve(made("tools"), tools=[attrs.evolve(add, description="Adds.")]), "its tools differs"),
    ]:
        found = await recording.averify(agent)
        assert not found.ok
        assert said in found.problems[0]
        with pytest.raises(ReplayMismatchError, match="does not come out of its log again"):
            found.raise_for_problems()
    found = await recording.averify(made("tools"))
    found.raise_for_problems()
    assert recording.verify(made("tools")) == found


async def test_a_run_that_was_cut_is_verified_as_far_as_it_goes() -> None:
    for name in ("tools", "nested", "side_by_side"):
        store, run_id = await stored(name)
        events = await store.load(run_id)
        for cut in range(1, len(events)):
            found = await Recording(events[:cut]).averify(made(name))
            assert found.ok, (name, cut, found.problems)
            assert not found.whole


async def test_a_log_that_nobody_listened_to_has_no_digests() -> None:
    events = [event async for event in made("tools").astream(INPUT)]
    found = await Recording(events).averify(made("tools"))
    assert found.ok
    assert (found.requests, found.unchecked) == (0, 2)


async def test_while_it_is_verified_nothing_reaches_the_network() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{server.getsockname()[1]}/"

    class Calling:
        name = "calling"

        async def check_input(self, text: str) -> Any:
            await asyncio.to_thread(urllib.request.urlopen, url, timeout=5)

        async def check_output(self, text: str) -> Any:
            raise AssertionError

    store, run_id = await stored("plain")
    agent = attrs.evolve(made("plain"), guardrails=[Calling()])
    found = await (await Recording.aload(store, run_id)).averify(agent)
    assert not found.ok
    server.settimeout(0.2)
    with pytest.raises(TimeoutError):
        server.accept()
    with offline(), pytest.raises(ReplayMismatchError, match="the network is blocked"):
        socket.create_connection(server.getsockname(), timeout=1)
    with offline(), pytest.raises(ReplayMismatchError, match="example"):
        socket.getaddrinfo("example.invalid", 80)
    socket.create_connection(server.getsockname(), timeout=1).close()  # and outside it works
    server.close()


# -- digests ----------------------------------------------------------------------------------------


def test_digests_tell_requests_apart_by_their_parts_and_nothing_else() -> None:
    model = ChatSim()
    one = ModelRequest.of("hello", tools=[add], system_instruction="s")
    same = ModelRequest.of("hello", tools=[attrs.evolve(add)], system_instruction="s")
    assert RequestDigests(model).of(one) == RequestDigests(model).of(same)

    def differ(**changes: Any) -> set[str]:
        before, after = RequestDigests(model).of(one), RequestDigests(model).of(attrs.evolve(one, **changes))
        return {name for name in before if before[name] != after[name]}

    @tool
    def other(a: int) -> int:
        """Other."""
        return a

    assert differ(system_instruction="t") == {"system"}
    assert differ(tools=[other]) == differ(tools=[Tool(add.func, add.coroutine, name="plus")]) == {"tools"}
    assert differ(messages=[Message.user("hallo")]) == {"messages"}
    assert differ(messages=[Message.user("hello"), Message.user("hello")]) == {"messages"}
    assert differ(messages=[Message.assistant("hello")]) == {"messages"}
    assert differ(tool_choice="required") == differ(plain_input=False) == {"options"}
    assert differ(messages=[attrs.evolve(one.messages[0], usage=TokenUsage(input_tokens=1))]) == set()


def test_digests_of_a_growing_history_are_those_of_the_whole() -> None:
    messages = [Message.user(str(n)) if n % 2 else Message.assistant(str(n)) for n in range(1, 9)]
    growing = RequestDigests(ChatSim())
    for end in (*range(1, 9), 3, 8):
        request = ModelRequest(messages=tuple(messages[:end]))
        assert growing.of(request) == RequestDigests(ChatSim()).of(request)


def test_a_log_of_calls_with_one_id_knows_them_apart() -> None:
    """A provider may give one id to several calls of a turn."""
    store = MemoryStore()
    counting: list[int] = []

    @tool
    async def count(n: int) -> int:
        """Count."""
        counting.append(n)
        return n

    class Same(ChatSim):
        async def stream(self, request: Any) -> Any:
            async for event in super().stream(request):
                yield attrs.evolve(event, call_id="c") if event.type.startswith("tool.call") else event

    calls = [ToolCall("count", {"n": n}) for n in range(3)]
    agent = Agent(Same(script=Script.of(calls, "Done.")), tools=[count])
    result = attrs.evolve(agent, journal=store).run("go")
    events = asyncio.run(store.load(result.run_id))
    log = RunLog(events)
    assert [call.answer.output for call in log.agent(()).turns[0].calls if call.answer] == [0, 1, 2]  # type: ignore[union-attr]
    assert Recording(events).verify(agent).ok


async def test_a_store_that_cannot_be_opened_leaves_the_run_as_it_was() -> None:
    class Shut(MemoryStore):
        async def open(self) -> None:
            raise StoreError("the server is away")

    store, run_id = await stored(cut=9)
    shut = Shut()
    shut.lines = store.lines
    stream = (await Recording.aload(shut, run_id)).resume_astream(made("tools"))
    with pytest.raises(StoreError, match="the server is away"):
        async for _ in stream:
            pass
    assert stream.result.status == "interrupted"
    assert len(await store.load(run_id)) == 9
