"""The run store of JSON lines: what goes in comes out, whatever happened to the file."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Sequence
from pathlib import Path

import attrs
import pytest

from lamella.content import TextBlock
from lamella.errors import AgentInputError, ConfigError, ErrorCode, StoreError
from lamella.events import (
    Event,
    MessageOutputDelta,
    MessageOutputDone,
    OpaqueEvent,
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
from lamella.fold import fold
from lamella.messages import Message
from lamella.running_text import RunningText
from lamella.specs import RunStore, RunSummary
from lamella.usage import TokenUsage, add_usage
from lamella_jsonl import JSONLSettings, JSONLStore
from lamella_jsonl._writing import Writer

STARTED = 1_790_000_000.25


def envelopes(events: list[Event], run_id: str = "3f2a9c") -> list[RunStreamEvent]:
    """Events in envelopes, as the agent loop makes them."""
    text, usage, made = RunningText(), None, []
    for seq, event in enumerate(events):
        if event.durable:
            usage = add_usage(usage, event.token_usage)
        made.append(
            RunStreamEvent(
                event=event, run_id=run_id, seq=seq, token_usage=usage, at=10.0 + seq, start_time=10.0,
                first_token=11.0, text=text.feed((), event),
            )
        )  # fmt: skip
    return made


def tool_run(
    run_id: str = "3f2a9c", *, started: float = STARTED, prompt: str = "What is 2 + 3?"
) -> list[RunStreamEvent]:
    usage = TokenUsage(input_tokens=10, output_tokens=4, raw={"prompt_tokens": 10})
    raw = {"chunk": "as it came"}
    return envelopes(
        [
            StreamStart(
                agent="adder", provider="sim", model="demo", started_at=started,
                input=(Message.system("Be exact."), Message.user(prompt)),
            ),
            ReasoningDelta(delta="hm", raw_event=raw),
            ReasoningDone(text="hm", raw_event=raw),
            MessageOutputDelta(delta="I ad", raw_event=raw),
            MessageOutputDelta(delta="d. 世界 🎉", raw_event=raw),
            MessageOutputDone(output="I add. 世界 🎉", raw_event=raw),
            ToolCallDelta(call_id="c1", name="add", delta='{"a": 2, "b": 3}', raw_event=raw),
            ToolCallDone(call_id="c1", name="add", arguments_json='{"a": 2, "b": 3}', raw_event=raw),
            ResponseDone(stop_reason="tool_use", token_usage=usage, provider="sim", model="demo", raw={"body": 1}),
            ToolOutputDone(id="c1", call_id="c1", name="add", output={"sum": 5}),
            MessageOutputDelta(delta="5"),
            MessageOutputDone(output="5"),
            ResponseDone(token_usage=usage, provider="sim", model="demo", raw={"body": 2}),
            StreamEnd(output="5"),
        ],
        run_id,
    )  # fmt: skip


async def store_run(store: JSONLStore, run: list[RunStreamEvent], *, batch: int = 4) -> None:
    await store.open()
    for place in range(0, len(run), batch):
        await store.write(run[place : place + batch])
    await store.close()


def only_file(folder: Path) -> Path:
    (path,) = folder.glob("*.jsonl")
    return path


def all_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_f_sto01_a_stored_run_folds_to_the_result_of_the_live_one(tmp_path: Path) -> None:
    """F-STO01: store while streaming; reading back gives an equal run."""
    run = tool_run()
    store = JSONLStore(tmp_path)
    await store_run(store, run)
    loaded = await store.load("3f2a9c")
    assert fold(loaded) == fold(run)
    assert [event.output for event in loaded] == [event.output for event in run]
    assert [event.timing for event in loaded] == [event.timing for event in run]


async def test_without_deltas_the_run_is_equal_and_the_file_smaller(tmp_path: Path) -> None:
    run = tool_run()
    store = JSONLStore(tmp_path, deltas=False)
    await store_run(store, run)
    loaded = await store.load("3f2a9c")
    assert all(event.event.durable for event in loaded)
    assert fold(loaded) == fold(run)


async def test_the_store_is_a_run_store(tmp_path: Path) -> None:
    assert isinstance(JSONLStore(tmp_path), RunStore)


async def test_the_file_is_named_by_start_and_id_and_holds_one_event_a_line(tmp_path: Path) -> None:
    await store_run(JSONLStore(tmp_path), tool_run())
    path = only_file(tmp_path)
    assert path.name == "20260921T141320.250Z-3f2a9c.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["seq"] for line in lines] == list(range(14))
    assert "世界 🎉" in lines[5]


async def test_each_batch_is_in_the_file_when_write_returns(tmp_path: Path) -> None:
    store, run = JSONLStore(tmp_path), tool_run()
    await store.open()
    await store.write(run[:3])
    assert len(only_file(tmp_path).read_bytes().splitlines()) == 3
    await store.write(run[3:5])
    assert len(only_file(tmp_path).read_bytes().splitlines()) == 5
    await store.close()


async def test_no_file_appears_before_the_first_event(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    store = JSONLStore(folder)
    await store.open()
    await store.close()
    assert not folder.exists()
    assert await store.list() == []


async def test_runs_at_the_same_time_through_one_store_stay_apart(tmp_path: Path) -> None:
    store = JSONLStore(tmp_path)
    runs = {f"run{index}": tool_run(f"run{index}", started=STARTED + index) for index in range(8)}
    await asyncio.gather(*(store_run(store, run, batch=1) for run in runs.values()))
    for run_id, run in runs.items():
        assert fold(await store.load(run_id)) == fold(run)


async def test_a_batch_of_several_runs_goes_to_several_files(tmp_path: Path) -> None:
    store, one, two = JSONLStore(tmp_path), tool_run("one"), tool_run("two")
    mixed = [event for pair in zip(one, two, strict=True) for event in pair]
    await store.open()
    await store.write(mixed)
    await store.close()
    assert fold(await store.load("one")) == fold(one)
    assert fold(await store.load("two")) == fold(two)


@pytest.mark.parametrize("cut", range(1, 60, 7))
async def test_a_torn_last_line_is_dropped_alone_and_logged(
    tmp_path: Path, cut: int, caplog: pytest.LogCaptureFixture
) -> None:
    store, run = JSONLStore(tmp_path), tool_run()
    await store_run(store, run)
    path = only_file(tmp_path)
    path.write_bytes(path.read_bytes()[: -cut - 1])
    with caplog.at_level(logging.WARNING):
        loaded = await store.load("3f2a9c")
    assert [event.seq for event in loaded] == list(range(13))
    assert fold(loaded).status == "interrupted"
    assert "torn" in caplog.text
    (summary,) = await store.list()
    assert (summary.status, summary.events) == ("interrupted", 13)


async def test_a_last_line_that_lacks_only_its_newline_is_whole(tmp_path: Path) -> None:
    store, run = JSONLStore(tmp_path), tool_run()
    await store_run(store, run)
    path = only_file(tmp_path)
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert fold(await store.load("3f2a9c")) == fold(run)


async def test_a_run_that_goes_on_after_a_crash_continues_its_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = tool_run()
    first = JSONLStore(tmp_path)
    await first.open()
    await first.write(run[:9])
    await first.close()
    path = only_file(tmp_path)
    path.write_bytes(path.read_bytes() + b'{"torn')
    with caplog.at_level(logging.WARNING):
        await store_run(JSONLStore(tmp_path), run[9:])
    assert only_file(tmp_path) == path
    assert "torn" in caplog.text
    assert fold(await first.load("3f2a9c")) == fold(run)


async def test_a_broken_line_in_the_middle_names_file_and_line(tmp_path: Path) -> None:
    store = JSONLStore(tmp_path)
    await store_run(store, tool_run())
    path = only_file(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b"not json\n", *lines[3:]]))
    with pytest.raises(StoreError, match=rf"{path.name}:3.*delete this line") as raised:
        await store.load("3f2a9c")
    assert raised.value.error_code is ErrorCode.STORE_CORRUPT
    assert raised.value.context["line"] == 3


async def test_events_and_fields_of_a_newer_release_survive(tmp_path: Path) -> None:
    store = JSONLStore(tmp_path)
    await store_run(store, tool_run())
    path = only_file(tmp_path)
    lines = path.read_text(encoding="utf-8").splitlines()
    start = json.loads(lines[0])
    start["event"]["novelty"] = {"a": 1}
    strange = json.loads(lines[1])
    strange["event"] = {"type": "acme.thing", "value": 7}
    path.write_text("\n".join([json.dumps(start), json.dumps(strange), *lines[2:]]) + "\n", encoding="utf-8")
    loaded = await store.load("3f2a9c")
    assert loaded[0].event.extra == {"novelty": {"a": 1}}
    assert loaded[1].event == OpaqueEvent(type="acme.thing", data={"value": 7})


async def test_deltas_are_stored_without_their_payload_and_done_events_with_it(tmp_path: Path) -> None:
    await store_run(JSONLStore(tmp_path), tool_run())
    events = [json.loads(line)["event"] for line in only_file(tmp_path).read_bytes().splitlines()]
    assert all("raw_event" not in event for event in events if event["type"].endswith(".delta"))
    assert events[5]["raw_event"] == {"chunk": "as it came"}
    assert events[8]["raw"] == {"body": 1}


async def test_f_sto01_raw_dropped_leaves_every_payload_out(tmp_path: Path) -> None:
    """F-STO01: raw by policy."""
    run = tool_run()
    message = attrs.evolve(Message.assistant("before"), raw={"body": 0})
    assert isinstance(run[0].event, StreamStart)
    start = attrs.evolve(run[0].event, input=(Message.user("hi"), message, Message.user("again")))
    run[0] = attrs.evolve(run[0], event=start)
    store = JSONLStore(tmp_path, raw="dropped")
    await store_run(store, run)
    text = only_file(tmp_path).read_text(encoding="utf-8")
    assert '"raw"' not in text
    assert '"raw_event"' not in text
    result = fold(await store.load("3f2a9c"))
    assert [message.content for message in result.messages] == [
        message.content for message in fold(run).messages
    ]
    assert result.token_usage == fold(run).token_usage


async def test_f_sto01_raw_redacted_keeps_the_shape_without_the_words(tmp_path: Path) -> None:
    """F-STO01: raw by policy."""
    run = envelopes(
        [
            StreamStart(started_at=STARTED),
            ResponseDone(raw={"id": "r1", "usage": {"total": 7}, "text": "private words"}),
            StreamEnd(),
        ]
    )
    store = JSONLStore(tmp_path, raw="redacted")
    await store_run(store, run)
    (_, done, _) = await store.load("3f2a9c")
    assert isinstance(done.event, ResponseDone)
    assert done.event.raw == {"id": "r1", "usage": {"total": 7}, "text": "[13 characters]"}
    assert (store.deltas, store.raw) == (True, "redacted")


async def test_lone_surrogates_survive(tmp_path: Path) -> None:
    store = JSONLStore(tmp_path)
    await store_run(
        store, envelopes([StreamStart(), MessageOutputDone(output="a\ud800b"), ResponseDone(), StreamEnd()])
    )
    assert fold(await store.load("3f2a9c")).messages[0].content == (TextBlock(text="a\ud800b"),)


@pytest.mark.parametrize("run_id", ["../../escape", "a/b", "C:\\x", "..", "a-b c", "ünï"])
async def test_no_run_id_leaves_the_folder(tmp_path: Path, run_id: str) -> None:
    folder = tmp_path / "deep" / "runs"
    store = JSONLStore(folder)
    await store_run(store, tool_run(run_id))
    assert only_file(folder).parent == folder
    assert fold(await store.load(run_id)).run_id == run_id
    assert all_files(tmp_path) == [only_file(folder)]


async def test_a_unique_beginning_of_an_id_is_enough(tmp_path: Path) -> None:
    store = JSONLStore(tmp_path)
    for run_id in ("3f2a", "3f9b", "77aa"):
        await store_run(store, tool_run(run_id))
    assert (await store.load("7"))[0].run_id == "77aa"
    with pytest.raises(AgentInputError, match="2 runs begin with '3f'"):
        await store.load("3f")


async def test_an_exact_id_wins_over_longer_ones(tmp_path: Path) -> None:
    store = JSONLStore(tmp_path)
    await store_run(store, tool_run("3f"))
    await store_run(store, tool_run("3f2a"))
    assert (await store.load("3f"))[0].run_id == "3f"


async def test_an_unknown_id_is_refused_with_the_nearest_ones(tmp_path: Path) -> None:
    store = JSONLStore(tmp_path)
    with pytest.raises(AgentInputError, match="nothing is stored"):
        await store.load("3f2a9d")
    await store_run(store, tool_run("3f2a9c"))
    with pytest.raises(AgentInputError, match=r"no run '3f2a9d' in .*did you mean 3f2a9c\?"):
        await store.load("3f2a9d")
    with pytest.raises(AgentInputError, match="the newest are 3f2a9c"):
        await store.load("zzz")
    with pytest.raises(AgentInputError, match="no run ''"):
        await store.load("")


async def test_the_list_is_newest_first_and_says_what_matters(tmp_path: Path) -> None:
    store = JSONLStore(tmp_path)
    await store_run(store, tool_run("old", started=STARTED, prompt="x" * 500))
    await store_run(store, tool_run("new", started=STARTED + 60))
    newest, oldest = await store.list()
    assert newest == RunSummary(
        run_id="new", status="completed", agent="adder", provider="sim", model="demo",
        started_at=STARTED + 60, events=14, total_tokens=28, prompt="What is 2 + 3?",
    )  # fmt: skip
    assert oldest.prompt == "x" * 200
    assert [summary.run_id for summary in await store.list(limit=1)] == ["new"]


async def test_the_list_says_of_which_run_one_is_a_fork(tmp_path: Path) -> None:
    store = JSONLStore(tmp_path)
    await store_run(store, envelopes([StreamStart(forked_from="77aa", forked_at=3), StreamEnd()]))
    assert [summary.forked_from for summary in await store.list()] == ["77aa"]


@pytest.mark.parametrize(
    ("code", "status"), [("agent.cancelled", "cancelled"), ("api.rate_limited", "failed")]
)
async def test_the_list_knows_failed_and_cancelled_runs(tmp_path: Path, code: str, status: str) -> None:
    store = JSONLStore(tmp_path)
    await store_run(store, envelopes([StreamStart(), StreamError(error="no", code=code)]))
    (summary,) = await store.list()
    assert summary.status == status == fold(await store.load("3f2a9c")).status
    assert summary.total_tokens is None


async def test_the_list_reads_heads_and_tails_only(tmp_path: Path) -> None:
    store = JSONLStore(tmp_path)
    long = "long " * 20_000
    middle: list[Event] = [MessageOutputDone(output=long) for _ in range(20)]
    await store_run(
        store, envelopes([StreamStart(input=(Message.user("hi"),)), *middle, StreamEnd(output=long)])
    )
    path = only_file(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], *(b"#" * len(line) + b"\n" for line in lines[1:-1]), lines[-1]]))
    (summary,) = await store.list()
    assert (summary.status, summary.events, summary.prompt) == ("completed", 22, "hi")


async def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.jsonl").write_text("{}\n")
    (tmp_path / "README").write_text("mine")
    store = JSONLStore(tmp_path)
    await store_run(store, tool_run())
    assert [summary.run_id for summary in await store.list()] == ["3f2a9c"]


async def test_an_empty_file_is_an_interrupted_run(tmp_path: Path) -> None:
    (tmp_path / "20260101T000000.000Z-abc.jsonl").write_bytes(b"")
    (summary,) = await JSONLStore(tmp_path).list()
    assert summary == RunSummary(run_id="abc", status="interrupted")


async def test_a_run_without_an_end_is_closed_with_the_last_run(tmp_path: Path) -> None:
    store = JSONLStore(tmp_path)
    await store.open()
    await store.write(tool_run()[:3])
    await store.close()
    assert [summary.status for summary in await store.list()] == ["interrupted"]
    assert fold(await store.load("3f2a9c")).status == "interrupted"


@pytest.mark.parametrize("wrong", [{"raw": "some"}, {"fsync": "always"}, {"layout": "heap"}])
def test_a_policy_that_does_not_exist_is_refused(tmp_path: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"JSONLStore: (raw|fsync|layout) must be one of"):
        JSONLStore(tmp_path, **wrong)  # type: ignore[arg-type]


def test_the_settings_are_the_arguments(tmp_path: Path) -> None:
    store = JSONLStore(**{**attrs.asdict(JSONLSettings()), "path": str(tmp_path)})
    assert repr(store) == repr(JSONLStore(tmp_path))


async def test_the_loop_is_not_blocked_by_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are touched in other threads only."""
    threads: set[str] = set()
    write = Writer.write

    def noted(writer: Writer, batch: Sequence[RunStreamEvent]) -> None:
        threads.add(threading.current_thread().name)
        write(writer, batch)

    monkeypatch.setattr(Writer, "write", noted)
    await store_run(JSONLStore(tmp_path), tool_run())
    assert threads
    assert threading.main_thread().name not in threads


async def test_below_a_fresh_state_folder_git_ignores_what_is_stored(tmp_path: Path) -> None:
    await store_run(JSONLStore(tmp_path / ".lamella" / "runs"), tool_run())
    assert (tmp_path / ".lamella" / ".gitignore").read_text() == "*\n"
