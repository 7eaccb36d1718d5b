"""What came for a content: whether it is what was meant, of which type, and under which name."""

from __future__ import annotations

import re
from collections.abc import Set
from pathlib import PurePosixPath
from typing import Final, TypeVar
from urllib.parse import unquote, urlsplit

import attrs

from lamella.content import MediaContent
from lamella_fetch.fetcher import Fetched
from lamella_fetch.targets import refused, shown_url

__all__ = ["with_bytes"]

Content = TypeVar("Content", bound=MediaContent)

_ANY: Final = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/x-download"})
"""What servers say of files that they know nothing of."""

_PAGES: Final = frozenset({"text/html", "application/xhtml+xml"})
"""What logins and error pages are: taken only where a page was meant."""

_PAGE_STARTS: Final = (b"<!doctype html", b"<html")
_MIME: Final = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+", re.ASCII)
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f/\\]")
_LONGEST_NAME: Final = 255


def with_bytes(content: Content, fetched: Fetched) -> Content:
    """The content with what was fetched for it.

    :raises ContentFetchError: it is something else than what was meant.
    """
    assert content.url is not None
    kind = _kind(content, fetched)
    facts = {"url": shown_url(content.url), "final_url": shown_url(fetched.url), "bytes": len(fetched.data)}
    return attrs.evolve(
        content,
        data=fetched.data,
        url=None,
        mime_type=kind,
        name=content.name or _name(content.url) or _name(fetched.url),
        meta={**content.meta, "fetched": facts},
    )


def _kind(content: MediaContent, fetched: Fetched) -> str:
    """The type: what the bytes show, else what the server says, else what was declared."""
    usual = content.synonyms
    shown = content.sniff(fetched.data)
    said = fetched.mime_type or ""
    kind = shown or (said if _MIME.fullmatch(said) else "")
    kind = usual.get(kind, kind)
    declared = _declared(content)
    if shown is None and kind in _ANY:
        kind = _essence(declared)
    if shown is None and fetched.data[:200].lstrip().lower().startswith(_PAGE_STARTS):
        kind = "text/html"
    if kind == _essence(declared):
        return declared  # with its parameters
    if kind in _PAGES:
        fits = kind == _by_extension(content)
    else:
        known = frozenset(content.extensions.values())
        fits = not known or kind in known or _family(kind) in _families(known)
    if not fits:
        what = f"what came is {kind}, not {content.type} content ({declared})"
        page = "; it may be a login or error page" if kind in _PAGES else ""
        shown_address = shown_url(content.url or "")
        raise refused(
            f"{shown_address} could not be fetched: {what}{page}", url=shown_address, mime_type=kind
        )
    return kind


def _declared(content: MediaContent) -> str:
    """What the caller says that it is, who may not have said anything: then what the URL's extension says."""
    if content.mime_type != content.default_mime_type:
        return content.mime_type
    return _by_extension(content) or content.mime_type


def _by_extension(content: MediaContent) -> str | None:
    suffix = PurePosixPath(_name(content.url or "") or "").suffix.lower()
    return content.extensions.get(suffix)


def _families(known: Set[str]) -> Set[str]:
    """The main types that say something: ``application`` and ``text`` do not."""
    return {_family(kind) for kind in known} - {"application", "text"}


def _family(kind: str) -> str:
    return kind.partition("/")[0]


def _essence(mime_type: str) -> str:
    return mime_type.partition(";")[0].strip().lower()


def _name(url: str) -> str | None:
    """The last segment of a URL's path as a file's name, ``None`` when there is none."""
    try:
        path = urlsplit(url).path
    except ValueError:
        return None
    name = _UNSAFE.sub("_", unquote(path.rpartition("/")[2])).strip()
    return name[-_LONGEST_NAME:] if name.strip(".") else None
