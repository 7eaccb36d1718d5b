"""Media in requests: what each wire reads, of which kind, and what its vendor would refuse."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from lamella.content import MediaContent, OpaqueContent
from lamella_sim.received import places
from lamella_sim.samples import red_png, short_pdf, silent_wav
from lamella_sim.wires import WIRES, BadRequest

PNG, WAV, PDF = red_png(), silent_wav(), short_pdf()
JPEG = b"\xff\xd8\xff\xe0" + bytes(20)
MP3 = b"ID3\x04" + bytes(20)
MP4 = b"\x00\x00\x00\x20ftypM4A " + bytes(20)
URL = "https://example.com/a"


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def data_url(data: bytes, mime_type: str) -> str:
    return f"data:{mime_type};base64,{b64(data)}"


def responses(*parts: Any, role: str = "user") -> dict[str, Any]:
    return {"model": "m", "input": [{"role": role, "content": list(parts)}]}


def chat(*parts: Any, role: str = "user") -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": role, "content": list(parts)}]}


def anthropic(*blocks: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": list(blocks)}]}


def mistral(*chunks: Any, role: str = "user") -> dict[str, Any]:
    last = [{"role": "user", "content": "x"}] if role == "system" else []
    return {"model": "m", "messages": [{"role": role, "content": list(chunks)}, *last]}


def gemini(*parts: Any) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": list(parts)}]}


def interactions(*contents: Any) -> dict[str, Any]:
    return {"model": "m", "input": list(contents)}


def ollama(*images: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": "x", "images": list(images)}]}


BODIES = {
    "openai.responses": responses,
    "openai.chat": chat,
    "anthropic.messages": anthropic,
    "mistral.chat": mistral,
    "gemini": gemini,
    "gemini.interactions": interactions,
    "ollama": ollama,
}
PATHS = {"gemini": "/gemini/v1beta/models/m:generateContent"}
BY_NAME = {wire.name: wire for wire in WIRES}


def read(wire: str, payload: dict[str, Any]) -> list[MediaContent]:
    asked = BY_NAME[wire].read(payload, PATHS.get(wire, ""))
    return [place.media for place in places(asked.request.messages)]


def image_of(**source: Any) -> dict[str, Any]:
    return {"type": "image", "source": source}


def document_of(**source: Any) -> dict[str, Any]:
    return {"type": "document", "source": source}


def image_url(url: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **fields}}


def input_image(url: Any = None, **fields: Any) -> dict[str, Any]:
    return {"type": "input_image", **({} if url is None else {"image_url": url}), **fields}


def input_audio(data: bytes | str, format: str) -> dict[str, Any]:
    text = data if isinstance(data, str) else b64(data)
    return {"type": "input_audio", "input_audio": {"data": text, "format": format}}


def file(**fields: Any) -> dict[str, Any]:
    return {"type": "file", "file": fields}


def input_file(**fields: Any) -> dict[str, Any]:
    return {"type": "input_file", **fields}


def blob(data: bytes | str, mime_type: str) -> dict[str, Any]:
    text = data if isinstance(data, str) else b64(data)
    return {"inlineData": {"data": text, "mimeType": mime_type}}


def content(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, **fields}


TAKEN: list[tuple[str, Any, str, str, object]] = [
    (
        "openai.responses",
        input_image(data_url(PNG, "image/png"), detail="original"),
        "image",
        "image/png",
        PNG,
    ),
    ("openai.responses", input_image(URL), "image", "image/*", URL),
    ("openai.responses", input_image(file_id="file-1", detail="low"), "image", "image/*", "file-1"),
    (
        "openai.responses",
        input_file(file_data=data_url(PDF, "application/pdf"), filename="a.pdf"),
        "document",
        "application/pdf",
        PDF,
    ),
    ("openai.responses", input_file(file_url=URL), "document", "application/*", URL),
    ("openai.responses", input_file(file_id="file-1"), "document", "application/*", "file-1"),
    ("openai.chat", image_url(data_url(JPEG, "image/jpeg"), detail="high"), "image", "image/jpeg", JPEG),
    ("openai.chat", image_url(URL), "image", "image/*", URL),
    ("openai.chat", input_audio(WAV, "wav"), "audio", "audio/wav", WAV),
    ("openai.chat", input_audio(MP3, "mp3"), "audio", "audio/mpeg", MP3),
    ("openai.chat", input_audio(MP4, "mp4"), "audio", "audio/mp4", MP4),
    (
        "openai.chat",
        file(file_data=data_url(PDF, "application/pdf"), filename="a.pdf"),
        "document",
        "application/pdf",
        PDF,
    ),
    ("openai.chat", file(file_id="file-1"), "document", "application/*", "file-1"),
    (
        "anthropic.messages",
        image_of(type="base64", media_type="image/png", data=b64(PNG)),
        "image",
        "image/png",
        PNG,
    ),
    ("anthropic.messages", image_of(type="url", url=URL), "image", "image/*", URL),
    ("anthropic.messages", image_of(type="file", file_id="f"), "image", "image/*", "f"),
    (
        "anthropic.messages",
        document_of(type="base64", media_type="application/pdf", data=b64(PDF)),
        "document",
        "application/pdf",
        PDF,
    ),
    (
        "anthropic.messages",
        document_of(type="text", media_type="text/plain", data="a text"),
        "document",
        "text/plain",
        b"a text",
    ),
    ("anthropic.messages", document_of(type="url", url=URL), "document", "application/*", URL),
    ("anthropic.messages", document_of(type="file", file_id="f"), "document", "application/*", "f"),
    ("mistral.chat", image_url(data_url(PNG, "image/png"), detail="low"), "image", "image/png", PNG),
    ("mistral.chat", {"type": "image_url", "image_url": URL}, "image", "image/*", URL),
    ("mistral.chat", {"type": "document_url", "document_url": URL}, "document", "application/*", URL),
    (
        "mistral.chat",
        {"type": "document_url", "document_url": data_url(PDF, "application/pdf"), "document_name": "a.pdf"},
        "document",
        "application/pdf",
        PDF,
    ),
    ("mistral.chat", {"type": "file", "file_id": "f"}, "document", "application/*", "f"),
    ("mistral.chat", {"type": "input_audio", "input_audio": b64(WAV)}, "audio", "audio/wav", WAV),
    ("mistral.chat", {"type": "input_audio", "input_audio": URL}, "audio", "audio/*", URL),
    ("gemini", blob(PNG, "image/png"), "image", "image/png", PNG),
    ("gemini", blob(WAV, "audio/wav"), "audio", "audio/wav", WAV),
    ("gemini", blob(PDF, "application/pdf"), "document", "application/pdf", PDF),
    (
        "gemini",
        blob(base64.urlsafe_b64encode(b"\xff\xfe\xfa1").decode().rstrip("="), "text/csv"),
        "document",
        "text/csv",
        b"\xff\xfe\xfa1",
    ),
    (
        "gemini",
        {"fileData": {"fileUri": "gs://b/a.mp4", "mimeType": "video/mp4"}},
        "video",
        "video/mp4",
        "gs://b/a.mp4",
    ),
    (
        "gemini.interactions",
        content("image", data=b64(PNG), mime_type="image/png", resolution="low"),
        "image",
        "image/png",
        PNG,
    ),
    (
        "gemini.interactions",
        content("audio", data=b64(WAV), mime_type="audio/wav"),
        "audio",
        "audio/wav",
        WAV,
    ),
    (
        "gemini.interactions",
        content("document", uri=URL, mime_type="application/pdf"),
        "document",
        "application/pdf",
        URL,
    ),
    ("ollama", b64(PNG), "image", "image/png", PNG),
    ("ollama", b64(b"anything"), "image", "image/*", b"anything"),
]


@pytest.mark.parametrize(("wire", "part", "kind", "mime_type", "held"), TAKEN)
def test_f_med05_each_form_of_media_is_read_as_what_it_is(
    wire: str, part: Any, kind: str, mime_type: str, held: object
) -> None:
    (media,) = read(wire, BODIES[wire](part))
    assert (media.type, media.mime_type) == (kind, mime_type)
    assert held in (media.data, media.url, media.file_id)


def png(side: int) -> bytes:
    return PNG[:16] + side.to_bytes(4) + PNG[20:]


REFUSED: list[tuple[str, Any, str, str]] = [
    ("openai.responses", responses(input_audio(WAV, "wav")), "input[0].content[0].type", "Invalid value: 'input_audio'"),
    ("openai.responses", responses(input_image("data:image/png;base64,??")), "input[0].content[0].image_url", "not base64"),
    ("openai.responses", responses(input_image(data_url(JPEG, "image/png"))), "input[0].content[0].image_url", "specified using the image/png media type, but the image appears to be a image/jpeg"),
    ("openai.responses", responses(input_image(data_url(PNG, "image/tiff"))), "input[0].content[0].image_url", "unsupported image"),
    ("openai.responses", responses(input_image(data_url(PDF, "application/pdf"))), "input[0].content[0].image_url", "unsupported MIME type 'application/pdf'"),
    ("openai.responses", responses(input_image("file:///etc/passwd")), "input[0].content[0].image_url", "valid URL"),
    ("openai.responses", responses(input_image(URL, detail="max")), "input[0].content[0].detail", "Supported values are: 'low', 'high', 'auto', and 'original'"),
    ("openai.responses", responses(input_image(URL, size=3)), "input[0].content[0].size", "Unknown parameter"),
    ("openai.responses", responses(input_file(file_data=data_url(PDF, "application/pdf"))), "input[0].content[0].filename", "Missing"),
    ("openai.responses", responses(input_file(filename="a")), "input[0].content[0].file_id", "Missing"),
    ("openai.responses", responses(input_file(file_data=data_url(MP3, "audio/mpeg"), filename="a.mp3")), "input[0].content[0].file_data", "got unsupported MIME type 'audio/mpeg'"),
    ("openai.responses", responses(input_file(file_data=b64(PDF), filename="a.pdf")), "input[0].content[0].file_data", "without the 'data:' prefix"),
    ("openai.responses", responses(input_file(file_data=data_url(PNG, "application/pdf"), filename="a.pdf")), "input[0].content[0].file_data", "try again with a pdf"),
    ("openai.responses", responses(input_file(file_url=URL, file_id="f")), "input[0].content[0]", "Mutually exclusive"),
    ("openai.responses", responses(input_image(URL), role="system"), "input[0]", "holds text"),
    ("openai.responses", responses(input_image(URL), role="assistant"), "input[0].content[0]", "'output_text' and 'refusal'"),
    ("openai.chat", chat(input_audio(b"x", "ogg")), "messages[0].content[0].input_audio.format", "Supported values are: 'wav' and 'mp3'"),
    ("openai.chat", chat(input_audio(MP3, "wav")), "messages[0].content[0].input_audio", "not of valid wav format"),
    ("openai.chat", chat(input_audio("data:audio/wav;base64,AAAA", "wav")), "messages[0].content[0].input_audio.data", "not base64"),
    ("openai.chat", chat(file(file_data=data_url(PDF, "application/pdf"))), "messages[0].content[0].file.filename", "Missing"),
    ("openai.chat", chat(file(file_url=URL)), "messages[0].content[0].file.file_url", "Unknown parameter"),
    ("openai.chat", chat(file(file_data=URL, filename="a")), "messages[0].content[0].file.file_data", "without the 'data:' prefix"),
    ("openai.chat", chat(image_url(URL, detail="max")), "messages[0].content[0].image_url.detail", "Invalid value: 'max'"),
    ("openai.chat", chat({"type": "image_url", "image_url": URL}), "messages[0].content[0].image_url", "expected an object"),
    ("openai.chat", chat(image_url(data_url(WAV, "image/png"))), "messages[0].content[0].image_url.url", "unsupported image"),
    ("openai.chat", chat(image_url(URL), role="system"), "messages[0]", "role 'system' contains an image URL"),
    ("openai.chat", chat(image_url(URL), role="assistant"), "messages[0]", "role 'assistant' contains an image URL"),
    ("openai.chat", chat(input_audio(WAV, "wav"), role="assistant"), "messages[0].content[0].type", "'text' and 'refusal'"),
    ("openai.chat", {**chat({"type": "text", "text": "x"}), "modalities": ["audio"]}, "audio", "Missing"),
    ("openai.chat", {**chat({"type": "text", "text": "x"}), "stream": True, "modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}, "audio.format", "does not support 'wav' when stream=true"),
    ("anthropic.messages", anthropic(image_of(type="base64", media_type="image/bmp", data=b64(PNG))), "messages.0.content.0.image.source.base64.media_type", "Input should be 'image/jpeg'"),
    ("anthropic.messages", anthropic(image_of(type="base64", media_type="image/png", data=b64(JPEG))), "messages.0.content.0.image.source.base64", "appears to be a image/jpeg image"),
    ("anthropic.messages", anthropic(image_of(type="base64", media_type="image/png", data="")), "messages.0.content.0.image.source.base64.data", "cannot be empty"),
    ("anthropic.messages", anthropic(image_of(type="base64", media_type="image/png", data="a b")), "messages.0.content.0.image.source.base64.data", "invalid base64"),
    ("anthropic.messages", anthropic(document_of(type="base64", media_type="application/pdf", data=b64(PNG))), "messages.0.content.0.document.source.base64.data", "PDF specified was not valid"),
    ("anthropic.messages", anthropic(document_of(type="base64", media_type="text/plain", data=b64(PDF))), "messages.0.content.0.document.source.base64.media_type", "'application/pdf'"),
    ("anthropic.messages", anthropic(document_of(type="text", media_type="text/html", data="x")), "messages.0.content.0.document.source.text.media_type", "'text/plain'"),
    ("anthropic.messages", anthropic(document_of(type="bytes")), "messages.0.content.0.document.source", "does not match any of the expected tags"),
    ("anthropic.messages", anthropic({**document_of(type="url", url=URL), "citations": {"on": True}}), "messages.0.content.0.document.citations.on", "Extra inputs"),
    ("anthropic.messages", anthropic({"type": "audio", "source": {}}), "messages.0.content.0", "Input tag 'audio'"),
    ("mistral.chat", mistral(image_url(URL, detail="original")), "messages.0.user.content.0.image_url.image_url.detail", "Input should be 'low', 'auto' or 'high'"),
    ("mistral.chat", mistral({"type": "image_url", "image_url": data_url(PDF, "application/pdf")}), "", "no type of image"),
    ("mistral.chat", mistral({"type": "input_audio", "input_audio": b64(PNG)}), "", "its bytes are image/png"),
    ("mistral.chat", mistral({"type": "image_url", "image_url": URL}, role="system"), "messages.0.system.content.0", "Input tag 'image_url'"),
    ("mistral.chat", mistral({"type": "image_url", "image_url": URL}, role="assistant"), "messages.0.assistant.content.0", "Input tag 'image_url'"),
    ("gemini", gemini(blob(PNG, "image/svg+xml")), "contents[0].parts[0].inline_data.data", "Unsupported MIME type: image/svg+xml"),
    ("gemini", gemini(blob(PNG, "application/octet-stream")), "contents[0].parts[0].inline_data.data", "Unsupported MIME type"),
    ("gemini", gemini(blob("a b", "image/png")), "contents[0].parts[0].inline_data.data", "Base64 decoding failed"),
    ("gemini", gemini({"fileData": {"fileUri": "file:///a", "mimeType": "image/png"}}), "contents[0].parts[0].file_data.file_uri", "unsupported file uri"),
    ("gemini.interactions", interactions(content("image", data=b64(WAV), mime_type="audio/wav")), "input[0].data", "Unsupported MIME type: audio/wav"),
    ("gemini.interactions", interactions(content("image", data=b64(PNG), mime_type="image/png", resolution="huge")), "input[0].resolution", "Invalid value"),
    ("gemini.interactions", interactions(content("image", data=b64(PNG), mime_type="image/png", channels=1)), "input[0]", 'Unknown name "channels"'),
    ("gemini.interactions", interactions(content("image", data=b64(PNG), uri=URL)), "input[0]", "Exactly one of"),
    ("ollama", ollama(URL), "messages.images", "illegal base64 data at input byte 5"),
    ("ollama", ollama(data_url(PNG, "image/png")), "messages.images", "illegal base64 data at input byte 4"),
    ("ollama", ollama(b64(PDF)), "messages.images", "invalid image input"),
    ("ollama", ollama(""), "messages.images", "invalid image input"),
]  # fmt: skip


@pytest.mark.parametrize(("wire", "payload", "param", "message"), REFUSED)
def test_f_n39_what_a_vendor_does_not_take_is_refused_in_its_words(
    wire: str, payload: Any, param: str, message: str
) -> None:
    with pytest.raises(BadRequest) as caught:
        read(wire, payload)
    assert message in caught.value.message
    assert (caught.value.param or "") == param
    assert BY_NAME[wire].refused(caught.value)
    assert b64(PNG) not in caught.value.message


LARGE = b"\x89PNG\r\n\x1a\n" + bytes(11 * 1024 * 1024)
MANY = [image_url(URL)] * 9
LIMITED: list[tuple[str, Any, int, str]] = [
    ("anthropic.messages", anthropic({"type": "text", "text": "x"}), 33 << 20, "Request exceeds the maximum size"),
    ("anthropic.messages", anthropic(image_of(type="base64", media_type="image/png", data=b64(LARGE))), 0, "image exceeds 10 MB maximum"),
    ("anthropic.messages", anthropic(image_of(type="base64", media_type="image/png", data=b64(png(9000)))), 0, "8000 pixels"),
    ("gemini", gemini({"text": "x"}), 101 << 20, "payload size exceeds the limit: 104857600 bytes"),
    ("gemini.interactions", interactions(content("text", text="x")), 101 << 20, "payload size exceeds the limit"),
    ("mistral.chat", mistral({"type": "image_url", "image_url": data_url(LARGE, "image/png")}), 0, "is too large"),
    ("mistral.chat", mistral(*MANY), 0, "Too many images: 9"),
    ("openai.chat", chat(file(file_data=data_url(bytes(51 << 20), "application/pdf"), filename="a.pdf")), 0, "The file is too large"),
]  # fmt: skip


@pytest.mark.parametrize(("wire", "payload", "size", "message"), LIMITED)
def test_the_vendors_limits(wire: str, payload: Any, size: int, message: str) -> None:
    speaks: Any = BY_NAME[wire]
    asked = speaks.read(payload, PATHS.get(wire, ""))
    with pytest.raises(BadRequest, match=message):
        speaks.check_limits(asked, size)


def test_media_in_tool_outputs_is_read_where_it_is_taken() -> None:
    image = input_image(data_url(PNG, "image/png"))
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "c", "output": [image]}
    (shot,) = read("openai.responses", {"model": "m", "input": [call, output]})
    assert (shot.type, shot.data) == ("image", PNG)
    called = {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]}
    inside = [
        image_of(type="base64", media_type="image/png", data=b64(PNG)),
        document_of(type="url", url=URL),
    ]
    result: dict[str, Any] = {"type": "tool_result", "tool_use_id": "c", "content": inside}
    body = anthropic(result)
    body["messages"] = [{"role": "user", "content": "x"}, called, *body["messages"]]
    assert [media.type for media in read("anthropic.messages", body)] == ["image", "document"]
    result["is_error"] = True
    with pytest.raises(BadRequest, match="must be type `text` if `is_error` is true"):
        read("anthropic.messages", body)


def test_a_gemini_function_response_holds_images_and_documents() -> None:
    def body(part: Any) -> dict[str, Any]:
        call = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]}
        response = {"functionResponse": {"name": "f", "response": {"result": ""}, "parts": [part]}}
        asked = gemini({"text": "x"})["contents"]
        return {"contents": [*asked, call, {"role": "user", "parts": [response]}]}

    (shot,) = read("gemini", body(blob(PNG, "image/png")))
    assert (shot.type, shot.data) == ("image", PNG)
    with pytest.raises(BadRequest, match="Unsupported MIME type: audio/wav"):
        read("gemini", body(blob(WAV, "audio/wav")))


def test_what_a_model_said_in_audio_comes_back_by_its_id() -> None:
    said = {"role": "assistant", "audio": {"id": "audio_1"}}
    payload = {"model": "m", "messages": [said, {"role": "user", "content": "x"}]}
    asked = BY_NAME["openai.chat"].read(payload, "")
    (block,) = asked.request.messages[0].content
    assert isinstance(block, OpaqueContent)
    assert block.type == "openai.audio"
    with pytest.raises(BadRequest, match=r"audio\.id"):
        read("openai.chat", {"model": "m", "messages": [{"role": "assistant", "audio": {}}]})
