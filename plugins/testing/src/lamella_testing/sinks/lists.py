"""The list of a run store, and how a run is asked for by its id."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from lamella.errors import AgentInputError
from lamella.messages import Message
from lamella.specs import RunStore, RunSummary
from lamella.usage import TokenUsage
from lamella_testing.sinks.keeping import KeepingBase
from lamella_testing.sinks.stories import STARTED, new_story, stories
from lamella_testing.verdict import require, skip

__all__ = ["ListContract"]

_IDS: Final = (
    "a/b/c", "../../escaped", "/absolute", "a\\b", "..", "with space", "ünï☃你好", "x" * 200, "%2e%2e%2f", "a:b*c?",
    "'; DROP TABLE runs; --", "CON", ".hidden", "-dash", "UPPER", "upper",
)  # fmt: skip


class ListContract(KeepingBase):
    """What holds of lists and ids."""

    def test_an_empty_storage(self) -> None:
        """No run is an empty list, also where nothing was ever written."""

        async def empty() -> None:
            store = self.store()
            found = await self.patiently(store.list(), "list() of an empty storage")
            require(list(found) == [], f"list() of an empty storage gives {found!r:.200}; give []")

        self.play(empty)

    def test_the_list_says_what_runs_are(self) -> None:
        """Status, agent, provider, model, time, tokens, prompt, conversation and origin of every run."""

        async def listed() -> None:
            store, catalogue = self.store(), stories()
            for told in catalogue:
                await self.give(store, told.events)
            found = {each.run_id: each for each in await self._listed(store)}
            for told in catalogue:
                require(told.run_id in found, f"list() leaves out {told.name!r}")
                start, status = told.events[0].event, told.live.status
                usage = told.live.token_usage
                allowed = ("interrupted", "running") if status == "interrupted" else (status,)
                summary = found[told.run_id]
                require(
                    summary.status in allowed,
                    f"list() says that {told.name!r} is {summary.status!r} instead of {status!r}",
                )
                wanted = {
                    "agent": "teller", "provider": "p", "model": "m",
                    "started_at": getattr(start, "started_at", None),
                    "total_tokens": None if usage is None else usage.resolved_total_tokens,
                    "prompt": "Draw." if told.name == "media" else "Say something.",
                    "conversation": getattr(start, "conversation", None),
                    "forked_from": getattr(start, "forked_from", None),
                }  # fmt: skip
                for name, value in wanted.items():
                    require(
                        getattr(summary, name) == value,
                        f"list() says {name}={getattr(summary, name)!r} of {told.name!r} instead of {value!r}",
                    )

        self.play(listed)

    def test_the_prompt_is_cut(self) -> None:
        """A summary is a line: 200 characters of the prompt at most."""

        async def cut() -> None:
            store = self.store()
            text = "Please tell me everything. " * 20
            told = new_story(input=(Message.system("Be brief."), Message.user(text)))
            await self.give(store, told.events)
            (summary,) = await self._listed(store)
            require(
                summary.prompt is not None
                and text.startswith(summary.prompt)
                and 0 < len(summary.prompt) <= 200,
                f"the prompt in the list is {summary.prompt!r:.300}; it is the first 200 characters of what was asked",
            )

        self.play(cut)

    def test_newest_first(self) -> None:
        """By the time that runs began, whatever the order they were written in; ``limit`` gives the newest."""

        async def ordered() -> None:
            store = self.store()
            runs = {place: new_story(started_at=STARTED + 100 * place) for place in (2, 0, 4, 1, 3)}
            for told in runs.values():
                await self.give(store, told.events)
            wanted = [runs[place].run_id for place in (4, 3, 2, 1, 0)]
            names = {told.run_id: place for place, told in runs.items()}
            for limit in (None, 2, 1, 0, 99):
                found = [
                    each.run_id
                    for each in await self.patiently(store.list(limit=limit), f"list(limit={limit})")
                ]
                require(
                    found == wanted[:limit],
                    f"list(limit={limit}) of runs that began in the order 0 to 4 gives {[names.get(each) for each in found]}; "
                    "give the newest first, and no more than limit",
                )

        self.play(ordered)

    def test_many_runs(self) -> None:
        """The list stays quick: it does not read the runs."""

        async def many() -> None:
            store = self.store()
            await self.patiently(store.open(), "open() for many runs")
            for number in range(self.many):
                await self.patiently(
                    store.write(new_story(run_id=f"run-{number:05}").events), "write() of a run"
                )
            await self.patiently(store.close(), "close() after many runs")
            last = await self.patiently(store.list(limit=10), f"list(limit=10) of {self.many} runs")
            found = await self.patiently(store.list(), f"list() of {self.many} runs")
            require(
                len(found) == self.many and list(found[:10]) == list(last),
                f"list() of {self.many} runs gives {len(found)}; give each once",
            )

        self.play(many)

    def test_tokens_of_a_run_that_says_none(self) -> None:
        """Unknown is ``None``, never 0; a total that was reported is the total."""

        async def counted() -> None:
            from lamella.events import ResponseDone, StreamEnd, StreamStart
            from lamella_testing.sinks.stories import tell

            store = self.store()
            for usage, total in (
                (None, None),
                (TokenUsage(input_tokens=1, output_tokens=1, total_tokens=9), 9),
            ):
                told = tell("tokens", [StreamStart(), ResponseDone(token_usage=usage), StreamEnd()])
                await self.give(store, told.events)
                found = next(each for each in await self._listed(store) if each.run_id == told.run_id)
                require(
                    found.total_tokens == total,
                    f"list() says total_tokens={found.total_tokens!r} where the events say {total!r}",
                )

        self.play(counted)

    # -- ids ----------------------------------------------------------------------------------------

    def test_an_unknown_id(self) -> None:
        """It is no empty run, but an ``AgentInputError`` that helps to find the right one."""

        async def unknown() -> None:
            store = self.store()
            remedy = "raise AgentInputError with the ids that come near, or those of the newest runs"
            await self.refused(
                store.load("nobody"), AgentInputError, "load() of an id that is not there", remedy
            )
            told = new_story(run_id="0123456789abcdef")
            await self.give(store, told.events)
            for wrong in ("0123456789abcdeX", "0123456789abcdef0", "%", "_", "*", ""):
                error = await self.refused(
                    store.load(wrong), AgentInputError, f"load({wrong!r}), an id that is not there,", remedy
                )
                require(
                    told.run_id in error.message,
                    f"the error of load({wrong!r}) says {error.message!r:.200}; name the run that is there: {told.run_id}",
                )

        self.play(unknown)

    def test_the_beginning_of_an_id(self) -> None:
        """It is enough where one run has it; where several have it, that is an error that names them."""

        async def begun() -> None:
            store = self.store()
            one, other, longer = (new_story(run_id=name) for name in ("abc-1", "xyz", "xyz-2"))
            for told in (one, other, longer):
                await self.give(store, told.events)
            if not self.prefixes:
                await self.refused(
                    store.load("abc"), AgentInputError, "load('abc')", "only whole ids are taken"
                )
                skip("prefixes is False: load() takes whole ids only")
            for asked, told in (("abc", one), ("a", one), ("xyz", other), ("xyz-", longer)):
                found = await self.loaded(store, asked, f"{asked!r}, the beginning of an id")
                require(
                    {each.run_id for each in found} == {told.run_id},
                    f"load({asked!r}) gives the run {found[0].run_id if found else None!r} instead of {told.run_id!r}; a "
                    "whole id comes before the beginning of another",
                )
            error = await self.refused(
                store.load("x"), AgentInputError, "load('x') where two ids begin so", "raise AgentInputError"
            )
            require(
                "xyz-2" in error.message,
                f"the error of load('x') says {error.message!r:.200}; name the runs that begin so",
            )

        self.play(begun)

    def test_odd_ids(self) -> None:
        """Slashes, dots, spaces, other scripts, 200 characters: each is one run, and none leaves the storage."""

        async def odd() -> None:
            store = self.store()
            before = _files(self.folder.parent)
            runs = [new_story(f"I am {place}.", run_id=run_id) for place, run_id in enumerate(_IDS)]
            for told in runs:
                await self.give(store, told.events, what=f"a run with the id {told.run_id!r:.60}")
            outside = sorted(
                path for path in _files(self.folder.parent) - before if not path.is_relative_to(self.folder)
            )
            require(
                not outside, f"an id leads out of the storage, to {', '.join(map(str, outside))}; escape ids"
            )
            for told in runs:
                await self.require_kept(store, told, f"with the id {told.run_id!r:.60}")
            found = sorted(each.run_id for each in await self._listed(store))
            require(
                found == sorted(_IDS), f"list() gives the ids {found!r:.600} instead of {sorted(_IDS)!r:.600}"
            )

        self.play(odd)

    async def _listed(self, store: RunStore) -> list[RunSummary]:
        return list(await self.patiently(store.list(), "list()"))


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}
