"""The offline provider: models that run in process, and the same behaviour served on loopback.

Nothing here is a language model. Replies come from a script, or from plain rules without one.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lamella_sim.faults import (
        ErrorEventFault,
        Fault,
        KeepOpenFault,
        MalformedFault,
        ResetFault,
        SlowFault,
        StatusFault,
        TruncateFault,
    )
    from lamella_sim.making import Audio, Document, Image
    from lamella_sim.model import ChatSim
    from lamella_sim.record import RecordedRequest
    from lamella_sim.script import Behaviour, Match, Script, Turn
    from lamella_sim.scriptfile import load_script
    from lamella_sim.server import SimServer
    from lamella_sim.settings import SimSettings
    from lamella_sim.steps import Delay, Error, Reasoning, Refusal, Step, Structured, Text, ToolCall

__all__ = [
    "Audio",
    "Behaviour",
    "ChatSim",
    "Delay",
    "Document",
    "Error",
    "ErrorEventFault",
    "Fault",
    "Image",
    "KeepOpenFault",
    "MalformedFault",
    "Match",
    "Reasoning",
    "RecordedRequest",
    "Refusal",
    "ResetFault",
    "Script",
    "SimServer",
    "SimSettings",
    "SlowFault",
    "StatusFault",
    "Step",
    "Structured",
    "Text",
    "ToolCall",
    "TruncateFault",
    "Turn",
    "load_script",
]

_HOMES = {
    "faults": (
        "ErrorEventFault",
        "Fault",
        "KeepOpenFault",
        "MalformedFault",
        "ResetFault",
        "SlowFault",
        "StatusFault",
        "TruncateFault",
    ),
    "making": ("Audio", "Document", "Image"),
    "model": ("ChatSim",),
    "record": ("RecordedRequest",),
    "script": ("Behaviour", "Match", "Script", "Turn"),
    "scriptfile": ("load_script",),
    "server": ("SimServer",),
    "settings": ("SimSettings",),
    "steps": ("Delay", "Error", "Reasoning", "Refusal", "Step", "Structured", "Text", "ToolCall"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
