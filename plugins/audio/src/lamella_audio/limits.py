"""What the vendors say of how long and how large audio may be. Where they say nothing, nothing is limited.

Looked up in November 2026.
"""

from __future__ import annotations

from typing import Final

import attrs

__all__ = ["LIMITS", "AudioLimits", "limits_of"]


@attrs.frozen(kw_only=True)
class AudioLimits:
    """Limits of one wire for one piece of audio; ``None`` where the vendor names none."""

    seconds: float | None = None
    bytes: int | None = None
    source: str | None = None
    """Where the vendor says so."""

    advice: str = ""

    def too_large(self, size: int) -> str:
        """The reason for a refusal of so many bytes."""
        return f"{size:,} bytes are over the limit of {self.bytes:,} bytes ({self.source}); {self.advice}"

    def too_long(self, seconds: float) -> str:
        """The reason for a refusal of so many seconds."""
        return f"{seconds:,.1f} seconds are over the limit of {self.seconds:,.0f} seconds ({self.source})"


_GEMINI: Final = AudioLimits(
    seconds=9.5 * 3600,
    # 100 MB of base64, the rest of the request included.
    bytes=75_000_000,
    source="ai.google.dev: 'Audio understanding', 'File input methods'",
    advice="convert it with audio.converted('audio/mpeg'), or upload it and use AudioContent.from_file_id",
)

LIMITS: Final[dict[str, AudioLimits]] = {
    "openai.chat": AudioLimits(),
    # "≈20 minutes for Chat with Audio".
    "mistral.chat": AudioLimits(seconds=20 * 60, source="docs.mistral.ai, 'Audio': FAQ"),
    "gemini": _GEMINI,
    "gemini.interactions": _GEMINI,
}
"""By dialect. ``bytes`` are those of the content itself, before base64, where it is sent with the request."""


def limits_of(dialect: str) -> AudioLimits:
    """The limits of a wire; none are known of a wire that is not in ``LIMITS``."""
    return LIMITS.get(dialect, AudioLimits())
