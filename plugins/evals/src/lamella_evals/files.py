"""Evaluations in files: TOML, JSON lines, and Python."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from lamella._frozen import as_tuple, thaw
from lamella._json import dumps, loads
from lamella.errors import AgentInputError, AgentSerializationError, ConfigError, LamellaError
from lamella.messages import Message
from lamella.plugins.names import did_you_mean
from lamella.serial import from_dict, to_dict
from lamella_evals.cases import Case
from lamella_evals.checks import CheckFunction
from lamella_evals.naming import checks_of, python_object

__all__ = ["Evaluation", "load_cases", "load_evaluation", "save_cases"]

_KEYS: Final = ("agent", "model", "tools", "system", "repeat", "checks", "cases")
_CASE_KEYS: Final = ("input", "expected", "name", "meta", "checks")


@attrs.frozen(kw_only=True)
class Evaluation:
    """What a file says: the cases, the checks of all, and who is asked unless the command line says otherwise.

    ``agent`` is a name, or of a Python file an agent.
    """

    cases: tuple[Case, ...] = attrs.field(converter=as_tuple)
    checks: tuple[CheckFunction, ...] = attrs.field(default=(), converter=as_tuple)
    agent: Any = None
    model: str | None = None
    tools: tuple[str, ...] = attrs.field(default=(), converter=as_tuple)
    system: str | None = None
    repeat: int = 1


def load_cases(path: str | os.PathLike[str]) -> list[Case]:
    """The cases of a file; see :func:`load_evaluation`."""
    return list(load_evaluation(path).cases)


def load_evaluation(path: str | os.PathLike[str]) -> Evaluation:
    """Read ``NAME.toml``, ``NAME.jsonl`` (a case in each line), or ``NAME.py:cases`` with ``checks`` and ``agent`` beside it.

    :raises ConfigError: with the file, the case and the key, and a suggestion for a misspelling.
    """
    text = os.fspath(path)
    place, _, attribute = text.rpartition(":") if text.rpartition(":")[0].endswith(".py") else (text, "", "")
    if place.endswith(".py"):
        return _of_python(place, attribute or "cases")
    file = Path(text)
    if file.suffix not in (".toml", ".jsonl"):
        raise ConfigError(f"{text}: an evaluation is a .toml, .jsonl or .py file (module.py:cases)")
    try:
        content = file.read_text("utf-8")
        return _of_toml(content, file) if file.suffix == ".toml" else _of_lines(content, file)
    except FileNotFoundError as error:
        raise ConfigError(f"there is no file {text}", cause=error) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{text}: cannot be read: {error}", cause=error) from error


def _of_toml(content: str, file: Path) -> Evaluation:
    data = tomllib.loads(content)
    _check_keys(data, _KEYS, str(file))
    cases = data.get("cases")
    if not isinstance(cases, list) or not cases:
        raise ConfigError(f"{file}: has no cases; write [[cases]] before each")
    _check_types(data, file)
    return Evaluation(
        cases=[_case(each, f"{file}: case {number}", file) for number, each in enumerate(cases, 1)],
        checks=checks_of(data.get("checks", []), f"{file}: checks", file.parent),
        agent=data.get("agent"),
        model=data.get("model"),
        tools=data.get("tools", ()),
        system=data.get("system"),
        repeat=data.get("repeat", 1),
    )


def _check_types(data: Mapping[str, Any], file: Path) -> None:
    for key in ("agent", "model", "system"):
        if key in data and not isinstance(data[key], str):
            raise ConfigError(f"{file}: {key} must be text, got {data[key]!r}")
    tools = data.get("tools", [])
    if not isinstance(tools, list) or not all(isinstance(name, str) for name in tools):
        raise ConfigError(f"{file}: tools must be a list of names, as for lamella run -t, got {tools!r}")
    repeat: object = data.get("repeat", 1)
    if isinstance(repeat, bool) or not isinstance(repeat, int) or repeat < 1:
        raise ConfigError(f"{file}: repeat must be a number from 1, got {repeat!r}")


def _of_lines(content: str, file: Path) -> Evaluation:
    found = []
    for number, line in enumerate(content.split("\n"), 1):
        if line.strip():
            where = f"{file}: line {number}"
            try:
                found.append(_case(loads(line), where, file))
            except AgentSerializationError as error:
                raise ConfigError(f"{where}: {error.message}", cause=error) from error
    if not found:
        raise ConfigError(f'{file}: has no cases; each line is one: {{"input": "…", "expected": "…"}}')
    return Evaluation(cases=found)


def _of_python(place: str, attribute: str) -> Evaluation:
    cases: Any = python_object(f"{place}:{attribute}", Path())
    if callable(cases):
        cases = cases()
    if not isinstance(cases, Iterable) or isinstance(cases, str | Mapping):
        raise ConfigError(f"{place}:{attribute} must be a list of cases, got {type(cases).__name__}")
    listed = list(cases)
    for each in listed:
        if not isinstance(each, Case):
            raise ConfigError(f"{place}:{attribute} has {type(each).__name__} among its cases: Case(input)")
    checks = python_object(f"{place}:checks", Path(), default=())
    return Evaluation(
        cases=listed, checks=checks, agent=python_object(f"{place}:agent", Path(), default=None)
    )


def _case(data: Any, where: str, file: Path) -> Case:
    if not isinstance(data, Mapping) or "input" not in data:
        raise ConfigError(f"{where}: a case is a table with an 'input'")
    _check_keys(data, _CASE_KEYS, where)
    try:
        return Case(
            _input(data["input"]),
            data.get("expected"),
            data.get("name"),
            data.get("meta", {}),
            checks=checks_of(data.get("checks", []), f"{where}, checks", file.parent),
        )
    except ConfigError:
        raise
    except (LamellaError, TypeError) as error:
        raise ConfigError(f"{where}: {error}", cause=error) from error


def _input(given: Any) -> Any:
    if isinstance(given, str):
        return given
    if not isinstance(given, list) or not given or not all(isinstance(each, Mapping) for each in given):
        raise AgentInputError(
            '\'input\' must be text, or a list of messages { role = "user", content = "…" }'
        )
    if not all(isinstance(each.get("role"), str) for each in given):
        return given  # a provider's own
    return [_message(each) for each in given]


def _message(data: Mapping[str, Any]) -> Message:
    if isinstance(data.get("content"), str) and data.keys() == {"role", "content"}:
        return Message(role=data["role"], content=data["content"])
    return from_dict(data, Message)


def _check_keys(data: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    for key in data:
        if key not in known:
            raise ConfigError(
                f"{where}: unknown key {key!r}{did_you_mean(key, known)} (known: {', '.join(known)})"
            )


def save_cases(cases: Iterable[Case], path: str | os.PathLike[str]) -> None:
    """Write cases as JSON lines, such as those of stored runs, to be looked through and kept.

    :raises AgentSerializationError: something in a case is no JSON, or it has checks, which are code.
    """
    lines = [dumps(_written(case)) for case in cases]
    Path(path).write_text("".join(f"{line}\n" for line in lines), "utf-8")


def _written(case: Case) -> dict[str, Any]:
    if case.checks:
        raise AgentSerializationError(
            f"the case {str(case)!r} has checks of its own, which a file of JSON lines cannot hold"
        )
    given: Any = case.input
    if isinstance(given, Message):
        given = [given]
    if not isinstance(given, str):
        messages = given.to_messages() if hasattr(given, "to_messages") else given
        given = [to_dict(each) if isinstance(each, Message) else thaw(each) for each in messages]
    rest = {"expected": thaw(case.expected), "name": case.name, "meta": thaw(case.meta) or None}
    return {"input": given, **{key: value for key, value in rest.items() if value is not None}}
