"""What one agent of one run says: its answers, thoughts and calls on the page; ``_work`` shows the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from lamella.content import Block
from lamella.errors import ErrorCode
from lamella.events import (
    AgentEnd,
    AgentStart,
    AttemptRollback,
    Event,
    GuardrailOverride,
    MediaOutputDone,
    MessageOutputDelta,
    MessageOutputDone,
    OtherEvent,
    ReasoningDelta,
    ReasoningDone,
    ResponseDone,
    RunKind,
    StreamEnd,
    StreamError,
    StreamStart,
    ToolCallDelta,
    ToolCallDone,
)
from lamella.rendering import TextRenderer
from lamella_console._gallery import Gallery
from lamella_console._page import Page, Speaker
from lamella_console._work import WorkView
from lamella_console.plain import describe_media, media_in

__all__ = ["AgentView"]


class AgentView:
    """Shows the events of one agent."""

    def __init__(
        self, page: Page, speaker: Speaker, gallery: Gallery, *, work: WorkView, reasoning: bool
    ) -> None:
        self._page = page
        self._gallery = gallery
        self._speaker = speaker
        self._depth = len(speaker[1])
        self._work = work
        self._reasoning = reasoning
        self._calls = TextRenderer()
        self._open_calls: set[str] = set()
        self._held: list[str] = []
        self._block = 0
        self._thought = 0
        self._said = False
        self._kind: RunKind = "messages"

    @property
    def busy(self) -> bool:
        """Whether a block is open: nothing of another agent should be shown now."""
        return bool(self._block or self._thought or self._open_calls)

    def feed(self, event: Event) -> None:
        """Show the next event; events that mean nothing to a reader show nothing."""
        for kind in type(event).__mro__:
            show = _SHOW.get(kind)
            if show is not None:
                show(self, event)
                return
        self._work.feed(event)

    def _write(self, kind: str, text: str, step: int = 0) -> None:
        self._page.write(self._speaker, kind, text, step)

    def _line(self, kind: str, text: str, step: int = 0) -> None:
        self._page.line(self._speaker, kind, text, step)

    # -- text and reasoning -----------------------------------------------------------------------

    def _text_delta(self, event: MessageOutputDelta) -> None:
        self._block += len(event.delta)
        self._say(event.delta)

    def _text_done(self, event: MessageOutputDone) -> None:
        if self._block != len(event.output):  # unstreamed, or deltas were shed
            if self._block:
                self._page.end_block()
            self._say(event.output)
        self._block = 0
        if not self._open_calls:
            self._page.end_text()

    def _say(self, text: str) -> None:
        if self._open_calls:
            self._held.append(text)
            return
        self._said = self._said or bool(text)
        self._write("nested" if self._depth else "answer", text)

    def _thought_delta(self, event: ReasoningDelta) -> None:
        self._thought += len(event.delta)
        if self._reasoning and not self._open_calls:
            self._write("reasoning", event.delta)

    def _thought_done(self, event: ReasoningDone) -> None:
        if self._reasoning and not self._thought:
            self._write("reasoning", event.output)
        self._thought = 0
        self._page.end_block()

    # -- tools ------------------------------------------------------------------------------------

    def _call_delta(self, event: ToolCallDelta) -> None:
        self._open_calls.add(event.call_id)
        self._write("call", self._calls.feed(event))

    def _call_done(self, event: ToolCallDone) -> None:
        self._work.count(event)
        self._open_calls.discard(event.call_id)
        self._write("call", self._calls.feed(event))
        self._release_held()

    def _response_done(self, event: ResponseDone) -> None:
        self._work.count(event)
        self._open_calls.clear()
        self._write("call", self._calls.feed(event))
        self._release_held()
        self._block = self._thought = 0
        self._page.end_block()
        self._page.settle(self._speaker)
        if event.cached:
            self._line("note", "this answer was kept from an earlier call and cost nothing")
        if event.stop_reason in ("max_tokens", "refusal", "content_filter", "other"):
            raw = event.raw_stop_reason
            self._line("warning", f"stopped: {event.stop_reason}" + (f" ({raw})" if raw else ""))

    def _release_held(self) -> None:
        if self._held and not self._open_calls:
            self._say("".join(self._held))
            self._held.clear()
            if not self._block:
                self._page.end_text()

    # -- the rest ---------------------------------------------------------------------------------

    def _rollback(self, event: AttemptRollback) -> None:
        self._calls.feed(event)
        self._open_calls.clear()
        self._held.clear()
        self._block = self._thought = 0
        if event.code == "memory.summarized":  # no attempt at the answer, but the cost of a summary
            self._line("note", "the beginning of the conversation was summarized")
            return
        stays = self._page.take_back(self._speaker)
        if event.code == "run.resumed":
            if stays:
                self._line("warning", "the text above was cut off and is taken back")
            return
        taken = "the text above is taken back; " if event.visible and stays else ""
        wait = f"again in {event.wait:.1f} s" if event.wait else "again"
        error = f" ({event.error})" if event.error else ""
        self._line("warning", f"attempt {event.attempt} failed{error}: {taken}trying {wait}")

    def _override(self, event: GuardrailOverride) -> None:
        reason = f" ({event.reason})" if event.reason else ""
        self._line("warning", f"replaced by guardrail {event.guardrail or ''}{reason}:")
        self._say(event.output)

    def _stream_start(self, event: StreamStart) -> None:
        """The media that go with the prompt; those of earlier messages were shown when they were sent."""
        for part in media_in(event.input[-1].content if event.input else ()):
            self._show_media(part)

    def _media(self, event: MediaOutputDone) -> None:
        self._show_media(event.media)

    def _show_media(self, block: Block) -> None:
        self._line("note", describe_media(block))
        self._draw(block)

    def _draw(self, block: Block, step: int = 0) -> None:
        picture = self._gallery.take(block)
        if picture is not None:
            self._page.draw(self._speaker, picture, step)

    def _other(self, event: OtherEvent) -> None:
        if event.block is not None:
            self._line("note", f"[{event.block.type}]")

    def _agent_start(self, event: AgentStart) -> None:
        self._kind = event.kind
        model = ":".join(filter(None, (event.provider, event.model)))
        name = self._speaker[1][-1] if self._page.tree and self._speaker[1] else event.agent or "agent"
        self._page.agent(self._speaker, name + (f" on {model}" if model else ""))

    def _agent_end(self, event: AgentEnd) -> None:
        layer = (event.kind or self._kind) in ("chain", "parallel")  # its answer is made of those below it
        self._settle("" if layer and self._page.tree else event.output)
        if event.error is not None:
            word = "was stopped" if event.code == ErrorCode.CANCELLED.value else "failed"
            self._line("failure", f"{event.agent or 'agent'} {word}: {event.error}")

    def _stream_end(self, event: StreamEnd) -> None:
        self._settle(event.output)

    def _stream_error(self, event: StreamError) -> None:
        self._settle("")
        if event.code == ErrorCode.CANCELLED.value:
            self._line("error", "interrupted")
        else:
            self._line("error", f"error: {event.error} [{event.code}]")

    def _settle(self, output: str) -> None:
        """Nothing more will come: close what is open, and show an answer that no event has shown."""
        self._open_calls.clear()
        self._write("call", self._calls.finish())
        self._release_held()
        if output and not self._said:
            self._say(output)
        self._block = self._thought = 0
        self._page.end_block()


_SHOW: Final[Mapping[type[Any], Callable[[AgentView, Any], None]]] = {
    MessageOutputDelta: AgentView._text_delta,
    MessageOutputDone: AgentView._text_done,
    ReasoningDelta: AgentView._thought_delta,
    ReasoningDone: AgentView._thought_done,
    ToolCallDelta: AgentView._call_delta,
    ToolCallDone: AgentView._call_done,
    ResponseDone: AgentView._response_done,
    AttemptRollback: AgentView._rollback,
    GuardrailOverride: AgentView._override,
    MediaOutputDone: AgentView._media,
    OtherEvent: AgentView._other,
    StreamStart: AgentView._stream_start,
    AgentStart: AgentView._agent_start,
    AgentEnd: AgentView._agent_end,
    StreamEnd: AgentView._stream_end,
    StreamError: AgentView._stream_error,
}
