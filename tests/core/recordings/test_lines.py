"""Lines: the form in which runs go from store to store."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamella.errors import AgentSerializationError
from lamella.events import MessageOutputDone, RunStreamEvent, StreamEnd, StreamStart
from lamella.fold import fold
from lamella.recordings import TornLine, export_lines, import_lines, read_runs

from recorded_runs import cut, envelopes, whole_run


def test_what_is_exported_is_read_back() -> None:
    events = whole_run()
    lines = list(export_lines(events))
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
    (back,) = import_lines(lines)
    assert list(back) == events
    assert [each.output for each in back] == [each.output for each in events]
    assert fold(back) == fold(events)


async def test_they_are_the_lines_of_the_jsonl_store(tmp_path: Path) -> None:
    jsonl = pytest.importorskip("lamella_jsonl")
    events = whole_run()
    store = jsonl.JSONLStore(tmp_path)
    await store.open()
    await store.write(events)
    await store.close()
    (stored,) = files_of(tmp_path)
    assert [json.loads(line) for line in export_lines(events)] == [
        json.loads(line) for line in stored.splitlines()
    ]
    assert [list(run) for run in import_lines([stored])] == [events]


def files_of(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.glob("*.jsonl")]


@given(st.data())
def test_runs_may_be_mixed_and_lines_cut_anywhere(data: st.DataObject) -> None:
    runs = [whole_run("a"), cut(whole_run("b")), whole_run("c")]
    queues = [list(run) for run in runs]
    mixed: list[RunStreamEvent] = []
    while any(queues):
        mixed.append(data.draw(st.sampled_from([queue for queue in queues if queue])).pop(0))
    whole = b"".join(export_lines(mixed))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=20)))
    pieces = [whole[begin:end] for begin, end in itertools.pairwise([0, *cuts, len(whole)])]
    found = {run[0].run_id: list(run) for run in import_lines(pieces)}
    assert found == {run[0].run_id: run for run in runs}


def test_a_run_comes_as_soon_as_it_ended() -> None:
    """What is held in memory is one run where they stand one after the other."""
    given = 0

    def lines() -> Iterator[bytes]:
        nonlocal given
        for line in export_lines([*whole_run("a"), *whole_run("b")]):
            given += 1
            yield line

    found = read_runs(lines())
    assert next(found)[0].run_id == "a"
    assert given == 14


def test_a_torn_last_line_is_told(caplog: pytest.LogCaptureFixture) -> None:
    told: list[TornLine] = []
    whole = b"".join(export_lines(whole_run()))
    (run,) = import_lines([whole[:-20]], on_torn=told.append)
    assert len(run) == 13
    (torn,) = told
    assert torn.line == 14
    assert torn.length == len(whole.splitlines()[-1]) - 19
    import_lines([whole[:-20]])
    assert "line 14 is torn" in caplog.text


def test_a_last_line_without_its_end_is_whole() -> None:
    (run,) = import_lines([b"".join(export_lines(whole_run()))[:-1]])
    assert len(run) == 14


@pytest.mark.parametrize("damage", [b"{", b"[1]", b"\xff\xfe", b'{"a": 1}', b'{"v": 9, "event": {}}', b'"x"'])
def test_a_damaged_line_is_named(damage: bytes) -> None:
    lines = list(export_lines(whole_run()))
    lines[4] = damage + b"\n"
    with pytest.raises(AgentSerializationError, match="line 5 ") as failed:
        import_lines(lines)
    assert failed.value.context["line"] == 5


def test_blank_lines_a_mark_and_other_ends_are_taken() -> None:
    text = b"\r\n\r\n".join(line.strip() for line in export_lines(whole_run()))
    (run,) = import_lines([b"\xef\xbb\xbf" + text + b"\r\n"])
    assert list(run) == whole_run()
    (again,) = import_lines(text.decode().splitlines(keepends=True))
    assert again == run
    assert import_lines([]) == import_lines([b"\n\n"]) == []


def test_lines_that_are_there_twice() -> None:
    lines = list(export_lines(whole_run()))
    assert len(import_lines([line for line in lines for _ in range(2)][:-1])[0]) == 14
    assert import_lines([*lines, *lines]) == import_lines(lines) * 2
    other = list(export_lines(whole_run(question="What?")))
    with pytest.raises(AgentSerializationError, match="line 2 holds event 0 of run r a second time"):
        import_lines([lines[0], other[0]])
    with pytest.raises(AgentSerializationError, match="line 3 holds event 1 of run r, after event 2"):
        import_lines([lines[0], lines[2], lines[1]])
    with pytest.raises(AgentSerializationError, match="after the run's last one"):
        import_lines([*lines, lines[3]])


def test_what_this_release_does_not_know_survives() -> None:
    documents = [json.loads(line) for line in export_lines(envelopes([StreamStart(), StreamEnd()]))]
    documents.insert(1, {**documents[0], "seq": 0.5, "event": {"type": "acme.new", "field": [1]}})
    for seq, document in enumerate(documents):
        document["seq"] = seq
    lines = [json.dumps(document).encode() + b"\n" for document in documents]
    (run,) = import_lines(lines)
    assert [json.loads(line) for line in export_lines(run)] == documents


def test_words_that_have_no_utf_8_form() -> None:
    events = envelopes([StreamStart(), MessageOutputDone(output="\ud800 é"), StreamEnd()])
    (run,) = import_lines(export_lines(events))
    assert list(run) == events
