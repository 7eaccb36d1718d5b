"""Guardrails of a run: they see the last user message on its way in and the answer on its way out.

A guardrail that raises blocks (a guard fails closed).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

import attrs

from lamella.content import TextBlock
from lamella.events import GuardrailOverride
from lamella.messages import Message
from lamella.specs import Guardrail, Verdict

__all__ = ["Judgement", "guard_input", "guard_output"]

_log = logging.getLogger(__name__)


@attrs.frozen(kw_only=True)
class Judgement:
    """What the guardrails together say: the text that stands, who changed it last, and whether it was blocked."""

    text: str
    changed_by: str | None = None
    reason: str | None = None
    blocked: bool = False

    def override(self) -> GuardrailOverride | None:
        """The event that tells of it, ``None`` when all passed."""
        if self.changed_by is None:
            return None
        return GuardrailOverride(output=self.text, guardrail=self.changed_by, reason=self.reason)


async def guard_output(guardrails: Sequence[Guardrail], text: str) -> Judgement:
    """Run the answer through every guardrail in order."""
    return await _judge([(guard.name, guard.check_output) for guard in guardrails], text)


async def guard_input(
    guardrails: Sequence[Guardrail], messages: tuple[Message, ...]
) -> tuple[tuple[Message, ...], Judgement]:
    """Run the text of the last user message through every guardrail; the history before it is kept."""
    place = next((i for i in reversed(range(len(messages))) if messages[i].role == "user"), None)
    if not guardrails or place is None or not messages[place].text:
        return messages, Judgement(text="")
    judgement = await _judge([(guard.name, guard.check_input) for guard in guardrails], messages[place].text)
    if judgement.changed_by is None or judgement.blocked:
        return messages, judgement
    changed = _with_text(messages[place], judgement.text)
    return (*messages[:place], changed, *messages[place + 1 :]), judgement


def _with_text(message: Message, text: str) -> Message:
    """The message with its text replaced; media and tool outputs stay where they are."""
    first = next(i for i, block in enumerate(message.content) if isinstance(block, TextBlock))
    content = [
        TextBlock(text=text) if index == first else block
        for index, block in enumerate(message.content)
        if index == first or not isinstance(block, TextBlock)
    ]
    return attrs.evolve(message, content=content)


async def _judge(checks: Sequence[tuple[str, Callable[[str], Awaitable[Verdict]]]], text: str) -> Judgement:
    judgement = Judgement(text=text)
    for name, check in checks:
        verdict = await _verdict(name, check, judgement.text)
        if verdict.block:
            reason = verdict.reason or "no reason given"
            shown = (
                verdict.replace if verdict.replace is not None else f"Withheld by guardrail {name}: {reason}"
            )
            return Judgement(text=shown, changed_by=name, reason=reason, blocked=True)
        if verdict.replace is not None and verdict.replace != judgement.text:
            judgement = Judgement(text=verdict.replace, changed_by=name, reason=verdict.reason)
    return judgement


async def _verdict(name: str, check: Callable[[str], Awaitable[Verdict]], text: str) -> Verdict:
    try:
        return await check(text)
    except Exception as error:
        _log.warning("guardrail %r raised %s and blocks", name, type(error).__name__, exc_info=error)
        return Verdict(block=True, reason=f"the guardrail failed ({type(error).__name__})")
