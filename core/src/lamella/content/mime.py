"""MIME types of media: their syntax, their spellings, and whether the ones that are given agree."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from lamella.errors import AgentInputError

__all__ = ["UNKNOWN", "agreed_type", "canonical", "check_mime_type", "essence"]

UNKNOWN: Final = "application/octet-stream"
"""What nothing is known of; no encoder takes it."""

_TOKEN = r"[A-Za-z0-9!#$&^_.+*-]+"
_SYNTAX: Final = re.compile(rf"{_TOKEN}/{_TOKEN}(?: ?; ?{_TOKEN}=(?:{_TOKEN}|\"[^\"\\\x00-\x1f\x7f]*\"))*")


def check_mime_type(value: str, owner: str) -> None:
    """Make sure that it is ``type/subtype``, with or without parameters: it stands in data URIs and headers.

    :raises AgentInputError: it is not.
    """
    if not _SYNTAX.fullmatch(value):
        raise AgentInputError(f"{owner}.mime_type must be a MIME type such as image/png, got {value!r:.100}")


def essence(mime_type: str) -> str:
    """The type without parameters, in lower case."""
    return mime_type.partition(";")[0].strip().lower()


def canonical(mime_type: str, synonyms: Mapping[str, str]) -> str:
    """The type in its usual spelling; parameters stay."""
    kind, semicolon, parameters = mime_type.partition(";")
    kind = kind.strip().lower()
    return f"{synonyms.get(kind, kind)}{semicolon}{parameters}"


def agreed_type(
    *,
    shown: str | None,
    declared: str | None,
    by_extension: str | None,
    extension: str,
    name: str,
    fallback: str,
) -> str:
    """The one type that the bytes, the caller and the extension agree on, all in their usual spelling.

    Bytes that show a type win over the extension. What the caller declares must fit both.

    :raises AgentInputError: the declared type does not fit; says which of the three is wrong.
    """
    if declared is None:
        return shown or by_extension or fallback
    kind = essence(declared)
    if shown is not None and kind != essence(shown):
        right = f" (the extension {extension} is right)" if by_extension == shown else ""
        raise AgentInputError(
            f"{name}: the bytes are {shown}, so mime_type={declared!r} is wrong{right}; give {shown!r}, or leave it out"
        )
    if by_extension is None or kind == essence(by_extension):
        return declared
    if shown is not None:
        raise AgentInputError(
            f"{name}: the bytes are {shown} as declared, so the extension {extension} ({by_extension}) is wrong; "
            "rename the file, or leave mime_type out"
        )
    if kind == "text/plain" and by_extension.startswith("text/"):
        return declared  # every text is plain text
    raise AgentInputError(
        f"{name}: mime_type={declared!r} and the extension {extension} ({by_extension}) disagree, and the bytes show "
        "neither; correct the wrong one"
    )
