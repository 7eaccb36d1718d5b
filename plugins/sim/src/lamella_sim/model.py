"""``ChatSim``: the simulator as a model, in process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, get_args

from lamella.content import MediaContent, OpaqueContent
from lamella.errors import ConfigError, InvalidRequestError, LamellaError, UnsupportedContentError
from lamella.events import (
    Event,
    MediaOutputDone,
    MessageOutputDelta,
    MessageOutputDone,
    ReasoningDelta,
    ReasoningDone,
    ResponseDone,
    ToolCallDelta,
    ToolCallDone,
)
from lamella.models import Capabilities, Input, Model, ModelRequest, TokenCount, status_error
from lamella.specs import ModelInfo
from lamella_sim.behaviours import ScriptSource, behaviour_of
from lamella_sim.making import MAKING, Audio, Made
from lamella_sim.plugin import lamella_provider
from lamella_sim.reply import Reply, make_reply, new_id
from lamella_sim.script import Script
from lamella_sim.settings import ChunkBy
from lamella_sim.steps import Delay, Error, Reasoning, Refusal, Step, Text, ToolCall
from lamella_sim.tokens import count_request

__all__ = ["ChatSim"]

_INPUTS: Final = frozenset({"text", "image", "audio", "document"})
_OUTPUTS: Final = _INPUTS


class ChatSim(Model):
    """A simulated model. It is no language model, and its replies say so in name and metadata.

    :param model: ``demo`` (the script, or rules without one), ``echo`` (repeats the prompt) or ``script``.
    :param script: a :class:`~lamella_sim.Script`, the path of a TOML script, its structure as a
        mapping, or a function from request to :class:`~lamella_sim.Turn`.
    :param delay: seconds before each streamed piece.
    :param chunk: what a piece is: ``word``, ``char`` or ``whole``.
    :param reasoning: replies by rule begin with a reasoning summary.
    :param inputs: the kinds of content that it takes; unless given, what the script says, else text,
        image, audio and document.
    :raises ConfigError: no such model or setting, or a faulty script.
    """

    provider = "sim"

    def __init__(
        self,
        model: str = "demo",
        *,
        script: ScriptSource | None = None,
        delay: float = 0.0,
        chunk: ChunkBy = "word",
        reasoning: bool = False,
        inputs: Iterable[str] | None = None,
    ) -> None:
        if chunk not in get_args(ChunkBy):
            raise ConfigError(f"chunk must be one of {', '.join(get_args(ChunkBy))}, got {chunk!r}")
        if delay < 0:
            raise ConfigError(f"delay must be seconds (>= 0), got {delay!r}")
        self.model = model
        self._behaviour = behaviour_of(model, script, reasoning=reasoning)
        self._script, self._delay, self._chunk, self._reasoning = script, delay, chunk, reasoning
        self._inputs = _inputs(inputs, self._behaviour)

    def __repr__(self) -> str:
        return f"ChatSim({self.model!r})"

    @property
    def capabilities(self) -> Capabilities:
        able = self.model != "echo"
        return Capabilities(
            tools=able,
            parallel_tools=able,
            forced_tools=able,
            structured_output=able,
            reasoning=able and (self._reasoning or self._script is not None),
            count_tokens=True,
            list_models=True,
            inputs=self._inputs,
            outputs=_OUTPUTS if able and self._script is not None else frozenset({"text"}),
        )

    @property
    def settings(self) -> Mapping[str, Any]:
        given: dict[str, Any] = {"delay": self._delay, "chunk": self._chunk, "reasoning": self._reasoning}
        if self._inputs != _INPUTS:
            given["inputs"] = sorted(self._inputs)
        if self._script is not None:
            given["script"] = self._script if isinstance(self._script, str) else _script_name(self._script)
        return {"simulated": True, **given}

    async def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
        """Play the turn that the request leads to. State is in the request: runs may share the model."""
        if request.native is not None:
            raise InvalidRequestError("sim has no native form; give messages", context={"provider": "sim"})
        for error in self._unseen(request):
            raise error
        reply = make_reply(request, self._turn(request), self.model, chunk=self._chunk)
        for step in reply.steps:
            if isinstance(step, Delay):
                await asyncio.sleep(step.seconds)
                continue
            for event in _events(step, reply, streaming=request.streaming):
                if self._delay and not event.durable:
                    await asyncio.sleep(self._delay)
                yield event
        if reply.error is not None:
            raise _failure(reply.error, self.model)
        yield _done(reply)

    def _unseen(self, request: ModelRequest) -> Iterator[UnsupportedContentError]:
        """The media that it does not take, content of plugins that are not installed among it."""
        yield from super()._unseen(request)
        for index, message in enumerate(request.messages):
            for place, block in enumerate(message.content):
                if not isinstance(block, OpaqueContent) or block.provider is not None:
                    continue
                if block.type not in self._inputs:
                    yield UnsupportedContentError(
                        f"{self.provider}:{self.model} takes no {block.type} content "
                        f"[message {index} ({message.role}), block {place}]",
                        context={"content": block.type, "message": index, "block": place},
                    )

    def _turn(self, request: ModelRequest) -> Any:
        try:
            return self._behaviour(request)
        except LamellaError as error:
            error.context = {"provider": self.provider, "model": self.model, **error.context}
            raise

    async def count_tokens(self, request: Input | ModelRequest) -> TokenCount:
        """An estimate, by the rule of :mod:`lamella_sim.tokens`."""
        return TokenCount(tokens=count_request(ModelRequest.of(request)), estimated=True)

    async def list_models(self) -> Sequence[ModelInfo]:
        """The simulated models there are."""
        return lamella_provider().models


def _inputs(given: Iterable[str] | None, behaviour: object) -> frozenset[str]:
    """What is given, else what the script says, else the usual."""
    if isinstance(given, str):
        raise ConfigError(
            f"inputs must be a list of kinds of content, such as ['text', 'image'], got {given!r}"
        )
    if given is not None:
        return frozenset(given)
    said = behaviour.inputs if isinstance(behaviour, Script) else None
    return _INPUTS if said is None else frozenset(said)


def _script_name(script: object) -> str:
    return str(getattr(script, "name", None) or getattr(script, "__name__", None) or type(script).__name__)


def _events(step: Step, reply: Reply, *, streaming: bool) -> Iterator[Event]:
    if isinstance(step, Text | Refusal):
        yield from _text_events(step.text, reply, streaming)
    elif isinstance(step, Reasoning):
        yield from _reasoning_events(step, reply, streaming)
    elif isinstance(step, ToolCall):
        yield from _call_events(step, reply, streaming)
    elif isinstance(step, MAKING):
        yield MediaOutputDone(id=new_id(step.kind), media=_media(step))


def _media(step: Made) -> MediaContent | OpaqueContent:
    """Of the class that a content plugin brings; without one what such media is when it is read from JSON."""
    from lamella.config import content_class

    cls = content_class(step.kind)
    alt = (step.transcript or None) if isinstance(step, Audio) else None
    if cls is not None:
        return cls(data=step.data, mime_type=step.mime_type, alt=alt)
    held = {"data": step.base64_data, "mime_type": step.mime_type, **({"alt": alt} if alt else {})}
    return OpaqueContent(type=step.kind, data=held)


def _text_events(text: str, reply: Reply, streaming: bool) -> Iterator[Event]:
    item = new_id("msg")
    if streaming:
        yield from (MessageOutputDelta(id=item, delta=piece) for piece in reply.pieces(text))
    yield MessageOutputDone(id=item, output=text)


def _reasoning_events(step: Reasoning, reply: Reply, streaming: bool) -> Iterator[Event]:
    item = new_id("rs")
    if streaming:
        for piece in reply.pieces(step.summary or ""):
            yield ReasoningDelta(id=item, delta=piece, kind="summary")
        for piece in reply.pieces(step.text or ""):
            yield ReasoningDelta(id=item, delta=piece, kind="text")
    yield ReasoningDone(
        id=item,
        summary=step.summary,
        text=step.text,
        signature=step.signature,
        reasoning_id=item,
        provider="sim",
    )


def _call_events(step: ToolCall, reply: Reply, streaming: bool) -> Iterator[Event]:
    item, call_id = new_id("fc"), step.call_id or ""
    if streaming:
        for piece in reply.pieces(step.arguments_json):
            yield ToolCallDelta(id=item, call_id=call_id, name=step.name, delta=piece)
    yield ToolCallDone(id=item, call_id=call_id, name=step.name, arguments_json=step.arguments_json)


def _done(reply: Reply) -> ResponseDone:
    return ResponseDone(
        id=reply.id,
        stop_reason=reply.stop_reason,
        raw_stop_reason=reply.stop_reason,
        response_id=reply.id,
        provider="sim",
        model=reply.model,
        token_usage=reply.usage,
        raw={"simulated": True, "provider": "sim", "model": reply.model, "id": reply.id},
    )


def _failure(error: Error, model: str) -> LamellaError:
    failure = status_error(
        error.status,
        error.message,
        context={"provider": "sim", "model": model, "simulated": True, "code": error.code},
    )
    failure.retry_after = error.retry_after
    return failure
