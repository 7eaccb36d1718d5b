"""Defects: each is the correct run store with one thing wrong, and the tests of the kit that must fail."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import threading
import time
import types
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import ledger.heavy
import ledger.plugin
from ledger.store import ENDS, Ledger
from ledger_suites import ledger_suite

import lamella
from lamella import RunStreamEvent, RunSummary, SinkSpec, StoreError
from lamella.serial import from_dict, restore
from lamella.serial.stored import stored_form
from lamella_testing import SinkConformance

__all__ = ["DEFECTS", "KEPT", "Defect", "suite"]


@attrs.frozen
class Defect:
    """A class of stores and a plugin with one thing wrong, and the names of the tests of which all must fail.

    ``named`` are those that say it; where a defect spoils whatever is written, others fail with them.
    """

    kind: type[Any]
    plugin: types.ModuleType | None
    named: frozenset[str]
    given: Mapping[str, Any]
    spoils: bool = False


DEFECTS: dict[str, Defect] = {}
COSTLY = {
    "test_a_cancelled_run_is_taken_to_its_end", "test_a_run_without_deltas", "test_a_table_makes_the_sink",
    "test_an_agent_is_watched", "test_an_agent_is_watched_from_synchronous_code", "test_another_object_reads_the_same",
    "test_another_process_reads_the_same", "test_batches_of_any_size", "test_claiming_a_run_that_goes_on",
    "test_claiming_an_interrupted_run", "test_claiming_by_force", "test_events_are_not_changed", "test_every_event",
    "test_every_story", "test_large_things", "test_many_runs", "test_nothing_is_printed", "test_nothing_is_warned_of",
    "test_odd_ids", "test_one_of_two_claims", "test_runs_at_once", "test_runs_from_two_loops",
    "test_the_list_says_what_runs_are", "test_the_plugin_module_is_light", "test_the_secret_is_seen_nowhere",
    "test_what_was_acknowledged_survives_a_kill",
}  # fmt: skip
"""The tests that take time: only the defects that they are for have them."""


def suite(name: str) -> type[SinkConformance]:
    """The kit for a defect."""
    found = DEFECTS[name]
    made = ledger_suite(found.kind, found.plugin, **found.given)
    for test in COSTLY - found.named:
        setattr(made, test, None)
    return made


def defect(*named: str, spoils: bool = False, **given: Any) -> Callable[[type[Any]], type[Any]]:
    """Register a class of stores as a defect; its name says what it is."""

    def register(kind: type[Any]) -> type[Any]:
        tests = frozenset(f"test_{test}" for test in named)
        DEFECTS[kind.__name__] = Defect(kind, None, tests, {"settings": None, **given}, spoils)
        return kind

    return register


def plugin_defect(name: str, *named: str, api: str = "1.0", **wrong: Any) -> None:
    """Register a wrong spec as a defect."""
    spec = {
        "id": "ledger", "summary": "runs", "factory": "ledger.store:Ledger", "store": True,
        "settings": "ledger.settings:LedgerSettings", **wrong,
    }  # fmt: skip

    @lamella.hookimpl
    def lamella_event_sink() -> SinkSpec:
        return SinkSpec(**spec)

    module = types.ModuleType(f"ledger_defect_{name}")
    vars(module).update(lamella_api=api, lamella_event_sink=lamella_event_sink)
    DEFECTS[name] = Defect(Ledger, module, frozenset(f"test_{test}" for test in named), {})


# -- the plugin -----------------------------------------------------------------------------------

DEFECTS["imports_a_library"] = Defect(
    Ledger, ledger.heavy, frozenset({"test_the_plugin_module_is_light"}), {}
)
plugin_defect("newer_api", "the_plugin_is_usable", api="2.0")
plugin_defect("no_summary", "the_spec_says_what_it_is", summary=" ")
plugin_defect("no_store", "the_spec_says_what_it_is", store=False)
plugin_defect("makes_no_sink", "a_table_makes_the_sink", factory=lambda **settings: object())


@attrs.frozen(kw_only=True)
class OpenToken:
    token: str
    deltas: bool = True


@attrs.frozen(kw_only=True)
class TakesMore:
    token: str = lamella.secret()
    deltas: bool = True
    colour: str = "red"


plugin_defect("open_token", "secret_settings_are_secret", settings=OpenToken)
plugin_defect("takes_more", "the_settings_fit_the_factory", settings=TakesMore)


# -- the protocol ---------------------------------------------------------------------------------


@defect("it_is_a_sink")
class NotAsync(Ledger):
    def load(self, run_id: str) -> Any:  # type: ignore[override]
        return super().load(run_id)


@defect("it_is_a_sink", secret=None)
class ListsOnly:
    """A sink that can list, and not load."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.path = path

    async def open(self) -> None: ...

    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"ListsOnly cannot write to {self.path}: {error.strerror}") from error

    async def close(self) -> None: ...

    async def list(self) -> Any: ...


LEFT = ("nothing_is_left_after_close", "a_failure_leaves_nothing")


@defect("making_it_starts_nothing", "reading_leaves_nothing", *LEFT)
class StartsWhenMade(Ledger):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.early = socket.socket()

    def __del__(self) -> None:
        self.early.close()


@defect("making_it_starts_nothing")
class ConnectsWhenMade(Ledger):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        with socket.socket() as early:
            early.connect_ex(("127.0.0.1", 9))


@defect("a_store_says_what_it_keeps", spoils=True)
class RawWithAWrongName(Ledger):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.raw = "none"  # type: ignore[assignment]


# -- lifecycles -----------------------------------------------------------------------------------


@defect("runs_one_after_the_other", spoils=True)
class OpensOnce(Ledger):
    done = False

    async def open(self) -> None:
        if self.done:
            raise RuntimeError("used up")

    async def close(self) -> None:
        self.done = True


@defect("runs_at_once", "runs_from_two_loops", spoils=True)
class OneRunAtATime(Ledger):
    """It takes every event for one of the run that was opened last."""

    current: str | None = None

    async def open(self) -> None:
        self.current = None

    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        if batch:
            self.current = self.current or batch[0].run_id
            await super().write([attrs.evolve(each, run_id=self.current) for each in batch])


@defect("runs_at_once", spoils=True)
class ClosesForAll(Ledger):
    """Its first ``close`` ends it for all runs."""

    is_open = False

    async def open(self) -> None:
        self.is_open = True

    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        if not self.is_open:
            raise StoreError("the ledger is closed, though a run is going on")
        await super().write(batch)

    async def close(self) -> None:
        self.is_open = False


@defect("runs_from_two_loops", spoils=True)
class LockOfALoop(Ledger):
    """Its lock belongs to the first loop in which somebody waited for it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.turn = asyncio.Lock()

    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        async with self.turn:
            await asyncio.sleep(0.001)
            await super().write(batch)


@defect("an_agent_is_watched_from_synchronous_code", "runs_from_two_loops", spoils=True)
class OfOneLoop(Ledger):
    """It belongs to the loop in which it was opened first."""

    loop: Any = None

    def check(self) -> None:
        self.loop = self.loop or asyncio.get_running_loop()
        if asyncio.get_running_loop() is not self.loop:
            raise RuntimeError("attached to a different loop")

    async def open(self) -> None:
        self.check()

    async def load(self, run_id: str) -> Sequence[RunStreamEvent]:
        self.check()
        return await super().load(run_id)


@defect("an_empty_batch")
class NeedsAnEvent(Ledger):
    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        assert batch[0].run_id
        await super().write(batch)


@defect("a_run_without_an_event")
class NeedsABatch(Ledger):
    wrote = False

    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        self.wrote = True
        await super().write(batch)

    async def close(self) -> None:
        if not self.wrote:
            raise RuntimeError("nothing was written")


@defect("batches_of_any_size")
class FirstOfABatch(Ledger):
    """It takes no more than a hundred events at once."""

    def append(self, run_id: str, events: Sequence[RunStreamEvent]) -> None:
        super().append(run_id, events[:100] if len(events) > 200 else events)


@defect("a_run_that_ends_without_a_last_event", "another_object_goes_on_with_a_run", spoils=True)
class WritesAtTheEnd(Ledger):
    """It keeps a run in memory until its last event."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.held: dict[str, list[RunStreamEvent]] = {}

    def append(self, run_id: str, events: Sequence[RunStreamEvent]) -> None:
        self.held.setdefault(run_id, []).extend(events)
        if events[-1].type in ENDS:
            super().append(run_id, self.held.pop(run_id))


KEPT: list[Any] = []


@defect(*LEFT)
class LeavesATask(Ledger):
    async def close(self) -> None:
        KEPT.append(asyncio.create_task(asyncio.sleep(30)))


@defect(*LEFT)
class LeavesAThread(Ledger):
    async def close(self) -> None:
        threading.Thread(target=time.sleep, args=(30,), name="forgotten", daemon=True).start()


@defect(*LEFT)
class LeavesAFile(Ledger):
    async def open(self) -> None:
        KEPT.append(open(os.devnull))  # noqa: SIM115, ASYNC230  # the defect


@defect("nothing_is_warned_of")
class Deprecated(Ledger):
    async def close(self) -> None:
        warnings.warn("do otherwise", DeprecationWarning, stacklevel=1)


@defect("nothing_is_warned_of")
class NeverAwaited(Ledger):
    async def close(self) -> None:
        asyncio.sleep(0)  # type: ignore[unused-coroutine]  # the defect


@defect("nothing_is_printed")
class Prints(Ledger):
    async def close(self) -> None:
        os.write(1, b"run stored\n")


@defect("a_run", spoils=True, patience=0.3, many=3)
class Hangs(Ledger):
    async def close(self) -> None:
        await asyncio.sleep(3600)


# -- contents -------------------------------------------------------------------------------------


@defect("events_are_not_changed", spoils=True)
class EmptiesTheBatch(Ledger):
    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        await super().write(batch)
        batch.clear()  # type: ignore[attr-defined]  # the defect


@defect("every_event", "every_story", "an_agent_is_watched", spoils=True)
class DropsPaths(Ledger):
    def line(self, envelope: RunStreamEvent) -> str:
        return super().line(attrs.evolve(envelope, path=()))


@defect("a_run_without_deltas", spoils=True)
class NeedsDeltas(Ledger):
    def append(self, run_id: str, events: Sequence[RunStreamEvent]) -> None:
        if events[-1].type == "stream.end":
            stored = self.documents(self.file(run_id)) if self.file(run_id).exists() else []
            types = {each["event"]["type"] for each in stored} | {each.type for each in events}
            if "message.output.done" in types and "message.output.delta" not in types:
                raise StoreError(f"the ledger has no text of the run {run_id!r}; where are the deltas?")
        super().append(run_id, events)


@defect("hostile_texts")
class PlainUTF8(Ledger):
    def line(self, envelope: RunStreamEvent) -> str:
        text = json.dumps(stored_form(envelope, self.raw), ensure_ascii=False)
        text.encode()
        return super().line(envelope)


@defect("hostile_texts")
class NoNUL(Ledger):
    """As databases do whose texts end at a NUL."""

    def line(self, envelope: RunStreamEvent) -> str:
        return super().line(envelope).replace("\\u0000", "")


@defect("large_things")
class SmallLines(Ledger):
    def line(self, envelope: RunStreamEvent) -> str:
        line = super().line(envelope)
        if len(line) > 1_000_000:
            raise StoreError(f"the ledger takes no line of {len(line)} characters; make it shorter")
        return line


@defect("what_a_newer_release_writes", "every_event", spoils=True)
class KnownOnly(Ledger):
    async def load(self, run_id: str) -> Sequence[RunStreamEvent]:
        await super().load(run_id)
        documents = self.documents(self.file(self.find(run_id)))
        for document in documents:
            from_dict(document, RunStreamEvent, unknown="refuse")
        return restore(documents)


@defect("what_a_newer_release_writes", spoils=True)
class DropsWhatIsNew(Ledger):
    async def load(self, run_id: str) -> Sequence[RunStreamEvent]:
        await super().load(run_id)
        documents = self.documents(self.file(self.find(run_id)))
        for document in documents:
            document["event"].pop("later_field", None)
        return restore(documents)


@defect("a_run", "what_is_acknowledged_can_be_read", spoils=True)
class NoTextSoFar(Ledger):
    """It reads each envelope by itself."""

    async def load(self, run_id: str) -> Sequence[RunStreamEvent]:
        return [restore([document])[0] for document in self.documents(self.file(self.find(run_id)))]


@defect("every_event", spoils=True)
class NumbersAsFloats(Ledger):
    async def load(self, run_id: str) -> Sequence[RunStreamEvent]:
        self.find(run_id)
        text = self.file(self.find(run_id)).read_bytes()
        return restore([json.loads(line, parse_int=_float) for line in text.split(b"\n")[:-1]])


def _float(text: str) -> Any:
    return float(text) if text == "7" else int(text)


# -- agents, failures, secrets ------------------------------------------------------------------------


@defect("an_agent_is_watched", spoils=True)
class NoNestedAgents(Ledger):
    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        if any(envelope.path for envelope in batch):
            raise ValueError("who is that?")
        await super().write(batch)


@defect("a_cancelled_run_is_taken_to_its_end", spoils=True)
class NoCancelledRuns(Ledger):
    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        if any(getattr(envelope.event, "code", "") == "agent.cancelled" for envelope in batch):
            raise ValueError("cancelled?")
        await super().write(batch)


@defect("an_event_that_cannot_be_stored")
class UntypedRefusal(Ledger):
    def line(self, envelope: RunStreamEvent) -> str:
        json.dumps(envelope.event._raw_event)
        return super().line(envelope)


@defect("a_storage_that_is_broken", "a_storage_that_breaks")
class UntypedFailure(Ledger):
    def failed(self, error: OSError) -> Any:
        return error


@defect("a_storage_that_is_broken", "a_storage_that_breaks")
class SwallowsFailures(Ledger):
    def append(self, run_id: str, events: Sequence[RunStreamEvent]) -> None:
        try:
            super().append(run_id, events)
        except StoreError:
            logging.getLogger("ledger").warning("could not write")


@defect("a_storage_that_is_broken", "a_storage_that_breaks")
class NamelessFailure(Ledger):
    def failed(self, error: OSError) -> StoreError:
        return StoreError("something went wrong while writing; try again")


@defect("a_failure_leaves_nothing")
class LeavesAFileWhenItFails(Ledger):
    def failed(self, error: OSError) -> StoreError:
        KEPT.append(open(os.devnull))  # noqa: SIM115  # the defect
        return super().failed(error)


@defect("the_secret_is_seen_nowhere", "a_storage_that_is_broken", "a_storage_that_breaks")
class SecretInTheError(Ledger):
    def failed(self, error: OSError) -> StoreError:
        return StoreError(f"the ledger cannot write to {self.path} with {self.token}; make room there")


@defect("the_secret_is_seen_nowhere")
class SecretInTheRepr(Ledger):
    def __repr__(self) -> str:
        return f"Ledger({self.token!r})"


@defect("the_secret_is_seen_nowhere")
class SecretInTheLog(Ledger):
    async def open(self) -> None:
        logging.getLogger("ledger").debug("opened", extra={"with_token": self.token})


# -- the store --------------------------------------------------------------------------------------


@defect("another_object_reads_the_same", "what_is_acknowledged_can_be_read", spoils=True)
class InMemoryOnly(Ledger):
    """Its objects share nothing: each counts files from zero in a folder of its own."""

    def __init__(self, path: Path, **options: Any) -> None:
        super().__init__(path / str(id(self)), **options)


@defect("another_process_reads_the_same")
class OfThisProcess(Ledger):
    def file(self, run_id: str) -> Path:
        return super().file(run_id).with_suffix(f".{os.getpid()}.log")


@defect("a_batch_written_twice", "batches_that_overlap", spoils=True)
class WritesTwice(Ledger):
    def last_of(self, run_id: str) -> int:
        super().last_of(run_id)
        return -1


@defect("batches_that_overlap", spoils=True)
class AllOrNothing(Ledger):
    """A batch whose first event is there is passed over."""

    def append(self, run_id: str, events: Sequence[RunStreamEvent]) -> None:
        if events[0].seq > self.last_of(run_id):
            super().append(run_id, events)


@defect("payloads_are_kept_as_raw_says", options={"raw": "dropped"})
class KeepsWhatItDrops(Ledger):
    """What is read has no payloads, and the file has them all."""

    def line(self, envelope: RunStreamEvent) -> str:
        return json.dumps(stored_form(envelope, "full")) + "\n"

    async def load(self, run_id: str) -> Sequence[RunStreamEvent]:
        return restore([stored_form(each, self.raw) for each in await super().load(run_id)])


@defect("payloads_are_kept_as_raw_says", spoils=True)
class DropsWhatItKeeps(Ledger):
    def line(self, envelope: RunStreamEvent) -> str:
        return json.dumps(stored_form(envelope, "dropped")) + "\n"


@defect("deltas_are_kept_as_deltas_says", spoils=True)
class KeepsNoDeltas(Ledger):
    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        await super().write([each for each in batch if each.event.durable])


@defect("reading_leaves_nothing")
class LeavesAFileWhenItReads(Ledger):
    async def load(self, run_id: str) -> Sequence[RunStreamEvent]:
        KEPT.append(open(os.devnull))  # noqa: SIM115, ASYNC230  # the defect
        return await super().load(run_id)


@defect("what_is_read_can_be_written_again")
class NotWhatItRead(Ledger):
    def line(self, envelope: RunStreamEvent) -> str:
        if envelope.run_id == "moved" and envelope.type == "stream.start":
            envelope = attrs.evolve(envelope, event=attrs.evolve(envelope.event, agent="another"))
        return super().line(envelope)


# -- lists and ids ------------------------------------------------------------------------------------


@defect("an_empty_storage")
class NeedsAFolder(Ledger):
    async def list(self, *, limit: int | None = None) -> Sequence[RunSummary]:
        os.listdir(self.path)
        return await super().list(limit=limit)


class OddSummaries(Ledger):
    wrong: Mapping[str, Any] = {}

    def summary(self, file: Path) -> RunSummary:
        return attrs.evolve(super().summary(file), **self.wrong)


@defect(
    "the_list_says_what_runs_are", "another_object_goes_on_with_a_run", "a_run_that_ended_is_not_in_the_way"
)
class AllFailed(OddSummaries):
    wrong = {"status": "failed"}


@defect("the_list_says_what_runs_are", "tokens_of_a_run_that_says_none")
class ZeroTokens(OddSummaries):
    wrong = {"total_tokens": 0}


@defect("the_list_says_what_runs_are")
class NoOrigin(OddSummaries):
    wrong = {"forked_from": None}


@defect("the_list_says_what_runs_are", "the_prompt_is_cut")
class NoPrompt(OddSummaries):
    wrong = {"prompt": None}


@defect("the_prompt_is_cut")
class LongPrompt(Ledger):
    def summary(self, file: Path) -> RunSummary:
        found = super().summary(file)
        start = self.documents(file)[0]["event"]
        return attrs.evolve(found, prompt=found.prompt and start["input"][-1]["content"][0]["text"])


@defect("newest_first")
class ByName(Ledger):
    async def list(self, *, limit: int | None = None) -> Sequence[RunSummary]:
        return sorted(await super().list(), key=lambda each: each.run_id)[:limit]


@defect("newest_first", "many_runs")
class NoLimit(Ledger):
    async def list(self, *, limit: int | None = None) -> Sequence[RunSummary]:
        return await super().list()


@defect("many_runs", patience=1.0, many=60)
class SlowList(Ledger):
    def summary(self, file: Path) -> RunSummary:
        time.sleep(0.03)
        return super().summary(file)


@defect("an_unknown_id", "the_secret_is_seen_nowhere", spoils=True)
class KeyErrorForUnknown(Ledger):
    def find(self, run_id: str) -> str:
        if run_id not in self.ids():
            raise KeyError(run_id, self.token)
        return run_id


@defect("an_unknown_id")
class HelplessError(Ledger):
    def find(self, run_id: str) -> str:
        try:
            return super().find(run_id)
        except lamella.AgentInputError as error:
            if "several" in error.message:
                raise
            raise lamella.AgentInputError(f"there is no run with the id {run_id!r}") from None


@defect("an_unknown_id")
class Wildcards(Ledger):
    def find(self, run_id: str) -> str:
        return super().find(self.ids()[0] if run_id == "%" else run_id)


@defect("the_beginning_of_an_id")
class WholeIdsOnly(Ledger):
    def find(self, run_id: str) -> str:
        return super().find(run_id if run_id in self.ids() else f"{run_id}?")


@defect("the_beginning_of_an_id")
class AnyThatBeginsSo(Ledger):
    def find(self, run_id: str) -> str:
        begun = sorted(each for each in self.ids() if run_id and each.startswith(run_id))
        return begun[-1] if begun else super().find(run_id)


@defect("odd_ids", "a_storage_that_is_broken", "a_storage_that_breaks")
class IdsAreNames(Ledger):
    def file(self, run_id: str) -> Path:
        name = run_id if run_id.startswith("../") else super().file(run_id).name
        return self.path / f"{name.removesuffix('.log')}.log"

    def append(self, run_id: str, events: Sequence[RunStreamEvent]) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        super().append(run_id, events)


@defect("odd_ids")
class OneCase(Ledger):
    def file(self, run_id: str) -> Path:
        return super().file(run_id.lower() if run_id == "UPPER" else run_id)


# -- claims and kills -------------------------------------------------------------------------------


@defect("claiming_what_is_not_there")
class ClaimsAnything(Ledger):
    async def claim(self, run_id: str, *, force: bool = False) -> None:
        if run_id in self.ids():
            await super().claim(run_id, force=force)


@defect("claiming_a_run_that_goes_on", "one_of_two_claims")
class ClaimsAlways(Ledger):
    async def claim(self, run_id: str, *, force: bool = False) -> None:
        await super().claim(run_id, force=True)


@defect("claiming_by_force")
class NeverYields(Ledger):
    def require_mine(self, run_id: str) -> None:
        self.take(run_id)


@defect("claiming_an_interrupted_run", "claiming_a_run_that_goes_on")
class NeverRunning(Ledger):
    def owner(self, run_id: str) -> str | None:
        return None


@defect("claiming_an_interrupted_run", "one_of_two_claims")
class NeverGone(Ledger):
    """It does not look whether the process that wrote a run is alive."""

    def owner(self, run_id: str) -> str | None:
        claim = self.claim_of(run_id)
        return str(json.loads(claim.read_text())[0]) if claim.exists() else None


@defect("a_run_that_ended_is_not_in_the_way")
class ClaimsReopen(Ledger):
    async def claim(self, run_id: str, *, force: bool = False) -> None:
        await super().claim(run_id, force=force)
        self.take(run_id)

    def status(self, run_id: str, event: dict[str, Any]) -> str:
        return "running" if self.owner(run_id) is not None else super().status(run_id, event)


@defect("what_was_acknowledged_survives_a_kill", "a_run_that_ends_without_a_last_event")
class WritesLater(Ledger):
    """A thread writes what was acknowledged."""

    def append(self, run_id: str, events: Sequence[RunStreamEvent]) -> None:
        self.require_mine(run_id) if self.path.exists() else None
        later = super().append
        if len(events) in (7, 30):
            threading.Timer(0.5, later, (run_id, events)).start()
        else:
            later(run_id, events)
