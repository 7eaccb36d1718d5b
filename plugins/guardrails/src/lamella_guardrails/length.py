"""``LengthGuardrail``: texts that are too long."""

from __future__ import annotations

from typing import Any, Literal

import attrs

from lamella import AgentInputError, Verdict
from lamella_guardrails.sides import one_of

__all__ = ["LengthGuardrail"]


def _count(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise AgentInputError(f"LengthGuardrail.{attribute.name} must be an int >= 1, got {value!r}")


@attrs.frozen(kw_only=True)
class LengthGuardrail:
    """Holds texts to a number of characters.

    :param max_input: of the last user message.
    :param max_output: of the answer.
    :param action: ``block`` withholds a longer text, ``cut`` keeps its beginning and marks the cut.
    :raises AgentInputError: no limit, or a value that does not fit.
    """

    max_input: int | None = attrs.field(default=None, validator=_count)
    max_output: int | None = attrs.field(default=None, validator=_count)
    action: Literal["block", "cut"] = attrs.field(default="block", validator=one_of("block", "cut"))
    name: str = "length"

    def __attrs_post_init__(self) -> None:
        if self.max_input is None and self.max_output is None:
            raise AgentInputError("LengthGuardrail needs max_input, max_output or both")

    async def check_input(self, text: str) -> Verdict:
        """Judge the last user message."""
        return self._check(text, self.max_input)

    async def check_output(self, text: str) -> Verdict:
        """Judge the answer."""
        return self._check(text, self.max_output)

    def _check(self, text: str, limit: int | None) -> Verdict:
        if limit is None or len(text) <= limit:
            return Verdict()
        reason = f"{len(text):,} characters, at most {limit:,} are allowed"
        if self.action == "block":
            return Verdict(block=True, reason=reason)
        left_out = len(text) - limit
        return Verdict(replace=f"{text[:limit]}\n[cut: {left_out:,} characters left out]", reason=reason)
