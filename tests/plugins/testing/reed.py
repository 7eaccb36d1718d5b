"""Two small providers that keep every law of the kit: ``Parrot``, a plain model, and ``ChatReed``, one over HTTP.

The wire of ``ChatReed`` is invented. Streams are server-sent events: ``open``, then ``think``, ``seal``, ``say``,
``call``, ``arg`` and ``find`` pieces, and ``close``, which ends it. What is unknown is passed over.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from lamella import (
    AgentInputError,
    AgentParsingError,
    APIConnectionError,
    APITimeoutError,
    Capabilities,
    Embedding,
    Event,
    LamellaError,
    MediaContent,
    MessageOutputDelta,
    MessageOutputDone,
    Model,
    ModelRequest,
    OpaqueContent,
    OtherEvent,
    ReasoningBlock,
    ReasoningDelta,
    ReasoningDone,
    ResponseDone,
    RetryPolicy,
    ServerError,
    StreamInterruptedError,
    TextBlock,
    TokenUsage,
    ToolCallBlock,
    ToolCallDelta,
    ToolCallDone,
    ToolOutputBlock,
    UnsupportedContentError,
    WireModel,
)
from lamella._json import parse_object
from lamella.models import EncodeReport, RequestOptions, encode_content, status_error
from lamella.providers import Key, scrub_error

KEY = "reed-secret-key-0123456789"


def refuse_media(request: ModelRequest, accepted: Iterable[str] = ()) -> None:
    for message in request.messages:
        for block in message.content:
            if isinstance(block, MediaContent) and block.type not in accepted:
                raise UnsupportedContentError(f"{block.type} content is not supported; leave it out")


class Parrot(Model):
    """Repeats the last text, word by word; calls ``add`` when it is forced to."""

    provider = "parrot"
    model = "parrot-1"

    def __init__(self) -> None:
        self.log: list[Any] = []

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(structured_output=False, parallel_tools=False)

    async def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
        self.refuse(request)
        self.log.append(self.write(request))
        if request.tool_choice not in ("auto", "none"):
            for event in self.call(request):
                yield event
            return
        for event in self.say(request):
            yield event
        yield ResponseDone(token_usage=self.usage(request), response_id="p1")

    def refuse(self, request: ModelRequest) -> None:
        self.plan(request).raise_for_problems()
        if request.tool_choice not in ("auto", "none", "required", *(tool.name for tool in request.tools)):
            raise AgentInputError(f"there is no tool {request.tool_choice!r}")
        refuse_media(request)

    def write(self, request: ModelRequest) -> Any:
        """What is "sent"."""
        tools = [[tool.name, tool.description, tool.wire_schema()[0]] for tool in request.tools]
        said: list[Any] = [request.system_instruction, tools, request.tool_choice]
        for message in request.messages:
            said += [self.block(block) for block in message.content]
        return said

    def block(self, block: Any) -> Any:
        if isinstance(block, TextBlock):
            return block.text
        if isinstance(block, ToolCallBlock):
            return [block.name, block.arguments_json]
        if isinstance(block, ToolOutputBlock):
            return [block.text, block.is_error]
        return None

    def words(self, request: ModelRequest) -> list[str]:
        texts = [message.text for message in request.messages if message.text]
        text = texts[-1] if texts else "Kraa."
        return [f"{word} " for word in text.split(" ")]

    def say(self, request: ModelRequest) -> Iterator[Event]:
        words = self.words(request)
        if request.streaming:
            yield from (MessageOutputDelta(id="t1", delta=word) for word in words)
        yield MessageOutputDone(id="t1", output="".join(words))

    def call(self, request: ModelRequest) -> Iterator[Event]:
        arguments = '{"a": 2, "b": 3}'
        if request.streaming:
            yield ToolCallDelta(call_id="c1", name="add", delta=arguments)
        yield ToolCallDone(call_id="c1", name="add", arguments_json=arguments)
        yield ResponseDone(stop_reason="tool_use", token_usage=self.usage(request))

    def usage(self, request: ModelRequest) -> TokenUsage:
        return TokenUsage(input_tokens=3, output_tokens=4, total_tokens=7)


# -- a model over HTTP ------------------------------------------------------------------------------------


class ReedDecoder:
    issuer = "reed"

    def __init__(self) -> None:
        self.complete = False
        self.said: list[str] = []
        self.thought: list[str] = []
        self.calls: dict[str, tuple[str, list[str]]] = {}
        self.closing: Mapping[str, Any] = {}
        self.id: str | None = None

    def feed(self, chunk: Any) -> list[Event]:
        if not isinstance(chunk, dict):
            raise AgentParsingError(f"a chunk must be an object, got {chunk!r:.80}")
        step = getattr(self, f"on_{chunk.get('k')}", None)
        if step is None:
            return [OtherEvent(name=str(chunk.get("k")), raw_event=chunk)]
        return list(step(chunk))

    def on_open(self, chunk: Any) -> Iterator[Event]:
        self.id = chunk["id"]
        yield from ()

    def on_say(self, chunk: Any) -> Iterator[Event]:
        self.said.append(chunk["t"])
        yield MessageOutputDelta(id="t1", delta=chunk["t"])

    def on_think(self, chunk: Any) -> Iterator[Event]:
        self.thought.append(chunk["t"])
        yield ReasoningDelta(delta=chunk["t"])

    def on_seal(self, chunk: Any) -> Iterator[Event]:
        yield ReasoningDone(
            text="".join(self.thought),
            signature=chunk["s"],
            provider=self.issuer,
            opaque={self.issuer: {"nr": chunk["nr"]}},
        )
        self.thought.clear()

    def on_find(self, chunk: Any) -> Iterator[Event]:
        item = chunk["item"]
        yield OtherEvent(
            name="find",
            raw_event=chunk,
            block=OpaqueContent(type=f"{self.issuer}.find", provider=self.issuer, data={"item": item}),
        )

    def on_call(self, chunk: Any) -> Iterator[Event]:
        self.calls[chunk["id"]] = (chunk["n"], [])
        yield from ()

    def on_arg(self, chunk: Any) -> Iterator[Event]:
        name, pieces = self.calls[chunk["id"]]
        pieces.append(chunk["j"])
        yield ToolCallDelta(call_id=chunk["id"], name=name, delta=chunk["j"])

    def on_close(self, chunk: Any) -> Iterator[Event]:
        self.complete, self.closing = True, chunk
        yield from ()

    def on_fail(self, chunk: Any) -> Iterator[Event]:
        raise ServerError(chunk["why"])

    def finish(self) -> list[Event]:
        if not self.complete:
            raise StreamInterruptedError("the stream ended before close; the answer is incomplete")
        return [*self.dones(), self.last()]

    def dones(self) -> Iterator[Event]:
        if self.said:
            yield MessageOutputDone(id="t1", output="".join(self.said))
        for call_id, (name, pieces) in self.calls.items():
            yield self.call(call_id, name, "".join(pieces))

    def call(self, call_id: str, name: str, arguments: str) -> ToolCallDone:
        return ToolCallDone(call_id=call_id, name=name, arguments_json=arguments)

    def last(self) -> ResponseDone:
        return ResponseDone(
            response_id=self.id,
            stop_reason="tool_use" if self.calls else "end_turn",
            raw_stop_reason=self.closing.get("stop"),
            token_usage=self.usage(self.closing.get("usage")),
            raw=self.closing,
        )

    def usage(self, raw: Any) -> TokenUsage | None:
        if not raw:
            return None
        cached = raw.get("cached")
        return TokenUsage(
            input_tokens=raw["in"] - (cached or 0),
            cached_read_tokens=cached,
            output_tokens=raw["out"],
            total_tokens=raw["in"] + raw["out"],
            raw=raw,
        )

    def whole(self, body: Any) -> list[Event]:
        if not isinstance(body, dict) or not isinstance(body.get("items"), list):
            raise AgentParsingError(f"an answer must be an object with items, got {body!r:.80}")
        for item in body["items"]:
            self.take(item)
        self.id = body["id"]
        self.complete, self.closing = True, body
        return [*self.held, *self.dones(), self.last()]

    @property
    def held(self) -> list[Event]:
        return self.__dict__.setdefault("_held", [])  # type: ignore[no-any-return]

    def take(self, item: Any) -> None:
        events = self.feed(item)
        self.held.extend(event for event in events if event.durable and not isinstance(event, ToolCallDone))


class ReedTransport:
    """HTTP/1.1 over asyncio's streams: as much of it as the kit needs."""

    def __init__(self, base_url: str, key: Key) -> None:
        self.host, _, port = base_url.removeprefix("http://").partition(":")
        self.port = int(port or 80)
        self.key = key

    @asynccontextmanager
    async def open(
        self, payload: Mapping[str, Any], *, streaming: bool, options: RequestOptions
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            body = json.dumps(payload).encode()
            writer.write(self.head("POST", len(body)) + body)
            async with asyncio.timeout(options.timeout):
                status, headers = await self.read_head(reader)
            if status != 200:
                await self.refuse(status, headers, b"".join([piece async for piece in pieces(reader, None)]))
            yield pieces(reader, options.timeout)
        finally:
            await self.close(writer)

    def head(self, method: str, length: int) -> bytes:
        lines = [
            f"{method} /reed HTTP/1.1",
            f"host: {self.host}",
            f"x-key: {self.key.reveal()}",
            f"content-length: {length}",
        ]
        return "\r\n".join([*lines, "", ""]).encode()

    async def read_head(self, reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }
        return int(lines[0].split(" ")[1]), headers

    async def refuse(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        error = self.status_failure(status, headers, json.loads(body)["error"]["message"])
        self.scrub(error)
        raise error

    def status_failure(self, status: int, headers: Mapping[str, str], message: str) -> LamellaError:
        return status_error(status, message, headers=headers)

    def scrub(self, error: Exception) -> None:
        scrub_error(error, self.key)

    async def close(self, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    def error(self, error: Exception) -> Exception:
        if isinstance(error, LamellaError):
            return error
        if isinstance(error, TimeoutError):
            return APITimeoutError("reed did not answer in time", cause=error)
        if isinstance(error, asyncio.IncompleteReadError):
            return StreamInterruptedError("the connection to reed broke", cause=error)
        return APIConnectionError(f"the connection to reed failed: {error}", cause=error)

    async def aclose(self) -> None:
        return None


async def pieces(reader: asyncio.StreamReader, limit: float | None) -> AsyncIterator[bytes]:
    while True:
        async with asyncio.timeout(limit):
            size = int((await reader.readuntil(b"\r\n")).strip(), 16)
            data = (await reader.readexactly(size + 2))[:-2]
        if not size:
            return
        yield data


class ChatReed(WireModel):
    provider = "reed"
    model = "reed-1"
    dialect = "openai.chat"  # the form that images are given in
    decoder_class: ClassVar[type[ReedDecoder]] = ReedDecoder
    transport_class: ClassVar[type[ReedTransport]] = ReedTransport

    def __init__(self, base_url: str | None = None, *, key: str = KEY, timeout: float | None = None) -> None:
        self.base_url = base_url or "http://127.0.0.1:9"
        self.key = Key(key)
        self.retry = RetryPolicy(max_retries=0)

    def __repr__(self) -> str:
        return f"ChatReed({self.base_url!r})"

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            structured_output=True,
            reasoning=True,
            native_input=True,
            embeddings=True,
            inputs={"text", "image", "audio", "document"},
        )

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"base_url": self.base_url}

    @property
    def transport(self) -> ReedTransport:
        return self.transport_class(self.base_url, self.key)

    def decoder(self) -> ReedDecoder:
        return self.decoder_class()

    async def embed(
        self, inputs: Sequence[str], *, model: str | None = None, dimensions: int | None = None
    ) -> list[Embedding]:
        sending = self.transport.open({"embed": list(inputs)}, streaming=False, options=RequestOptions())
        async with sending as given:
            vectors = json.loads(b"".join([piece async for piece in given]))["vectors"]
        return [Embedding(index=place, vector=vector) for place, vector in enumerate(vectors)]

    def encode(self, request: ModelRequest, report: EncodeReport | None = None) -> dict[str, Any]:
        report = report or self.report(request)
        payload: dict[str, Any] = {"model": self.model, "stream": request.streaming}
        payload |= self.encode_options(request)
        payload["turns"] = [*(dict(item) for item in request.native or ()), *self.turns(request, report)]
        return payload | dict(request.extra)

    def encode_options(self, request: ModelRequest) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if request.system_instruction is not None:
            found["system"] = request.system_instruction
        if request.tools:
            tools = [[tool.name, tool.description, tool.wire_schema()[0]] for tool in request.tools]
            found |= {"tools": tools, "choice": request.tool_choice}
        if request.output_schema is not None:
            found["schema"] = request.output_schema.schema
        return found

    def turns(self, request: ModelRequest, report: EncodeReport) -> list[dict[str, Any]]:
        turns = []
        for index, message in enumerate(request.messages):
            parts: list[Any] = []
            for place, block in enumerate(message.content):
                with report.at(index, place, block, message.role):
                    parts += self.part(block, report)
            if parts:
                turns.append({"who": message.role, "parts": parts})
        return turns

    def part(self, block: Any, report: EncodeReport) -> list[Any]:
        """The parts a block becomes: none where it is left out."""
        if isinstance(block, TextBlock):
            return [{"k": "say", "t": block.text}]
        if isinstance(block, ToolCallBlock):
            return [{"k": "call", "id": block.call_id, "n": block.name, "j": block.arguments_json}]
        if isinstance(block, ToolOutputBlock):
            return [{"k": "out", "id": block.call_id, "t": block.text, "bad": block.is_error}]
        if isinstance(block, ReasoningBlock):
            return self.reasoning(block, report)
        if isinstance(block, OpaqueContent) and block.provider is not None:
            return self.found(block, report)
        return self.media(block)

    def reasoning(self, block: ReasoningBlock, report: EncodeReport) -> list[Any]:
        if block.provider != self.issuer:
            report.drop(f"reasoning of {block.provider} means nothing to reed")
            return []
        state = block.opaque_for(self.issuer) or {}
        return [{"k": "think", "t": block.text}, {"k": "seal", "s": block.signature, **state}]

    def found(self, block: OpaqueContent, report: EncodeReport) -> list[Any]:
        if block.provider != self.issuer:
            report.drop(f"server-side work of {block.provider} means nothing to reed")
            return []
        return [{"k": "find", "item": block.data["item"]}]

    def media(self, block: Any) -> list[Any]:
        if isinstance(block, MediaContent) and block.file_id is not None and block.provider != self.issuer:
            raise UnsupportedContentError(f"the file {block.file_id!r} is one of {block.provider}")
        return [encode_content(block, self.dialect)]


def sse(*chunks: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)


USAGE = {"in": 9, "out": 4, "cached": 2}
TALK = (
    {"k": "think", "t": "hm "},
    {"k": "think", "t": "well"},
    {"k": "seal", "s": "seal-of-reed", "nr": "nr-77"},
    {"k": "find", "item": {"id": "find-1", "hits": [1]}},
    {"k": "say", "t": "Hel"},
    {"k": "say", "t": "lo."},
)
CALLS = (
    {"k": "call", "id": "c1", "n": "add"},
    {"k": "arg", "id": "c1", "j": '{"a": 2, '},
    {"k": "arg", "id": "c1", "j": '"b": 3}'},
    {"k": "call", "id": "c2", "n": "add"},
    {"k": "arg", "id": "c2", "j": '{"a": broken'},
)


def streamed(*items: Any, usage: Any = USAGE, stop: str = "done") -> bytes:
    return sse({"k": "open", "id": "r1"}, *items, {"k": "close", "stop": stop, "usage": usage})


def whole(*items: Any, usage: Any = USAGE, stop: str = "done") -> bytes:
    return json.dumps({"id": "r1", "items": items, "stop": stop, "usage": usage}).encode()


def arguments_of(text: str) -> dict[str, Any] | None:
    return parse_object(text)


__all__ = [
    "CALLS",
    "KEY",
    "TALK",
    "USAGE",
    "AsyncGenerator",
    "ChatReed",
    "Parrot",
    "ReedDecoder",
    "ReedTransport",
]
