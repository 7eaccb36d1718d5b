"""The fold: one result of a run's events, live or stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings

from lamella import events as ev
from lamella.content import OpaqueContent, ReasoningBlock, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella.errors import AgentParsingError
from lamella.events import Event, RunStreamEvent
from lamella.fold import Fold, ResponseFold, fold
from lamella.history import check_history
from lamella.losses import Loss
from lamella.messages import Message
from lamella.runs import (
    AgentRun,
    ChainRun,
    ExtractionRun,
    MessageOutputItem,
    MessagesRun,
    ParallelRun,
    ReasoningItem,
    RunResult,
    ToolCallItem,
    ToolCallOutputItem,
)
from lamella.serial import from_json, to_json
from lamella.usage import TokenUsage

import strategies as strat

Path = tuple[str, ...]
long_enough = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


def run_of(*story: Event | tuple[Path, Event]) -> list[RunStreamEvent]:
    """Envelopes of events; an event of a nested agent is given with its path."""
    placed = [entry if isinstance(entry, tuple) else ((), entry) for entry in story]
    return [
        RunStreamEvent(event=event, run_id="r", seq=seq, path=path, at=float(seq), start_time=0.0)
        for seq, (path, event) in enumerate(placed)
    ]


def text(output: str) -> Event:
    return ev.MessageOutputDone(output=output)


def call(call_id: str, arguments: str = "{}") -> Event:
    return ev.ToolCallDone(call_id=call_id, name="t", arguments_json=arguments)


def output(call_id: str, value: Any = "ok") -> Event:
    return ev.ToolOutputDone(id=call_id, call_id=call_id, name="t", output=value)


def response(tokens: int | None = None, **fields: Any) -> Event:
    usage = None if tokens is None else TokenUsage(input_tokens=tokens)
    return ev.ResponseDone(token_usage=usage, **fields)


START, END = ev.StreamStart(), ev.StreamEnd()


# -- live equals stored ---------------------------------------------------------------------------


@long_enough
@given(strat.run_envelopes())
def test_f_sto01_the_fold_of_a_stored_run_is_that_of_the_live_one(envelopes: list[RunStreamEvent]) -> None:
    stored = [to_json(envelope) for envelope in envelopes if envelope.event.durable]
    durable = envelopes[-1].event.durable
    live = fold(envelopes if durable else [*envelopes, *_closing(envelopes)])
    again = [from_json(line, RunStreamEvent) for line in stored]
    assert fold(again if durable else [*again, *_closing(envelopes)]) == live


def _closing(envelopes: list[RunStreamEvent]) -> list[RunStreamEvent]:
    """A durable last event, so that both forms end at the same moment."""
    return [attrs.evolve(envelopes[-1], event=ev.ProgressEnd(key="k"), seq=envelopes[-1].seq + 1)]


@long_enough
@given(strat.run_envelopes())
def test_looking_at_the_result_midway_changes_nothing(envelopes: list[RunStreamEvent]) -> None:
    folding = Fold()
    for count, envelope in enumerate(envelopes, start=1):
        folding.feed(envelope)
        midway = folding.result()
        assert midway == folding.result()
        if envelope.type not in ("stream.end", "stream.error"):
            assert midway.status == "interrupted"
            assert midway == fold(envelopes[:count])
    assert folding.result() == fold(envelopes)


@long_enough
@given(strat.run_envelopes())
def test_f_use05_run_usage_is_the_sum_of_what_was_spent(envelopes: list[RunStreamEvent]) -> None:
    spent = [
        usage
        for envelope in envelopes
        if envelope.type in ("response.done", "attempt.rollback")
        and (usage := envelope.event.token_usage) is not None
    ]
    result = fold(envelopes)
    assert result.run.token_usage == result.token_usage or _sums(result.run.token_usage, result.token_usage)
    if not spent:
        assert result.token_usage is None
    else:
        total = spent[0]
        for usage in spent[1:]:
            total = total + usage
        assert result.token_usage == total


def _sums(left: TokenUsage | None, right: TokenUsage | None) -> bool:
    """Equal but for ``raw``, which a lone response keeps and a sum does not."""
    return left is not None and right is not None and left + TokenUsage() == right + TokenUsage()


# -- one message per response ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "contents"),
    [
        ([text("Hi")], [[TextBlock(text="Hi")]]),
        (
            [call("a"), call("b")],
            [[ToolCallBlock(call_id="a", name="t", arguments_json="{}"), ToolCallBlock(call_id="b", name="t", arguments_json="{}")]],
        ),
        ([text("Hi"), call("a")], [[TextBlock(text="Hi"), ToolCallBlock(call_id="a", name="t", arguments_json="{}")]]),
        ([], []),
    ],
)  # fmt: skip
def test_f_evt14_one_assistant_message_per_response(events: list[Event], contents: list[list[Any]]) -> None:
    result = fold(
        run_of(
            START, *events, response(stop_reason="content_filter"), ev.StreamEnd(stop_reason="content_filter")
        )
    )
    assert [list(message.content) for message in result.messages] == contents
    assert all(message.role == "assistant" for message in result.messages)
    assert result.stop_reason == "content_filter"
    assert result.status == "completed"
    assert result.output == "".join(message.text for message in result.messages)


def test_f_loop06_the_trace_of_a_tool_run_with_text_first() -> None:
    result = fold(
        run_of(
            START,
            text("Let me look."),
            call("a", '{"q": 1}'),
            response(3),
            output("a", {"rain": True}),
            text("It rains."),
            response(4),
            ev.StreamEnd(output="It rains."),
        )
    )
    assert [item.type for item in result.new_items] == [
        "message.output.item",
        "tool.call.item",
        "tool.output.item",
        "message.output.item",
    ]
    assert [item.turn for item in result.new_items] == [0, 0, 1, 1]
    assert [message.role for message in result.messages] == ["assistant", "user", "assistant"]
    assert result.output == "It rains."
    assert result.token_usage == TokenUsage(input_tokens=7, total_tokens=7)
    assert isinstance(result.run, MessagesRun)
    assert result.run.messages == result.messages
    assert check_history(result.messages) == ()
    assert result.timing.duration == 7.0


def test_f_loop07_items() -> None:
    result = fold(
        run_of(
            START,
            ev.ReasoningDone(id="r1", summary="s", signature="g"),
            ev.MessageOutputDone(id="m1", output="x", raw_event={"raw": 1}),
            call("a", '{"q": 1}'),
            response(),
            output("a", {"rain": True}),
            END,
        )
    )
    reasoning, message, made, answered = result.new_items
    assert isinstance(reasoning, ReasoningItem)
    assert (reasoning.role, reasoning.id, reasoning.summary, reasoning.signature) == (
        "assistant",
        "r1",
        "s",
        "g",
    )
    assert isinstance(message, MessageOutputItem)
    assert (message.role, message.content, message.raw_item) == ("assistant", "x", {"raw": 1})
    assert isinstance(made, ToolCallItem)
    assert (made.role, made.call_id, made.name, made.arguments) == ("tool_call", "a", "t", {"q": 1})
    assert isinstance(answered, ToolCallOutputItem)
    assert (answered.role, answered.call_id, answered.name) == ("tool_output", "a", "t")
    assert answered.result == {"rain": True}
    assert not answered.is_error
    assert {type(item).type for item in result.new_items} == {
        "message.output.item",
        "tool.call.item",
        "tool.output.item",
        "reasoning.item",
    }


def test_media_output_is_an_item_without_text() -> None:
    block = OpaqueContent(type="acme.image")
    result = fold(run_of(START, ev.MediaOutputDone(media=block), ev.OtherEvent(name="x"), response(), END))
    (item,) = result.new_items
    assert isinstance(item, MessageOutputItem)
    assert (item.block, item.content) == (block, "")


def test_f_msg05_outputs_of_one_turn_are_one_user_message() -> None:
    result = fold(
        run_of(START, call("a"), call("b"), response(), output("a"), output("b"), text("x"), response(), END)
    )
    assert [output.call_id for output in result.messages[1].tool_outputs] == ["a", "b"]
    assert result.messages[1].role == "user"


def test_f_msg06_a_message_keeps_its_usage_and_raw() -> None:
    usage = TokenUsage(output_tokens=2)
    result = fold(run_of(START, text("x"), ev.ResponseDone(token_usage=usage, raw={"id": "resp"}), END))
    assert (result.messages[0].usage, result.messages[0].raw) == (usage, {"id": "resp"})


def test_f_use06_a_turn_of_text_and_calls_is_counted_once() -> None:
    usage = TokenUsage(input_tokens=21, output_tokens=22, total_tokens=43)
    result = fold(run_of(START, text("x"), call("a"), ev.ResponseDone(token_usage=usage), output("a"), END))
    assert result.token_usage == usage
    assert [message.usage for message in result.messages] == [usage, None]
    assert [item.token_usage for item in result.new_items] == [None, None, None]


# -- retries, guards, ends ------------------------------------------------------------------------


def test_f_n10_a_rolled_back_attempt_leaves_its_usage_only() -> None:
    result = fold(
        run_of(
            START,
            ev.AttemptStart(attempt=1),
            text("half"),
            ev.AttemptRollback(attempt=1, token_usage=TokenUsage(input_tokens=5)),
            ev.AttemptStart(attempt=2),
            text("whole"),
            response(6),
            ev.AttemptCommit(attempt=2),
            END,
        )
    )
    assert result.output == "whole"
    assert [message.text for message in result.messages] == ["whole"]
    assert result.token_usage is not None
    assert result.token_usage.input_tokens == 11


def test_f_evt17_an_override_replaces_the_answer() -> None:
    result = fold(
        run_of(
            START,
            ev.ReasoningDone(text="hm"),
            text("bad"),
            response(),
            ev.GuardrailOverride(output="good"),
            END,
        )
    )
    assert result.output == "good"
    (message,) = result.messages
    assert message.content == (ReasoningBlock(text="hm"), TextBlock(text="good"))
    assert [item.type for item in result.new_items] == ["reasoning.item", "message.output.item"]


def test_an_override_of_nothing_becomes_the_answer() -> None:
    result = fold(run_of(START, response(), ev.GuardrailOverride(output="good"), END))
    assert result.output == "good"


def test_a_cut_response_is_kept_and_marked() -> None:
    result = fold(run_of(START, text("so far"), call("a")))
    (message,) = result.messages
    assert message.meta == {"incomplete": True}
    assert message.text == "so far"
    assert (result.status, result.stop_reason, result.timing.end_time) == ("interrupted", None, None)


@pytest.mark.parametrize(
    ("terminal", "status"),
    [
        (END, "completed"),
        (ev.StreamError(error="x", code="api.server_error", retryable=True), "failed"),
        (ev.StreamError(error="x", code="agent.cancelled"), "cancelled"),
    ],
)
def test_f_evt07_the_terminal_event_says_how_it_ended(terminal: Event, status: str) -> None:
    result = fold(run_of(START, text("x"), response(), terminal))
    assert result.status == status
    assert (result.error is None) is (status == "completed")
    assert result.output == "x"
    if result.error is not None and isinstance(terminal, ev.StreamError):
        assert (result.error.message, result.error.code) == ("x", terminal.code)
        assert result.error.retryable is terminal.retryable


def test_the_result_names_what_the_run_was_given() -> None:
    given_messages = (Message.user("hi"),)
    start = ev.StreamStart(
        agent="a", provider="p", model="m", settings={"temperature": 0}, input=given_messages, started_at=5.0
    )
    result = fold(run_of(start, END))
    assert (result.input, result.started_at, result.run_id) == (given_messages, 5.0, "r")
    assert (result.run.agent, result.run.provider, result.run.model) == ("a", "p", "m")
    assert result.run.settings == {"temperature": 0}


def test_losses_are_listed_once() -> None:
    loss = Loss(kind="dropped", what="reasoning", reason="another issuer", message=0, block=1)
    assert str(loss) == "message 0, block 1: reasoning dropped: another issuer"
    assert str(attrs.evolve(loss, message=None)) == "reasoning dropped: another issuer"
    result = fold(run_of(START, response(losses=[loss]), response(losses=[loss]), END))
    assert result.losses == (loss,)


# -- nested agents --------------------------------------------------------------------------------


def test_f_use05_nested_agents_are_runs_below_with_their_usage() -> None:
    inner: Path = ("a",)
    deeper: Path = ("a", "b")
    result = fold(
        run_of(
            START,
            call("a"),
            response(1),
            (inner, ev.AgentStart(agent="one", call_id="a")),
            (inner, call("b")),
            (inner, response(10)),
            (deeper, ev.AgentStart(agent="two", call_id="b")),
            (deeper, text("deep")),
            (deeper, response(100)),
            (deeper, ev.AgentEnd(agent="two", output="deep")),
            (inner, output("b", "deep")),
            (inner, text("mid")),
            (inner, response(1000)),
            (inner, ev.AgentEnd(agent="one", output="mid")),
            output("a", "mid"),
            text("top"),
            response(10_000),
            END,
        )
    )
    assert result.token_usage is not None
    assert result.token_usage.input_tokens == 11_111
    (child,) = result.run.children
    (grandchild,) = child.children
    assert [run.agent for run in result.run.walk()] == [None, "one", "two"]
    assert child.token_usage is not None
    assert child.token_usage.input_tokens == 1110
    assert grandchild.token_usage == TokenUsage(input_tokens=100)
    assert [message.text for message in result.messages] == ["", "", "top"]
    assert len(result.new_items) == 3


@pytest.mark.parametrize(
    ("kind", "cls"), [("parallel", ParallelRun), ("chain", ChainRun), ("messages", MessagesRun)]
)
def test_f_run01_layers_hold_their_runs_in_order(kind: Any, cls: type[AgentRun]) -> None:
    story: list[Event | tuple[Path, Event]] = [ev.StreamStart(kind=kind)]
    for name in ("one", "two"):
        story += [
            ((name,), ev.AgentStart(agent=name)),
            ((name,), text(name)),
            ((name,), response(1)),
            ((name,), ev.AgentEnd(agent=name, output=name)),
        ]
    result = fold(run_of(*story, ev.StreamEnd(output="two")))
    assert type(result.run) is cls
    assert [run.agent for run in result.run.children] == ["one", "two"]
    assert result.output == "two"


def test_f_x01_an_extraction_run_has_its_result() -> None:
    result = fold(
        run_of(ev.StreamStart(kind="extraction"), text("{}"), response(), ev.StreamEnd(result={"a": 1}))
    )
    assert isinstance(result.run, ExtractionRun)
    assert result.run.result == {"a": 1}
    assert result.run.children == ()


def test_a_nested_agent_whose_start_was_lost_is_still_there() -> None:
    result = fold(run_of(START, (("a", "b"), text("deep")), (("a", "b"), response(1)), END))
    assert [len(run.children) for run in result.run.walk()] == [1, 1, 0]


# -- what a fold refuses --------------------------------------------------------------------------


def test_nothing_to_fold() -> None:
    with pytest.raises(AgentParsingError, match="no event"):
        fold([])


def test_events_of_two_runs() -> None:
    (first,) = run_of(START)
    with pytest.raises(AgentParsingError, match="two runs in one fold: r and s"):
        fold([first, attrs.evolve(first, run_id="s")])


def test_a_response_fold_collects_blocks_only() -> None:
    collecting = ResponseFold()
    assert collecting.feed(text("x"))
    assert not collecting.feed(ev.MessageOutputDelta(delta="x"))
    assert not collecting.feed(ev.OtherEvent(name="x"))
    assert collecting.blocks == [TextBlock(text="x")]


# -- immutability and rebuilding ------------------------------------------------------------------


def rebuild(items: Sequence[Any]) -> list[Any]:
    """The blocks of a run's messages from its items alone."""
    return [item.block for item in items]


@long_enough
@given(strat.run_envelopes())
def test_f_sto02_messages_can_be_rebuilt_from_the_items(envelopes: list[RunStreamEvent]) -> None:
    result = fold(envelopes)
    blocks = [block for message in result.messages for block in message.content]
    items = rebuild(result.new_items)
    assert sorted(map(repr, items)) == sorted(map(repr, blocks))
    assert [block for block in items if isinstance(block, ToolOutputBlock)] == [
        block for block in blocks if isinstance(block, ToolOutputBlock)
    ]


def test_f_loop08_results_are_frozen() -> None:
    result = fold(run_of(START, text("x"), response(), END))
    for thing, name in ((result, "output"), (result.run, "agent"), (result.new_items[0], "turn")):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(thing, name, None)
    assert isinstance(result.messages, tuple)
    assert isinstance(result.new_items, tuple)
    assert isinstance(result, RunResult)


def test_an_override_after_an_empty_response_replaces_the_last_text_in_items_too() -> None:
    override = ev.GuardrailOverride(output="no")
    result = fold(run_of(START, text("a"), response(1), response(1), override, END))
    assert [message.text for message in result.messages] == ["no"]
    assert [item.content for item in result.new_items] == ["no"]  # type: ignore[attr-defined]


def test_an_override_of_nothing_leaves_the_turns_before_it() -> None:
    call = ev.ToolCallDone(call_id="c", name="t", arguments_json="{}")
    output = ev.ToolOutputDone(id="c", call_id="c", name="t", output="x")
    result = fold(
        run_of(START, text("a"), call, response(), output, response(), ev.GuardrailOverride(output="no"), END)
    )
    assert [message.text for message in result.messages] == ["a", "", "no"]
    blocks = [block for message in result.messages for block in message.content]
    assert [item.block for item in result.new_items] == blocks  # type: ignore[attr-defined]
