"""The wires the simulator speaks, one module each. A new wire is a module and a line in ``WIRES``."""

from __future__ import annotations

from lamella_sim.wires.chat import OpenAIChat
from lamella_sim.wires.responses import OpenAIResponses
from lamella_sim.wires.wire import Asked, BadRequest, Pause, Piece, Wire

__all__ = ["WIRES", "Asked", "BadRequest", "OpenAIChat", "OpenAIResponses", "Pause", "Piece", "Wire"]

WIRES: tuple[Wire, ...] = (OpenAIResponses(), OpenAIChat())
"""All wires there are."""
