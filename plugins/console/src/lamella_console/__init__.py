"""Runs in a terminal: a sink that shows them while they happen."""

from __future__ import annotations

from lamella_console.settings import ConsoleSettings
from lamella_console.sink import ConsoleSink

__all__ = ["ConsoleSettings", "ConsoleSink"]
