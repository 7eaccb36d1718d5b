"""What readers share: the report of what is not read, and media."""

from __future__ import annotations

import binascii
import re
from typing import Any, Final, Literal

import attrs

from lamella import Loss
from lamella.config import content_class
from lamella.content import Block, MediaContent, OpaqueContent
from lamella.content.base64_text import from_base64
from lamella_transcripts.node import Node

__all__ = ["ReadReport", "make_media", "media_of_url", "opaque"]

_DATA_URL: Final = re.compile(r"data:(?P<type>[^,;]*)(?:;[^,;]*)*;base64,(?P<data>.*)", re.DOTALL)


class ReadReport:
    """Collects what of a source does not arrive as it was; ``issuer`` is whose state the source holds."""

    def __init__(self, issuer: str = "") -> None:
        self.issuer = issuer
        self.losses: list[Loss] = []
        self.message: int | None = None
        self.block: int | None = None

    def at(self, message: int | None, block: int | None = None) -> None:
        """Say what is being read."""
        self.message, self.block = message, block

    def drop(self, what: str, reason: str) -> None:
        """Something is left out."""
        self._lose("dropped", what, reason, lossless=False)

    def rewrite(self, what: str, reason: str, *, lossless: bool = False) -> None:
        """Something arrives in another form."""
        self._lose("rewritten", what, reason, lossless=lossless)

    def _lose(self, kind: Literal["dropped", "rewritten"], what: str, reason: str, *, lossless: bool) -> None:
        self.losses.append(
            Loss(
                kind=kind, what=what, reason=reason, message=self.message, block=self.block, lossless=lossless
            )
        )


def opaque(issuer: str, item: Any, kind: str | None = None, **data: Any) -> OpaqueContent:
    """What has no place of its own, kept as it came for whom it came from."""
    name = kind or (item.get("type") if isinstance(item, dict) else None) or "part"
    return OpaqueContent(type=f"{issuer}.{name}", provider=issuer, data={"item": item, **data})


def make_media(
    report: ReadReport,
    node: Node,
    kind: str,
    *,
    data: str | bytes | None = None,
    url: str | None = None,
    file_id: str | None = None,
    **fields: Any,
) -> MediaContent | None:
    """Media of a kind; ``None`` where nobody installed has a class for it, so that it stays opaque.

    :param data: bytes, or base64.
    :param fields: other fields; those that are ``None`` or that the class does not have are left out.
    """
    cls = content_class(kind)
    if cls is None:
        reason = f"kept as it came: nothing installed knows {kind} content; pip install lamella-{kind}"
        report.rewrite(kind, reason, lossless=True)
        return None
    known = {field.name for field in attrs.fields(cls)}
    given = {name: value for name, value in fields.items() if value is not None and name in known}
    if isinstance(data, str):
        try:
            data = from_base64(data)
        except (ValueError, TypeError, binascii.Error) as error:
            node.fail("base64", error)
    if url is not None and url.lower().startswith(("http://", "https://")):
        return cls.from_url(
            url, **({"mime_type": given.pop("mime_type")} if "mime_type" in given else {}), **given
        )
    return cls(data=data, url=url, file_id=file_id, **given)


def media_of_url(
    report: ReadReport, node: Node, kind: str, address: str, mime_type: str | None = None, **fields: Any
) -> Block | None:
    """Media behind a URL, which may be a ``data:`` URL; ``None`` where it must stay opaque."""
    if not address.startswith("data:"):
        if ":" not in address or address.startswith("file:"):
            report.rewrite(kind, "kept as it came: it is a path, and no file is read", lossless=True)
            return None
        return make_media(report, node, kind, url=address, mime_type=mime_type, **fields)
    found = _DATA_URL.fullmatch(address)
    if found is None:
        return None
    return make_media(report, node, kind, data=found["data"], mime_type=found["type"] or mime_type, **fields)
