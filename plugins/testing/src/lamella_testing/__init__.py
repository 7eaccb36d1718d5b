"""The conformance kit of Lamella. Names are imported when they are first used: importing it imports nothing."""

from __future__ import annotations

import importlib

__all__ = [
    "Answer",
    "ContentConformance",
    "EventRecorder",
    "IsolatedHost",
    "LoopbackServer",
    "ProviderConformance",
    "Received",
    "Sample",
    "ScriptedModel",
    "SinkConformance",
    "ToolCall",
    "ToolSourceConformance",
]

_HOME_OF = {
    "Answer": "server",
    "ContentConformance": "content",
    "EventRecorder": "recording",
    "IsolatedHost": "hosts",
    "LoopbackServer": "server",
    "ProviderConformance": "provider",
    "Received": "server",
    "Sample": "provider.samples",
    "ScriptedModel": "fakes",
    "SinkConformance": "sinks",
    "ToolCall": "tools.samples",
    "ToolSourceConformance": "tools",
}


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
