"""The one exception of the modules that read bytes."""

from __future__ import annotations

__all__ = ["Damaged"]


class Damaged(ValueError):
    """The bytes are not what their format demands; the message says how. Does not leave this package."""
