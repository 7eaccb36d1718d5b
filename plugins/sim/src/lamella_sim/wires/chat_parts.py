"""The parts of a chat message: which role may hold which, and what is asked of audio."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from lamella.content import Block, TextBlock
from lamella_sim.wires.openai import Payload
from lamella_sim.wires.openai_media import (
    check_detail,
    check_keys,
    check_value,
    read_audio,
    read_file,
    read_image,
)
from lamella_sim.wires.wire import BadRequest

__all__ = ["check_audio", "read_content"]

_PARTS: Final = {
    "developer": ("text",),
    "system": ("text",),
    "user": ("text", "image_url", "input_audio", "file"),
    "assistant": ("text", "refusal"),
    "tool": ("text",),
}
"""The parts that a role may hold."""


def check_audio(payload: Payload) -> None:
    """Who asks for audio says in which voice and format; a stream has but one format."""
    modalities, audio = payload.get("modalities") or (), payload.get("audio")
    for index, modality in enumerate(modalities):
        check_value(modality, ("text", "audio"), f"modalities[{index}]")
    if "audio" not in modalities:
        return
    for name in ("voice", "format"):
        if not isinstance(audio, Mapping) or audio.get(name) is None:
            at = "audio" if not isinstance(audio, Mapping) else f"audio.{name}"
            raise BadRequest(
                f"Missing required parameter: '{at}'.", param=at, code="missing_required_parameter"
            )
    format = audio["format"] if isinstance(audio, Mapping) else None
    check_value(format, ("wav", "aac", "mp3", "flac", "opus", "pcm16"), "audio.format")
    if payload.get("stream") and format != "pcm16":
        raise BadRequest(
            f"Unsupported value: 'audio.format' does not support '{format}' when stream=true. Supported values "
            "are: 'pcm16'.",
            param="audio.format",
            code="unsupported_value",
        )


def read_content(content: Any, message: str, role: str) -> list[Block]:
    """A text, or the parts of a message.

    :param message: where the message stands, ``messages[0]``.
    :raises BadRequest: OpenAI would refuse them.
    """
    where = f"{message}.content"
    if isinstance(content, str):
        return [TextBlock(text=content)]
    if not isinstance(content, list):
        raise BadRequest(
            f"Invalid type for '{where}': expected a string or an array of parts.",
            param=where,
            code="invalid_type",
        )
    for part in content:
        _check_image(part, message, role)
    return [_part(part, f"{where}[{index}]", role) for index, part in enumerate(content)]


def _check_image(part: Any, message: str, role: str) -> None:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if kind == "image_url" and role != "user":
        raise BadRequest(
            f"Invalid '{message}'. Image URLs are only allowed for messages with role 'user', but this message "
            f"with role '{role}' contains an image URL.",
            param=message,
            code="invalid_value",
        )


def _part(part: Any, where: str, role: str) -> Block:
    """A part of a message: each role has its own."""
    kind = part.get("type") if isinstance(part, Mapping) else None
    kind = check_value(kind, _PARTS[role], f"{where}.type")
    held = part.get(kind)
    if kind in ("text", "refusal"):
        if not isinstance(held, str):
            at = f"{where}.{kind}"
            raise BadRequest(f"Invalid type for '{at}': expected a string.", param=at, code="invalid_type")
        return TextBlock(text=held)
    check_keys(part, ("type", kind, "prompt_cache_breakpoint"), where)
    if not isinstance(held, Mapping):
        at = f"{where}.{kind}"
        raise BadRequest(f"Invalid type for '{at}': expected an object.", param=at, code="invalid_type")
    return _READERS[kind](held, f"{where}.{kind}")


def _image(held: Payload, where: str) -> Block:
    check_keys(held, ("url", "detail"), where)
    check_detail(held.get("detail"), ("low", "high", "auto", "original"), where)
    return read_image(held.get("url"), None, f"{where}.url")


def _file(held: Payload, where: str) -> Block:
    """A file by id, or by data and name: this API takes no URL of one."""
    check_keys(held, ("file_id", "file_data", "filename"), where)
    return read_file(held, where, linked=False)


_READERS: Final[Mapping[str, Callable[[Payload, str], Block]]] = {
    "image_url": _image,
    "input_audio": read_audio,
    "file": _file,
}
