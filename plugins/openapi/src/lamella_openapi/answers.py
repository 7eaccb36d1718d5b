"""What a server answered, as the result of a tool: JSON, text, media, or words about it."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable
from email.message import Message as Headers
from typing import Any, Final, NoReturn

import attrs

from lamella.config import content_class
from lamella.errors import AgentInputError
from lamella_openapi.media import essence, kind_of

__all__ = ["Answer", "cut", "result_of"]

_MEDIA: Final = {"image": "image", "audio": "audio", "application/pdf": "document"}
"""Media types, or the first half of them, and the tag of the content type that holds them."""


@attrs.frozen(kw_only=True)
class Answer:
    """The whole answer of a server."""

    status: int
    reason: str
    content_type: str
    disposition: str
    data: bytes = attrs.field(repr=False)

    @property
    def text(self) -> str:
        """The body as text, whatever it is; bytes that are none become ``�``."""
        parameters = Headers()
        parameters["content-type"] = self.content_type or "text/plain"
        charset = parameters.get_content_charset() or "utf-8"
        try:
            codecs.lookup(charset)
            return self.data.decode(charset, "replace").removeprefix("\ufeff")
        except (LookupError, ValueError):
            return self.data.decode("utf-8", "replace")

    @property
    def filename(self) -> str | None:
        """The name that the server gives the body, without folders."""
        header = Headers()
        header["content-disposition"] = self.disposition or "inline"
        name = header.get_filename()
        return name.replace("\\", "/").rpartition("/")[2] or None if name else None


def result_of(answer: Answer, most: int, hide: Callable[[str], str]) -> Any:
    """What the model gets of a successful answer.

    :param most: characters; what is longer is cut, and says so.
    :param hide: takes secrets out of a text: servers echo what they were sent.
    """
    if not answer.data:
        return f"{answer.status} {answer.reason}".strip()
    kind = essence(answer.content_type)
    if kind == "" or kind_of(kind) == "json":
        return _json_or_text(answer, most, hide)
    if kind_of(kind) in ("text", "form") or kind in ("application/javascript", "application/toml"):
        return cut(hide(_whole(answer.text)), most)
    return _media(answer, kind)


def cut(text: str, most: int) -> str:
    """A text within the limit, with a mark where the rest was."""
    return text if len(text) <= most else f"{text[:most]}… [cut: {most} of {len(text)} characters]"


def _json_or_text(answer: Answer, most: int, hide: Callable[[str], str]) -> Any:
    if not answer.content_type and b"\x00" in answer.data[:1024]:
        return _described(answer, "unknown type")
    text = hide(_whole(answer.text))
    if len(text) > most:
        return cut(text, most)
    try:
        found = json.loads(text, parse_constant=_refuse)
        json.dumps(found, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):  # no JSON, or such as nobody could store: half characters, NaN
        return text
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _whole(text: str) -> str:
    """Without half characters, which cannot be stored."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _media(answer: Answer, kind: str) -> Any:
    tag = _MEDIA.get(kind, _MEDIA.get(kind.partition("/")[0]))
    made = None if tag is None else content_class(tag)
    if made is None:
        return _described(answer, kind)
    try:
        return [made.from_bytes(answer.data, kind, name=answer.filename)]
    except AgentInputError:  # not what the server says it is
        return _described(answer, kind)


def _described(answer: Answer, kind: str) -> str:
    name = f" {answer.filename!r}" if answer.filename else ""
    return f"[{kind}{name}, {len(answer.data)} bytes, not shown]"
