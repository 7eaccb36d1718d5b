"""``kill -9`` at any moment, in real processes with real stores: of runs of agents, and of writers alone. F-X18, F-STO01.

By default a few of each. ``LAMELLA_KILLS=500`` kills so many writers, and a fifth as many agents; ``LAMELLA_SEED``
takes other moments.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from victim_agents import IDEMPOTENT, INPUT, SHAPES, WIRE_SCRIPT, Scene, digest_text, told

from lamella import RunStreamEvent, fold
from lamella.recordings import Recording
from lamella.serial import to_dict
from lamella.specs import RunStore
from lamella_sim import SimServer

from killing import check, kill_writers, make_store
from victims import Life, Nursery

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="victims are forked"),
]

KILLS: Final = int(os.environ.get("LAMELLA_KILLS", "0"))
SEED: Final = os.environ.get("LAMELLA_SEED", "7")
STORES: Final = ("jsonl", "rotating", "sqlite", "postgresql")
OF_WRITING: Final = (*STORES, "indexed")
CELLS: Final = len(SHAPES) * len(STORES)
OF_AGENTS: Final = max(1, -(-KILLS // (5 * CELLS)))
"""How many processes with an agent are killed, for each shape and store."""
OF_WRITERS: Final = max(8, -(-KILLS // len(OF_WRITING)))
"""How many writers are killed, for each store."""


# -- stores, processes, servers -------------------------------------------------------------------


@pytest.fixture
def spec(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The name of an empty store of the kind."""
    if kind in ("jsonl", "rotating", "indexed"):
        return f"{kind}:{tmp_path / 'runs'}"
    pytest.importorskip("lamella_sql")
    if kind == "sqlite":
        return f"sqlite:///{tmp_path / 'runs.db'}"
    made: str = request.getfixturevalue("postgres_url")
    return made


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as opened:
        yield opened


@pytest.fixture(scope="module")
def server() -> Iterator[SimServer]:
    with SimServer(WIRE_SCRIPT, delay=0.001) as running:
        yield running


@attrs.frozen
class Control:
    """A run of the shape that nobody killed."""

    events: int
    output: str


@pytest.fixture(scope="module")
def controls(
    nursery: Nursery, server: SimServer, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Control]:
    """The run of a shape that nobody killed, made once."""
    known: dict[str, Control] = {}

    def control(shape: str) -> Control:
        if shape not in known:
            folder = tmp_path_factory.mktemp("control")
            nursery.begin(shape=shape, store=f"jsonl:{folder / 'runs'}", folder=folder, url=server.base_url)
            life = nursery.end()
            assert life.status == 0, life.log
            assert life.result is not None
            known[shape] = Control(len(life.shown), life.result["output"])
        return known[shape]

    return control


# -- what a log says of the calls -----------------------------------------------------------------


@attrs.frozen
class Logged:
    """The calls of a log by their keys, and the requests that were answered in it."""

    started: frozenset[str]
    completed: frozenset[str]
    repeatable: frozenset[str]
    unknown_outputs: frozenset[str]
    answered: frozenset[str]

    @classmethod
    def of(cls, events: Sequence[RunStreamEvent]) -> Logged:
        keys: dict[Any, str] = {}
        found: dict[str, set[str]] = {name: set() for name in attrs.fields_dict(cls)}
        for envelope in events:
            event: Any = envelope.event
            if event.type == "tool.call.done" and (named := json.loads(event.arguments_json).get("key")):
                keys[envelope.path, event.call_id] = named
                if event.name == IDEMPOTENT:
                    found["repeatable"].add(named)
            elif event.type == "response.done":
                found["answered"].add(digest_text(event.request))
            key = keys.get((envelope.path, getattr(event, "call_id", None)))
            if key is None:
                continue
            if event.type == "tool.start":
                found["started"].add(key)
            elif event.type in ("tool.end", "tool.output.done"):
                found["completed"].add(key)
                if is_unknown(event):
                    found["unknown_outputs"].add(key)
        return cls(**{name: frozenset(each) for name, each in found.items()})

    @property
    def unknown(self) -> frozenset[str]:
        """The calls that had begun, and of which nobody knows what came."""
        return self.started - self.completed - self.repeatable


def is_unknown(event: Any) -> bool:
    """Whether the model is told that nobody knows."""
    return bool(event.is_error) and str(event.output).startswith("unknown: the process was interrupted")


# -- one run, and all processes that it lived in ----------------------------------------------------


@attrs.define(eq=False)
class Story:
    """One run; after each process everything is looked at that a kill must not break."""

    nursery: Nursery
    shape: str
    spec: str
    scene: Scene
    dice: random.Random
    control: Control
    kills: int = 0
    cut_off: int = 0
    """Calls that became unknown."""
    _events: list[RunStreamEvent] = attrs.field(factory=list)
    _effects: list[str] = attrs.field(factory=list)
    _asked: list[str] = attrs.field(factory=list)
    _unknown: set[str] = attrs.field(factory=set)

    @property
    def _over(self) -> bool:
        return bool(self._events) and self._events[-1].type == "stream.end"

    @property
    def store(self) -> RunStore:
        """The store, as a process sees it that was not there before."""
        return make_store(self.spec)

    async def live(self, kills: int) -> None:
        """Kill it so many times, then let it come to its end."""
        run_id: str | None = None
        for _ in range(kills):
            life = await self._one(run_id, kill=True)
            run_id = await self._after(life, run_id)
            if self._over:  # it was quicker
                break
        else:
            life = await self._one(run_id, kill=False)
            run_id = await self._after(life, run_id)
        assert run_id is not None
        await self._at_the_end(life, run_id)

    async def _one(self, run_id: str | None, *, kill: bool) -> Life:
        left = max(1, self.control.events - len(self._events))
        after = self.dice.randrange(left) if kill else None
        self.nursery.begin(
            shape=self.shape, store=self.spec, folder=self.scene.folder, url=self.scene.url, run_id=run_id,
            after=after,
        )  # fmt: skip
        try:
            if after and self.dice.random() < 0.3:
                status = await self._status(self.nursery.run_id)
                if (
                    status == "interrupted"
                ):  # it ended between the look at its row and the look for its process
                    status = await self._status(self.nursery.run_id)
                assert status in ("running", "completed")
        finally:
            life = await asyncio.to_thread(self.nursery.end, self.dice.random() * 0.015)
        return life

    async def _status(self, run_id: str | None) -> str | None:
        found = [summary.status for summary in await self.store.list() if summary.run_id == run_id]
        assert len(found) < 2
        return found[0] if found else None

    async def _after(self, life: Life, run_id: str | None) -> str | None:
        """Look at what is left; the id of the run, ``None`` if it was killed before it had begun."""
        assert life.killed or life.status == 0, life.log
        assert run_id is None or life.run_id == run_id
        status = await self._status(life.run_id)
        self.kills += status != "completed"
        if status is None:
            assert life.killed
            assert run_id is None
            assert (life.shown, self.scene.notes("effects"), self.scene.notes("asked")) == ((), [], [])
            return None
        assert status == "completed" or (status == "interrupted" and life.killed and life.result is None)
        assert life.run_id is not None
        events = list(await self.store.load(life.run_id))
        self._compare(events, life)
        assert self._over == (status == "completed")
        return life.run_id

    def _compare(self, events: list[RunStreamEvent], life: Life) -> None:
        before, now = Logged.of(self._events), Logged.of(events)
        assert [each.seq for each in events] == list(range(len(events)))
        assert events[: len(self._events)] == self._events, "what was stored has changed"
        assert all(one.at <= two.at for one, two in pairwise(events)), "the clock of the run went back"
        assert all(seq < len(events) for seq in life.shown), "an event was shown that is not stored"
        assert list(life.shown) == sorted(set(life.shown))
        assert not life.shown or life.shown[0] == len(self._events)

        effects, asked = self.scene.notes("effects"), self.scene.notes("asked")
        fresh = [line.removeprefix("begin ") for line in effects[len(self._effects) :] if line[:1] == "b"]
        begun = {line.removeprefix("begin ") for line in effects if line[:1] == "b"}
        assert begun <= now.started, "a tool ran before its tool.start was stored"
        assert not before.completed & set(fresh), "a completed call was called again"
        assert not (before.started - before.repeatable) & set(fresh), "a call that had begun was called again"
        assert not before.answered & set(asked[len(self._asked) :]), "an answered request was asked again"
        self._unknown |= now.unknown
        self._events, self._effects, self._asked = events, effects, asked

    async def _at_the_end(self, life: Life, run_id: str) -> None:
        result = fold(self._events)
        if life.result is not None:
            assert life.same
            assert to_dict(result) == life.result
        assert result.status == "completed"
        assert plain(result.output) == plain(self.control.output)
        self._look_at_calls()
        recording = await Recording.aload(self.store, run_id)
        found = await recording.averify(SHAPES[self.shape](self.scene))
        assert found.ok, found.problems
        assert found.whole
        assert (self._effects, self._asked) == (self.scene.notes("effects"), self.scene.notes("asked"))

    def _look_at_calls(self) -> None:
        logged = Logged.of(self._events)
        assert logged.unknown == frozenset()
        assert logged.unknown_outputs == self._unknown, (
            "the model must be told what is unknown, and nothing else"
        )
        of_run: list[Any] = [each.event for each in self._events]
        announced = {call_id for event in of_run for call_id in getattr(event, "unknown", ())}
        outputs = [event for event in of_run if event.type == "tool.output.done"]
        assert announced >= {output.call_id for output in outputs if is_unknown(output)}
        self.cut_off = len(self._unknown)
        times = Counter(self._effects)
        for key in logged.completed:
            begun, done = times[f"begin {key}"], times[f"done {key}"]
            if key.endswith("-no"):
                assert begun == 0, "a call that was denied was called"
            elif key in logged.unknown_outputs:
                assert begun <= 1
            elif key in logged.repeatable:
                assert begun >= done >= 1
            else:
                assert begun == done == 1, key
        for path in {each.path for each in self._events if each.type == "tool.output.done"}:
            mine: list[Any] = [each.event for each in self._events if each.path == path]
            outputs = [event for event in mine if event.type == "tool.output.done"]
            said = [event.output for event in mine if event.type == "message.output.done"]
            assert said[-1] == told(len(outputs), sum(map(is_unknown, outputs))), path


def plain(output: str) -> str:
    """The output without what depends on the kills."""
    return re.sub(r"of which \d+ are", "of which N are", output)


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize("shape", SHAPES)
async def test_f_x18_a_killed_run_goes_on_and_repeats_nothing(
    shape: str,
    spec: str,
    kind: str,
    nursery: Nursery,
    server: SimServer,
    controls: Callable[[str], Control],
    tmp_path: Path,
) -> None:
    """F-X18, F-STO01: kill -9, some runs twice or three times; each comes to its end, and no effect is repeated."""
    control = controls(shape)
    seed = f"{SEED}/{shape}/{kind}"
    dice = random.Random(seed)
    killed = cut_off = runs = 0
    while killed < OF_AGENTS:
        folder = tmp_path / f"run{runs}"
        folder.mkdir()
        story = Story(nursery, shape, spec, Scene(folder, server.base_url), dice, control)
        try:
            await story.live(dice.choice((1, 1, 2, 3)))
        except BaseException as error:
            error.add_note(f"seed {seed!r}, run {runs}, after {story.kills} kills, in {folder}")
            raise
        killed, cut_off, runs = killed + story.kills, cut_off + story.cut_off, runs + 1
    print(f"{shape} in {kind}: {killed} kills, {runs} runs, {cut_off} calls cut off")  # shown by pytest -rP


@pytest.mark.parametrize("kind", OF_WRITING)
async def test_f_sto01_a_killed_writer_loses_nothing_and_doubles_nothing(kind: str, spec: str) -> None:
    """F-STO01: what a store has acknowledged is there once, and readable, whenever its writer is killed."""
    killed = kill_writers(spec, OF_WRITERS, seed=int(SEED))
    assert len(killed) == OF_WRITERS
    written = await check(make_store(spec), killed)
    if OF_WRITERS >= 50:  # of a few, on a busy machine, all may be killed before
        assert any(one.acknowledged >= 0 for one in killed), "no writer came to write"
    acknowledged = sum(one.acknowledged + 1 for one in killed)
    print(f"{kind}: {len(killed)} kills, {written} runs, {acknowledged} events acknowledged")


async def test_what_was_said_so_far_is_said_by_the_run_itself(tmp_path: Path) -> None:
    """Also where the last event is of an agent below it."""
    store = make_store(f"jsonl:{tmp_path / 'runs'}")
    agent: Any = SHAPES["nested"](Scene(tmp_path))
    events = [event async for event in attrs.evolve(agent, journal=store).astream(INPUT)]
    inner = [place for place, event in enumerate(events) if event.path == ("worker",)]
    assert any(events[place].type == "message.output.delta" for place in inner)
    for place in inner:
        assert Recording(events[: place + 1]).output_so_far == "Ask the worker."
