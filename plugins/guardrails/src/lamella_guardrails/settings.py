"""What a project may set for the plugin: ``[plugin.guardrails]``, a table for each guardrail."""

from __future__ import annotations

import attrs

from lamella import ConfigError
from lamella_guardrails.chain import GuardrailChain
from lamella_guardrails.injection import InjectionGuardrail
from lamella_guardrails.judge import JudgeGuardrail
from lamella_guardrails.length import LengthGuardrail
from lamella_guardrails.pii import PiiGuardrail
from lamella_guardrails.sides import Side
from lamella_guardrails.topics import TopicGuardrail

__all__ = ["GuardrailSettings", "JudgeSettings"]


@attrs.frozen(kw_only=True)
class JudgeSettings:
    """``[plugin.guardrails.judge]``: the arguments of :class:`~lamella_guardrails.JudgeGuardrail`."""

    model: str
    policy: str
    on: tuple[Side, ...] = ("input", "output")
    name: str = "judge"

    def guardrail(self) -> JudgeGuardrail:
        """The guardrail."""
        return JudgeGuardrail(model=self.model, policy=self.policy, on=self.on, name=self.name)


@attrs.frozen(kw_only=True)
class GuardrailSettings:
    """The guardrails of a project. A table that is there, even an empty one, puts its guardrail on.

    They run in the order of these fields: the cheap ones first, and the judge reads what is redacted.
    """

    length: LengthGuardrail | None = None
    injection: InjectionGuardrail | None = None
    topics: TopicGuardrail | None = None
    pii: PiiGuardrail | None = None
    judge: JudgeSettings | None = None

    def chain(self) -> GuardrailChain:
        """The guardrails that are set.

        :raises ConfigError: none is.
        """
        judge = None if self.judge is None else self.judge.guardrail()
        found = [guard for guard in (self.length, self.injection, self.topics, self.pii, judge) if guard]
        if not found:
            raise ConfigError(
                "the plugin guardrails is switched on, and no guardrail is set up: add a table such as "
                "[plugin.guardrails.pii], or switch the plugin off"
            )
        return GuardrailChain(found)
