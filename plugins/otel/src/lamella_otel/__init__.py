"""Runs as OpenTelemetry spans and metrics of the GenAI semantic conventions; loaded when first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lamella_otel.settings import OtelSettings
    from lamella_otel.sink import OtelSink

__all__ = ["OtelSettings", "OtelSink"]

_HOME = {"OtelSink": "sink", "OtelSettings": "settings"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
