"""Runs for sinks to take: one event of every kind, and the ways a run may go."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, ClassVar, Final, TypeAlias, get_args

import attrs

from lamella._frozen import freeze
from lamella.agent.emitter import Emitter, new_run_id
from lamella.content import (
    MediaContent,
    OpaqueContent,
    ReasoningBlock,
    TextBlock,
    ToolCallBlock,
    ToolOutputBlock,
)
from lamella.events import (
    AgentEnd,
    AgentStart,
    ApprovalPending,
    ApprovalResolved,
    AttemptCommit,
    AttemptRollback,
    AttemptStart,
    Event,
    GuardrailOverride,
    MediaOutputDone,
    MessageOutputDelta,
    MessageOutputDone,
    OpaqueEvent,
    OtherEvent,
    OutputRejected,
    ProgressEnd,
    ProgressStart,
    ProgressUpdate,
    ReasoningDelta,
    ReasoningDone,
    ResponseDone,
    RunStreamEvent,
    StopReason,
    StreamEnd,
    StreamError,
    StreamResumed,
    StreamStart,
    ToolCallDelta,
    ToolCallDone,
    ToolEnd,
    ToolOutputDone,
    ToolStart,
)
from lamella.losses import Loss
from lamella.messages import Message
from lamella.serial import register_content, register_event, restore, to_dict
from lamella.usage import TokenUsage

__all__ = ["STARTED", "WORDS", "Told", "every_event", "hostile_texts", "new_story", "stories", "tell"]

STARTED: Final = 1_790_000_000.0
"""When the first run of a story began; each story begins a second after the one before it."""

WORDS: Final = "conformance-words-of-the-payload"
"""A text that stands only in the providers' own payloads."""

Happening: TypeAlias = "Event | tuple[tuple[str, ...], Event]"

_started = itertools.count()


@attrs.frozen(kw_only=True, repr=False)
class Picture(MediaContent):
    """A content type of a third party."""

    type: ClassVar[str] = "conformance-picture"
    default_mime_type: ClassVar[str] = "image/png"
    width: int | None = None


@attrs.frozen(kw_only=True)
class Heartbeat(Event):
    """An event of a third party."""

    type: ClassVar[str] = "conformance.heartbeat"
    beats: int = 0
    words: tuple[str, ...] = ()


@cache
def _registered() -> None:
    register_content(Picture)
    register_event(Heartbeat)


@attrs.frozen
class Told:
    """A run: its name in the catalogue, its envelopes, and what the fold made of them while they were made."""

    name: str
    events: list[RunStreamEvent]
    live: Any

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self.events[0].run_id

    def without_deltas(self) -> Told:
        """The run as a sink sees it whose deltas were shed."""
        return Told(
            self.name, restore(to_dict(each) for each in self.events if each.event.durable), self.live
        )


def tell(name: str, happenings: Iterable[Happening], run_id: str | None = None) -> Told:
    """Put events into their envelopes, as the agent loop does."""
    emitter = Emitter(run_id or new_run_id())
    events = [
        emitter.wrap(each, ()) if isinstance(each, Event) else emitter.wrap(each[1], each[0])
        for each in happenings
    ]
    return Told(name, events, emitter.result())


def new_story(text: str = "Hello!", *, ends: bool = True, run_id: str | None = None, **start: Any) -> Told:
    """A plain run with a text of its own."""
    return tell(
        "plain", [_start(**start), *_answer(text), *([StreamEnd(output=text)] if ends else [])], run_id
    )


def stories() -> list[Told]:
    """The catalogue: each run anew, under a new id."""
    _registered()
    return [tell(name, happenings) for name, happenings in _catalogue().items()]


def every_event() -> list[Event]:
    """One of every type of event, with something in every field that a store could lose."""
    _registered()
    usage = TokenUsage(
        input_tokens=3, output_tokens=2, cached_read_tokens=0, total_tokens=5, estimated=("output_tokens",),
        raw={"prompt_tokens": 3, "note": WORDS}, extra={"later_tokens": 1},
    )  # fmt: skip
    shared: dict[str, Any] = {
        "id": "item-1",
        "raw_event": {"type": "chunk", "note": WORDS, "n": [1, 2.5, None, True]},
    }
    image = Picture(data=bytes(range(256)), name="a.png", alt="a dot", width=1, meta={"of": "nothing"})
    asked = (
        Message.system("Be brief."),
        Message.user(["What is this?", image]),
        Message.assistant(
            [ReasoningBlock(text="hm", signature="c2ln"), ToolCallBlock(call_id="c", name="t", arguments={})]
        ),
        Message.user([ToolOutputBlock(call_id="c", name="t", output={"n": 1})]),
    )
    return [
        StreamStart(agent="a", provider="p", model="m", settings={"t": 0.5}, system_instruction="s", input=asked,
                    started_at=STARTED, conversation="talk", meta={"user": 7}, forked_from="f", forked_at=3, **shared),
        StreamStart(native_input=({"role": "user", "content": "hi"},)),
        StreamResumed(started_at=STARTED, unknown=("call-1",)),
        AttemptStart(attempt=2, provider="p", model="m", **shared),
        MessageOutputDelta(delta="Hel", **shared),
        MessageOutputDone(output="Hello", annotations=({"url": "x"},), logprobs=({"token": "H", "logprob": -0.1},),
                          opaque={"p": {"item": "i"}}, **shared),
        ReasoningDelta(delta="so", kind="summary", **shared),
        ReasoningDone(summary="so", text="so it is", signature="c2ln", reasoning_id="r", provider="p",
                      provider_meta={"a": 1}, opaque={"p": [1]}, **shared),
        ReasoningDone(redacted=True, signature="c2ln"),
        ToolCallDelta(call_id="c", name="t", delta='{"a":', **shared),
        ToolCallDelta(call_id="c", name="t", delta={"a": [1]}),
        ToolCallDone(call_id="c", name="t", arguments_json='{"a": 1e3,  "b": "\\u00e4"}', opaque={"p": 1}, **shared),
        ToolCallDone(call_id="d", name="t", arguments_json='{"a": 1'),
        ToolStart(call_id="c", name="t", **shared),
        ToolEnd(call_id="c", name="t", output=[1, {"x": None}], is_error=True),
        ToolOutputDone(id="c", call_id="c", name="t", output={"deep": [1, 2]}),
        ToolOutputDone(id="d", call_id="d", name="t", output=(TextBlock(text="see"), image), is_error=True),
        OtherEvent(name="ping", block=OpaqueContent(type="web_search", data={"q": "x"}), **shared),
        MediaOutputDone(media=image, **shared),
        MediaOutputDone(media=OpaqueContent(type="hologram", data={"data": "AAEC"})),
        AgentStart(kind="parallel", agent="b", provider="p", model="m", settings={"t": 1}, system_instruction="s",
                   call_id="c", input=(Message.user("Go."),)),
        AgentEnd(agent="b", output="done", stop_reason="max_tokens", result={"n": 1}, error="e", code="unknown",
                 kind="chain", token_usage=usage),
        ProgressStart(key="k", details="copying", call_id="c"),
        ProgressUpdate(key="k", fraction=0.5, details="half", text="piece", call_id="c"),
        ProgressEnd(key="k", call_id="c"),
        ApprovalPending(call_id="c", name="t", arguments={"a": {"b": [1]}}),
        ApprovalResolved(call_id="c", name="t", approved=False, reason="no"),
        GuardrailOverride(output="[removed]", guardrail="g", reason="r"),
        OutputRejected(told="Again, please.", problems=("a: missing", "b: wrong")),
        AttemptRollback(attempt=2, error="broken", code="api.timeout", wait=0.5, visible=True, token_usage=usage),
        AttemptCommit(attempt=3),
        *(ResponseDone(stop_reason=reason, raw_stop_reason=f"raw-{reason}", response_id="r", provider="p", model="m",
                       losses=(Loss(kind="dropped", what="image", reason="no eyes", message=0, block=1),), cached=True,
                       request={"model": "d1"}, raw={"id": "r", "note": WORDS}, token_usage=usage)
          for reason in get_args(StopReason)),
        Heartbeat(beats=3, words=("tick", "tock"), extra={"later": [1]}),
        OpaqueEvent(type="acme.thing", data={"a": {"b": [1, None, "x"]}}),
        StreamError(error="It broke.", code="api.server_error", error_type="ServerError", retryable=True,
                    context={"status": 500}, **shared),
        StreamEnd(output="Hello", stop_reason="other", result={"n": [1]}, kind="extraction", extra={"later": True}),
    ]  # fmt: skip


def hostile_texts() -> Mapping[str, str]:
    """Texts that something on the way may not stand."""
    return {
        "lone surrogates": "\ud800 and \udfff",
        "NUL": "before\x00after",
        "control characters": "".join(map(chr, range(32))) + "\x7f\x85\u2028\u2029\ufeff",
        "line endings": "a\r\nb\rc\nd\n",
        "quotes": """'; DROP TABLE runs; -- " ' ` \\ \\n \\u0000 %s {} $1 :name ?""",
        "other scripts": "ünï ☃ 你好 עברית \U0001f9ea e\u0301",
        "markup": "[red]bold[/red] <b>&amp;</b> **x**",
        "terminal sequences": "\x1b[31mred\x1b]8;;http://x\x07",
    }


def nested(depth: int) -> Any:
    """JSON of this depth."""
    value: Any = "the bottom"
    for level in range(depth):
        value = {"next": value} if level % 2 else [value]
    return freeze(value)


# -- the catalogue --------------------------------------------------------------------------------


def _start(**given: Any) -> StreamStart:
    facts: dict[str, Any] = {
        "agent": "teller", "provider": "p", "model": "m", "input": (Message.user("Say something."),),
        "started_at": STARTED + next(_started),
    }  # fmt: skip
    return StreamStart(**{**facts, **given})


def _usage(count: int = 2) -> TokenUsage:
    return TokenUsage(input_tokens=3, output_tokens=count, raw={"in": 3, "out": count, "note": WORDS})


def _answer(text: str, *, reason: StopReason = "end_turn", attempt: int = 1) -> list[Event]:
    half = len(text) // 2
    return [
        AttemptStart(attempt=attempt, provider="p", model="m"),
        *(
            MessageOutputDelta(delta=piece, raw_event={"d": piece})
            for piece in (text[:half], text[half:])
            if piece
        ),
        MessageOutputDone(output=text),
        ResponseDone(stop_reason=reason, token_usage=_usage(), raw={"text": WORDS}, model="m", provider="p"),
        AttemptCommit(attempt=attempt),
    ]


def _calls(*names: str) -> list[Event]:
    return [
        AttemptStart(provider="p", model="m"),
        *(
            event
            for name in names
            for event in (
                ToolCallDelta(call_id=f"call-{name}", name=name, delta='{"a": 1'),
                ToolCallDelta(call_id=f"call-{name}", name=name, delta="}"),
                ToolCallDone(call_id=f"call-{name}", name=name, arguments_json='{"a": 1}'),
            )
        ),
        ResponseDone(stop_reason="tool_use", token_usage=_usage(7)),
        AttemptCommit(),
    ]


def _ran(name: str, output: Any, *, is_error: bool = False) -> ToolOutputDone:
    return ToolOutputDone(
        id=f"call-{name}", call_id=f"call-{name}", name=name, output=output, is_error=is_error
    )


def _at(path: tuple[str, ...], events: Iterable[Event]) -> list[Happening]:
    return [(path, event) for event in events]


def _catalogue() -> dict[str, list[Happening]]:
    return {**_simple(), **_with_tools(), **_put_together(), **_cut_short()}


def _simple() -> dict[str, list[Happening]]:
    image = Picture(data=b"\x89PNG\x00\xff", name="a.png")
    return {
        "plain": [_start(), *_answer("Hello, world!"), StreamEnd(output="Hello, world!")],
        "empty answer": [
            _start(), AttemptStart(), ResponseDone(stop_reason="content_filter"),
            StreamEnd(stop_reason="content_filter"),
        ],
        "reasoning": [
            _start(), AttemptStart(), ReasoningDelta(delta="I th"), ReasoningDelta(delta="ink"),
            ReasoningDone(text="I think", signature="c2ln", provider="p"), *_answer("So.")[1:], StreamEnd(output="So."),
        ],
        "structured output": [
            _start(kind="extraction"), *_answer('{"n": 1}'),
            StreamEnd(output='{"n": 1}', result={"n": 1}, kind="extraction"),
        ],
        "rejected output": [
            _start(), *_answer("no JSON"), OutputRejected(told="Give JSON.", problems=("n: missing",)),
            *_answer('{"n": 2}'), StreamEnd(output='{"n": 2}', result={"n": 2}),
        ],
        "rollback": [
            _start(), AttemptStart(), MessageOutputDelta(delta="Wro"),
            AttemptRollback(error="cut", code="api.stream.interrupted", visible=True, token_usage=_usage(1)),
            *_answer("Right.", attempt=2), StreamEnd(output="Right."),
        ],
        "guardrail override": [
            _start(), *_answer("My number is 555."), GuardrailOverride(output="[removed]", guardrail="pii"),
            StreamEnd(output="[removed]"),
        ],
        "media": [
            _start(input=(Message.user(["Draw.", image]),)), AttemptStart(), MediaOutputDone(media=image),
            *_answer("There.")[1:], StreamEnd(output="There."),
        ],
    }  # fmt: skip


def _with_tools() -> dict[str, list[Happening]]:
    return {
        "tools in parallel": [
            _start(), *_calls("slow", "fast"), ToolStart(call_id="call-slow", name="slow"),
            ToolStart(call_id="call-fast", name="fast"), ToolEnd(call_id="call-fast", name="fast", output={"n": 1}),
            _ran("slow", "at last"), _ran("fast", {"n": 1}), *_answer("Done."), StreamEnd(output="Done."),
        ],
        "a tool that fails": [
            _start(), *_calls("t"), ToolStart(call_id="call-t", name="t"), _ran("t", "it broke", is_error=True),
            *_answer("Sorry."), StreamEnd(output="Sorry."),
        ],
        "approval and progress": [
            _start(), *_calls("t"), ApprovalPending(call_id="call-t", name="t", arguments={"a": 1}),
            ApprovalResolved(call_id="call-t", name="t", approved=True), ToolStart(call_id="call-t", name="t"),
            ProgressStart(key="k", call_id="call-t"), ProgressUpdate(key="k", fraction=0.5, text="half"),
            ProgressEnd(key="k"), _ran("t", "yes"), *_answer("Done."), StreamEnd(output="Done."),
        ],
    }  # fmt: skip


def _put_together() -> dict[str, list[Happening]]:
    inner, deep, side = ("helper",), ("helper", "expert"), ("other",)
    return {
        "nested agents": [
            _start(), *_calls("helper"), ToolStart(call_id="call-helper", name="helper"),
            *_at(inner, [AgentStart(agent="helper", call_id="call-helper", input=(Message.user("Help."),)),
                         *_calls("expert"), ToolStart(call_id="call-expert", name="expert")]),
            *_at(deep, [AgentStart(agent="expert", call_id="call-expert"), *_answer("Deep."),
                        AgentEnd(agent="expert", output="Deep.")]),
            *_at(inner, [_ran("expert", "Deep."), *_answer("Helped."), AgentEnd(agent="helper", output="Helped.")]),
            _ran("helper", "Helped."), *_answer("Done."), StreamEnd(output="Done."),
        ],
        "agents side by side": [
            _start(kind="parallel"),
            *_at(inner, [AgentStart(agent="helper")]), *_at(side, [AgentStart(agent="other")]),
            *(happening for pair in zip(_at(inner, _answer("One.")), _at(side, _answer("Two.")), strict=True)
              for happening in pair),
            *_at(side, [AgentEnd(agent="other", output="Two.")]),
            *_at(inner, [AgentEnd(agent="helper", output="One.")]),
            StreamEnd(output="One. Two.", kind="parallel"),
        ],
        "agents in a chain": [
            _start(kind="chain"),
            *_at(inner, [AgentStart(agent="helper"), *_answer("One."), AgentEnd(agent="helper", output="One.")]),
            *_at(side, [AgentStart(agent="other"), *_answer("Two."), AgentEnd(agent="other", output="Two.")]),
            StreamEnd(output="Two.", kind="chain"),
        ],
    }  # fmt: skip


def _cut_short() -> dict[str, list[Happening]]:
    return {
        "failed": [
            _start(), AttemptStart(), MessageOutputDelta(delta="He"),
            StreamError(error="The server is down.", code="api.server_error", error_type="ServerError", retryable=True,
                        context={"status": 503}, token_usage=_usage(1)),
        ],
        "cancelled": [
            _start(), AttemptStart(), MessageOutputDelta(delta="He"), MessageOutputDone(output="He"),
            StreamError(error="cancelled", code="agent.cancelled", error_type="AgentExecutionError"),
        ],
        "interrupted": [_start(), AttemptStart(), MessageOutputDelta(delta="He"), MessageOutputDelta(delta="ll")],
        "resumed": [
            _start(), *_calls("t"), ToolStart(call_id="call-t", name="t"),
            StreamResumed(started_at=STARTED, unknown=("call-t",)),
            _ran("t", "nobody knows what came of it", is_error=True), AttemptStart(), MessageOutputDelta(delta="He"),
            StreamResumed(started_at=STARTED),
            AttemptRollback(error="the process ended", code="run.resumed", visible=True),
            *_answer("Here."), StreamEnd(output="Here."),
        ],
        "forked": [
            _start(forked_from="the-first", forked_at=4, conversation="talk", meta={"why": "cheaper"}),
            *_answer("Other."), StreamEnd(output="Other."),
        ],
    }  # fmt: skip
