"""Media that a model made: of the class that the content plugin for its kind brings, where one is installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from lamella._frozen import EMPTY
from lamella.content import Block, MediaContent
from lamella.content.base64_text import from_base64, to_base64
from lamella.errors import AgentInputError, UnsupportedContentError

__all__ = ["MakeMedia", "check_file", "join_base64", "made_media"]


class MakeMedia(Protocol):
    """What a decoder is given to make media with: :func:`made_media`, or something else in a test."""

    def __call__(
        self,
        kind: str,
        data: str,
        mime_type: str | None,
        *,
        alt: str | None = None,
        opaque: Mapping[str, Any] = EMPTY,
    ) -> MediaContent | None: ...


def made_media(
    kind: str,
    data: str,
    mime_type: str | None,
    *,
    alt: str | None = None,
    opaque: Mapping[str, Any] = EMPTY,
) -> MediaContent | None:
    """The block for base64 data that a model sent, ``None`` where it must stay opaque.

    That is where no usable plugin has a class for ``kind`` (``image``, ``audio``, ``document``, ``video``), the
    data is empty or no base64, or its type is unknown.

    :param mime_type: what the vendor says it is, which counts; ``None`` where it does not say: then what the
        bytes show.
    """
    from lamella.config import content_class

    cls = content_class(kind)
    if cls is None:
        return None
    try:
        raw = from_base64(data)
        shown = mime_type or cls.sniff(raw)
        return None if shown is None else cls(data=raw, mime_type=shown, alt=alt, opaque=opaque)
    except (AgentInputError, ValueError, TypeError):
        return None


def check_file(block: Block, issuer: str) -> None:
    """Make sure that a file id is the issuer's own; ids of others name other files, or none.

    :raises UnsupportedContentError: it is another provider's.
    """
    if isinstance(block, MediaContent) and block.file_id is not None and block.provider not in (None, issuer):
        raise UnsupportedContentError(
            f"the {block.type} is a file at {block.provider}, which {issuer} cannot read; give its bytes or a URL"
        )


def join_base64(pieces: Sequence[str]) -> str:
    """Base64 texts, each with its own padding, as one; left side by side where one is no base64."""
    if len(pieces) == 1:
        return pieces[0]
    try:
        return to_base64(b"".join(map(from_base64, pieces)))
    except ValueError:
        return "".join(pieces)
