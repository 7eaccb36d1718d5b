"""The wire: whatever a provider's bytes are cut into, and whatever is new in them, the answer is the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamella.content import ReasoningBlock
from lamella.errors import AgentParsingError, LamellaError
from lamella.models import Completion
from lamella_testing.provider.base import ConformanceBase
from lamella_testing.provider.exchange import Exchange, difference, says
from lamella_testing.provider.frames import cuts, join, sizes, split, with_unknown_fields
from lamella_testing.provider.samples import Sample
from lamella_testing.verdict import fail, require, run, skip

__all__ = ["WireContract"]


class WireContract(ConformanceBase):
    """What holds of the decoder of a model over HTTP."""

    def test_samples_are_given(self) -> None:
        """A model over HTTP comes with bytes to read."""
        self.wire_model()
        require(
            any(sample.streamed is not None for sample in self.samples),
            "give samples = (Sample(name=…, streamed=b'…', whole=b'…', text=…), …): recorded or hand-written answers "
            "of the provider; without them nothing says that the decoder is right",
        )

    def test_a_sample_reads_as_it_says(self, sample: Sample) -> None:
        """Text, reasoning, calls and stop reason, streamed and whole."""
        for streaming, body in ((True, sample.streamed), (False, sample.whole)):
            if body is None:
                continue
            completion = self._good(self.exchange(sample, streaming=streaming), sample)
            differs = _unexpected(sample, completion)
            require(
                not differs,
                f"{sample.name} ({'streamed' if streaming else 'whole'}): expected and found differ in {differs}",
            )

    def test_streamed_equals_whole(self, paired: Sample) -> None:
        """The streamed answer and the one in one piece are the same message, at the same cost."""
        streamed = self._good(self.exchange(paired, streaming=True), paired)
        whole = self._good(self.exchange(paired, streaming=False), paired)
        differs = difference(says(streamed), says(whole)) or _state_differs(streamed, whole)
        require(not differs, f"{paired.name}: streamed and whole differ in {differs}")

    def test_every_cut_is_noticed(self, streamed: Sample) -> None:
        """A stream cut off anywhere before its terminal marker is an error with what had come."""
        body, good = _body(streamed), self._good(self.exchange(streamed), streamed)
        run(self._cut_everywhere(streamed, body, good))

    def test_chunk_sizes_change_nothing(self, streamed: Sample) -> None:
        """However the bytes are cut into pieces, the answer is the same."""
        body, good = _body(streamed), self._good(self.exchange(streamed), streamed)
        run(self._cut_to_sizes(streamed, body, good))

    def test_unknown_fields_change_nothing(self, streamed: Sample) -> None:
        """Fields that the provider adds tomorrow are kept or passed over."""
        body = self._rejoined(
            streamed, lambda payloads: [with_unknown_fields(each, self.data_keys) for each in payloads]
        )
        self._same_with(streamed, body, "unknown fields in every object")

    def test_unknown_fields_in_a_whole_answer_change_nothing(self, whole: Sample) -> None:
        """The same for an answer in one piece."""
        body = with_unknown_fields(whole.whole or b"", self.data_keys)
        good = self._good(self.exchange(whole, streaming=False), whole)
        found = run(self.play(whole, [body], streaming=False))
        self._same(whole, good, found, "unknown fields in every object")

    def test_unknown_chunks_change_nothing(self, streamed: Sample) -> None:
        """Chunks of a kind that the provider adds tomorrow become ``OtherEvent``, or are passed over."""
        import json

        unknown = json.dumps(dict(self.unknown_chunk)).encode()
        count = len(split(self.wire_model(), _body(streamed)))
        for place in range(count):
            body = self._rejoined(
                streamed, lambda payloads, place=place: [*payloads[:place], unknown, *payloads[place:]]
            )
            self._same_with(streamed, body, f"an unknown chunk in place {place}")

    def test_malformed_chunks_are_parsing_errors(self, streamed: Sample) -> None:
        """A chunk that is no JSON is an ``AgentParsingError``; one that is no object never crashes."""
        good = self._good(self.exchange(streamed), streamed)
        for chunk in (b"{oops", b"[1]", b'"text"', b"7", b"null", b"{}", b'{"type": 7, "choices": 7}'):
            body = self._rejoined(streamed, lambda payloads, chunk=chunk: [chunk, *payloads])
            found = run(self.play(streamed, [body]))
            shown = chunk.decode()
            if chunk == b"{oops":
                require(
                    isinstance(found.error, AgentParsingError),
                    f"{streamed.name}: a chunk {shown!r} {_ended(found)}; let WireModel parse it, or raise AgentParsingError",
                )
            elif found.error is None:
                self._same(streamed, good, found, f"a chunk {shown!r} in front")
            else:
                require(
                    isinstance(found.error, LamellaError),
                    f"{streamed.name}: a chunk {shown!r} {_ended(found)}; raise AgentParsingError, or pass it over",
                )

    def test_malformed_answers_are_parsing_errors(self, whole: Sample) -> None:
        """An answer in one piece that is cut, empty or no object is an ``AgentParsingError``."""
        body = whole.whole or b""
        for broken in (body[: len(body) // 2], b"", b"[]", b"null", b'"text"', b"<html>"):
            found = run(self.play(whole, [broken], streaming=False))
            require(
                isinstance(found.error, AgentParsingError),
                f"{whole.name}: the answer {broken[:60]!r} {_ended(found)}; raise AgentParsingError in whole()",
            )

    def test_failures_in_the_stream_have_their_class(self, failing: Sample) -> None:
        """An error that the provider reports inside a stream is raised as what it is."""
        found = run(
            self.play(
                failing, [failing.streamed or failing.whole or b""], streaming=failing.streamed is not None
            )
        )
        require(
            failing.error is not None and isinstance(found.error, failing.error),
            f"{failing.name}: expected {failing.error and failing.error.__name__}, but it {_ended(found)}",
        )

    # -- how -------------------------------------------------------------------------------------------

    def _good(self, found: Exchange, sample: Sample) -> Completion:
        completion = found.completion
        if completion is None:
            fail(f"{sample.name}: the sample is not read: it {_ended(found)}")
        return completion

    def _rejoined(self, sample: Sample, change: Any) -> bytes:
        model = self.wire_model()
        body = join(model, change(split(model, _body(sample))))
        if body is None:
            skip(f"the kit cannot write {model.frames.__name__}")
        return body

    def _same_with(self, sample: Sample, body: bytes, what: str) -> None:
        good = self._good(self.exchange(sample), sample)
        self._same(sample, good, run(self.play(sample, [body])), what)

    def _same(self, sample: Sample, good: Completion, found: Exchange, what: str) -> None:
        completion = found.completion
        require(
            completion is not None,
            f"{sample.name}: with {what} the stream {_ended(found)}; pass over what you do not know, or yield OtherEvent",
        )
        differs = "" if completion is None else difference(_visible(good), _visible(completion))
        require(not differs, f"{sample.name}: {what} change the answer: {differs}")

    async def _cut_everywhere(self, sample: Sample, body: bytes, good: Completion) -> None:
        for cut in cuts(body):
            found = await self.play(sample, [body[:cut]])
            if found.error is None:
                self._complete_after(sample, body, cut, good, found)
                continue
            require(
                isinstance(found.error, LamellaError),
                f"{sample.name}: cut after {cut} of {len(body)} bytes the stream {_ended(found)}; "
                "raise StreamInterruptedError in the decoder's finish()",
            )
            partial = getattr(found.error, "partial", None)
            require(
                isinstance(partial, Completion) or not found.content,
                f"{sample.name}: cut after {cut} of {len(body)} bytes, the error has no partial; "
                "raise it from the decoder, and WireModel adds it",
            )

    def _complete_after(
        self, sample: Sample, body: bytes, cut: int, good: Completion, found: Exchange
    ) -> None:
        """A cut behind the terminal marker: the answer is whole, but for a usage that comes later still."""
        said, whole = {**_found_says(found), "usage": None}, {**says(good), "usage": None}
        differs = difference(whole, said)
        require(
            not differs,
            f"{sample.name}: cut after {cut} of {len(body)} bytes (…{body[max(0, cut - 40) : cut]!r}) the stream ends "
            f"without an error, and the answer differs in {differs}; a stream is complete only with its terminal "
            "marker: raise StreamInterruptedError in the decoder's finish()",
        )

    async def _cut_to_sizes(self, sample: Sample, body: bytes, good: Completion) -> None:
        for name, pieces in sizes(body):
            found = await self.play(sample, pieces())
            completion = found.completion
            require(completion is not None, f"{sample.name}: in {name} the stream {_ended(found)}")
            differs = "" if completion is None else difference(says(good), says(completion))
            require(not differs, f"{sample.name}: in {name} the answer differs in {differs}")


def _body(sample: Sample) -> bytes:
    if sample.streamed is None:
        skip(f"the sample {sample.name!r} has no streamed body")
    return sample.streamed


def _found_says(found: Exchange) -> dict[str, Any]:
    """What an exchange says; nothing where it breaks the rules of a stream."""
    completion = found.completion
    return says(Completion() if completion is None else completion)


def _ended(found: Exchange) -> str:
    if found.error is not None:
        return f"raises {type(found.error).__name__}: {found.error}"
    return "ends without an error" if found.completion is not None else "breaks the rules of a stream"


def _visible(completion: Completion) -> dict[str, Any]:
    """What an answer says, without blocks that a new kind of chunk may have added."""
    said = says(completion)
    return {name: value for name, value in said.items() if name != "blocks"}


def _unexpected(sample: Sample, completion: Completion) -> str:
    said = says(completion)
    parts: Sequence[ReasoningBlock] = completion.reasoning
    thought = "".join((part.summary or "") + (part.text or "") for part in parts)
    expected = {
        "text": sample.text,
        "reasoning": sample.reasoning,
        "calls": None if sample.calls is None else list(sample.calls),
        "stop_reason": sample.stop_reason,
    }
    found = {**said, "reasoning": thought}
    return difference(
        {name: value for name, value in expected.items() if value is not None},
        found,
    )


def _state_differs(streamed: Completion, whole: Completion) -> str:
    """Where the blocks differ in what the next request needs: ids, signatures, opaque state, annotations."""
    one = () if streamed.message is None else streamed.message.content
    other = () if whole.message is None else whole.message.content
    return "; ".join(
        f"block {place}: {left!r} with state {dict(left.opaque)!r:.300}, and {right!r} with state {dict(right.opaque)!r:.300}"
        for place, (left, right) in enumerate(zip(one, other, strict=True))
        if left != right
    )
