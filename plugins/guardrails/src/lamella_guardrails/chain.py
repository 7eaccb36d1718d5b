"""``GuardrailChain``: several guardrails as one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

import attrs

from lamella import Guardrail, Verdict

__all__ = ["GuardrailChain"]


def _listed(value: Iterable[Guardrail]) -> tuple[Guardrail, ...]:
    return tuple(value)


@attrs.frozen
class GuardrailChain:
    """Runs guardrails in order: each sees what the one before left, and the first that blocks ends it.

    The reason names those that had a say. One that raises ends the chain with its error.
    """

    guardrails: tuple[Guardrail, ...] = attrs.field(converter=_listed)
    name: str = attrs.field(default="guardrails", kw_only=True)

    async def check_input(self, text: str) -> Verdict:
        """Judge the last user message."""
        return await _run([(guard.name, guard.check_input) for guard in self.guardrails], text)

    async def check_output(self, text: str) -> Verdict:
        """Judge the answer."""
        return await _run([(guard.name, guard.check_output) for guard in self.guardrails], text)


async def _run(checks: Iterable[tuple[str, Callable[[str], Awaitable[Verdict]]]], text: str) -> Verdict:
    seen, said = text, []
    for name, check in checks:
        verdict = await check(seen)
        reason = f"{name}: {verdict.reason or 'no reason given'}"
        if verdict.block:
            return Verdict(block=True, replace=verdict.replace, reason=reason)
        if verdict.replace is not None and verdict.replace != seen:
            seen = verdict.replace
            said.append(reason)
    return Verdict(replace=seen, reason="; ".join(said)) if said else Verdict()
