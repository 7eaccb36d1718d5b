"""Agents of agents as a tree: while they run, when they talk at once, and what each of them did."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import attrs
import pytest

from lamella import Agent
from lamella.errors import ConfigError, LamellaError
from lamella.events import (
    AgentEnd,
    AgentStart,
    AttemptRollback,
    Event,
    MessageOutputDelta,
    MessageOutputDone,
    OutputRejected,
    ResponseDone,
    RunStreamEvent,
    StreamEnd,
    StreamResumed,
    StreamStart,
    ToolCallDone,
    ToolEnd,
    ToolOutputDone,
    ToolStart,
)
from lamella.layers import chain, committee, handoffs, parallel, route
from lamella.serial import restore, to_dict
from lamella.usage import Cost, TokenUsage
from lamella_console import ConsoleSink

Item = Event | tuple[tuple[str, ...], Event]

pytest.importorskip("lamella_sim")


class Recorder:
    """A sink that keeps the events."""

    def __init__(self) -> None:
        self.events: list[RunStreamEvent] = []

    async def open(self) -> None: ...

    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        self.events.extend(batch)

    async def close(self) -> None: ...


async def run(agent: Any, prompt: str, **options: Any) -> list[RunStreamEvent]:
    """The events of a real run."""
    recorder = Recorder()
    try:
        await attrs.evolve(agent, sinks=(recorder,)).arun(prompt, **options)
    except LamellaError:
        assert recorder.events[-1].type == "stream.error"
    return recorder.events


def envelopes(items: Sequence[Item], *, at: float = 0.0) -> list[RunStreamEvent]:
    placed = [item if isinstance(item, tuple) else ((), item) for item in items]
    return [
        RunStreamEvent(event=event, path=path, run_id="r1", seq=seq, at=at + seq)
        for seq, (path, event) in enumerate(placed)
    ]


async def picture(events: Sequence[RunStreamEvent], *, batch: int = 1, **chosen: Any) -> str:
    out = io.StringIO()
    sink = ConsoleSink(stream=out, **{"view": "tree", "width": 80, **chosen})
    await sink.open()
    for start in range(0, len(events), batch):
        await sink.write(events[start : start + batch])
    await sink.close()
    return re.sub(r"\d+\.\d s", "T", out.getvalue())


# -- real runs ------------------------------------------------------------------------------------


async def test_f_run06_agents_as_tools_are_branches() -> None:
    """F-RUN06, F-EVT11: the call, what was said below it, its output."""
    helper = Agent("sim:echo", name="helper", description="Answers.")
    events = await run(Agent("sim:demo", name="boss", tools=[helper]), "Ask the helper with prompt='the sky'")
    assert await picture(events) == (
        'helper({"prompt": "the sky"})\n'
        "├─ helper on sim:echo\n"
        "│  the sky\n"
        "  helper -> the sky\n"
        "\n"
        'According to helper(prompt="the sky"), the answer is the sky.\n'
        "\n"
        "boss       sim:demo · 2 turns · 1 tool call · ~112 in, ~24 out tokens · T · done\n"
        "└─ helper  sim:echo · 1 turn · ~5 in, ~2 out tokens · T · done\n"
        "sim:demo, sim:echo · ~112 in, ~24 out tokens · simulated: nothing is billed · T\n"
    ).replace("~112 in, ~24 out", _tokens(events))


def _tokens(events: Sequence[RunStreamEvent]) -> str:
    usage = events[-1].token_usage
    assert usage is not None
    return f"~{usage.input_tokens} in, ~{usage.output_tokens} out"


async def test_layers_in_layers_are_branches_of_branches() -> None:
    alpha, beta, judge = (Agent("sim:echo", name=name) for name in ("alpha", "beta", "judge"))
    shown = await picture(await run(committee(alpha, beta, judge=judge, name="board"), "yes"))
    live, summary = shown.split("\n\nboard", 1)
    assert live.startswith(
        "├─ members\n│  ├─ alpha on sim:echo\n│  │  yes\n│  ├─ beta on sim:echo\n│  │  yes\n├─ judge on sim:echo\n│  yes\n"
    )
    assert [line.split("  ")[0] for line in summary.splitlines()[1:4]] == ["├─ members", "│", "│"]
    assert re.findall(r"(├─ members|├─ alpha|└─ beta|└─ judge)", summary) == [
        "├─ members", "├─ alpha", "└─ beta", "└─ judge",
    ]  # fmt: skip


async def test_a_branch_that_fails_is_marked() -> None:
    async def broken(model: Any, emit: Any, prev_runs: Any) -> Any:
        raise RuntimeError("the wire is cut")

    good = Agent("sim:echo", name="good")
    events = await run(parallel(good, broken, on_error="collect", name="both"), "hello")
    shown = await picture(events)
    assert re.search(r"│  broken failed: .*the wire is cut\n", shown)
    assert re.search(
        r"\n├─ good +sim:echo · 1 turn · .* · done\n└─ broken +T · FAILED: .*the wire is cut\n", shown
    )


async def test_the_tree_is_shown_for_every_layer() -> None:
    one = Agent("sim:echo", name="one", description="First.")
    two = Agent("sim:echo", name="two", description="Second.")
    for layer in (chain(one, two, name="x"), parallel(one, two, name="x")):
        shown = await picture(await run(layer, "hi"))
        assert "├─ one on sim:echo\n│  hi\n" in shown
        assert re.search(r"\nx +.*\n├─ one +sim:echo · 1 turn", shown)
    desk, sales = Agent("sim:demo", name="desk"), Agent("sim:demo", name="sales", description="Sells.")
    shown = await picture(await run(handoffs(desk, sales, name="x"), "Use transfer_to_sales please"))
    assert "├─ desk on sim:demo\n" in shown
    assert re.search(r"\nx +.*\n[├└]─ desk +sim:demo · 1 turn", shown)
    routed = route(lambda given: "two", {"one": one, "two": two}, name="x")
    assert "├─ two on sim:echo\n│  hi\n" in await picture(await run(routed, "hi"))


async def test_a_run_without_nested_agents_has_no_tree() -> None:
    events = await run(Agent("sim:echo", name="solo"), "hi")
    assert (await picture(events)).splitlines()[:-1] == ["hi", ""]
    assert await picture(events) == await picture(events, view="flat") == await picture(events, view="auto")


@pytest.mark.parametrize("view", ["tree", "flat"])
@pytest.mark.parametrize("markdown", [True, False])
async def test_a_stored_run_gives_the_same_picture_as_the_live_one(view: str, markdown: bool) -> None:
    """Event by event, in batches, all at once, and read back from JSON."""
    helper = Agent("sim:echo", name="helper", description="Answers.")
    boss = Agent("sim:demo", name="boss", tools=[helper])
    events = await run(
        parallel(boss, Agent("sim:echo", name="other"), name="both"), "Ask the helper with prompt='sky'"
    )
    live = await picture(events, view=view, markdown=markdown)
    assert "helper" in live
    for batch in (3, 256):
        assert await picture(events, batch=batch, view=view, markdown=markdown) == live
    stored = restore([to_dict(envelope) for envelope in events])
    assert await picture(stored, batch=256, view=view, markdown=markdown) == live


async def test_a_log_without_deltas_gives_the_same_picture() -> None:
    helper = Agent("sim:echo", name="helper", description="Answers.")
    events = await run(Agent("sim:demo", name="boss", tools=[helper]), "Ask the helper with prompt='sky'")
    durable = [envelope for envelope in events if envelope.event.durable]
    assert len(durable) < len(events)
    assert await picture(durable, batch=256) == await picture(events)


# -- agents that talk at once ---------------------------------------------------------------------


async def test_agents_that_talk_at_once_have_blocks_of_their_own() -> None:
    """Deltas that come in turns never share a block, whoever is first done."""
    paths = [("a",), ("b",), ("c",)]
    said = [
        (path, MessageOutputDelta(delta=f"{path[0]}{word} ")) for word in range(40) for path in paths
    ]  # fmt: skip
    shown = await picture(
        envelopes(
            [
                *[(path, AgentStart(agent=path[0])) for path in paths],
                *said,
                *[(path, MessageOutputDone(output="".join(e.delta for p, e in said if p == path)))
                  for path in reversed(paths)],
            ]
        ), width=60,
    )  # fmt: skip
    blocks = re.split(r"^├─ (\w)\n", shown, flags=re.MULTILINE)
    texts = {name: text for name, text in zip(blocks[1::2], blocks[2::2], strict=True) if text}
    for name, text in texts.items():
        assert text.replace("│", "").split() == [f"{name}{word}" for word in range(40)]
    assert sorted(texts) == ["a", "b", "c"]


async def test_an_agent_below_another_branch_is_shown_with_its_way() -> None:
    shown = await picture(
        envelopes(
            [
                (("x",), AgentStart(agent="x")),
                (("y",), AgentStart(agent="y")),
                (("x", "deep"), AgentStart(agent="deep")),
                (("x", "deep"), MessageOutputDone(output="found")),
                (("y",), MessageOutputDone(output="done")),
            ]
        )
    )
    assert shown == "├─ x\n├─ y\n├─ x\n│  ├─ deep\n│  │  found\n├─ y\n│  done\n"


# -- the summary ----------------------------------------------------------------------------------


async def test_the_tree_sums_tokens_and_cost_and_counts_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    def cost(self: TokenUsage, model: str, provider: str | None = None, *, prices: object = None) -> Cost:
        return Cost(amount=Decimal("0.25"), priced=model != "unpriced", source="test")

    monkeypatch.setattr(TokenUsage, "cost", cost)
    usage = TokenUsage(input_tokens=10, output_tokens=1)

    def answer(model: str) -> ResponseDone:
        return ResponseDone(provider="acme", model=model, token_usage=usage)

    shown = await picture(
        envelopes(
            [
                StreamStart(agent="top", provider="acme", model="m"),
                answer("m"),
                (("sub",), AgentStart(agent="sub")),
                (("sub",), answer("m")),
                (("sub",), ToolOutputDone(call_id="c", name="f", output="no", is_error=True)),
                (("sub",), answer("m")),
                (("sub",), AgentEnd(agent="sub")),
                (("odd",), AgentStart(agent="odd", provider="acme", model="unpriced")),
                (("odd",), answer("unpriced")),
                (("odd",), AgentEnd(agent="odd", error="stopped", code="agent.cancelled")),
                (("lost",), AgentStart(agent="lost", provider="acme", model="m")),
                StreamEnd(),
            ]
        )
    )
    assert shown.splitlines()[-5:] == [
        "top      acme:m · 1 turn · 40 in, 4 out tokens · T · done",
        "├─ sub   acme:m · 2 turns · 1 tool call (1 failed) · 20 in, 2 out tokens · $0.5 · T · done",
        "├─ odd   acme:unpriced · 1 turn · 10 in, 1 out tokens · T · stopped",
        "└─ lost  acme:m · unfinished",
        "acme:m, acme:unpriced · tokens not reported · T",
    ]


async def test_an_answer_from_the_cache_says_so_and_costs_nothing() -> None:
    free = TokenUsage(input_tokens=0, output_tokens=0)
    shown = await picture(
        envelopes(
            [
                MessageOutputDone(output="kept"),
                ResponseDone(provider="acme", model="m", cached=True, token_usage=free),
                StreamEnd(),
            ]
        )
    )
    assert shown.splitlines()[:2] == ["kept", "this answer was kept from an earlier call and cost nothing"]
    assert "1 of the answers from the cache" in shown.splitlines()[-1]
    assert "$" not in shown


# -- events of a run that is resumed, and of its tools --------------------------------------------


async def test_a_result_out_of_order_is_shown_when_it_comes_and_once() -> None:
    shown = await picture(
        envelopes(
            [
                ToolCallDone(call_id="c1", name="add", arguments_json='{"a": 1}'),
                ToolCallDone(call_id="c2", name="add", arguments_json='{"a": 2}'),
                ResponseDone(stop_reason="tool_use"),
                ToolStart(call_id="c1", name="add"),
                ToolStart(call_id="c2", name="add"),
                ToolEnd(call_id="c2", name="add", output="5"),
                ToolOutputDone(call_id="c1", name="add", output="4"),
                ToolOutputDone(call_id="c2", name="add", output="5"),
            ]
        )
    )
    assert shown == 'add({"a": 1})\nadd({"a": 2})\n  add (call 2 of 2) -> 5\n  add -> 4\n'


async def test_a_run_that_goes_on_says_so_and_names_what_nobody_knows() -> None:
    shown = await picture(
        envelopes(
            [
                ToolCallDone(call_id="c1", name="pay", arguments_json="{}"),
                ResponseDone(stop_reason="tool_use"),
                ToolStart(call_id="c1", name="pay"),
                MessageOutputDelta(delta="half an ans"),
                StreamResumed(started_at=1.0, unknown=("c1", "c9")),
                AttemptRollback(code="run.resumed", visible=True),
                MessageOutputDone(output="A whole answer"),
            ]
        )
    )
    assert shown == (
        "pay({})\n"
        "\n"
        "half an ans\n"
        "the run was interrupted and goes on from here in another process\n"
        "  unknown: pay (c1) was running, and may have run\n"
        "  unknown: c9 was running, and may have run\n"
        "the text above was cut off and is taken back\n"
        "\n"
        "A whole answer\n"
    )


async def test_a_run_that_ends_while_another_talks_is_shown_whole() -> None:
    def of(run_id: str, *events: Event) -> list[RunStreamEvent]:
        return [RunStreamEvent(event=event, run_id=run_id, seq=seq) for seq, event in enumerate(events)]

    shown = await picture(
        [
            *of("one", MessageOutputDelta(delta="first ")),
            *of("two", MessageOutputDelta(delta="sec"), MessageOutputDelta(delta="ond"), StreamEnd()),
            *of("one", MessageOutputDelta(delta="half"), MessageOutputDone(output="first half"), StreamEnd()),
        ],
        view="flat",
    )
    used = "tokens not reported · T\n"
    assert shown == f"first \nrun two:\n\nsecond\n\n{used}\nhalf\n\n{used}"


async def test_an_answer_that_goes_back_to_the_model_says_why() -> None:
    rejected = OutputRejected(told="Repair it.", problems=("$.a: missing", "$.b: not an\nint"))
    assert await picture(envelopes([MessageOutputDone(output="{}"), rejected])) == (
        "{}\nthe answer is not what was asked for and goes back:\n  $.a: missing\n  $.b: not an int\n"
    )


# -- the sink -------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [{"view": "wide"}, {"markdown": "yes"}, {"width": 0}, {"width": True}])
def test_a_value_that_does_not_exist_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"ConsoleSink: {next(iter(wrong))} must be"):
        ConsoleSink(**wrong)


async def test_a_reader_that_leaves_ends_the_sink_once() -> None:
    """A typed error from the write; closing after it is quiet."""

    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError(32, "Broken pipe")

    for chosen in ({"markdown": True}, {"markdown": False}):
        sink = ConsoleSink(stream=Closed(), **chosen)  # type: ignore[arg-type]
        await sink.open()
        with pytest.raises(BrokenPipeError, match="nobody reads the output of the console sink any more"):
            await sink.write(envelopes([MessageOutputDelta(delta="x\n\ny\n\n"), StreamEnd()]))
        await sink.close()
