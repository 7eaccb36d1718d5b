"""What is refused of the options of a structured output, before anything is sent."""

from __future__ import annotations

from typing import Final

from lamella.errors import AgentInputError

__all__ = ["check_retries", "check_strategy"]

_STRATEGIES: Final = ("auto", "native", "tool", "prompt")


def check_strategy(strategy: object) -> None:
    """Refuse a strategy that is none.

    :raises AgentInputError: what it is, and what it must be.
    """
    if strategy not in _STRATEGIES:
        raise AgentInputError(
            f"the strategy must be one of {', '.join(map(repr, _STRATEGIES))}, got {strategy!r}"
        )


def check_retries(retries: object, where: str) -> None:
    """Refuse a number of corrections that is none.

    :raises AgentInputError: what it is, and what it must be.
    """
    if isinstance(retries, bool) or not isinstance(retries, int) or retries < 0:
        raise AgentInputError(f"{where}: retries must be an int >= 0, got {retries!r}")
