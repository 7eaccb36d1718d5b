"""Bring your transcripts: conversations of other systems to Lamella and back, with a report of what was lost."""

from __future__ import annotations

from lamella_transcripts.facade import read, write
from lamella_transcripts.formats import formats
from lamella_transcripts.transcript import Transcript, Written

__all__ = ["Transcript", "Written", "formats", "read", "write"]
