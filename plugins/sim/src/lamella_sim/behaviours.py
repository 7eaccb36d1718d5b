"""The simulated models by name, and what each does."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, TypeAlias

from lamella.errors import AgentInputError, ConfigError, InvalidRequestError
from lamella.models import ModelRequest
from lamella_sim.answers import describe_media
from lamella_sim.conversation import read_exchange
from lamella_sim.rules import decide
from lamella_sim.script import Behaviour, Script, Turn, call_behaviour
from lamella_sim.scriptfile import load_script

__all__ = ["MODEL_NAMES", "ScriptSource", "as_behaviour", "behaviour_of", "echo"]

MODEL_NAMES: Final = ("demo", "echo", "script")

ScriptSource: TypeAlias = Script | Behaviour | str | os.PathLike[str] | Mapping[str, Any]
"""A script, a function from request to turn, the path of a TOML file, or its structure as a mapping."""


def behaviour_of(model: str, script: ScriptSource | None, *, reasoning: bool = False) -> Behaviour:
    """What the model of this name does. ``demo`` plays the script where there is one, ``echo`` never does.

    :raises ConfigError: no such model, or ``script`` without a script.
    """
    if model not in MODEL_NAMES:
        close = difflib.get_close_matches(model, MODEL_NAMES, n=1)
        meant = f", did you mean 'sim:{close[0]}'?" if close else ""
        known = ", ".join(f"sim:{name}" for name in MODEL_NAMES)
        raise ConfigError(f"there is no simulated model {model!r}{meant}; there are {known}")
    if model == "echo":
        return echo
    if script is not None:
        return as_behaviour(script)
    if model == "script":
        raise ConfigError(
            "sim:script plays a script and was given none; pass script='FILE.toml', "
            "or set it in [tool.lamella.provider.sim]"
        )
    return partial(decide, reasoning=reasoning)


def as_behaviour(script: ScriptSource) -> Behaviour:
    """The behaviour a script, a function, a path or a mapping stands for."""
    if isinstance(script, str | os.PathLike | Mapping):
        return load_script(script)
    if isinstance(script, Script):
        return script
    if callable(script):
        return partial(call_behaviour, script)
    raise AgentInputError(
        f"script must be a Script, a function, a path or a mapping, got {type(script).__name__}"
    )


def echo(request: ModelRequest) -> Turn:
    """Say the last user text again, media as their type and size.

    :raises InvalidRequestError: it was offered tools, or asked for a structure.
    """
    if (request.tools and request.tool_choice != "none") or request.output_schema is not None:
        raise InvalidRequestError(
            "sim:echo only repeats: it has no tools and no structured output; use sim:demo"
        )
    exchange = read_exchange(request.messages)
    return Turn("\n".join([part for part in (exchange.text, *map(describe_media, exchange.media)) if part]))
