"""Media over sockets: sent by each vendor's own SDK, seen by the server, and made by it where the vendor makes any."""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import httpx2
import ollama
import openai
import pytest
from google import genai
from google.genai import types
from mistralai.client import Mistral
from mistralai.client.errors import SDKError

from lamella_sim import Audio, Document, Image, Reasoning, Script, SimServer, Text, ToolCall
from lamella_sim.samples import red_png, short_pdf, silent_wav

Serve = Callable[..., SimServer]
Connect = Callable[..., openai.AsyncOpenAI]

PNG, WAV, PDF = red_png(), silent_wav(), short_pdf()
PNG64, WAV64, PDF64 = (base64.b64encode(data).decode() for data in (PNG, WAV, PDF))
IMAGE_URL = f"data:image/png;base64,{PNG64}"
FILE_URL = f"data:application/pdf;base64,{PDF64}"
LONG = Audio(data=WAV[:44] + bytes(30_000), transcript="hush now")


def seen(server: SimServer) -> list[tuple[str, str, bytes | None]]:
    return [(media.type, media.mime_type, media.data) for media in server.requests[-1].media]


SEEN = {
    "image": ("image", "image/png", PNG),
    "audio": ("audio", "audio/wav", WAV),
    "document": ("document", "application/pdf", PDF),
}


def saw(*kinds: str) -> list[tuple[str, str, bytes]]:
    return [SEEN[kind] for kind in kinds]


# -- OpenAI ---------------------------------------------------------------------------------------


async def test_responses_takes_images_and_files(serve: Serve, connect: Connect) -> None:
    server = serve()
    parts: Any = [
        {"type": "input_text", "text": "look"},
        {"type": "input_image", "image_url": IMAGE_URL, "detail": "auto"},
        {"type": "input_file", "file_data": FILE_URL, "filename": "a.pdf"},
    ]
    client = connect(server)
    reply = await client.responses.create(model="m", input=[{"role": "user", "content": parts}])
    assert seen(server) == saw("image", "document")
    assert f"You sent an image (image/png, {len(PNG)} bytes)." in reply.output_text
    assert f"You sent a document (application/pdf, {len(PDF)} bytes)." in reply.output_text
    audio: Any = {"type": "input_audio", "input_audio": {"data": WAV64, "format": "wav"}}
    with pytest.raises(openai.BadRequestError, match="Invalid value: 'input_audio'") as caught:
        await client.responses.create(model="m", input=[{"role": "user", "content": [audio]}])
    assert (caught.value.code, caught.value.param) == ("invalid_value", "input[0].content[0].type")
    assert server.requests[-1].messages == ()


async def test_the_answer_to_a_tool_with_a_picture_names_it(serve: Serve, connect: Connect) -> None:
    server = serve(Script.of([ToolCall("shot", call_id="c1")], lambda request: rules(request)))
    client = connect(server)
    shot: Any = {"type": "input_image", "image_url": IMAGE_URL, "detail": "auto"}
    history: Any = [
        {"role": "user", "content": "go"},
        {"type": "function_call", "call_id": "c1", "name": "shot", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": [shot]},
    ]
    reply = await client.responses.create(model="m", input=history)
    assert f"the answer is an image (image/png, {len(PNG)} bytes)." in reply.output_text


def rules(request: Any) -> Any:
    from lamella_sim.rules import decide

    return decide(request)


async def test_responses_makes_images(serve: Serve, connect: Connect) -> None:
    server = serve(Script.of([Reasoning("hm"), Image(partial=2), "There."]))
    client = connect(server)
    reply = await client.responses.create(model="m", input="draw")
    call = next(item for item in reply.output if item.type == "image_generation_call")
    assert base64.b64decode(call.result or "") == PNG
    assert (call.status, call.output_format, call.size) == ("completed", "png", "8x8")
    events = [event async for event in await client.responses.create(model="m", input="draw", stream=True)]
    drawn = [event for event in events if event.type.startswith("response.image_generation_call.")]
    assert [event.type.rpartition(".")[2] for event in drawn] == [
        "in_progress",
        "generating",
        "partial_image",
        "partial_image",
        "completed",
    ]
    partial: Any = drawn[3]
    assert partial.partial_image_index == 1
    assert base64.b64decode(partial.partial_image_b64) == PNG
    done: Any = [event for event in events if event.type == "response.output_item.done"][1]
    assert base64.b64decode(done.item.result) == PNG
    assert [event.sequence_number for event in events] == list(range(len(events)))


async def test_chat_takes_images_audio_and_files(serve: Serve, connect: Connect) -> None:
    server = serve()
    client = connect(server)
    parts: Any = [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": IMAGE_URL}},
        {"type": "input_audio", "input_audio": {"data": WAV64, "format": "wav"}},
        {"type": "file", "file": {"file_data": FILE_URL, "filename": "a.pdf"}},
    ]
    reply = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": parts}])
    assert seen(server) == saw("image", "audio", "document")
    assert f"You sent an audio (audio/wav, {len(WAV)} bytes)." in (reply.choices[0].message.content or "")
    bad: Any = [{"type": "input_audio", "input_audio": {"data": WAV64, "format": "flac"}}]
    with pytest.raises(openai.BadRequestError, match="Supported values are: 'wav' and 'mp3'"):
        await client.chat.completions.create(model="m", messages=[{"role": "user", "content": bad}])


async def test_chat_speaks(serve: Serve, connect: Connect) -> None:
    client = connect(serve(Script.of(LONG)))
    asked: Any = {"model": "gpt-audio", "messages": [{"role": "user", "content": "speak"}]}
    asked["modalities"] = ["text", "audio"]
    wav: Any = {"voice": "alloy", "format": "wav"}
    reply = await client.chat.completions.create(**asked, audio=wav)
    audio = reply.choices[0].message.audio
    assert audio is not None
    assert base64.b64decode(audio.data) == LONG.data
    assert audio.transcript == "hush now"
    assert audio.expires_at > time.time()
    pcm: Any = {"voice": "alloy", "format": "pcm16"}
    stream = await client.chat.completions.create(**asked, audio=pcm, stream=True)
    heard = [chunk.choices[0].delta.audio async for chunk in stream if chunk.choices]
    deltas = [audio.model_dump(exclude_none=True) for audio in heard if audio is not None]
    pieces = [delta["data"] for delta in deltas if "data" in delta]
    assert len(pieces) > 1
    assert b"".join(map(base64.b64decode, pieces)) == LONG.data[44:]  # samples, without the header
    assert "".join(delta.get("transcript", "") for delta in deltas) == "hush now"
    assert [key for key in ("id", "expires_at") if any(key in delta for delta in deltas)] == [
        "id",
        "expires_at",
    ]


# -- Anthropic, Mistral, Ollama: they take, and make none ------------------------------------------


async def test_anthropic_takes_images_and_documents(serve: Serve) -> None:
    server = serve()
    image = {"type": "base64", "media_type": "image/png", "data": PNG64}
    pdf = {"type": "base64", "media_type": "application/pdf", "data": PDF64}
    blocks: Any = [
        {"type": "text", "text": "look"},
        {"type": "image", "source": image},
        {"type": "document", "source": pdf, "title": "a.pdf", "citations": {"enabled": True}},
    ]
    url = server.base_url_of("anthropic.messages")
    async with anthropic.AsyncAnthropic(api_key="k", base_url=url, max_retries=0) as client:
        asked: Any = {"model": "m", "max_tokens": 50, "messages": [{"role": "user", "content": blocks}]}
        reply: Any = await client.messages.create(**asked)
        assert seen(server) == saw("image", "document")
        assert "You sent an image (image/png" in reply.content[0].text
        image["media_type"] = "image/webp"
        with pytest.raises(anthropic.BadRequestError, match="appears to be a image/png image"):
            await client.messages.create(**asked)


async def test_mistral_takes_images_documents_and_audio(serve: Serve) -> None:
    server = serve()
    chunks: Any = [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": IMAGE_URL, "detail": "high"}},
        {"type": "document_url", "document_url": FILE_URL, "document_name": "a.pdf"},
        {"type": "input_audio", "input_audio": WAV64},
    ]
    client = Mistral(api_key="k", server_url=server.base_url_of("mistral.chat"))
    asked: Any = {"model": "m", "messages": [{"role": "user", "content": chunks}]}
    try:
        reply: Any = await client.chat.complete_async(**asked)
        assert seen(server) == saw("image", "document", "audio")
        assert "You sent an audio (audio/wav" in reply.choices[0].message.content
        chunks[3]["input_audio"] = "?"
        with pytest.raises(SDKError, match="not base64"):
            await client.chat.complete_async(**asked)
    finally:
        await client.__aexit__(None, None, None)  # type: ignore[no-untyped-call]
        client.__exit__(None, None, None)  # type: ignore[no-untyped-call]


async def test_ollama_takes_images(serve: Serve) -> None:
    server = serve()
    client = ollama.AsyncClient(host=server.base_url_of("ollama"))
    try:
        reply = await client.chat("m", [{"role": "user", "content": "look", "images": [PNG]}])
        assert seen(server) == saw("image")
        assert "You sent an image (image/png" in (reply.message.content or "")
        with pytest.raises(ollama.ResponseError, match="invalid image input"):
            await client.chat("m", [{"role": "user", "content": "look", "images": [PDF]}])
    finally:
        await client._client.aclose()


# -- Google ---------------------------------------------------------------------------------------


@asynccontextmanager
async def google(server: SimServer) -> AsyncIterator[genai.Client]:
    async with httpx2.AsyncClient() as http:
        options = types.HttpOptions(base_url=server.base_url_of("gemini"), httpx_async_client=http)
        client = genai.Client(api_key="k", http_options=options)
        try:
            yield client
        finally:
            client.close()


async def test_gemini_takes_media(serve: Serve) -> None:
    server = serve()
    parts: Any = [
        "look",
        types.Part.from_bytes(data=PNG, mime_type="image/png"),
        types.Part.from_bytes(data=WAV, mime_type="audio/wav"),
        types.Part.from_bytes(data=PDF, mime_type="application/pdf"),
    ]
    async with google(server) as client:
        reply = await client.aio.models.generate_content(model="gemini-3-flash", contents=parts)
    assert seen(server) == saw("image", "audio", "document")
    assert "You sent an audio (audio/wav" in (reply.text or "")


async def test_gemini_makes_images_and_speaks(serve: Serve) -> None:
    server = serve(Script.of([Text("There."), Image(), LONG]))
    async with google(server) as client:
        whole = await client.aio.models.generate_content(model="gemini-3-pro-image", contents="draw")
        held = [part.inline_data for part in whole.parts or () if part.inline_data]
        assert [(blob.mime_type, blob.data) for blob in held] == [
            ("image/png", PNG),
            ("audio/wav", LONG.data),
        ]
        stream = await client.aio.models.generate_content_stream(model="gemini-3-pro-image", contents="draw")
        blobs = [part.inline_data async for chunk in stream for part in chunk.parts or () if part.inline_data]
    assert [blob.mime_type for blob in blobs][:2] == ["image/png", "audio/wav"]
    assert len(blobs) > 2
    assert b"".join(blob.data or b"" for blob in blobs[1:]) == LONG.data


async def test_interactions_take_and_make_media(serve: Serve) -> None:
    server = serve(Script.of([Image(), LONG]))
    contents: Any = [
        {"type": "text", "text": "look"},
        {"type": "image", "data": PNG64, "mime_type": "image/png"},
        {"type": "audio", "data": WAV64, "mime_type": "audio/wav"},
        {"type": "document", "data": PDF64, "mime_type": "application/pdf"},
    ]
    async with google(server) as client:
        whole: Any = await client.aio.interactions.create(model="gemini-3", input=contents)
        assert seen(server) == saw("image", "audio", "document")
        image, audio = (step.content[0] for step in whole.steps)
        assert (image.type, image.mime_type, base64.b64decode(image.data)) == ("image", "image/png", PNG)
        assert (audio.type, base64.b64decode(audio.data)) == ("audio", LONG.data)
        stream: Any = await client.aio.interactions.create(model="gemini-3", input="draw", stream=True)
        deltas = [event.delta async for event in stream if event.event_type == "step.delta"]
    assert [delta.type for delta in deltas][:2] == ["image", "audio"]
    assert base64.b64decode(deltas[0].data) == PNG
    assert b"".join(base64.b64decode(delta.data) for delta in deltas[1:]) == LONG.data


# -- what no wire has -----------------------------------------------------------------------------

TEXT: dict[str, Any] = {"role": "user", "content": "draw"}
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "openai.responses": ("/v1/responses", {"model": "m", "input": "draw"}),
    "openai.chat": ("/v1/chat/completions", {"model": "m", "messages": [TEXT]}),
    "anthropic.messages": ("/anthropic/v1/messages", {"model": "m", "max_tokens": 9, "messages": [TEXT]}),
    "mistral.chat": ("/mistral/v1/chat/completions", {"model": "m", "messages": [TEXT]}),
    "gemini": ("/gemini/v1beta/models/m:generateContent", {"contents": [{"parts": [{"text": "draw"}]}]}),
    "gemini.interactions": ("/gemini/v1beta/interactions", {"model": "m", "input": "draw"}),
    "ollama": ("/ollama/api/chat", {"model": "m", "messages": [TEXT], "stream": False}),
}
MAKES = {
    "openai.responses": "image",
    "openai.chat": "audio",
    "gemini": "image audio",
    "gemini.interactions": "image audio",
}


def post(server: SimServer, wire: str, body: bytes | None = None) -> tuple[int, bytes]:
    path, payload = ASKED[wire]
    headers = {"content-type": "application/json", "anthropic-version": "2023-06-01"}
    data = json.dumps(payload).encode() if body is None else body
    try:
        with urllib.request.urlopen(urllib.request.Request(server.url + path, data, headers)) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


@pytest.mark.parametrize("step", [Image(), Audio(), Document()], ids=lambda step: step.kind)
@pytest.mark.parametrize("wire", ASKED)
def test_a_wire_makes_what_its_vendor_makes(serve: Serve, wire: str, step: Any) -> None:
    status, body = post(serve(Script.of([step])), wire)
    if step.kind in MAKES.get(wire, "").split():
        assert status == 200
        assert step.base64_data.encode() in body
    else:
        assert status == 400
        assert f"the script makes {step.kind}, and {wire} has no form".encode() in body


def test_chat_says_one_audio(serve: Serve) -> None:
    status, body = post(serve(Script.of([Audio(), Audio()])), "openai.chat")
    assert status == 400
    assert b"no form for more than 1 audio" in body


# -- size -----------------------------------------------------------------------------------------


def body_of(wire: str, data: str) -> bytes:
    """A request with one image."""
    _, payload = ASKED[wire]
    url = {"url": f"data:image/png;base64,{data}"}
    anthropic_source = {"type": "base64", "media_type": "image/png", "data": data}
    parts: dict[str, Any] = {
        "openai.responses": {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": url["url"]}]}]},
        "openai.chat": {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": url}]}]},
        "anthropic.messages": {"messages": [{"role": "user", "content": [{"type": "image", "source": anthropic_source}]}]},
        "mistral.chat": {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": url}]}]},
        "gemini": {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": data}}]}]},
        "gemini.interactions": {"input": [{"type": "image", "mime_type": "image/png", "data": data}]},
        "ollama": {"messages": [{"role": "user", "content": "x", "images": [data]}]},
    }  # fmt: skip
    return json.dumps({**payload, **parts[wire]}).encode()


@pytest.fixture(scope="module")
def large() -> tuple[bytes, str]:
    data = PNG + bytes(40_000_000 - len(PNG))
    return data, base64.b64encode(data).decode()


@pytest.mark.parametrize("wire", ASKED)
def test_40_mb_are_taken_on_every_wire(serve: Serve, large: tuple[bytes, str], wire: str) -> None:
    server = serve(limits=False)
    status, body = post(server, wire, body_of(wire, large[1]))
    assert status == 200
    assert b"image/png, 40000000 bytes" in body
    (media,) = server.requests[-1].media
    assert media.data == large[0]
    assert len(repr(server.requests[-1])) < 1000


@pytest.mark.parametrize(("wire", "status"), [("anthropic.messages", 413), ("mistral.chat", 400)])
def test_40_mb_are_refused_where_the_vendor_does(
    serve: Serve, large: tuple[bytes, str], wire: str, status: int
) -> None:
    assert post(serve(), wire, body_of(wire, large[1]))[0] == status
