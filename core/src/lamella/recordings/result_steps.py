"""The steps of a result: what its messages tell, which is less than what events tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from lamella.content import TextBlock
from lamella.messages import Message
from lamella.recordings.plain import plain_message, plain_usage, plain_value, response_facts
from lamella.recordings.steps import UNKNOWN, Step
from lamella.runs import AgentRun, ExtractionRun, RunResult

__all__ = ["steps_of_result"]

_Path: TypeAlias = tuple[str, ...]

_UNTOLD: Final = ("model", "stop_reason", "cost", "losses", "cached", "tools", "options", "attempts")


def steps_of_result(result: RunResult, paths: Sequence[_Path] = ()) -> list[Step]:
    """The steps of a run, agents that were called after the agent that called them.

    Agents are named in the paths as they are named themselves. ``paths`` are those of the run that it is compared
    with: a part of a layer that has no name gets the name of the part in its place there.
    """
    steps = list(_steps(result.run, (), [plain_message(message) for message in result.input], paths))
    end = steps[-1]
    end.facts.update(
        status=result.status,
        error=None if result.error is None else f"{result.error.message} [{result.error.code}]",
        stop_reason=UNKNOWN if result.stop_reason is None else result.stop_reason,
    )
    answers = [step.facts.get("text") for step in steps if step.path == () and step.kind == "response"]
    if result.status == "completed":
        end.facts["output"] = None if [result.output] == answers[-1:] else result.output or None
    end.vendor["duration"] = result.timing.duration
    steps[0].vendor["started_at"] = result.started_at
    return steps


def _steps(run: AgentRun, path: _Path, given: Any, paths: Sequence[_Path]) -> Iterator[Step]:
    yield _start(run, path, given)
    yield from _turns(run, path)
    counts: dict[str, int] = {}
    there = [each[-1] for each in paths if each and each[:-1] == path]
    for place, child in enumerate(run.children):
        name = child.agent or (there[place] if place < len(there) else "agent")
        counts[name] = count = counts.get(name, 0) + 1
        yield from _steps(child, (*path, name if count == 1 else f"{name}#{count}"), UNKNOWN, paths)
    facts: dict[str, Any] = dict.fromkeys(("status", "error", "output", "stop_reason", "usage"), UNKNOWN)
    facts["result"] = run.result if isinstance(run, ExtractionRun) else UNKNOWN
    yield Step(path=path, turn=None, kind="end", facts=facts)


def _start(run: AgentRun, path: _Path, given: Any) -> Step:
    facts = {
        "kind": run.type,
        "agent": run.agent,
        "provider": run.provider,
        "model": run.model,
        "system": UNKNOWN,
        "input": given,
        "native_input": UNKNOWN,
        "settings": dict(run.settings or {}),
        "meta": UNKNOWN,
    }
    return Step(
        path=path,
        turn=None,
        kind="start",
        facts=facts,
        vendor=dict.fromkeys(("input", "call_id", "conversation"), UNKNOWN),
    )


def _turns(run: AgentRun, path: _Path) -> Iterator[Step]:
    turn = -1
    for message in getattr(run, "messages", ()):
        if message.role == "assistant":
            turn += 1
            yield _response(message, path, turn)
        else:
            yield _outputs(message, path, max(turn, 0))


def _response(message: Message, path: _Path, turn: int) -> Step:
    facts, vendor = response_facts(message.content)
    facts.update(dict.fromkeys(_UNTOLD, UNKNOWN))
    facts["usage"] = UNKNOWN if message.meta.get("incomplete") else plain_usage(message.usage)
    untold: Mapping[str, Any] = dict.fromkeys(("response_id", "raw_stop_reason", "duration"), UNKNOWN)
    return Step(
        path=path,
        turn=turn,
        kind="response",
        facts=facts,
        vendor={**vendor, "raw": message.raw, **untold},
    )


def _outputs(message: Message, path: _Path, turn: int) -> Step:
    step = Step(path=path, turn=turn, kind="outputs")
    for place, output in enumerate(message.tool_outputs, start=1):
        step.facts[f"output {place}"] = {
            "name": output.name,
            "output": plain_value(output.output),
            "is_error": output.is_error,
        }
        step.vendor[f"output {place} call_id"] = output.call_id
    told: Sequence[str] = [block.text for block in message.content if isinstance(block, TextBlock)]
    if told:
        step.facts["rejected"] = "".join(told)
    return step
