"""The run store on both databases: what goes in comes out, whatever it is."""

from __future__ import annotations

import asyncio
import threading

import attrs
import pytest

from lamella.content import MediaContent, TextBlock
from lamella.errors import AgentInputError, ConfigError, StoreError
from lamella.events import (
    MediaOutputDone,
    MessageOutputDelta,
    MessageOutputDone,
    OpaqueEvent,
    ResponseDone,
    StreamEnd,
    StreamError,
    StreamResumed,
    StreamStart,
    ToolCallDone,
    ToolOutputDone,
)
from lamella.fold import fold
from lamella.messages import Message
from lamella.specs import ClaimingStore
from lamella.sync import run as run_sync
from lamella_sql import SQLStore

from sql_runs import STARTED, envelopes, rows, store_run, tool_run


async def test_f_sto01_a_stored_run_is_the_live_one(url: str) -> None:
    """F-STO01: store while streaming; reading back gives an equal run."""
    run, store = tool_run(), SQLStore(url)
    await store_run(store, run)
    loaded = await store.load("3f2a9c")
    assert list(loaded) == run
    assert [event.output for event in loaded] == [event.output for event in run]
    assert [event.timing for event in loaded] == [event.timing for event in run]
    assert fold(loaded) == fold(run)


async def test_f_sto02_the_history_of_a_stored_run_is_exact(url: str) -> None:
    """F-STO02: the audit trail is stored, and the context can be built from it exactly, down to the order of keys."""
    run, store = tool_run(), SQLStore(url)
    await store_run(store, run)
    live, stored = fold(run), fold(await store.load("3f2a9c"))
    assert stored.new_items == live.new_items
    assert stored.history == live.history
    texts = [[getattr(block, "text", None) for block in message.content] for message in stored.history]
    assert texts == [[getattr(block, "text", None) for block in message.content] for message in live.history]


async def test_f_sto03_events_of_a_newer_release_survive(url: str) -> None:
    """F-STO03: what this release does not know is kept."""
    run = envelopes([StreamStart(extra={"novelty": {"a": 1}}), OpaqueEvent(type="acme.thing", data={"value": 7}),
                     StreamEnd()])  # fmt: skip
    store = SQLStore(url)
    await store_run(store, run)
    assert list(await store.load("3f2a9c")) == run


async def test_each_batch_can_be_read_when_write_returns(url: str) -> None:
    store, reader, run = SQLStore(url), SQLStore(url), tool_run()
    await store.open()
    for end in (3, 5, 12):
        await store.write(run[:end])  # what is there already is passed over
        assert list(await reader.load("3f2a9c")) == run[:end]
    await store.close()


async def test_a_batch_that_comes_twice_changes_nothing(url: str) -> None:
    from sql_runs import derived

    run, store = tool_run(), SQLStore(url)
    await store_run(store, run)
    before = await derived(url)
    await store_run(store, run)
    await store_run(SQLStore(url), run, batch=100)
    assert await derived(url) == before
    assert list(await store.load("3f2a9c")) == run


async def test_without_deltas_the_run_is_equal(url: str) -> None:
    run, store = tool_run(), SQLStore(url, deltas=False)
    await store_run(store, run)
    loaded = await store.load("3f2a9c")
    assert list(loaded) == [event for event in run if event.event.durable]
    assert fold(loaded) == fold(run)


STRANGE = ("a\ud800b", "\udc00", "\ud83d\ude00", "\x00", "a\x1a0000b", "\\u0000 \\ud800", "\x1a", "\\\x00\\", "🎉",
           "\u2028\x7f\x01", "'; DROP TABLE runs; --", "$1 ? :x %s %%")  # fmt: skip


@pytest.mark.parametrize("text", STRANGE, ids=range(len(STRANGE)))
async def test_no_character_is_lost(url: str, text: str) -> None:
    run = envelopes(
        [
            StreamStart(agent=text, input=(Message.user(f"{text}!"),), conversation=text, meta={text: text}),
            ((text, ""), MessageOutputDelta(delta=text)),
            MessageOutputDone(output=text),
            ToolCallDone(call_id=text, name=text),
            ResponseDone(raw={text: [text]}),
            ToolOutputDone(call_id=text, name=text, output={text: text}),
            StreamError(error=text),
        ],
        run_id=f"id {text}",
    )
    store = SQLStore(url)
    await store_run(store, run)
    loaded = await store.load(f"id {text}")
    assert list(loaded) == run
    assert [event.event for event in loaded] == [event.event for event in run]
    (summary,) = await store.list()
    assert (summary.run_id, summary.agent, summary.prompt, summary.conversation) == (
        f"id {text}", text, f"{text}!", text,
    )  # fmt: skip
    assert len(await rows(url, "SELECT * FROM blocks")) == 4


async def test_every_float_is_exact(url: str) -> None:
    numbers = [0.1, 1e23, 5e-324, 1.7976931348623157e308, -0.0, 1e22, 123456789.123456789, 1.0]
    run = envelopes([StreamStart(started_at=1 / 3, meta={"numbers": numbers}), StreamEnd()])
    run = [attrs.evolve(event, at=1e6 / 7, start_time=5e-324, first_token=2 / 3) for event in run]
    store = SQLStore(url)
    await store_run(store, run)
    loaded = await store.load("3f2a9c")
    assert list(loaded) == run
    assert repr(loaded[0].event.meta["numbers"]) == repr(run[0].event.meta["numbers"])  # type: ignore[attr-defined]


async def test_media_of_ten_megabytes_survives(url: str) -> None:
    image = MediaContent(data=b"\x89PNG" + bytes(range(256)) * 40_000, mime_type="image/png")
    run = envelopes([StreamStart(), MediaOutputDone(media=image), ResponseDone(), StreamEnd()])
    store = SQLStore(url)
    await store_run(store, run)
    assert list(await store.load("3f2a9c")) == run
    (block,) = await rows(url, "SELECT type, mime_type, bytes, data FROM blocks")
    assert (block["type"], block["mime_type"], block["bytes"]) == ("media", "image/png", 10_240_004)
    assert len(block["data"]) < 200


@pytest.mark.parametrize("raw", ["full", "redacted", "dropped"])
async def test_f_sto01_payloads_by_policy(url: str, raw: str) -> None:
    """F-STO01: raw by policy."""
    store = SQLStore(url, raw=raw)  # type: ignore[arg-type]
    usage_before = fold(tool_run()).token_usage
    await store_run(store, tool_run())
    result = fold(await store.load("3f2a9c"))
    told = str(
        [row["data"] for row in await rows(url, "SELECT data FROM events WHERE type = 'response.done'")]
    )
    assert ("body" in told) is (raw != "dropped")
    assert result.token_usage == usage_before
    assert store.raw == raw


async def test_runs_at_the_same_time_stay_apart(url: str) -> None:
    store = SQLStore(url)
    runs = {f"run{index}": tool_run(f"run{index}", started=STARTED + index) for index in range(8)}
    await asyncio.gather(*(store_run(store, run, batch=3) for run in runs.values()))
    for run_id, run in runs.items():
        assert list(await store.load(run_id)) == run
    assert [summary.run_id for summary in await store.list()] == [
        f"run{index}" for index in reversed(range(8))
    ]
    assert [summary.run_id for summary in await store.list(limit=2)] == ["run7", "run6"]


async def test_a_batch_of_several_runs(url: str) -> None:
    store, one, two = SQLStore(url), tool_run("one"), tool_run("two")
    await store_run(store, [event for pair in zip(one, two, strict=True) for event in pair], batch=5)
    assert list(await store.load("one")) == one
    assert list(await store.load("two")) == two


async def test_a_beginning_of_an_id_and_near_ids(url: str) -> None:
    store = SQLStore(url)
    with pytest.raises(AgentInputError, match="nothing is stored"):
        await store.load("3f2a")
    for run_id in ("3f2a", "3f9b", "77aa", "77aab", "a%_"):
        await store_run(store, tool_run(run_id))
    assert (await store.load("3f2"))[0].run_id == "3f2a"
    assert (await store.load("77aa"))[0].run_id == "77aa"
    assert (await store.load("a%"))[0].run_id == "a%_"
    with pytest.raises(AgentInputError, match="several runs begin with '3f'"):
        await store.load("3f")
    with pytest.raises(AgentInputError, match=r"did you mean .*3f2a"):
        await store.load("3f2b")
    with pytest.raises(AgentInputError, match="no run ''"):
        await store.load("")


async def test_the_list_says_what_matters(url: str) -> None:
    store = SQLStore(url)
    await store_run(store, tool_run(forked_from="0a", forked_at=3, conversation="talk"))
    (summary,) = await store.list()
    assert attrs.asdict(summary) == {
        "run_id": "3f2a9c", "status": "completed", "agent": "adder", "provider": "sim", "model": "demo",
        "started_at": STARTED, "events": 22, "total_tokens": 28, "prompt": "What is 2 + 3?",
        "conversation": "talk", "forked_from": "0a",
    }  # fmt: skip


async def test_a_run_is_running_until_its_writer_is_gone(url: str) -> None:
    store, other = SQLStore(url), SQLStore(url)
    await store.open()
    await store.write(tool_run()[:5])
    assert [summary.status for summary in await other.list()] == ["running"]
    await store.close()
    assert [summary.status for summary in await other.list()] == ["interrupted"]


async def test_a_claimed_run_has_one_writer(url: str) -> None:
    run, first, second = tool_run(), SQLStore(url), SQLStore(url)
    assert isinstance(first, ClaimingStore)
    await first.open()
    await second.open()
    await first.write(run[:5])
    for refused in (second.claim("3f2a9c"), second.write(run[5:9])):
        with pytest.raises(StoreError, match="is being written by process") as caught:
            await refused
        assert caught.value.error_code == "store.conflict"
        assert caught.value.context["run_id"] == "3f2a9c"
    await second.claim("3f2", force=True)
    with pytest.raises(StoreError, match="taken over") as caught:
        await first.write(run[5:9])
    assert caught.value.error_code == "store.conflict"
    await second.write(run[5:])
    with pytest.raises(StoreError, match="taken over"):
        await first.write(run[5:9])
    assert list(await second.load("3f2a9c")) == run
    await first.claim("3f2a9c")  # it has ended: nobody's
    await first.close()
    await second.close()
    with pytest.raises(AgentInputError, match="no run 'nothing'"):
        await first.claim("nothing")


async def test_a_run_goes_on_in_another_object(url: str) -> None:
    run = tool_run()
    run[12] = attrs.evolve(run[12], event=StreamResumed(started_at=STARTED + 100, unknown=("c1",)))
    await store_run(SQLStore(url), run[:12])
    await store_run(SQLStore(url), run[12:])
    assert list(await SQLStore(url).load("3f2a9c")) == run


async def test_the_options_are_public(url: str) -> None:
    store = SQLStore(url, deltas=False, raw="dropped")
    assert (store.deltas, store.raw) == (False, "dropped")
    assert store.url in repr(store)
    for wrong in ({"durability": "some"}, {"timeout": 0}, {"pool_size": 0}, {"raw": "half"}):
        with pytest.raises(ConfigError):
            SQLStore(url, **wrong)  # type: ignore[arg-type]


async def test_full_durability_stores_the_same(url: str) -> None:
    run, store = tool_run(), SQLStore(url, durability="full")
    await store_run(store, run)
    assert list(await store.load("3f2a9c")) == run


def test_one_store_serves_several_loops_and_leaves_nothing(url: str) -> None:
    store = SQLStore(url)
    threads = {thread.name for thread in threading.enumerate()}
    asyncio.run(store_run(store, tool_run("one")))
    run_sync(store_run(store, tool_run("two")))
    asyncio.run(store_run(store, tool_run("three")))

    async def both() -> None:
        await store.open()
        await store.write(tool_run("four")[:3])
        await asyncio.to_thread(run_sync, store_run(store, tool_run("five")))
        await store.write(tool_run("four")[3:])
        await store.close()

    asyncio.run(both())
    assert len(run_sync(store.list())) == 5
    left = {thread.name for thread in threading.enumerate()} - threads
    assert not {name for name in left if not name.startswith(("lamella-sync", "asyncio_"))}


async def test_aclose_ends_everything_at_once(url: str) -> None:
    store = SQLStore(url)
    await store.open()
    await store.open()
    await store.write(tool_run()[:5])
    await store.aclose()
    assert [summary.status for summary in await store.list()] == ["interrupted"]
    assert (await store.load("3f2a9c"))[0].event.type == "stream.start"


async def test_text_blocks_are_read_as_they_were_sent(url: str) -> None:
    store = SQLStore(url)
    await store_run(
        store, envelopes([StreamStart(), MessageOutputDone(output="a\ud800b"), ResponseDone(), StreamEnd()])
    )
    assert fold(await store.load("3f2a9c")).messages[0].content == (TextBlock(text="a\ud800b"),)
