from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import attrs

from lamella import AgentInputError, MediaContent, UnsupportedContentError
from swatch.encode import encode

MIME = "application/x-swatch"
FILE = b"SWCH\x02\xff\x00\x00\x00\xff\x00"
LARGE = b"SWCH\x20" + bytes(range(96))


@attrs.frozen
class SwatchInfo:
    colours: int


@attrs.frozen(kw_only=True, repr=False)
class Swatch(MediaContent):
    type: ClassVar[Literal["swatch"]] = "swatch"
    default_mime_type: ClassVar[str] = MIME
    extensions: ClassVar[Mapping[str, str]] = {".swatch": MIME, ".swp": "application/x-swatch-palette"}
    synonyms: ClassVar[Mapping[str, str]] = {"application/swatch": MIME}

    title: str | None = None
    tags: tuple[str, ...] = ()

    @classmethod
    def sniff(cls, data: bytes) -> str | None:
        return MIME if data.startswith(b"SWCH") else None

    def facts(self) -> list[str]:
        return [*super().facts(), *([] if self.title is None else [self.title])]

    def probe(self) -> SwatchInfo:
        if self.data is None:
            raise AgentInputError("its bytes are not here")
        if not self.data.startswith(b"SWCH") or len(self.data) < 5 or len(self.data) != 5 + 3 * self.data[4]:
            raise AgentInputError(f"{self.name}: no swatch, or cut off")
        return SwatchInfo(self.data[4])

    async def aprobe(self) -> SwatchInfo:
        return await asyncio.to_thread(self.probe)

    def check_for(self, dialect: str) -> SwatchInfo:
        info = self.probe()
        if info.colours > 16 and dialect == "anthropic.messages":
            raise UnsupportedContentError(f"{info.colours} colours, the limit is 16")
        return info

    def to_openai_block(self) -> dict[str, Any]:
        block = encode(self, "openai.chat")
        if block is None:
            raise UnsupportedContentError("a file id has no form on openai.chat")
        return block
