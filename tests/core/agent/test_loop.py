"""The agent loop keeps its promises whatever the model does."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import pytest

from lamella import (
    Agent,
    AgentExecutionError,
    AgentInputError,
    AgentMaxIterationsError,
    AgentParsingError,
    Message,
    MessageOutputDelta,
    MessageOutputDone,
    PromptTemplate,
    ResponseDone,
    RunResult,
    RunStreamEvent,
    ServerError,
    StreamEnd,
    StreamError,
    StreamInterruptedError,
    StreamStart,
    ToolCallDelta,
    ToolCallDone,
    ToolCallOutputItem,
    ToolOutputDone,
    check_history,
    fold,
    from_json,
    repair_history,
    to_json,
    tool,
)

from fakes import Recorder, ScriptedModel, bare, calls, says, usage


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def agent(model: ScriptedModel, **options: Any) -> Agent:
    return Agent(model, project=bare(), **options)


def adding() -> ScriptedModel:
    return ScriptedModel(
        calls(("c1", "add", '{"a": 1, "b": 2}'), text="Let me add. ", tokens=usage(10, 4)),
        says("The sum is 3.", usage(7, 3)),
    )


# -- shape of a run -------------------------------------------------------------------------------


def test_f_loop06_golden_trace_message_call_output_message() -> None:
    result = agent(adding(), tools=[add]).run("1 + 2?")
    assert [item.type for item in result.new_items] == [
        "message.output.item",
        "tool.call.item",
        "tool.output.item",
        "message.output.item",
    ]
    assert result.output == "The sum is 3."
    assert result.stop_reason == "end_turn"
    assert result.status == "completed"
    assert [message.role for message in result.messages] == ["assistant", "user", "assistant"]


def test_f_use05_f_use06_each_response_is_counted_once() -> None:
    result = agent(adding(), tools=[add]).run("1 + 2?")
    assert result.token_usage is not None
    assert (result.token_usage.input_tokens, result.token_usage.output_tokens) == (17, 7)
    assert result.token_usage.total_tokens == 24


async def test_f_evt07_start_first_terminal_last_nothing_between_turns() -> None:
    seen = [event.type async for event in agent(adding(), tools=[add]).astream("1 + 2?")]
    assert seen == [
        "stream.start",
        "message.output.delta",
        "message.output.done",
        "tool.call.done",
        "response.done",
        "tool.start",
        "tool.output.done",
        "message.output.delta",
        "message.output.delta",
        "message.output.done",
        "response.done",
        "stream.end",
    ]


async def test_f_loop02_the_four_ways_to_run_give_equal_results() -> None:
    def shape(result: RunResult) -> tuple[Any, ...]:
        return result.output, result.messages, result.token_usage, [item.type for item in result.new_items]

    fresh = agent(adding(), tools=[add])
    ran = await asyncio.to_thread(fresh.run, "1 + 2?")
    streamed = await asyncio.to_thread(lambda: fold(list(fresh.stream("1 + 2?"))))
    aran = await fresh.arun("1 + 2?")
    astreamed = fold([event async for event in fresh.astream("1 + 2?")])
    assert shape(ran) == shape(streamed) == shape(aran) == shape(astreamed)


async def test_f_evt08_envelope_has_text_usage_and_time_so_far() -> None:
    events = [event async for event in agent(adding(), tools=[add]).astream("1 + 2?")]
    assert events[0].output == ""
    assert events[0].token_usage is None
    assert events[-1].output == "Let me add. The sum is 3."
    assert events[5].output == "Let me add. "
    assert events[-1].token_usage is not None
    assert events[-1].token_usage.total_tokens == 24
    assert [event.seq for event in events] == list(range(len(events)))
    assert all(event.timing.duration is not None and event.timing.duration >= 0 for event in events)
    assert events[-1].timing.first_token is not None


async def test_f_evt10_a_callback_is_awaited_before_the_next_event() -> None:
    order: list[str] = []

    async def emit(event: RunStreamEvent) -> None:
        await asyncio.sleep(0)
        order.append(event.type)

    result = await agent(ScriptedModel(says("hello"))).arun("hi", emit=emit)
    assert order[0] == "stream.start"
    assert order[-1] == "stream.end"
    assert result.output == "hello"


def test_f_loop03_the_callers_input_is_never_changed() -> None:
    template = PromptTemplate().add_system("Be brief.").add_user("1 + 2?")
    messages = template.to_messages()
    agent(adding(), tools=[add]).run(messages)
    agent(adding(), tools=[add]).run(template)
    assert len(template) == 2
    assert messages == template.to_messages()


def test_f_loop05_system_instruction_travels_apart() -> None:
    model = ScriptedModel(says("ok"))
    agent(model, system_instruction="Be brief.").run("hi")
    assert model.requests[0].system_instruction == "Be brief."
    assert [message.role for message in model.requests[0].messages] == ["user"]


def test_f_msg14_native_dicts_are_passed_on_and_followed_by_what_is_new() -> None:
    native = [{"role": "user", "content": "1 + 2?"}]
    model = adding()
    agent(model, tools=[add]).run(native)
    assert model.requests[1].native == tuple(native)
    assert [message.role for message in model.requests[1].messages] == ["assistant", "user"]


@pytest.mark.parametrize(
    "bad", [3, None, [], ["hi"], {"role": "user"}, [Message.user("x"), {"role": "user"}]]
)
def test_f_msg14_f_msg15_other_input_names_what_is_accepted(bad: Any) -> None:
    with pytest.raises(AgentInputError, match=r"str, PromptTemplate|empty"):
        agent(ScriptedModel()).run(bad)


def test_f_evt14_an_empty_answer_is_no_message_and_no_error() -> None:
    result = agent(ScriptedModel([ResponseDone(stop_reason="content_filter")])).run("hi")
    assert (result.output, result.messages, result.stop_reason) == ("", (), "content_filter")


def test_f_n07_a_stream_of_only_done_events_fills_output() -> None:
    result = agent(ScriptedModel([MessageOutputDone(output="whole"), ResponseDone()])).run("hi")
    assert result.output == "whole"


def test_f_loop09_a_model_that_only_sends_deltas_is_enough() -> None:
    model = ScriptedModel(
        [
            MessageOutputDelta(delta="Adding. "),
            ToolCallDelta(call_id="c1", name="add", delta='{"a": 1,'),
            ToolCallDelta(call_id="c1", name="add", delta=' "b": 2}'),
            ResponseDone(stop_reason="tool_use"),
        ],
        [MessageOutputDelta(delta="3"), ResponseDone()],
    )
    result = agent(model, tools=[add]).run("1 + 2?")
    assert result.output == "3"
    assert result.messages[0].text == "Adding. "
    assert result.messages[1].tool_outputs[0].output == 3


# -- limits ---------------------------------------------------------------------------------------


def looping() -> ScriptedModel:
    return ScriptedModel(*[calls((f"c{i}", "add", '{"a": 1, "b": 2}'), tokens=usage(5, 1)) for i in range(9)])


def test_f_loop04_f_n21_at_the_cap_no_tool_runs_and_the_partial_result_is_there() -> None:
    with pytest.raises(AgentMaxIterationsError) as caught:
        agent(looping(), tools=[add], max_iterations=3).run("go")
    partial = caught.value.partial
    assert isinstance(partial, RunResult)
    assert [item.type for item in partial.new_items].count("tool.call.item") == 3
    assert [item.type for item in partial.new_items].count("tool.output.item") == 2
    assert partial.token_usage is not None
    assert partial.token_usage.input_tokens == 15


def test_f_log03_the_cap_says_provider_limit_and_mode() -> None:
    with pytest.raises(AgentMaxIterationsError) as caught:
        agent(looping(), tools=[add], max_iterations=2).run("go")
    assert caught.value.context["provider"] == "fake"
    assert caught.value.context["max_iterations"] == 2
    assert caught.value.context["mode"] == "run_sync"


def test_f_loop04_on_limit_return_gives_the_partial_result() -> None:
    result = agent(looping(), tools=[add], max_iterations=2, on_limit="return").run("go")
    assert result.status == "completed"
    assert result.stop_reason == "tool_use"
    assert check_history([Message.user("go"), *result.messages])
    assert check_history(repair_history([Message.user("go"), *result.messages])) == ()


@pytest.mark.parametrize("bad", [0, -1, True, 1.5])
def test_f_loop01_max_iterations_is_checked(bad: Any) -> None:
    with pytest.raises(AgentInputError, match="max_iterations"):
        agent(ScriptedModel(), max_iterations=bad)


def test_f_loop01_unknown_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match="temperature"):
        agent(ScriptedModel(), temperature=0)


# -- forcing --------------------------------------------------------------------------------------


def test_f_n17_f_tool13_forcing_holds_for_the_first_iteration() -> None:
    model = adding()
    assert agent(model, tools=[add], tool_choice="add").run("1 + 2?").output == "The sum is 3."
    assert [request.tool_choice for request in model.requests] == ["add", "auto"]


def test_f_tool13_any_is_required_and_force_every_turn_keeps_it() -> None:
    model = adding()
    agent(model, tools=[add], tool_choice="any", force_every_turn=True).run("1 + 2?")
    assert [request.tool_choice for request in model.requests] == ["required", "required"]


@pytest.mark.parametrize(("tools", "choice"), [([], "required"), ([add], "subtract"), ([], "add")])
def test_f_tool13_forcing_what_is_not_there_is_refused(tools: list[Any], choice: str) -> None:
    with pytest.raises(AgentInputError):
        agent(ScriptedModel(), tools=tools, tool_choice=choice)


# -- failure --------------------------------------------------------------------------------------


def broken() -> ScriptedModel:
    return ScriptedModel([MessageOutputDelta(delta="Once upon"), ServerError("boom", status_code=503)])


async def test_f_n06_a_failure_in_mid_stream_keeps_the_text_so_far() -> None:
    stream = agent(broken()).astream("tell")
    seen: list[RunStreamEvent] = []
    with pytest.raises(ServerError) as caught:
        async for event in stream:
            seen.append(event)
    assert [event.type for event in seen][-2:] == ["message.output.done", "stream.error"]
    assert seen[-1].output == "Once upon"
    assert caught.value.partial.output == "Once upon"
    assert caught.value.partial == fold(seen)
    assert caught.value.partial.status == "failed"
    assert caught.value.partial.error.code == "api.server_error"
    assert caught.value.partial.messages[0].meta == {"incomplete": True}


def test_a_foreign_exception_leaves_as_a_typed_error() -> None:
    with pytest.raises(AgentExecutionError, match="KeyError") as caught:
        agent(ScriptedModel([KeyError("x")])).run("hi")
    assert isinstance(caught.value.cause, KeyError)


def test_a_stream_without_response_done_is_interrupted() -> None:
    with pytest.raises(StreamInterruptedError) as caught:
        agent(ScriptedModel([MessageOutputDelta(delta="half")])).run("hi")
    assert caught.value.partial.output == "half"


def test_a_history_that_is_not_sound_is_refused_before_the_model_is_asked() -> None:
    model = ScriptedModel(says("ok"))
    template = PromptTemplate().add_user("go").add_tool_call("add", {"a": 1, "b": 2}, "c1")
    with pytest.raises(AgentInputError, match="missing_result"):
        agent(model, tools=[add]).run(template)
    assert model.requests == []
    repaired = repair_history(template)
    assert agent(ScriptedModel([], says("ok")), tools=[add]).run(repaired).output == "ok"


def test_f_n11_a_call_cut_before_its_arguments_never_runs() -> None:
    ran: list[int] = []

    @tool
    def fire() -> str:
        """Fire."""
        ran.append(1)
        return "fired"

    cut = [ToolCallDone(call_id="c1", name="fire", arguments_json=""), ResponseDone(stop_reason="max_tokens")]
    result = agent(ScriptedModel(cut, says("sorry")), tools=[fire]).run("fire!")
    assert ran == []
    assert result.messages[1].tool_outputs[0].is_error
    assert result.messages[0].tool_calls[0].arguments_json == ""


# -- stopping early -------------------------------------------------------------------------------


async def test_f_n08_closing_the_stream_closes_the_model_and_stores_the_end() -> None:
    model, sink = ScriptedModel([MessageOutputDelta(delta="one"), 60.0]), Recorder()
    async with agent(model, sinks=[sink]).astream("count") as stream:
        async for event in stream:
            if event.type == "message.output.delta":
                break
    assert model.closed == 1
    assert sink.types == ["stream.start", "message.output.delta", "message.output.done", "stream.error"]
    assert sink.closed == 1
    assert fold(sink.events).status == "cancelled"
    assert fold(sink.events).output == "one"


async def test_f_n08_cancelling_the_task_closes_the_model_and_stores_the_end() -> None:
    model, sink = ScriptedModel([MessageOutputDelta(delta="one"), 60.0]), Recorder()
    task = asyncio.create_task(agent(model, sinks=[sink]).arun("count"))
    while not model.requests:
        await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert model.closed == 1
    assert fold(sink.events).status == "cancelled"


async def test_f_n08_breaking_out_and_dropping_the_stream_closes_the_model_too() -> None:
    model, sink = ScriptedModel([MessageOutputDelta(delta="one"), 60.0]), Recorder()
    async for event in agent(model, sinks=[sink]).astream("count"):
        if event.type == "message.output.delta":
            break
    for _ in range(100):
        await asyncio.sleep(0)
    assert model.closed == 1
    assert fold(sink.events).status == "cancelled"


def test_f_n08_breaking_out_of_a_sync_stream_closes_the_model() -> None:
    model, sink = ScriptedModel([MessageOutputDelta(delta="one"), 60.0]), Recorder()
    for event in agent(model, sinks=[sink]).stream("count"):
        if event.type == "message.output.delta":
            break
    assert model.closed == 1
    assert fold(sink.events).status == "cancelled"


async def test_cancelled_in_a_tool_the_history_is_repairable() -> None:
    @tool
    async def hang() -> str:
        """Hang."""
        await asyncio.sleep(60)
        return "never"

    sink = Recorder()
    task = asyncio.create_task(
        agent(ScriptedModel(calls(("c1", "hang", "{}"))), tools=[hang], sinks=[sink]).arun("go")
    )
    while "response.done" not in sink.types:
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    result = fold(sink.events)
    history = [Message.user("go"), *result.messages]
    assert [issue.kind for issue in check_history(history)] == ["missing_result"]
    assert check_history(repair_history(history)) == ()


async def test_f_n09_the_first_delta_arrives_before_the_last_is_made() -> None:
    gate = asyncio.Event()

    class Gated(ScriptedModel):
        async def stream(self, request: Any) -> Any:
            yield MessageOutputDelta(delta="first")
            await gate.wait()
            yield MessageOutputDelta(delta="last")
            yield ResponseDone()

    seen = []
    async for event in agent(Gated()).astream("hi"):
        if event.type == "message.output.delta":
            seen.append(event.event.delta)
            gate.set()
    assert seen == ["first", "last"]


def test_f_n09_sync_streams_too() -> None:
    import threading

    gate = threading.Event()

    class Gated(ScriptedModel):
        async def stream(self, request: Any) -> Any:
            yield MessageOutputDelta(delta="first")
            assert await asyncio.to_thread(gate.wait, 5)
            yield MessageOutputDelta(delta="last")
            yield ResponseDone()

    seen = []
    for event in agent(Gated()).stream("hi"):
        if event.type == "message.output.delta":
            seen.append(event.event.delta)
            gate.set()
    assert seen == ["first", "last"]


# -- state ----------------------------------------------------------------------------------------


async def test_f_n33_concurrent_runs_share_no_state() -> None:
    shared = agent(adding(), tools=[add])
    results = await asyncio.gather(*(shared.arun(f"{i}?") for i in range(50)))
    assert len({result.run_id for result in results}) == 50
    assert all(result.output == "The sum is 3." and len(result.new_items) == 4 for result in results)
    assert [result.input[0].text for result in results] == [f"{i}?" for i in range(50)]


async def test_sync_calls_work_inside_a_running_loop() -> None:
    assert agent(ScriptedModel(says("hello"))).run("hi").output == "hello"


async def test_a_result_survives_json() -> None:
    result = await agent(adding(), tools=[add]).arun("1 + 2?")
    again = from_json(to_json(result), RunResult)
    assert again == result
    assert json.loads(to_json(result))["output"] == "The sum is 3."


@pytest.mark.parametrize(
    "fields",
    [
        {"name": 5},
        {"description": []},
        {"system_instruction": 5},
        {"parallel_tool_calls": "yes"},
        {"force_every_turn": 1},
        {"streaming": None},
        {"approval_timeout": "soon"},
        {"approval_timeout": -1.0},
        {"tools": "abc"},
        {"tools": len},
        {"tools": {"f": len}},
        {"tools": 5},
    ],
    ids=str,
)
def test_f_loop01_a_value_of_another_kind_is_refused_by_name(fields: dict[str, Any]) -> None:
    with pytest.raises(AgentInputError, match=f"Agent.{next(iter(fields))} must be"):
        Agent(ScriptedModel(), **fields)


@pytest.mark.parametrize(
    ("stray", "words"),
    [
        (StreamStart(), "yielded stream.start, which only a run makes"),
        (StreamEnd(), "yielded stream.end, which only a run makes"),
        (StreamError(error="x"), "yielded stream.error, which only a run makes"),
        (ToolOutputDone(call_id="c", name="f", output="x"), "yielded tool.output.done, which only a run"),
        (ResponseDone(), "response.done after response.done"),
        ("text", "must yield events, got str"),
    ],
    ids=["start", "end", "error", "output", "twice", "no event"],
)
def test_f_evt07_a_model_cannot_end_the_stream_of_a_run(stray: Any, words: str) -> None:
    model = ScriptedModel([*says("a")[:-1], stray, ResponseDone()])
    seen: list[str] = []
    with pytest.raises(AgentParsingError, match=words):
        for event in Agent(model, project=bare()).stream("hi"):
            seen.append(event.type)  # what came before the error is kept
    assert seen[0] == "stream.start"
    assert seen.count("stream.start") == 1
    assert seen[-1] == "stream.error"
    assert seen.count("stream.error") == 1
    assert "stream.end" not in seen


@pytest.mark.parametrize("way", ["run", "stream"])
def test_f_tool09_a_tool_that_exits_fails_only_its_call(way: str) -> None:
    def leave() -> str:
        sys.exit(3)

    agent = Agent(ScriptedModel(calls(("c1", "leave", "{}")), says("went on")), tools=[leave], project=bare())
    if way == "stream":
        stream = agent.stream("hi")
        assert list(stream)[-1].type == "stream.end"
        result = stream.result
    else:
        result = agent.run("hi")
    assert result.output == "went on"
    assert [item.result for item in result.new_items if isinstance(item, ToolCallOutputItem)] == [
        "RuntimeError: the function raised SystemExit: 3"
    ]


def test_what_a_model_says_after_response_done_is_refused_and_not_lost_in_silence() -> None:
    late = ScriptedModel([MessageOutputDelta(delta="a"), ResponseDone(), MessageOutputDelta(delta="b")])
    with pytest.raises(AgentParsingError, match=r"message\.output\.delta after response\.done"):
        agent(late).run("hi")


# -- tools that end the run -----------------------------------------------------------------------


async def test_a_final_tool_gives_the_answer() -> None:
    @tool(final=True)
    def answer(text: str) -> str:
        """Answer."""
        if text == "bad":
            raise ValueError("no")
        return f"<{text}>"

    model = ScriptedModel(
        calls(("c1", "answer", '{"text": "bad"}')), calls(("c2", "answer", '{"text": "good"}')), says("never")
    )
    result = await Agent(model, tools=[answer], project=bare()).arun("?")
    assert (result.output, result.stop_reason) == ("<good>", "end_turn")
    assert len(model.requests) == 2
    assert result.messages[-1].tool_outputs[0].output == "<good>"
