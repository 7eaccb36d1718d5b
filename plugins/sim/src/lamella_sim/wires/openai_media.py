"""Images, files and audio of OpenAI requests, on both wires: what it takes, and its words for what it does not.

Bytes whose type is not recognisable are taken: OpenAI would find that they are no image, but tests make do
with a few bytes of anything.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from lamella.content import MediaContent
from lamella_sim.magic import agrees, canonical, kind_of, sniff
from lamella_sim.received import places, received
from lamella_sim.wires.media import BASE64_URL, data_url, unbase64
from lamella_sim.wires.openai import built
from lamella_sim.wires.wire import Asked, BadRequest

__all__ = [
    "check_detail",
    "check_keys",
    "check_limits",
    "check_value",
    "read_audio",
    "read_file",
    "read_image",
]

_IMAGES: Final = ("image/png", "image/jpeg", "image/gif", "image/webp")
_AUDIO: Final = {"wav": "audio/wav", "mp3": "audio/mpeg", "mp4": "audio/mp4"}
"""The formats of the API reference, and mp4, which compatible servers take."""

_FILE_LIMIT: Final = 50 * 1024 * 1024
"""Bytes of a file ("File inputs"). Images may fill a request of 512 MB, which nobody sends to a simulator."""


def check_keys(part: Mapping[str, Any], known: Collection[str], where: str) -> None:
    """A part has these fields and no others."""
    for name in part:
        if name not in known:
            at = f"{where}.{name}"
            raise BadRequest(f"Unknown parameter: '{at}'.", param=at, code="unknown_parameter")


def check_value(value: Any, known: Collection[str], where: str) -> str:
    """A value that is one of these."""
    if not isinstance(value, str) or value not in known:
        names = [repr(name) for name in known]
        last = " and " if len(names) == 2 else ", and "
        listed = last.join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
        raise BadRequest(
            f"Invalid value: '{value}'. Supported values are: {listed}.", param=where, code="invalid_value"
        )
    return value


def check_detail(value: Any, known: Collection[str], where: str) -> None:
    """How closely to look: one of these, or nothing."""
    if value is not None:
        check_value(value, known, f"{where}.detail")


def read_image(url: Any, file_id: Any, where: str) -> MediaContent:
    """An image by ``data:`` URL, URL, or file id."""
    if isinstance(file_id, str):
        return _made("image", where, file_id=file_id, provider="openai")
    _need(url, where)
    if not url.startswith(BASE64_URL):
        return _linked("image", url, where)
    mime_type, text = _data_url(url, where)
    if kind_of(mime_type) != "image":
        raise BadRequest(
            f"Invalid '{where}'. Expected a base64-encoded data URL with an image MIME type (e.g. "
            f"'data:image/png;base64,aW1nIGJ5dGVzIGhlcmU='), but got unsupported MIME type '{mime_type}'.",
            param=where,
            code="invalid_value",
        )
    data = _decoded(text, where)
    if canonical(mime_type) not in _IMAGES or (sniff(data) or _IMAGES[0]) not in _IMAGES:
        raise BadRequest(
            "You uploaded an unsupported image. Please make sure your image has of one the following formats: "
            "['png', 'jpeg', 'gif', 'webp'].",
            param=where,
            code="invalid_image_format",
        )
    if not agrees(data, mime_type):
        raise BadRequest(
            f"Invalid image: the image was specified using the {mime_type} media type, but the image appears to "
            f"be a {sniff(data)} image.",
            param=where,
            code="invalid_image_format",
        )
    return _made("image", where, data=data, mime_type=mime_type)


def read_file(held: Mapping[str, Any], where: str, *, linked: bool) -> MediaContent:
    """A file by id, by ``data:`` URL and name, or by URL where the wire has them (``linked``)."""
    sources = ("file_id", "file_data", *(("file_url",) if linked else ()))
    given = [name for name in sources if held.get(name) is not None]
    if len(given) > 1:
        raise BadRequest(
            f"Mutually exclusive parameters: '{where}.{given[0]}' and '{where}.{given[1]}'. Ensure you are only "
            "providing one.",
            param=where,
            code="mutually_exclusive_parameters",
        )
    name = held.get("filename")
    if name is not None and not isinstance(name, str):
        raise BadRequest(
            f"Invalid type for '{where}.filename': expected a string.", param=f"{where}.filename"
        )
    source = given[0] if given else "file_id"
    at = f"{where}.{source}"
    value = _need(held.get(source), at)
    if source == "file_id":
        return _made("document", at, file_id=value, provider="openai", name=name)
    if source == "file_url":
        return _linked("document", value, at)
    _need(name, f"{where}.filename")
    return _file_data(value, name, at)


def _file_data(url: str, name: Any, where: str) -> MediaContent:
    expected = (
        f"Invalid file data: '{where}'. Expected a base64-encoded data URL with a valid file MIME type (e.g. "
        "'data:text/plain;base64,SGVsbG8sIFdvcmxkIQ=='), but got "
    )
    if not url.startswith(BASE64_URL):
        raise BadRequest(f"{expected}a value without the 'data:' prefix.", param=where, code="invalid_value")
    mime_type, text = _data_url(url, where)
    if kind_of(mime_type) != "document" or mime_type == "application/octet-stream":
        supported = "https://platform.openai.com/docs/assistants/tools/file-search#supported-files"
        raise BadRequest(
            f"{expected}unsupported MIME type '{mime_type}'. Please see {supported} for supported file types.",
            param=where,
            code="invalid_value",
        )
    data = _decoded(text, where)
    if not agrees(data, mime_type):
        raise BadRequest(
            "The file type you uploaded is not supported. Please try again with a pdf",
            param=where,
            code="unsupported_file",
        )
    return _made("document", where, data=data, mime_type=mime_type, name=name)


def read_audio(held: Any, where: str) -> MediaContent:
    """``input_audio`` of a chat message: base64 and its format."""
    given = held if isinstance(held, Mapping) else {}
    check_keys(given, ("data", "format"), where)
    text = _need(given.get("data"), f"{where}.data")
    if given.get("format") not in _AUDIO:
        check_value(_need(given.get("format"), f"{where}.format"), ("wav", "mp3"), f"{where}.format")
    mime_type = _AUDIO[given["format"]]
    data = _decoded(text, f"{where}.data")
    if not agrees(data, mime_type):
        format = given["format"]
        raise BadRequest(
            f"The data provided for 'input_audio' is not of valid {format} format. Please provide valid {format} "
            "data.",
            param=where,
            code="invalid_value",
        )
    return received("audio", data=data, mime_type=mime_type)


def check_limits(asked: Asked) -> None:
    """No file is larger than 50 MB.

    :raises BadRequest: one is.
    """
    for place in places(asked.request.messages):
        size = place.media.size or 0
        if place.media.type == "document" and size > _FILE_LIMIT:
            told = f"The file is too large: {size} bytes, the limit is {_FILE_LIMIT} bytes."
            raise BadRequest(told, code="file_too_large")


def _made(kind: str, where: str, **fields: Any) -> MediaContent:
    media: MediaContent = built(lambda: received(kind, **fields), where)
    return media


def _need(value: Any, where: str) -> Any:
    if value is None or value == "":
        raise BadRequest(
            f"Missing required parameter: '{where}'.", param=where, code="missing_required_parameter"
        )
    if not isinstance(value, str):
        raise BadRequest(f"Invalid type for '{where}': expected a string.", param=where, code="invalid_type")
    return value


def _linked(kind: str, url: str, where: str) -> MediaContent:
    if not url.lower().startswith(("https://", "http://")):
        raise BadRequest(
            f"Invalid '{where}'. Expected a valid URL, but got a value with an invalid format.",
            param=where,
            code="invalid_value",
        )
    return _made(kind, where, url=url)


def _data_url(url: str, where: str) -> tuple[str, str]:
    read = data_url(url)
    if read is None:
        raise BadRequest(
            f"Invalid '{where}'. Expected a base64-encoded data URL (e.g. "
            "'data:image/png;base64,aW1nIGJ5dGVzIGhlcmU='), but got a malformed one.",
            param=where,
            code="invalid_value",
        )
    return read


def _decoded(text: str, where: str) -> bytes:
    try:
        data = unbase64(text)
    except ValueError as error:
        raise BadRequest(
            f"Invalid '{where}'. Expected a base64-encoded value: it is not base64.",
            param=where,
            code="invalid_base64",
        ) from error
    if not data:
        raise BadRequest(f"Invalid '{where}': the file is empty.", param=where, code="empty_file")
    return data
