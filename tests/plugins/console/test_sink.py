"""What a run looks like in a terminal and outside of one."""

from __future__ import annotations

import io
import os
import pty
import re
import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import attrs
import pytest

from lamella.content import MediaContent, OpaqueContent, TextBlock
from lamella.errors import ConfigError
from lamella.events import (
    AgentEnd,
    AgentStart,
    ApprovalPending,
    ApprovalResolved,
    AttemptRollback,
    AttemptStart,
    Event,
    GuardrailOverride,
    MediaOutputDone,
    MessageOutputDelta,
    MessageOutputDone,
    OpaqueEvent,
    OtherEvent,
    ProgressEnd,
    ProgressStart,
    ProgressUpdate,
    ReasoningDelta,
    ReasoningDone,
    ResponseDone,
    RunStreamEvent,
    StreamEnd,
    StreamError,
    StreamStart,
    ToolCallDelta,
    ToolCallDone,
    ToolOutputDone,
)
from lamella.specs import Sink
from lamella.usage import Cost, TokenUsage
from lamella_console import ConsoleSettings, ConsoleSink

Item = Event | tuple[tuple[str, ...], Event]

USAGE = TokenUsage(input_tokens=14, cached_read_tokens=3, output_tokens=8, reasoning_tokens=5)


def envelopes(items: Sequence[Item], run_id: str = "r1") -> list[RunStreamEvent]:
    placed = [item if isinstance(item, tuple) else ((), item) for item in items]
    return [
        RunStreamEvent(
            event=event, path=path, run_id=run_id, seq=seq, token_usage=USAGE, at=11.25, start_time=10.0
        )
        for seq, (path, event) in enumerate(placed)
    ]


async def show(*items: Item, **settings: Any) -> str:
    """What a sink writes for these events."""
    out = io.StringIO()
    sink = ConsoleSink(stream=out, **settings)
    await sink.open()
    for envelope in envelopes(items):
        await sink.write([envelope])
    await sink.close()
    return out.getvalue()


async def test_text_is_written_as_it_comes() -> None:
    out = io.StringIO()
    sink = ConsoleSink(stream=out)
    await sink.open()
    seen = []
    for envelope in envelopes([MessageOutputDelta(delta=piece) for piece in ("Hel", "lo ", "世界", "\n🎉")]):
        await sink.write([envelope])
        seen.append(out.getvalue())
    assert seen == ["Hel", "Hello ", "Hello 世界", "Hello 世界\n🎉"]


async def test_an_unstreamed_answer_is_shown_and_a_streamed_one_only_once() -> None:
    assert await show(MessageOutputDone(output="whole")) == "whole\n"
    assert (
        await show(
            MessageOutputDelta(delta="who"), MessageOutputDelta(delta="le"), MessageOutputDone(output="whole")
        )
        == "whole\n"
    )


async def test_text_whose_deltas_were_shed_is_shown_whole() -> None:
    shown = await show(MessageOutputDelta(delta="who"), MessageOutputDone(output="whole"))
    assert shown == "who\n\nwhole\n"


async def test_f_evt11_calls_are_rendered_live_and_whole() -> None:
    """F-EVT11: ``name(``, raw fragments, ``)``; an empty line between text and calls."""
    shown = await show(
        MessageOutputDelta(delta="Hello Ryan! 5 multiplied by 7 is 35."),
        MessageOutputDone(output="Hello Ryan! 5 multiplied by 7 is 35."),
        ToolCallDelta(call_id="c1", name="multiply", delta='{"a": 5'),
        ToolCallDelta(call_id="c2", name="multiply", delta='{"a": 8'),
        ToolCallDelta(call_id="c1", name="multiply", delta=', "b": 7}'),
        ToolCallDelta(call_id="c2", name="multiply", delta=', "b": 101}'),
        ToolCallDone(call_id="c1", name="multiply", arguments_json='{"a": 5, "b": 7}'),
        ToolCallDone(call_id="c2", name="multiply", arguments_json='{"a": 8, "b": 101}'),
        ResponseDone(stop_reason="tool_use"),
    )
    assert shown == (
        'Hello Ryan! 5 multiplied by 7 is 35.\n\nmultiply({"a": 5, "b": 7})\nmultiply({"a": 8, "b": 101})\n'
    )


async def test_text_that_comes_while_a_call_is_open_waits() -> None:
    shown = await show(
        ToolCallDelta(call_id="c1", name="add", delta='{"a": '),
        MessageOutputDelta(delta="aside"),
        ToolCallDelta(call_id="c1", name="add", delta="1}"),
        ToolCallDone(call_id="c1", name="add", arguments_json='{"a": 1}'),
    )
    assert shown == 'add({"a": 1})\n\naside\n'


async def test_results_are_cut_to_one_line() -> None:
    result = ToolOutputDone(call_id="c1", name="read", output="line 1\nline 2 " + "x" * 50)
    assert await show(result, tool_result_width=13) == "  read -> line 1 line 2… (51 more)\n"
    assert (await show(result, tool_result_width=0)).count("x") == 50


async def test_results_may_be_json_errors_and_media() -> None:
    media = (TextBlock(text="see"), MediaContent(data=b"12345", mime_type="image/png"))
    assert await show(ToolOutputDone(call_id="c", name="f", output={"sum": 5})) == '  f -> {"sum": 5}\n'
    assert await show(ToolOutputDone(call_id="c", name="f", output="no", is_error=True)) == "  f failed: no\n"
    assert (
        await show(ToolOutputDone(call_id="c", name="f", output=media)) == "  f -> see [image/png, 5 bytes]\n"
    )


async def test_reasoning_is_dim_and_can_be_left_out() -> None:
    events = (ReasoningDelta(delta="hm"), ReasoningDone(text="hm"), MessageOutputDone(output="yes"))
    assert await show(*events) == "hm\n\nyes\n"
    assert await show(*events, reasoning=False) == "yes\n"
    assert "\x1b[2mhm\x1b[0m" in await show(*events, color="always")


async def test_nested_agents_are_indented_with_their_name() -> None:
    path = ("researcher",)
    shown = await show(
        (path, AgentStart(agent="researcher", provider="sim", model="demo")),
        (path, MessageOutputDelta(delta="found\n")),
        (path, MessageOutputDelta(delta="it")),
        (path, MessageOutputDone(output="found\nit")),
        (path, AgentEnd(agent="researcher", output="found\nit")),
        ToolOutputDone(call_id="c", name="researcher", output="found it"),
    )
    assert shown == "  researcher on sim:demo\n\n  found\n  it\n  researcher -> found it\n"


async def test_f_run06_agents_that_talk_at_once_are_shown_block_by_block() -> None:
    """F-RUN06: every layer is shown; no two agents share a line."""
    a, b = ("a",), ("b",)
    shown = await show(
        (a, AgentStart(agent="a")),
        (b, AgentStart(agent="b")),
        *[(path, MessageOutputDelta(delta=piece)) for piece in ("one ", "two ", "three") for path in (a, b)],
        (b, MessageOutputDone(output="one two three")),
        (b, AgentEnd(agent="b", error="broke")),
        (a, MessageOutputDone(output="one two three")),
        (a, AgentEnd(agent="a")),
    )
    assert shown.count("  one two three\n") == 2
    assert re.search(r"  a:\n\n  one two three\n  b:\n\n  one two three\n  b failed: broke\n", shown)


async def test_events_that_wait_are_shown_when_the_run_is_cut() -> None:
    a, b = ("a",), ("b",)
    shown = await show(
        (a, MessageOutputDelta(delta="from a")),
        (b, MessageOutputDelta(delta="from b")),
        StreamError(error="the run was cancelled", code="agent.cancelled"),
    )
    assert shown.index("from a") < shown.index("from b") < shown.index("interrupted")


async def test_runs_at_the_same_time_are_told_apart() -> None:
    out = io.StringIO()
    sink = ConsoleSink(stream=out)
    await sink.open()
    await sink.open()
    events: list[Item] = [MessageOutputDelta(delta="hi"), MessageOutputDone(output="hi")]
    for one, two in zip(envelopes(events, "r1"), envelopes(events, "r2"), strict=True):
        await sink.write([one, two])
    await sink.close()
    await sink.close()
    assert out.getvalue() == "hi\nrun r2:\n\nhi\n"


async def test_f_evt16_approvals_are_shown() -> None:
    """F-EVT16: pending before the tool runs, resolved after."""
    shown = await show(
        ApprovalPending(call_id="c", name="rm", arguments={"path": "x"}),
        ApprovalResolved(call_id="c", name="rm", approved=False, reason="no terminal"),
        ApprovalResolved(call_id="d", name="rm", approved=True),
    )
    assert shown == '  waiting for approval: rm({"path": "x"})\n  denied: rm (no terminal)\n  approved: rm\n'


async def test_f_evt10_progress_is_shown_in_tenths() -> None:
    """F-EVT10: progress by key."""
    updates = [ProgressUpdate(key="load", fraction=index / 100) for index in range(100)]
    shown = await show(ProgressStart(key="load", details="model.bin"), *updates, ProgressEnd(key="load"))
    assert shown.splitlines() == [
        "  load: model.bin",
        *[f"  load: {tenth}0%" for tenth in range(1, 10)],
        "  load: done",
    ]


async def test_a_rollback_says_that_the_text_is_taken_back() -> None:
    shown = await show(
        MessageOutputDelta(delta="half an ans"),
        AttemptRollback(attempt=1, error="overloaded", wait=2.0, visible=True),
        MessageOutputDelta(delta="An answer"),
        MessageOutputDone(output="An answer"),
    )
    assert shown == (
        "half an ans\nattempt 1 failed (overloaded): the text above is taken back; trying again in 2.0 s\n\nAn answer\n"
    )
    assert "taken back" not in await show(AttemptRollback(attempt=2, error="x", visible=False))


async def test_f_evt17_a_guardrail_override_shows_the_text_that_stands() -> None:
    """F-EVT17: the replacement follows the deltas."""
    shown = await show(
        MessageOutputDone(output="secret"),
        GuardrailOverride(output="[removed]", guardrail="pii", reason="mail"),
    )
    assert shown == "secret\nreplaced by guardrail pii (mail):\n\n[removed]\n"


async def test_media_and_server_side_work_are_named() -> None:
    shown = await show(
        MediaOutputDone(media=MediaContent(url="https://example.com/a.png", mime_type="image/png")),
        MediaOutputDone(media=OpaqueContent(type="acme.model3d")),
        OtherEvent(name="x", block=OpaqueContent(type="openai.web_search_call", provider="openai")),
        OtherEvent(name="ignored"),
        OpaqueEvent(type="acme.thing"),
    )
    assert shown == "[https://example.com/a.png, image/png]\n[acme.model3d]\n[openai.web_search_call]\n"


async def test_an_answer_that_no_event_showed_is_shown_at_the_end() -> None:
    assert (await show(StreamStart(), StreamEnd(output="static"))).startswith("static\n")


async def test_an_odd_stop_reason_is_a_warning() -> None:
    assert "stopped: max_tokens (length)\n" in await show(
        ResponseDone(stop_reason="max_tokens", raw_stop_reason="length")
    )


# -- the last line --------------------------------------------------------------------------------


def priced(monkeypatch: pytest.MonkeyPatch, prices: dict[str, str]) -> None:
    def cost(self: TokenUsage, model: str, provider: str | None = None, *, prices_: object = None) -> Cost:
        known = prices.get(f"{provider}:{model}")
        return Cost(amount=Decimal(known or 9), priced=known is not None, source="test")

    monkeypatch.setattr(TokenUsage, "cost", cost)


def last(shown: str) -> str:
    return shown.splitlines()[-1]


async def test_the_last_line_has_tokens_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    priced(monkeypatch, {})
    shown = await show(ResponseDone(provider="acme", model="m1", token_usage=USAGE), StreamEnd())
    assert last(shown) == "acme:m1 · 14 in, 3 cached, 8 out, 5 reasoning tokens · 1.2 s"


async def test_the_cost_is_the_sum_over_the_responses(monkeypatch: pytest.MonkeyPatch) -> None:
    priced(monkeypatch, {"acme:m1": "0.25", "beta:m2": "1.50"})
    shown = await show(
        ResponseDone(provider="acme", model="m1", token_usage=USAGE),
        (("sub",), ResponseDone(provider="beta", model="m2", token_usage=USAGE)),
        StreamEnd(),
    )
    assert last(shown).startswith("acme:m1, beta:m2 · ")
    assert "$1.75" in last(shown)


async def test_a_retry_that_was_billed_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    priced(monkeypatch, {"acme:m1": "0.001"})
    shown = await show(
        AttemptStart(provider="acme", model="m1"),
        AttemptRollback(token_usage=USAGE),
        ResponseDone(provider="acme", model="m1", token_usage=USAGE),
        StreamEnd(),
    )
    assert "· $0.002 ·" in last(shown)


async def test_a_response_that_broke_off_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    priced(monkeypatch, {"acme:m1": "0.0000001"})
    shown = await show(StreamStart(provider="acme", model="m1"), StreamError(error="x", token_usage=USAGE))
    assert "· <$0.000001 ·" in last(shown)


async def test_no_cost_is_shown_where_one_response_has_no_price(monkeypatch: pytest.MonkeyPatch) -> None:
    priced(monkeypatch, {"acme:m1": "0.25"})
    shown = await show(
        ResponseDone(provider="acme", model="m1", token_usage=USAGE),
        ResponseDone(provider="acme", model="m2", token_usage=USAGE),
        StreamEnd(),
    )
    assert "$" not in last(shown)


async def test_the_simulator_says_so() -> None:
    shown = await show(
        StreamStart(provider="sim", model="demo"), ResponseDone(token_usage=USAGE), StreamEnd()
    )
    assert (
        last(shown)
        == "sim:demo · 14 in, 3 cached, 8 out, 5 reasoning tokens · simulated: nothing is billed · 1.2 s"
    )


async def test_a_simulated_price_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    priced(monkeypatch, {"sim:demo": "0.25"})
    shown = await show(
        StreamStart(provider="sim", model="demo"), ResponseDone(token_usage=USAGE), StreamEnd()
    )
    assert "· $0.25, simulated: nothing is billed ·" in last(shown)


async def test_estimates_are_marked_and_silence_is_not_zero() -> None:
    out = io.StringIO()
    sink = ConsoleSink(stream=out)
    usage = TokenUsage(input_tokens=7, output_tokens=0, estimated=("input_tokens",))
    for number, given in enumerate((usage, None, TokenUsage(total_tokens=9))):
        (end,) = envelopes([StreamEnd()], f"r{number}")
        await sink.write([attrs.evolve(end, token_usage=given)])
    lines = [line for line in out.getvalue().splitlines() if line]
    assert lines == ["~7 in, 0 out tokens · 1.2 s", "tokens not reported · 1.2 s", "9 tokens · 1.2 s"]


# -- errors and streams ---------------------------------------------------------------------------


async def test_errors_are_red_and_name_their_code() -> None:
    error = StreamError(error="too many requests", code="api.rate_limited")
    assert "error: too many requests [api.rate_limited]\n" in await show(error)
    assert "\x1b[1;31merror:" in await show(error, color="always")


async def test_errors_go_to_standard_error_and_the_answer_to_standard_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    sink = ConsoleSink(notes="stderr")
    await sink.open()
    await sink.write(
        envelopes([
            MessageOutputDelta(delta="half"), MessageOutputDone(output="half"),
            ToolOutputDone(call_id="c", name="f", output="5"), StreamError(error="no", code="api.timeout"),
        ])
    )  # fmt: skip
    await sink.close()
    out, err = capsys.readouterr()
    assert out == "half\n"
    assert err == (
        "  f -> 5\nerror: no [api.timeout]\n\n14 in, 3 cached, 8 out, 5 reasoning tokens · 1.2 s\n"
    )


async def test_everything_may_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    sink = ConsoleSink(stream="stderr")
    await sink.open()
    await sink.write(envelopes([MessageOutputDone(output="hi"), StreamEnd(output="hi")]))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("hi\n\n14 in")


# -- what reaches the terminal --------------------------------------------------------------------


async def test_text_is_never_markup() -> None:
    text = "[bold red]x[/] :smile: [link=https://example.com]y[/link] \\[z]"
    assert await show(MessageOutputDelta(delta=text)) == text + "\n"


async def test_control_characters_never_reach_the_terminal() -> None:
    shown = await show(MessageOutputDelta(delta="a\x1b[31mb\x07c\x9bd\x7fe\r\nf\tg"))
    assert shown == "a␛[31mb␇c\ufffdd␡e\nf\tg\n"


async def test_spaces_blank_lines_and_long_lines_come_through_unchanged() -> None:
    text = "  two \n\n\n" + "word " * 200 + "  \n   end  "
    assert await show(MessageOutputDelta(delta=text)) == text + "\n"


async def test_outside_a_terminal_the_text_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    shown = await show(ReasoningDelta(delta="hm"), StreamError(error="x"))
    assert "\x1b" not in shown


async def test_a_stream_that_cannot_spell_a_character_gets_a_question_mark() -> None:
    raw = io.BytesIO()
    sink = ConsoleSink(stream=io.TextIOWrapper(raw, encoding="ascii"))
    await sink.open()
    await sink.write(envelopes([MessageOutputDelta(delta="naïve 世界\n")]))
    assert raw.getvalue() == b"na?ve ??\n"


async def test_a_lone_surrogate_does_not_break_the_stream() -> None:
    raw = io.BytesIO()
    sink = ConsoleSink(stream=io.TextIOWrapper(raw, encoding="utf-8"))
    await sink.open()
    await sink.write(envelopes([MessageOutputDelta(delta="a\ud800b\n")]))
    assert raw.getvalue() == b"a?b\n"


async def in_terminal(**settings: Any) -> bytes:
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w", encoding="utf-8") as terminal:
        sink = ConsoleSink(stream=terminal, **settings)
        await sink.open()
        await sink.write(envelopes([ReasoningDelta(delta="hm"), MessageOutputDelta(delta="yes")]))
        await sink.close()
        shown = os.read(leader, 4096)
    os.close(leader)
    return shown


async def test_a_terminal_gets_colours_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert b"\x1b[2mhm\x1b[0m" in await in_terminal()
    assert b"\x1b" not in await in_terminal(color="never")
    monkeypatch.setenv("NO_COLOR", "1")
    assert b"\x1b" not in await in_terminal()
    assert b"\x1b" in await in_terminal(color="always")


# -- the sink itself ------------------------------------------------------------------------------


def test_it_is_a_sink_and_its_settings_are_its_arguments() -> None:
    assert isinstance(ConsoleSink(**attrs.asdict(ConsoleSettings())), Sink)


@pytest.mark.parametrize(
    "wrong", [{"color": "yes"}, {"stream": "file"}, {"notes": "none"}, {"tool_result_width": -1}]
)
def test_a_value_that_does_not_exist_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"ConsoleSink: {next(iter(wrong))} must be"):
        ConsoleSink(**wrong)


async def test_a_long_answer_takes_linear_time_and_output() -> None:
    """Twice the text is twice the work: every character is written once."""

    async def cost(pieces: int) -> tuple[float, int]:
        run = envelopes([MessageOutputDelta(delta="word ") for _ in range(pieces)])
        out = io.StringIO()
        sink = ConsoleSink(stream=out)
        await sink.open()
        begin = time.process_time()
        await sink.write(run)
        return time.process_time() - begin, len(out.getvalue())

    await cost(100)
    short, long = await cost(1000), await cost(8000)
    assert long[1] == 8 * short[1]
    assert long[0] < 30 * short[0]


async def test_the_view_forgets_a_run_that_ended() -> None:
    sink = ConsoleSink(stream=io.StringIO())
    for number in range(5):
        await sink.open()
        await sink.write(envelopes([MessageOutputDelta(delta="x"), StreamEnd(output="x")], f"r{number}"))
        await sink.close()
    assert (sink._views, sink._runs) == ({}, {})
