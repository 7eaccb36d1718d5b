"""Runs as files of JSON lines: a sink that stores them, and a store that reads them back."""

from __future__ import annotations

from lamella_jsonl.settings import JSONLSettings
from lamella_jsonl.store import JSONLStore

__all__ = ["JSONLSettings", "JSONLStore"]
