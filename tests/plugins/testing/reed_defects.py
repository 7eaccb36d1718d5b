"""Defects: each is one of the correct providers with one thing wrong, and the tests of the kit that must fail."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import attrs
from reed import KEY, ChatReed, Parrot, ReedDecoder, ReedTransport
from reed_suites import parrot_suite, reed_suite

from lamella import (
    AgentInputError,
    APIConnectionError,
    Capabilities,
    Event,
    MediaContent,
    MessageOutputDelta,
    MessageOutputDone,
    ModelRequest,
    Plan,
    ReasoningBlock,
    ReasoningDone,
    ResponseDone,
    TextBlock,
    TokenUsage,
    ToolCallDone,
    ToolOutputBlock,
    ToolOutputDone,
)
from lamella._json import dumps
from lamella.errors import LamellaError
from lamella.models import EncodeReport, Problem, RequestOptions, SSEFrames, status_error
from lamella_testing import ProviderConformance

__all__ = ["DEFECTS", "OPEN", "Defect", "suite"]


@attrs.frozen
class Defect:
    """A provider with one thing wrong, and the names of the tests that must fail, all of them."""

    kind: type[Parrot] | type[ChatReed]
    caught_by: frozenset[str]


DEFECTS: dict[str, Defect] = {}


def defect(*caught_by: str) -> Callable[[type[Any]], type[Any]]:
    """Register a provider, a decoder or a transport as a defect; the class's name says what it is."""

    def register(kind: type[Any]) -> type[Any]:
        name = kind.__name__
        model = kind
        if issubclass(kind, ReedDecoder):
            model = type(name, (ChatReed,), {"decoder_class": kind})
        elif issubclass(kind, ReedTransport):
            model = type(name, (ChatReed,), {"transport_class": kind})
        DEFECTS[name] = Defect(model, frozenset(f"test_{test}" for test in caught_by))
        return kind

    return register


def suite(name: str) -> type[ProviderConformance]:
    """The kit for a defect."""
    kind = DEFECTS[name].kind
    return parrot_suite(kind) if issubclass(kind, Parrot) else reed_suite(kind)


# -- streams of a plain model -------------------------------------------------------------------------


@defect("response_done_comes_once_and_last", "complete_is_the_fold_of_stream")
class NoResponseDone(Parrot):
    async def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
        async for event in super().stream(request):
            if not isinstance(event, ResponseDone):
                yield event


@defect("response_done_comes_once_and_last")
class TwoResponseDones(Parrot):
    async def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
        async for event in super().stream(request):
            yield event
        yield ResponseDone()


@defect("response_done_comes_once_and_last")
class EventAfterDone(Parrot):
    async def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
        async for event in super().stream(request):
            yield event
        yield MessageOutputDone(output="and one more thing")


@defect("a_stream_yields_events")
class YieldsText(Parrot):
    async def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
        yield "Kraa."  # type: ignore[misc]
        async for event in super().stream(request):
            yield event


@defect("no_events_of_runs")
class RunsToolsItself(Parrot):
    def call(self, request: ModelRequest) -> Iterator[Event]:
        for event in super().call(request):
            yield event
            if isinstance(event, ToolCallDone):
                yield ToolOutputDone(id="c1", call_id="c1", name="add", output=5)


@defect("deltas_add_up")
class LosesADelta(Parrot):
    def say(self, request: ModelRequest) -> Iterator[Event]:
        yield from list(super().say(request))[1 if request.streaming else 0 :]


@defect("done_events_have_the_ids_of_their_deltas", "deltas_add_up")
class OtherIdAtTheEnd(Parrot):
    def say(self, request: ModelRequest) -> Iterator[Event]:
        for event in super().say(request):
            yield attrs.evolve(event, id="t2") if event.durable else event


@defect("streaming_false_gives_the_same")
class OtherAnswerInOnePiece(Parrot):
    def words(self, request: ModelRequest) -> list[str]:
        return [*super().words(request), *([] if request.streaming else ["Kraa."])]


@defect("complete_is_the_fold_of_stream")
class CompletesOtherwise(Parrot):
    async def complete(self, input: Any, **fields: Any) -> Any:
        found = await super().complete(input, **fields)
        return attrs.evolve(found, stop_reason="other")


@defect("streaming")
class SaysItAtOnce(Parrot):
    def say(self, request: ModelRequest) -> Iterator[Event]:
        yield from (event for event in super().say(request) if event.durable)


@defect("concurrent_streams_share_no_state")
class SharedState(Parrot):
    def say(self, request: ModelRequest) -> Iterator[Event]:
        self.said: list[str] = []
        for word in self.words(request):
            self.said.append(word)
            yield MessageOutputDelta(delta=word)
        yield MessageOutputDone(output="".join(self.said))


@defect("a_stream_closed_early_is_released")
class IgnoresClosing(Parrot):
    async def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
        try:
            async for event in super().stream(request):
                yield event
        except GeneratorExit:
            yield ResponseDone()


@defect("a_stream_closed_early_is_released", "concurrent_streams_share_no_state")
class BusyAfterClosing(Parrot):
    busy = False

    async def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
        if self.busy:
            raise AgentInputError("one stream at a time")
        self.busy = True
        async for event in super().stream(request):
            yield event
        self.busy = False


@defect("usage_buckets_do_not_overlap")
class CountsTwice(Parrot):
    def usage(self, request: ModelRequest) -> TokenUsage:
        return TokenUsage(input_tokens=3, cached_read_tokens=3, output_tokens=4, total_tokens=7)


@defect("usage_is_on_response_done")
class UsageTooEarly(Parrot):
    def say(self, request: ModelRequest) -> Iterator[Event]:
        for event in super().say(request):
            yield attrs.evolve(event, token_usage=super().usage(request))

    def usage(self, request: ModelRequest) -> Any:
        return None


@defect("only_lamella_errors_leave")
class RaisesValueError(Parrot):
    def refuse(self, request: ModelRequest) -> None:
        if request.tool_choice == "no_such_tool":
            raise ValueError("no such tool")
        super().refuse(request)


@defect("stop_reason_fits")
class StopsForNoReason(Parrot):
    def say(self, request: ModelRequest) -> Iterator[Event]:
        yield from super().say(request)

    async def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
        async for event in super().stream(request):
            yield attrs.evolve(event, stop_reason="tool_use") if isinstance(event, ResponseDone) else event


@defect("an_answer_can_be_sent_back")
class RefusesItsOwnCalls(Parrot):
    def refuse(self, request: ModelRequest) -> None:
        super().refuse(request)
        if any(call.call_id == "c1" for message in request.messages for call in message.tool_calls):
            raise AgentInputError("I never said that")


@defect("the_model_says_what_it_is")
class Nameless(Parrot):
    model = "custom"


@defect("an_answer_survives_storage")
class KeepsWhatIsNoJSON(Parrot):
    async def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
        async for event in super().stream(request):
            yield attrs.evolve(event, raw={"words": {1, 2}}) if isinstance(event, ResponseDone) else event


@defect("requests_are_answered", "the_system_instruction_is_sent")
class RefusesSystemInstructions(Parrot):
    def refuse(self, request: ModelRequest) -> None:
        if request.system_instruction:
            raise AgentInputError("I do what I want")
        super().refuse(request)


# -- capabilities -------------------------------------------------------------------------------------


@defect("embeddings")
class DeclaresEmbeddings(Parrot):
    @property
    def capabilities(self) -> Capabilities:
        return attrs.evolve(super().capabilities, embeddings=True)


@defect("structured_output", "the_output_schema_is_sent")
class DeclaresStructuredOutput(Parrot):
    @property
    def capabilities(self) -> Capabilities:
        return attrs.evolve(super().capabilities, structured_output=True)


@defect("forced_tools")
class IgnoresToolChoice(Parrot):
    async def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
        self.refuse(request)
        self.log.append(self.write(request))
        async for event in super().stream(ModelRequest.of(request, tool_choice="auto")):
            yield event


@defect("structured_output", "native_input")
class TakesWhatItCannot(Parrot):
    def refuse(self, request: ModelRequest) -> None:
        for block in (block for message in request.messages for block in message.content):
            if isinstance(block, MediaContent):
                super().refuse(request)


@defect("media_inputs", "unknown_content_is_refused")
class DropsImages(Parrot):
    def refuse(self, request: ModelRequest) -> None:
        texts = [
            attrs.evolve(message, content=kept)
            for message in request.messages
            if (kept := tuple(block for block in message.content if not isinstance(block, MediaContent)))
        ]
        super().refuse(attrs.evolve(request, messages=texts))


@defect("media_inputs", "structured_output", "native_input")
class RefusesAfterSending(Parrot):
    def refuse(self, request: ModelRequest) -> None:
        self.log.append("hello server")
        super().refuse(request)


@defect("count_tokens")
class CountsWithoutSayingSo(Parrot):
    async def count_tokens(self, request: Any) -> Any:
        from lamella.models import TokenCount

        return TokenCount(tokens=3, estimated=False)


@defect("list_models")
class DeclaresAModelList(Parrot):
    @property
    def capabilities(self) -> Capabilities:
        return attrs.evolve(super().capabilities, list_models=True)


@defect("tools", "forced_tools")
class TakesToolsUndeclared(Parrot):
    @property
    def capabilities(self) -> Capabilities:
        return attrs.evolve(super().capabilities, tools=False, forced_tools=False)

    def refuse(self, request: ModelRequest) -> None:
        super().refuse(ModelRequest.of(request, tools=(), tool_choice="auto"))


@defect("plan_names_what_is_not_declared")
class PlansWithoutProblems(Parrot):
    def plan(self, request: Any) -> Plan:
        return attrs.evolve(super().plan(request), problems=())

    def refuse(self, request: ModelRequest) -> None:
        super().plan(request).raise_for_problems()
        super().refuse(request)


@defect("parallel_tools")
class DeclaresOneCallAtATime(ChatReed):
    @property
    def capabilities(self) -> Capabilities:
        return attrs.evolve(super().capabilities, parallel_tools=False)


@defect("reasoning_is_declared")
class ReasonsUndeclared(ChatReed):
    @property
    def capabilities(self) -> Capabilities:
        return attrs.evolve(super().capabilities, reasoning=False)


# -- what is sent -------------------------------------------------------------------------------------


@defect("the_system_instruction_is_sent")
class DropsTheSystemPrompt(ChatReed):
    def encode_options(self, request: ModelRequest) -> dict[str, Any]:
        return {name: value for name, value in super().encode_options(request).items() if name != "system"}


@defect("the_output_schema_is_sent")
class DropsTheSchema(ChatReed):
    def encode_options(self, request: ModelRequest) -> dict[str, Any]:
        return {name: value for name, value in super().encode_options(request).items() if name != "schema"}


@defect("a_forced_tool_is_sent")
class DropsTheChoice(ChatReed):
    def encode_options(self, request: ModelRequest) -> dict[str, Any]:
        return {name: value for name, value in super().encode_options(request).items() if name != "choice"}


@defect("tool_errors_are_marked")
class DropsIsError(ChatReed):
    def part(self, block: Any, report: EncodeReport) -> list[Any]:
        if isinstance(block, ToolOutputBlock):
            block = attrs.evolve(block, is_error=False)
        return super().part(block, report)


@defect("calls_and_outputs_are_sent_in_order")
class TurnsOutputsAround(ChatReed):
    def turns(self, request: ModelRequest, report: EncodeReport) -> list[dict[str, Any]]:
        turns = super().turns(request, report)
        for turn in turns:
            if turn["parts"][0].get("k") == "out":
                turn["parts"].reverse()
        return turns


@defect("calls_and_outputs_are_sent_in_order", "tool_errors_are_marked")
class SendsOneOutputOnly(ChatReed):
    def turns(self, request: ModelRequest, report: EncodeReport) -> list[dict[str, Any]]:
        turns = super().turns(request, report)
        for turn in turns:
            if turn["parts"][0].get("k") == "out":
                del turn["parts"][1:]
        return turns


@defect("unusual_calls_are_sent_as_they_were")
class MendsArguments(ChatReed):
    def part(self, block: Any, report: EncodeReport) -> list[Any]:
        parts = super().part(block, report)
        if parts and parts[0].get("k") == "call":
            parts[0]["j"] = dumps(dict(block.arguments or {}))
        return parts


@defect("extra_is_merged_into_the_payload")
class IgnoresExtra(ChatReed):
    def encode(self, request: ModelRequest, report: EncodeReport | None = None) -> dict[str, Any]:
        payload = super().encode(request, report)
        return {name: value for name, value in payload.items() if name not in request.extra}


@defect("encoding_is_pure")
class CountsRequests(ChatReed):
    count = 0

    def encode_options(self, request: ModelRequest) -> dict[str, Any]:
        self.count = (self.count + 1) % 10
        return {**super().encode_options(request), "nr": self.count}


@defect(
    "encoding_is_pure",
    "plan_needs_no_network",
    "unknown_content_is_refused",
    "foreign_files_are_refused",
    "strict_mode_refuses_foreign_state",
)
class EncodesWithTheTransport(ChatReed):
    def encode_options(self, request: ModelRequest) -> dict[str, Any]:
        return {**super().encode_options(request), "host": getattr(self.transport, "host", "")}


@defect("plan_needs_no_network")
class PlansOverTheNetwork(ChatReed):
    def plan(self, request: Any) -> Plan:
        with contextlib.suppress(OSError), socket.socket() as client:
            client.connect(("127.0.0.1", 9))
        return super().plan(request)


@defect("plan_agrees_with_encode")
class PlansOtherThings(ChatReed):
    def plan(self, request: Any) -> Plan:
        return attrs.evolve(super().plan(request), payload_bytes=1)


@defect("tools_are_sent")
class DropsDescriptions(ChatReed):
    def encode_options(self, request: ModelRequest) -> dict[str, Any]:
        found = super().encode_options(request)
        for tool in found.get("tools", ()):
            tool[1] = ""
        return found


@defect("the_history_is_sent_in_order", "calls_and_outputs_are_sent_in_order")
class SendsTheLastFirst(ChatReed):
    def turns(self, request: ModelRequest, report: EncodeReport) -> list[dict[str, Any]]:
        return super().turns(request, report)[::-1]


@defect("json_outputs_are_sent")
class DropsJSONOutputs(ChatReed):
    def part(self, block: Any, report: EncodeReport) -> list[Any]:
        if isinstance(block, ToolOutputBlock) and not isinstance(block.output, str):
            block = attrs.evolve(block, output="")
        return super().part(block, report)


@defect("a_good_request_has_no_problems")
class PlansProblems(ChatReed):
    def plan(self, request: Any) -> Plan:
        return attrs.evolve(super().plan(request), problems=(Problem(code="unknown", message="who knows"),))


# -- opaque state -------------------------------------------------------------------------------------


@defect("foreign_state_is_never_sent", "foreign_state_is_reported")
class LeaksSignatures(ChatReed):
    def reasoning(self, block: ReasoningBlock, report: EncodeReport) -> list[Any]:
        return [
            {"k": "think", "t": block.text},
            {"k": "seal", "s": block.signature},
            *super().reasoning(block, Deaf(report)),
        ]


class Deaf(EncodeReport):
    """A report that hears nothing."""

    def __init__(self, report: EncodeReport) -> None:
        super().__init__(provider=report.provider, dialect=report.dialect)


@defect("foreign_state_is_never_sent")
class LeaksOpaqueDicts(ChatReed):
    def part(self, block: Any, report: EncodeReport) -> list[Any]:
        parts = super().part(block, report)
        if isinstance(block, TextBlock):
            parts[0] |= {"state": list(block.opaque.values())}
        return parts


@defect("foreign_state_is_never_sent")
class LeaksAnnotations(ChatReed):
    def part(self, block: Any, report: EncodeReport) -> list[Any]:
        parts = super().part(block, report)
        if isinstance(block, TextBlock):
            parts[0] |= {"notes": list(block.annotations)}
        return parts


@defect("own_state_is_replayed")
class ForgetsItsSignature(ChatReed):
    def reasoning(self, block: ReasoningBlock, report: EncodeReport) -> list[Any]:
        if block.provider == self.issuer:
            report.drop("who needs it")
            return []
        return super().reasoning(block, report)


@defect("foreign_state_is_reported", "strict_mode_refuses_foreign_state")
class DropsInSilence(ChatReed):
    def reasoning(self, block: ReasoningBlock, report: EncodeReport) -> list[Any]:
        return super().reasoning(block, report if block.provider == self.issuer else Deaf(report))

    def found(self, block: Any, report: EncodeReport) -> list[Any]:
        return super().found(block, report if block.provider == self.issuer else Deaf(report))


@defect("foreign_files_are_refused")
class SendsForeignFiles(ChatReed):
    def media(self, block: Any) -> list[Any]:
        if getattr(block, "file_id", None) is not None:
            return [{"file": block.file_id}]
        return super().media(block)


@defect("own_reasoning_names_its_issuer", "own_state_is_replayed")
class SignsForNobody(ReedDecoder):
    def on_seal(self, chunk: Any) -> Iterator[Event]:
        for event in super().on_seal(chunk):
            yield attrs.evolve(event, provider="reed-2") if isinstance(event, ReasoningDone) else event


@defect("what_is_visible_crosses")
class DropsForeignTexts(ChatReed):
    def part(self, block: Any, report: EncodeReport) -> list[Any]:
        if isinstance(block, TextBlock) and block.opaque and self.issuer not in block.opaque:
            report.drop("it is not mine")
            return []
        return super().part(block, report)


# -- what is read -------------------------------------------------------------------------------------


@defect("streamed_equals_whole", "streaming_false_gives_the_same", "a_sample_reads_as_it_says")
class LosesReasoningInOnePiece(ReedDecoder):
    def whole(self, body: Any) -> list[Event]:
        return [event for event in super().whole(body) if not isinstance(event, ReasoningDone)]


@defect("streamed_equals_whole", "usage_of_a_sample", "streaming_false_gives_the_same")
class SumsUsagePerChunk(ReedDecoder):
    chunks = 0

    def feed(self, chunk: Any) -> list[Event]:
        self.chunks += 1
        return super().feed(chunk)

    def usage(self, raw: Any) -> TokenUsage | None:
        found = super().usage(raw)
        times = 2 if raw and self.chunks and self.closing.get("k") == "close" else 1
        return found and sum([found] * times)  # type: ignore[return-value]


@defect("usage_of_a_sample", "usage_buckets_do_not_overlap")
class CountsCachedTwice(ReedDecoder):
    def usage(self, raw: Any) -> TokenUsage | None:
        found = super().usage(raw)
        return found and attrs.evolve(found, input_tokens=raw["in"])


@defect("usage_of_a_sample")
class ReportsNothingAsZero(ReedDecoder):
    def usage(self, raw: Any) -> TokenUsage | None:
        found = super().usage(raw)
        return found and attrs.evolve(found, cached_read_tokens=found.cached_read_tokens or 0)


@defect("every_cut_is_noticed")
class TakesCutStreams(ReedDecoder):
    def finish(self) -> list[Event]:
        self.complete = True
        return super().finish()


@defect(
    "a_sample_reads_as_it_says",
    "call_deltas_belong_to_their_call",
    "streamed_equals_whole",
    "streaming_false_gives_the_same",
)
class DropsParallelCalls(ReedDecoder):
    def dones(self) -> Iterator[Event]:
        calls = 0
        for event in super().dones():
            calls += isinstance(event, ToolCallDone)
            if calls < 2:
                yield event


@defect(
    "call_ids_are_unique",
    "call_deltas_belong_to_their_call",
    "a_sample_reads_as_it_says",
    "streamed_equals_whole",
    "streaming_false_gives_the_same",
)
class RepeatsCallIds(ReedDecoder):
    def call(self, call_id: str, name: str, arguments: str) -> ToolCallDone:
        return super().call("c1", name, arguments)


@defect("a_sample_reads_as_it_says", "deltas_add_up")
class EmptiesMalformedArguments(ReedDecoder):
    def call(self, call_id: str, name: str, arguments: str) -> ToolCallDone:
        done = super().call(call_id, name, arguments)
        return done if done.output is not None else super().call(call_id, name, "{}")


@defect("unknown_chunks_change_nothing")
class CrashesOnUnknownChunks(ReedDecoder):
    def feed(self, chunk: Any) -> list[Event]:
        if not isinstance(chunk, dict) or not hasattr(self, f"on_{chunk['k']}"):
            raise KeyError(chunk)
        return super().feed(chunk)


@defect("unknown_fields_change_nothing", "unknown_fields_in_a_whole_answer_change_nothing")
class CrashesOnUnknownFields(ReedDecoder):
    def on_say(self, chunk: Any) -> Iterator[Event]:
        _, text = chunk.values()
        return super().on_say({"t": text})


@defect("malformed_answers_are_parsing_errors")
class TakesAnything(ReedDecoder):
    def whole(self, body: Any) -> list[Event]:
        return super().whole(body if isinstance(body, dict) else {"id": "r1", "items": []})


@defect("failures_in_the_stream_have_their_class")
class PassesOverFailures(ReedDecoder):
    def on_fail(self, chunk: Any) -> Iterator[Event]:
        yield from ()


@defect("usage_grows_to_its_final_value")
class ReportsMoreOnTheWay(ReedDecoder):
    def on_say(self, chunk: Any) -> Iterator[Event]:
        for event in super().on_say(chunk):
            yield attrs.evolve(event, token_usage=TokenUsage(output_tokens=99))


class HastyFrames(SSEFrames):
    """Takes each piece of bytes for whole frames."""

    def feed(self, data: bytes) -> list[bytes]:
        return super().feed(data + b"\n\n")


@defect(
    "chunk_sizes_change_nothing",
    "a_stream_closed_early_is_released",
    "complete_is_the_fold_of_stream",
    "concurrent_streams_share_no_state",
    "a_broken_stream_is_a_connection_error",
    "silence_is_a_timeout",
)
class ReadsPiecesAsFrames(ChatReed):
    frames = HastyFrames


class LenientFrames(SSEFrames):
    """Leaves out what is no JSON."""

    def feed(self, data: bytes) -> list[bytes]:
        return [frame for frame in super().feed(data) if frame != b"{oops"]


@defect("malformed_chunks_are_parsing_errors")
class PassesOverMalformedChunks(ChatReed):
    frames = LenientFrames


@defect("samples_are_given")
class NoSamples(ChatReed):
    given_samples = ()


# -- HTTP ---------------------------------------------------------------------------------------------


@defect("the_key_is_in_no_repr")
class ShowsItsKey(ChatReed):
    def __repr__(self) -> str:
        return f"ChatReed(key={KEY!r})"


@defect("the_key_is_in_no_error")
class RepeatsItsKey(ReedTransport):
    def scrub(self, error: Exception) -> None:
        pass


@defect("the_key_is_in_no_pickle")
class PicklesItsKey(ChatReed):
    def __reduce__(self) -> Any:
        return dict, (), None, None, iter([("key", self.key.reveal())])


@defect("unknown_settings_are_refused")
class TakesAnySetting(ChatReed):
    def __init__(self, base_url: str | None = None, **settings: Any) -> None:
        super().__init__(base_url)


@defect("settings_are_json")
class OddSettings(ChatReed):
    @property
    def settings(self) -> Mapping[str, Any]:
        return {"key": self.key}


@defect("retry_after_is_kept")
class IgnoresRetryAfter(ReedTransport):
    def status_failure(self, status: int, headers: Mapping[str, str], message: str) -> LamellaError:
        return super().status_failure(status, {}, message)


@defect("error_statuses_have_their_class")
class RetriesNotFound(ReedTransport):
    def status_failure(self, status: int, headers: Mapping[str, str], message: str) -> LamellaError:
        return status_error(status, message, headers=headers, retryable=True if status == 404 else None)


@defect("error_statuses_have_their_class")
class SaysNothingOfErrors(ReedTransport):
    def status_failure(self, status: int, headers: Mapping[str, str], message: str) -> LamellaError:
        return super().status_failure(status, headers, "it failed")


@defect("silence_is_a_timeout")
class WaitsForEver(ReedTransport):
    @asynccontextmanager
    async def open(
        self, payload: Mapping[str, Any], *, streaming: bool, options: RequestOptions
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        async with super().open(payload, streaming=streaming, options=RequestOptions()) as given:
            yield given


@defect(
    "a_refused_connection_is_a_connection_error",
    "a_broken_stream_is_a_connection_error",
    "silence_is_a_timeout",
)
class KeepsRawErrors(ReedTransport):
    def error(self, error: Exception) -> Exception:
        return error


@defect("answers_come_over_http")
class ChangesTheBytes(ReedTransport):
    @asynccontextmanager
    async def open(
        self, payload: Mapping[str, Any], *, streaming: bool, options: RequestOptions
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        async with super().open(payload, streaming=streaming, options=options) as given:
            yield (piece.replace(b"lo.", b"LO.") async for piece in given)


@defect("a_model_may_be_used_again_after_aclose")
class ClosedForGood(ChatReed):
    closed = False

    @property
    def transport(self) -> ReedTransport:
        if self.closed:
            raise APIConnectionError("closed")
        return super().transport

    async def aclose(self) -> None:
        self.closed = True


OPEN: list[socket.socket] = []
"""The connections that a provider left open: second handles, which keep them so. For the tests to close."""


@defect("leaving_early_closes_the_connection")
class LeavesConnectionsOpen(ReedTransport):
    async def close(self, writer: Any) -> None:
        OPEN.append(
            socket.fromfd(writer.get_extra_info("socket").fileno(), socket.AF_INET, socket.SOCK_STREAM)
        )
        await super().close(writer)
