"""Audio in messages: :class:`AudioContent`, loaded when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lamella_audio.content import AudioContent
    from lamella_audio.probe import AudioInfo

__all__ = ["AudioContent", "AudioInfo"]


def __getattr__(name: str) -> Any:
    if name == "AudioContent":
        from lamella_audio.content import AudioContent

        return AudioContent
    if name == "AudioInfo":
        from lamella_audio.probe import AudioInfo

        return AudioInfo
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
