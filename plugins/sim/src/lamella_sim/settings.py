"""The settings of the provider ``sim``: ``[tool.lamella.provider.sim]``."""

from __future__ import annotations

from typing import Literal

import attrs

__all__ = ["ChunkBy", "SimSettings"]

ChunkBy = Literal["word", "char", "whole"]
"""Into what pieces a streamed reply is cut."""


@attrs.frozen(kw_only=True)
class SimSettings:
    """What the configuration may say about ``sim`` models.

    ``script`` is the path of a TOML script, ``delay`` the seconds between two pieces of a streamed
    reply, ``chunk`` what a piece is, ``reasoning`` whether replies by rule begin with a reasoning summary,
    ``inputs`` the kinds of content that the model takes, such as ``("text", "image")``.
    """

    script: str | None = None
    delay: float = 0.0
    chunk: ChunkBy = "word"
    reasoning: bool = False
    inputs: tuple[str, ...] | None = None
