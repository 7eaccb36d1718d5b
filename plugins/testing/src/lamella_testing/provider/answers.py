"""What comes of a stream: the same answer on every path, kept in storage, and fit to be sent back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamella.content import ToolOutputBlock
from lamella.errors import LamellaError
from lamella.events import Event
from lamella.messages import Message
from lamella.models import Completion, Model, ModelRequest, WireModel
from lamella_testing.provider.base import ConformanceBase
from lamella_testing.provider.canned import played
from lamella_testing.provider.exchange import Exchange, ask, difference, says, stream_of
from lamella_testing.provider.requests import kit_tools, of_history
from lamella_testing.verdict import fail, require, run, skip

__all__ = ["AnswerContract"]


class AnswerContract(ConformanceBase):
    """What holds of every answer."""

    def test_complete_is_the_fold_of_stream(self) -> None:
        """``complete()`` gives what the events of ``stream()`` add up to."""
        self._need_sameness()
        for each, completion in self.answers():
            other = run(self._completed(each))
            self._compare(each, completion, other, "stream() and complete()")

    def test_streaming_false_gives_the_same(self) -> None:
        """``streaming=False`` changes how the answer comes, not what it is."""
        self._need_sameness()
        for each, completion in self.answers():
            if each.sample is not None:
                if each.sample.streamed is None or each.sample.whole is None:
                    continue
                other = self.exchange(each.sample, streaming=False)
            else:
                request = ModelRequest.of(each.request, streaming=False)
                other = self.asked(f"{each.name} (streaming=False)", request)
            if other.error is not None:
                fail(
                    f"{each.name}: with streaming=False it raises {type(other.error).__name__}: {other.error}"
                )
            if (found := other.completion) is not None:
                self._compare(each, completion, found, "streaming=True and streaming=False")

    def test_concurrent_streams_share_no_state(self) -> None:
        """Two streams of one model, read in turns, give what each gives alone."""
        self._need_sameness()
        first, *rest = self.answers()
        for other in (first, *rest):
            pair = (first[0], other[0])
            for (each, completion), events in zip((first, other), run(self._interleaved(*pair)), strict=True):
                found = Exchange(name=each.name, request=each.request, events=events).completion
                require(
                    found is not None and not difference(says(completion), says(found)),
                    f"{each.name}: read in turns with another stream of the same model, the answer is another one; "
                    "keep the state of a response in the stream or the decoder, not on the model",
                )

    def test_a_stream_closed_early_is_released(self) -> None:
        """A consumer that leaves after the first event leaves nothing behind, and the model goes on working."""
        for each, completion in self.answers():
            again = run(self._left_early(each))
            require(
                again.error is None,
                f"{each.name}: after a stream was closed early, the next one raises "
                f"{type(again.error).__name__}: {again.error}; release everything in `finally`",
            )
            found = again.completion
            if self.deterministic and found is not None:
                self._compare(
                    each, completion, found, "a first answer and one after a stream was closed early"
                )

    def test_an_answer_survives_storage(self) -> None:
        """Message and events come back from JSON as they were."""
        for each, completion in self.answers():
            if completion.message is not None:
                _require_kept(f"{each.name}: the message", completion.message, Message)
            for event in each.of(Event):
                if event.durable:
                    _require_kept(f"{each.name}: {event.type}", event, Event)

    def test_an_answer_can_be_sent_back(self) -> None:
        """The next turn holds the answer, with outputs for its calls: what every conversation does."""
        for each, completion in self.answers():
            if completion.message is None:
                continue
            request = _next_turn(each.request, completion.message, self.prompt("text"))
            problem = run(self._sent_back(request))
            require(
                problem is None,
                f"{each.name}: the model does not take its own answer back: "
                f"{type(problem).__name__}: {problem}",
            )

    # -- how -------------------------------------------------------------------------------------------

    def _need_sameness(self) -> None:
        if not self.deterministic:
            skip("deterministic = False: answers are not compared")

    def _compare(self, each: Exchange, one: Completion, other: Completion, what: str) -> None:
        differs = difference(says(one), says(other))
        require(not differs, f"{each.name}: {what} differ in {differs}")

    async def _completed(self, each: Exchange) -> Completion:
        model = self.make_model()
        try:
            with self._serving(model, each):
                return await model.complete(_as_asked(each))
        except LamellaError as error:
            fail(f"{each.name}: stream() answers, but complete() raises {type(error).__name__}: {error}")
        finally:
            await model.aclose()

    def _serving(self, model: Model, *exchanges: Exchange) -> Any:
        """The model answers as these samples say; nothing to do for a model that is asked for real."""
        if isinstance(model, WireModel):
            return played(model, *(_pieces(each) for each in exchanges))
        return self.answering(model)

    async def _interleaved(self, first: Exchange, second: Exchange) -> list[tuple[Any, ...]]:
        model = self.make_model()
        found: list[list[Any]] = [[], []]
        try:
            with self._serving(model, first, second):
                open_streams = {
                    place: aiter(stream_of(model, _as_asked(each)))
                    for place, each in enumerate((first, second))
                }
                while open_streams:
                    for place, stream in list(open_streams.items()):
                        try:
                            found[place].append(await anext(stream))
                        except StopAsyncIteration:
                            del open_streams[place]
        finally:
            await model.aclose()
        return [tuple(events) for events in found]

    async def _left_early(self, each: Exchange) -> Exchange:
        model = self.make_model()
        try:
            with self._serving(model, each) as transport:
                stream: Any = stream_of(model, _as_asked(each))
                require(
                    hasattr(stream, "aclose"),
                    "stream() gives an iterator without aclose(); write it as an async generator, "
                    "so that who leaves early can release it",
                )
                await anext(stream)
                try:
                    await stream.aclose()
                except RuntimeError as error:
                    fail(
                        f"{each.name}: closing the stream early fails: {error}; yield nothing after GeneratorExit, "
                        "and catch no BaseException around a yield"
                    )
                again = await ask(model, _as_asked(each), name=each.name)
                require(
                    transport is None or transport.opened == transport.closed,
                    f"{each.name}: a response stays open after its stream was closed; "
                    "use `async with` for what stream() opens",
                )
                return again
        finally:
            await model.aclose()

    async def _sent_back(self, request: ModelRequest) -> Exception | None:
        model = self.make_model()
        try:
            if isinstance(model, WireModel):
                model.encode(request)
                return None
            return (await ask(model, request)).error
        except Exception as error:
            return error
        finally:
            await model.aclose()


def _require_kept(what: str, value: Any, kind: type[Any]) -> None:
    from lamella.serial import from_json, to_json

    try:
        kept = from_json(to_json(value), kind) == value
    except LamellaError as error:
        fail(f"{what} cannot be stored: {error}; keep only JSON in it")
    require(
        kept,
        f"{what} is another one after to_json and from_json; keep only JSON in opaque, annotations and raw",
    )


def _as_asked(each: Exchange) -> ModelRequest:
    """The request as the exchange was made: a sample without a streamed body is asked in one piece."""
    whole_only = each.sample is not None and each.sample.streamed is None
    return ModelRequest.of(each.request, streaming=not whole_only)


def _pieces(each: Exchange) -> Sequence[bytes]:
    sample = each.sample
    if sample is None:
        return ()
    body = sample.streamed if sample.streamed is not None else sample.whole
    half = len(body or b"") // 2
    return () if body is None else (body[:half], body[half:])


def _next_turn(asked: ModelRequest, answer: Message, text: str) -> ModelRequest:
    outputs = [
        ToolOutputBlock(call_id=call.call_id, name=call.name, output="visible-output")
        for call in answer.tool_calls
    ]
    following = [Message.user(outputs)] if outputs else [Message.user(text)]
    tools = asked.tools or (kit_tools() if outputs else ())
    return of_history((*asked.messages, answer, *following), tools=tools)
