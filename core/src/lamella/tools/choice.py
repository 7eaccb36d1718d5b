"""``tool_choice``: may, must, must not, or this one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lamella.errors import AgentInputError

__all__ = ["effective_choice", "normalise_choice"]

_MODES: Final = ("auto", "required", "none")


def normalise_choice(choice: str, names: Iterable[str]) -> str:
    """``auto``, ``required`` (``any`` means the same), ``none``, or the name of one of the tools.

    :raises AgentInputError: an unknown name, or forcing without tools.
    """
    known = list(names)
    choice = "required" if choice == "any" else choice
    if choice in ("auto", "none"):
        return choice
    if not known:
        raise AgentInputError(f"tool_choice {choice!r} forces a tool, but there are no tools; pass tools=[…]")
    if choice != "required" and choice not in known:
        raise AgentInputError(
            f"tool_choice {choice!r} is no tool; use {', '.join(map(repr, _MODES))} or one of "
            f"{', '.join(map(repr, known))}"
        )
    return choice


def effective_choice(choice: str, iteration: int, force_every_turn: bool = False) -> str:
    """The choice for one model call; ``iteration`` counts from 0.

    Forcing holds for the first call only, so that the run ends with an answer.
    """
    if choice in ("auto", "none") or iteration == 0 or force_every_turn:
        return choice
    return "auto"
