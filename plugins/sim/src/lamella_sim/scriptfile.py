"""Scripts from TOML files and mappings, with errors that say where and what was meant."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, get_args

import attrs

from lamella.errors import AgentInputError, ConfigError
from lamella.events import StopReason
from lamella.usage import BUCKETS, TokenUsage
from lamella_sim.making import MAKING
from lamella_sim.script import Match, Script, Turn
from lamella_sim.steps import STEP_KINDS, Step

__all__ = ["load_script"]

_TURN_KEYS: Final = ("steps", "match", "usage", "stop_reason")
_MATCH_KEYS: Final = tuple(attrs.fields_dict(Match))
_USAGE_KEYS: Final = (*BUCKETS, "total_tokens")


def load_script(source: str | os.PathLike[str] | Mapping[str, Any]) -> Script:
    """Read a script from a TOML file, or from the same structure as a mapping.

    :raises ConfigError: with the file, the turn, the step and the key, and a suggestion for a misspelling.
    """
    if isinstance(source, Mapping):
        return _script(source, "script", Path())
    path = Path(source)
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"there is no script file {str(path)!r}; give the path of a TOML file") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as TOML: {error}", cause=error) from error
    return _script(data, str(path), path.parent)


def _script(data: Mapping[str, Any], where: str, folder: Path) -> Script:
    """A script; the files that its steps name lie relative to ``folder``."""
    _check_keys(data, ("turns", "inputs"), where)
    turns = data.get("turns")
    if not isinstance(turns, list) or not all(isinstance(turn, Mapping) for turn in turns):
        raise ConfigError(f"{where}: 'turns' must be a list of tables: write [[turns]] before each turn")
    read = tuple(_turn(turn, f"{where}: turn {index}", folder) for index, turn in enumerate(turns, 1))
    return Script(read, name=where, inputs=_inputs(data.get("inputs"), where))


def _inputs(given: Any, where: str) -> tuple[str, ...] | None:
    if given is None or (isinstance(given, list) and all(isinstance(kind, str) for kind in given)):
        return None if given is None else tuple(given)
    raise ConfigError(f"{where}: 'inputs' must be a list of kinds, such as ['text', 'image'], got {given!r}")


def _turn(data: Mapping[str, Any], where: str, folder: Path) -> Turn:
    inline = {key: value for key, value in data.items() if key not in _TURN_KEYS}
    if "steps" in data and inline:
        raise ConfigError(f"{where}: has 'steps', so {', '.join(map(repr, inline))} belongs into a step")
    if "steps" not in data and not inline:
        raise ConfigError(f"{where}: says nothing; give 'steps', or one of {', '.join(STEP_KINDS)}")
    steps = data.get("steps", [inline])
    if not isinstance(steps, list):
        raise ConfigError(f"{where}: 'steps' must be a list, got {type(steps).__name__}")
    numbered = [
        (step, f"{where}, step {index}" if "steps" in data else where) for index, step in enumerate(steps, 1)
    ]
    made = [_step(step, place, folder) for step, place in numbered]
    try:
        return Turn(
            made,
            match=_match(data.get("match"), where),
            usage=_usage(data.get("usage"), where),
            stop_reason=_stop_reason(data.get("stop_reason"), where),
        )
    except AgentInputError as error:
        raise ConfigError(f"{where}: {error}", cause=error) from error


def _step(data: Any, where: str, folder: Path) -> Step:
    if isinstance(data, str):
        data = {"text": data}
    if not isinstance(data, Mapping) or not data:
        raise ConfigError(f"{where}: a step is text or a table with one of {', '.join(STEP_KINDS)}")
    kinds = [key for key in data if key in STEP_KINDS]
    # "text" is also a field of other steps: { reasoning = …, text = … }
    kinds = [kind for kind in kinds if kind != "text"] or kinds
    if len(kinds) != 1:
        _check_keys(data, (*STEP_KINDS, *_TURN_KEYS), where)
        raise ConfigError(f"{where}: one step does one thing, this one has {', '.join(map(repr, kinds))}")
    return _made(kinds[0], data, where, folder)


def _made(kind: str, data: Mapping[str, Any], where: str, folder: Path) -> Step:
    step_class = STEP_KINDS[kind]
    names = list(attrs.fields_dict(step_class))
    fields = {key: value for key, value in data.items() if key != kind}
    main = data[kind]
    if isinstance(main, Mapping) and kind not in ("structured", "tool_call"):
        fields = {**main, **fields}
    else:
        fields[names[0]] = main
    _check_keys(fields, names, f"{where} ({kind})")
    try:
        if issubclass(step_class, MAKING):
            return step_class.beside(folder, **fields)
        return step_class(**fields)
    except (AgentInputError, TypeError) as error:
        raise ConfigError(f"{where}: {error}", cause=error) from error


def _match(data: Any, where: str) -> Match | None:
    if data is None:
        return None
    if isinstance(data, str):
        return Match(text=data)
    if not isinstance(data, Mapping):
        raise ConfigError(
            f"{where}: 'match' must be text or a table of {', '.join(_MATCH_KEYS)}, got {data!r}"
        )
    _check_keys(data, _MATCH_KEYS, f"{where}, match")
    return Match(**data)


def _usage(data: Any, where: str) -> TokenUsage | None:
    if data is None:
        return None
    if not isinstance(data, Mapping):
        raise ConfigError(f"{where}: 'usage' must be a table of token counts, got {data!r}")
    _check_keys(data, _USAGE_KEYS, f"{where}, usage")
    return TokenUsage(**data)


def _stop_reason(value: Any, where: str) -> StopReason | None:
    known = get_args(StopReason)
    if value is None or value in known:
        return value  # type: ignore[no-any-return]  # one of the literals, or None
    raise ConfigError(
        f"{where}: unknown stop_reason {value!r}{_meant(str(value), known)}; one of {', '.join(known)}"
    )


def _check_keys(data: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    names = list(known)
    for key in data:
        if key not in names:
            raise ConfigError(f"{where}: unknown key {key!r}{_meant(key, names)}; known: {', '.join(names)}")


def _meant(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f", did you mean {close[0]!r}?" if close else ""
