"""What may be in a run: every kind of event, every way to go, and texts that something may not stand."""

from __future__ import annotations

from lamella.content import OpaqueContent
from lamella.events import (
    Event,
    MediaOutputDone,
    MessageOutputDelta,
    MessageOutputDone,
    RunStreamEvent,
    StreamEnd,
    StreamStart,
    ToolOutputDone,
)
from lamella.messages import Message
from lamella.serial import from_dict, to_dict, to_json
from lamella_testing.sinks.keeping import KeepingBase
from lamella_testing.sinks.stories import Told, every_event, hostile_texts, nested, new_story, stories, tell
from lamella_testing.verdict import require

__all__ = ["ContentsContract"]


class ContentsContract(KeepingBase):
    """What holds of the events."""

    def test_every_event(self) -> None:
        """One of each type of the core, with everything in it, also at a path; and one of a third party."""

        async def each() -> None:
            sink = self.make_sink()
            for event in every_event():
                told = _around(event)
                await self.give(sink, told.events, what=f"a run with {event.type}")
                await self.require_kept(sink, told, f"with {event.type}")

        self.play(each)

    def test_every_story(self) -> None:
        """Tools, nested agents, layers, rollbacks, guardrails, media; failed, cancelled, interrupted, resumed, forked."""

        async def each() -> None:
            sink, catalogue = self.make_sink(), stories()
            for told in catalogue:
                await self.give(sink, told.events, size=5, what=f"the run {told.name!r}")
            for told in catalogue:
                await self.require_kept(sink, told, "from the catalogue")

        self.play(each)

    def test_a_run_without_deltas(self) -> None:
        """Where a sink is slow deltas are shed: a run is whole without them."""

        async def shed() -> None:
            sink = self.make_sink()
            for told in stories():
                if told.live.status == "interrupted":
                    continue  # its last word was a delta
                durable = told.without_deltas()
                await self.give(sink, durable.events, what=f"the run {told.name!r} without deltas")
                await self.require_kept(sink, durable, "without deltas")

        self.play(shed)

    def test_hostile_texts(self) -> None:
        """Lone surrogates, NUL, control characters, quotes, markup: wherever a text may be."""

        async def each() -> None:
            sink = self.make_sink()
            for name, text in hostile_texts().items():
                told = _saying(text, name)
                await self.give(sink, told.events, what=f"a run with {name}")
                await self.require_kept(sink, told, f"with {name}")

        self.play(each)

    def test_large_things(self) -> None:
        """5 MB of text, a medium of 1 MB, and JSON a hundred levels deep."""

        async def large() -> None:
            sink = self.make_sink()
            output = "0123456789 ümlaut\n" * 290_000
            deep = ToolOutputDone(id="c", call_id="c", name="t", output=nested(100))
            media = MediaOutputDone(media=OpaqueContent(type="film", data={"data": "AAEC" * 350_000}))
            told = tell(
                "5 MB",
                [StreamStart(), deep, media, MessageOutputDone(output=output), StreamEnd(output=output)],
            )
            await self.give(sink, told.events, what="a run with 5 MB of text")
            await self.require_kept(sink, told, "with 5 MB of text")

        self.play(large)

    def test_events_are_not_changed(self) -> None:
        """What a sink gets, others get too: the batch and the events stay as they are."""

        async def same() -> None:
            sink = self.make_sink()
            for told in [*stories(), *map(_around, every_event())]:
                batch = list(told.events)
                before = [to_json(envelope) for envelope in batch]
                await self.patiently(sink.open(), "open() for a run")
                await self.patiently(sink.write(batch), "write() of a run")
                await self.patiently(sink.close(), "close() after a run")
                require(
                    batch == told.events and [to_json(envelope) for envelope in batch] == before,
                    f"the sink changes what it gets (in {told.name!r}); work on a copy: to_dict(envelope) is one",
                )

        self.play(same)

    def test_what_a_newer_release_writes(self) -> None:
        """Unknown events and fields are taken, and stay where they are kept."""

        async def newer() -> None:
            sink, told = self.make_sink(), _newer(new_story())
            await self.give(sink, told.events, what="a run of a newer release")
            await self.require_kept(sink, told, "of a newer release")

        self.play(newer)


def _around(event: Event) -> Told:
    """A run in which something happens, at its own path and at that of an agent in it."""
    if isinstance(event, StreamStart):
        return tell(event.type, [event, StreamEnd()])
    if event.type in ("stream.end", "stream.error"):
        return tell(event.type, [StreamStart(), event])
    return tell(event.type, [StreamStart(), event, (("helper", "expert #2/3"), event), StreamEnd()])


def _saying(text: str, name: str) -> Told:
    return tell(
        name,
        [
            StreamStart(agent=text, input=(Message.user(text),), conversation=text, meta={text: text}),
            MessageOutputDelta(delta=text),
            MessageOutputDone(output=text, opaque={"p": text}),
            ToolOutputDone(id="c", call_id="c", name=text, output={text: [text]}),
            StreamEnd(output=text),
        ],
    )


def _newer(told: Told) -> Told:
    """The run as a newer release would write it: an event, a content type and fields that nobody knows."""
    documents = [to_dict(envelope) for envelope in told.events]
    documents[1] = {**documents[1], "event": {"type": "stream.paused", "why": {"n": [1, None]}}}
    for document in documents:
        document["event"]["later_field"] = {"deep": [1, {"a": None}]}
    made = [from_dict(document, RunStreamEvent, unknown="keep") for document in documents]
    return tell("plain", [envelope.event for envelope in made])
