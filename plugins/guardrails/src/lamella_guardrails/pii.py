"""``PiiGuardrail``: personal data is replaced by its kind, or blocks the text."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Literal

import attrs

from lamella import AgentInputError, Verdict
from lamella_guardrails.detect import KINDS, PiiKind, PiiMatch, find_pii
from lamella_guardrails.sides import Side, one_of, sides

__all__ = ["PiiGuardrail"]

_LONG = 5_000


def _kinds(value: Iterable[PiiKind]) -> tuple[PiiKind, ...]:
    return (value,) if isinstance(value, str) else tuple(value)  # type: ignore[return-value]


def _check_kinds(instance: object, attribute: attrs.Attribute[Any], value: tuple[str, ...]) -> None:
    unknown = [kind for kind in value if kind not in KINDS]
    if unknown or not value:
        raise AgentInputError(
            f"PiiGuardrail.kinds takes some of {', '.join(KINDS)}, got {', '.join(map(repr, unknown)) or 'none'}"
        )


def _check_region(instance: object, attribute: attrs.Attribute[Any], value: str | None) -> None:
    if value is None:
        return
    from phonenumbers import SUPPORTED_REGIONS

    if value not in SUPPORTED_REGIONS:
        raise AgentInputError(f"PiiGuardrail.region must be a country such as 'US' or 'CH', got {value!r}")


@attrs.frozen(kw_only=True)
class PiiGuardrail:
    """Looks for personal data: patterns, with checksums and number plans where there are any.

    :param kinds: ``email``, ``phone``, ``ssn`` (United States), ``card``, ``iban``, ``ip``.
    :param action: ``redact`` puts ``[email]`` in its place, ``block`` withholds the text.
    :param on: the input, the output, or both.
    :param region: the country of phone numbers without ``+``, such as ``US``.
    :raises AgentInputError: a value that does not fit.
    """

    kinds: tuple[PiiKind, ...] = attrs.field(default=KINDS, converter=_kinds, validator=_check_kinds)
    action: Literal["redact", "block"] = attrs.field(default="redact", validator=one_of("redact", "block"))
    on: tuple[Side, ...] = sides("input", "output")
    region: str | None = attrs.field(default=None, validator=_check_region)
    name: str = "pii"

    async def check_input(self, text: str) -> Verdict:
        """Judge the last user message."""
        return await self._check(text) if "input" in self.on else Verdict()

    async def check_output(self, text: str) -> Verdict:
        """Judge the answer."""
        return await self._check(text) if "output" in self.on else Verdict()

    def find(self, text: str) -> list[PiiMatch]:
        """Where personal data of these kinds is in a text."""
        return find_pii(text, self.kinds, self.region)

    def redact(self, text: str) -> str:
        """The text with ``[kind]`` in the place of each find."""
        return _redacted(text, self.find(text))

    async def _check(self, text: str) -> Verdict:
        # Looking takes about 10 ms for 1,000 characters of numbers.
        found = await asyncio.to_thread(self.find, text) if len(text) > _LONG else self.find(text)
        if not found:
            return Verdict()
        reason = ", ".join(sorted({match.kind for match in found}))
        if self.action == "block":
            return Verdict(block=True, reason=reason)
        return Verdict(replace=_redacted(text, found), reason=reason)


def _redacted(text: str, found: Iterable[PiiMatch]) -> str:
    parts: list[str] = []
    end = 0
    for match in found:
        parts += [text[end : match.start], f"[{match.kind}]"]
        end = match.end
    return "".join([*parts, text[end:]])
