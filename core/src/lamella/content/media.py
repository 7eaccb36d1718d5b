"""``MediaContent``: what images, audio, documents and a content plugin's own types have in common."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

import attrs

from lamella._frozen import EMPTY, freeze_mapping
from lamella.content.base64_text import from_base64, to_base64
from lamella.content.blocks import Block, check_optional_text, check_text
from lamella.content.files import read_file
from lamella.content.mime import UNKNOWN, agreed_type, canonical, check_mime_type
from lamella.errors import AgentInputError

__all__ = ["MediaContent"]

_SHOWN = 200  # characters of a URL


def _check_type(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    check_text(instance, attribute, value)
    check_mime_type(str(value), type(instance).__name__)


def _check_url(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    check_optional_text(instance, attribute, value)
    scheme = "" if value is None else str(value)[:5].lower()
    if scheme in ("file:", "data:"):
        use = "from_file reads files" if scheme == "file:" else "from_base64 takes the data of a data: URL"
        raise AgentInputError(f"{type(instance).__name__}.url may not be a {scheme} URL; {use}")


@attrs.frozen(kw_only=True, repr=False)
class MediaContent(Block):
    """Base of image, audio, document and whatever a content plugin adds.

    Exactly one of ``data`` (bytes), ``url`` and ``file_id`` (the id of a file at ``provider``) is
    set. ``name`` is the name of the file, sent where a wire has a place for it. ``alt`` says in words
    what it shows or says (alt text, transcript): it stands in where a model's own media cannot be sent
    back. ``meta`` holds facts that are stored and shown, never sent.

    A subclass sets ``type``, and may set ``default_mime_type``, ``extensions``, ``synonyms``, override
    :meth:`sniff` and :meth:`facts`, and add fields. The constructors ``from_…`` look at what they get;
    the class itself, and reading from JSON, take what is there.
    """

    type: ClassVar[str] = "media"
    default_mime_type: ClassVar[str] = UNKNOWN

    extensions: ClassVar[Mapping[str, str]] = EMPTY
    """File extensions, in lower case with their dot, and the types they stand for."""

    synonyms: ClassVar[Mapping[str, str]] = EMPTY
    """Other spellings of MIME types, in lower case, and the one used here."""

    data: bytes | None = attrs.field(default=None)
    url: str | None = attrs.field(default=None, validator=_check_url)
    file_id: str | None = attrs.field(default=None, validator=check_optional_text)
    provider: str | None = attrs.field(default=None, validator=check_optional_text)
    mime_type: str = attrs.field(
        default=attrs.Factory(lambda self: self.default_mime_type, takes_self=True),
        validator=_check_type,
    )
    name: str | None = attrs.field(default=None, validator=check_optional_text)
    alt: str | None = attrs.field(default=None, validator=check_optional_text)
    meta: Mapping[str, Any] = attrs.field(default=EMPTY, converter=freeze_mapping)

    def __attrs_post_init__(self) -> None:
        name = type(self).__name__
        sources = [source for source in (self.data, self.url, self.file_id) if source is not None]
        if len(sources) != 1:
            raise AgentInputError(f"{name} needs exactly one of data, url and file_id, got {len(sources)}")
        if self.data is not None and not isinstance(self.data, bytes):
            raise AgentInputError(f"{name}.data must be bytes, got {type(self.data).__name__}")
        if self.data == b"":
            raise AgentInputError(f"{name}.data is empty (0 bytes)")

    def __repr__(self) -> str:
        source = f"<{self.size} bytes>" if self.size is not None else repr(self._address)
        source = source if len(source) <= _SHOWN else f"{source[:_SHOWN]}…'"
        name = "" if self.name is None else f", name={self.name!r:.100}"
        return f"{type(self).__name__}({source}, mime_type={self.mime_type!r}{name})"

    # -- where it comes from ------------------------------------------------------------------------

    @classmethod
    def sniff(cls, data: bytes) -> str | None:  # noqa: ARG003  # for those who override it
        """The MIME type that the bytes show, ``None`` when they show none; override it with a library."""
        return None

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], mime_type: str | None = None, **fields: Any) -> Self:
        """The content of a file, given by its path or its ``file://`` URL; read now, on this thread.

        :param mime_type: the type, where it is to be checked; unless given, that which the bytes show, else that
            of the extension, else ``application/octet-stream``, which no provider takes.
        :param fields: other fields of the class.
        :raises AgentInputError: the file is missing, unreadable, empty or larger than 1 GiB, or ``mime_type``
            disagrees with its bytes or its extension.
        """
        place, data = read_file(path)
        fields.setdefault("name", place.name)
        return cls(data=data, mime_type=cls.settle_type(data, mime_type, place, UNKNOWN), **fields)

    @classmethod
    async def afrom_file(
        cls, path: str | os.PathLike[str], mime_type: str | None = None, **fields: Any
    ) -> Self:
        """:meth:`from_file` off the event loop."""
        return await asyncio.to_thread(cls.from_file, path, mime_type, **fields)

    @classmethod
    def from_url(cls, url: str, mime_type: str | None = None, **fields: Any) -> Self:
        """The content behind an http(s) URL, which is passed on to the provider; nothing is fetched.

        :param mime_type: a hint; unless given, ``default_mime_type``.
        :raises AgentInputError: not an http(s) URL.
        """
        try:
            scheme = urlsplit(url).scheme.lower()
        except (ValueError, AttributeError, TypeError):
            scheme = ""
        if scheme not in ("http", "https"):
            raise AgentInputError(
                f"from_url takes an http(s) URL, got {url!r:.80}; use from_file for files and from_base64 for data"
            )
        return cls(url=url, mime_type=mime_type or cls.default_mime_type, **fields)

    @classmethod
    def from_bytes(cls, data: bytes, mime_type: str | None = None, **fields: Any) -> Self:
        """Content in memory.

        :param mime_type: the type; unless given, that which the bytes show, else ``default_mime_type``.
        :raises AgentInputError: no bytes, or the bytes show another type.
        """
        given: object = data
        if not isinstance(given, bytes):
            return cls(data=data, **fields)  # which says so
        place = PurePath(fields.get("name") or "")
        kind = cls.settle_type(data, mime_type, place, cls.default_mime_type)
        return cls(data=data, mime_type=kind, **fields)

    @classmethod
    def from_base64(cls, data: str, mime_type: str | None = None, **fields: Any) -> Self:
        """Content from base64 text; otherwise like :meth:`from_bytes`.

        :raises AgentInputError: it is no base64.
        """
        try:
            raw = from_base64(data)
        except (ValueError, TypeError) as error:
            raise AgentInputError(f"{cls.__name__}.from_base64: not base64: {error}", cause=error) from error
        return cls.from_bytes(raw, mime_type, **fields)

    @classmethod
    def from_file_id(
        cls, file_id: str, provider: str | None = None, mime_type: str | None = None, **fields: Any
    ) -> Self:
        """A file that was uploaded to a provider.

        :param provider: whose id it is (``openai``); unless given, the caller vouches for the target.
        """
        kind = mime_type or cls.default_mime_type
        return cls(file_id=file_id, provider=provider, mime_type=kind, **fields)

    @classmethod
    def settle_type(cls, data: bytes, declared: str | None, place: PurePath, fallback: str) -> str:
        """The type of some bytes, for the constructors: what they show, the name and the caller agree on.

        Override it where bytes of a type of yours show something else by chance.

        :param place: the name of the file, empty when there is none.
        :param fallback: the type of which nothing is known.
        :raises AgentInputError: they disagree; says which is wrong.
        """
        if declared is not None:
            check_mime_type(declared, cls.__name__)
            declared = canonical(declared, cls.synonyms)
        shown = cls.sniff(data) if data else None
        extension = place.suffix.lower()
        return agreed_type(
            shown=None if shown is None else canonical(shown, cls.synonyms),
            declared=declared,
            by_extension=cls.extensions.get(extension),
            extension=extension,
            name=place.name or cls.__name__,
            fallback=fallback,
        )

    # -- what it is ---------------------------------------------------------------------------------

    @property
    def base64_data(self) -> str | None:
        """The bytes in base64, ``None`` for a URL or a file id. Made anew each time."""
        return None if self.data is None else to_base64(self.data)

    @property
    def data_uri(self) -> str | None:
        """``data:{mime_type};base64,…``, ``None`` for a URL or a file id. Made anew each time."""
        return None if self.data is None else to_base64(self.data, f"data:{self.mime_type};base64,")

    @property
    def size(self) -> int | None:
        """How many bytes it has, ``None`` where they are not here."""
        return None if self.data is None else len(self.data)

    def facts(self) -> list[str]:
        """What there is to say about it in a line: name or address, type, size. Never raises."""
        address = self._address
        shown = self.name or (None if address is None else _short(address))
        size = None if self.size is None else _human(self.size)
        return [fact for fact in (shown, self.mime_type, size) if fact]

    def describe(self) -> str:
        """:meth:`facts` in one line: ``photo.png, image/png, 1.2 MB``."""
        return ", ".join(self.facts())

    @property
    def _address(self) -> str | None:
        return self.url if self.url is not None else self.file_id


def _short(address: str) -> str:
    return address if len(address) <= _SHOWN else f"{address[:_SHOWN]}…"


def _human(size: int) -> str:
    if size < 1000:
        return f"{size} bytes"
    units = (("kB", 10**3), ("MB", 10**6), ("GB", 10**9))
    unit, scale = next((each for each in units if size < each[1] * 999.95), units[-1])
    return f"{size / scale:.1f} {unit}"
