"""The wires the simulator speaks, one module each. A new wire is a module and a line in ``WIRES``."""

from __future__ import annotations

from lamella_sim.wires.anthropic import AnthropicMessages
from lamella_sim.wires.chat import OpenAIChat
from lamella_sim.wires.gemini import Gemini
from lamella_sim.wires.interactions import GeminiInteractions
from lamella_sim.wires.mistral import MistralChat
from lamella_sim.wires.ollama import Ollama
from lamella_sim.wires.responses import OpenAIResponses
from lamella_sim.wires.wire import Asked, BadRequest, Pause, Piece, Wire

__all__ = [
    "WIRES",
    "AnthropicMessages",
    "Asked",
    "BadRequest",
    "Gemini",
    "GeminiInteractions",
    "MistralChat",
    "Ollama",
    "OpenAIChat",
    "OpenAIResponses",
    "Pause",
    "Piece",
    "Wire",
]

WIRES: tuple[Wire, ...] = (
    OpenAIResponses(),
    OpenAIChat(),
    AnthropicMessages(),
    MistralChat(),
    Gemini(),
    GeminiInteractions(),
    Ollama(),
)
"""All wires there are."""
