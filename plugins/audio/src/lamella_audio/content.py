"""``AudioContent``: audio in a message."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import PurePath, PurePosixPath
from typing import Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

import attrs

from lamella.content import MediaContent
from lamella_audio import formats
from lamella_audio.convert import MAX_BYTES, convert
from lamella_audio.encode import openai_chat, refusal, sent_kind
from lamella_audio.limits import limits_of
from lamella_audio.probe import AudioInfo, free_duration, probe_audio

__all__ = ["AudioContent"]

_MARKS = (b"RIFF", b"RF64", b"OggS", b"fLaC", b"FORM")  # four bytes that no sound begins with by chance


@attrs.frozen(kw_only=True, repr=False)
class AudioContent(MediaContent):
    """Audio: bytes, an http(s) URL, or the id of a file at a provider.

    Bare samples have no header that would show what they are; they are declared: ``audio/pcm;rate=24000``
    or ``audio/L16;rate=24000;channels=1``, 16 bits, little-endian, as the vendors' speech services write them.
    """

    type: ClassVar[Literal["audio"]] = "audio"
    default_mime_type: ClassVar[str] = "audio/wav"
    extensions: ClassVar[Mapping[str, str]] = formats.EXTENSIONS
    synonyms: ClassVar[Mapping[str, str]] = formats.SYNONYMS

    @classmethod
    def sniff(cls, data: bytes) -> str | None:
        """The type that the bytes show, ``None`` when they show none."""
        return formats.sniff(data)

    @classmethod
    def from_url(cls, url: str, mime_type: str | None = None, **fields: Any) -> Self:
        """The audio behind an http(s) URL, which is passed on to the provider; nothing is fetched.

        :param mime_type: a hint; unless given, that of the extension in the URL, else ``audio/wav``.
        :raises AgentInputError: not an http(s) URL.
        """
        audio = super().from_url(url, mime_type, **fields)
        extension = PurePosixPath(urlsplit(url).path).suffix.lower()
        if mime_type is not None or extension not in cls.extensions:
            return audio
        return attrs.evolve(audio, mime_type=cls.extensions[extension])

    @classmethod
    def settle_type(cls, data: bytes, declared: str | None, place: PurePath, fallback: str) -> str:
        """As for all media, but samples that happen to look like a file's first two bytes stay samples."""
        said = declared or cls.extensions.get(place.suffix.lower(), "")
        if formats.kind_of(said) in formats.PCM_TYPES and not data.startswith(_MARKS):
            data = b""
        return super().settle_type(data, declared, place, fallback)

    # -- what it is ---------------------------------------------------------------------------------

    def facts(self) -> list[str]:
        """Name or address, type, size; the duration (``0:12``) where the header of a WAV says it. Never raises."""
        facts = super().facts()
        if self.data is not None:
            seconds = free_duration(self.data, formats.kind_of(self.mime_type), self.mime_type)
            facts += [] if seconds is None else [_clock(seconds)]
        return facts

    def probe(self) -> AudioInfo:
        """Format, duration, sample rate and channels. Nothing is decoded; WAV, MP3 and PCM need no library.

        :raises AgentInputError: the bytes are not here, not what the type says, cut, corrupt or without sound.
        :raises PluginError: ``soundfile`` is not installed (``pip install 'lamella-audio[probe]'``).
        """
        return probe_audio(self)

    async def aprobe(self) -> AudioInfo:
        """:meth:`probe` off the event loop."""
        return await asyncio.to_thread(self.probe)

    def check_for(self, dialect: str) -> AudioInfo:
        """:meth:`probe`, and what the vendor behind a wire says of type, size and duration.

        A duration that is unknown (MP4, AAC, WebM) cannot be checked and passes.

        :raises UnsupportedContentError: the wire does not take it; names the limit and what to do.
        :raises AgentInputError: as for :meth:`probe`.
        :raises PluginError: as for :meth:`probe`.
        """
        sent_kind(self, dialect)
        info, limit = self.probe(), limits_of(dialect)
        if limit.seconds is not None and info.duration is not None and info.duration > limit.seconds:
            raise refusal(self, dialect, f"{limit.too_long(info.duration)}; cut it into pieces")
        return info

    # -- in another form ----------------------------------------------------------------------------

    def converted(self, mime_type: str, *, max_bytes: int = MAX_BYTES) -> Self:
        """The same sound as ``audio/wav``, ``audio/mpeg``, ``audio/flac`` or ``audio/ogg`` (Vorbis).

        Samples are 16 bits wide at most; sample rate and channels stay. What was done is in ``meta["converted"]``.
        Audio that has the type already is returned as it is.

        :param max_bytes: how large the result may get.
        :raises AgentInputError: it cannot be read, or not be written so.
        :raises PluginError: ``soundfile`` is not installed (``pip install 'lamella-audio[probe]'``).
        """
        target = formats.kind_of(mime_type)
        if formats.kind_of(self.mime_type) == target:
            return self
        data = convert(self, target, max_bytes)
        name = None if self.name is None else str(PurePath(self.name).with_suffix(formats.suffix_of(target)))
        done: dict[str, Any] = {"from": self.mime_type, "bytes": self.size, "to": target}
        if "converted" in self.meta:
            done["earlier"] = self.meta["converted"]
        meta = {**self.meta, "converted": done}
        # What a vendor attached belongs to the bytes that were.
        return attrs.evolve(self, data=data, mime_type=target, name=name, meta=meta, opaque={})

    async def aconverted(self, mime_type: str, *, max_bytes: int = MAX_BYTES) -> Self:
        """:meth:`converted` off the event loop."""
        return await asyncio.to_thread(self.converted, mime_type, max_bytes=max_bytes)

    def to_openai_block(self) -> dict[str, Any]:
        """The part of a Chat Completions message.

        :raises UnsupportedContentError: the type, a URL or a file id has no form there.
        """
        return openai_chat(self, sent_kind(self, "openai.chat"))


def _clock(seconds: float) -> str:
    """``0:12``, ``1:02:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
