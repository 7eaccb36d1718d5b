"""``InjectionGuardrail``: well-known ways of telling a model to forget what it was told."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final

import attrs

from lamella import Verdict
from lamella_guardrails.reading import plain, readable
from lamella_guardrails.sides import Side, sides

__all__ = ["InjectionGuardrail"]

_RULES: Final = (
    r"(?:instruction|prompt|rule|guideline|direction|directive|polic(?:y|ie)|restriction|filter)s?"
)

# Each is searched in plain text: one case, single spaces, no disguises. No quantifier is open-ended.
_SAID: Final = {
    "override": re.compile(
        r"\b(?:ignore|disregard|forget|override|bypass|disobey)\b.{0,40}?"
        rf"\b(?:previous|prior|above|earlier|all|your|system|these|those|any)\b.{{0,30}}?\b{_RULES}\b"
    ),
    "reveal": re.compile(
        r"\b(?:reveal|show|print|repeat|output|display|leak|tell me|give me|what (?:is|are|was|were))\b.{0,40}?"
        r"\b(?:system|initial|hidden|original|developer|secret) (?:prompt|instructions?|message)\b"
    ),
    "role": re.compile(
        r"\byou are (?:now|no longer)\b.{0,40}?\b(?:unrestricted|uncensored|jailbroken|dan|bound|free of|evil)\b"
        r"|\b(?:act|behave|pretend|respond|answer) (?:as|like|to be)\b.{0,30}?"
        r"\b(?:unrestricted|uncensored|jailbroken|dan)\b"
        r"|\bdo anything now\b|\b(?:developer|god|jailbreak) mode\b"
        rf"|\bwithout (?:any )?(?:ethical |moral |safety )?{_RULES}\b"
    ),
}
_WRITTEN: Final = {
    "markup": re.compile(
        r"<\|(?:im_start|im_end|system|user|assistant|endoftext|start_header_id|end_header_id|eot_id)\|>"
        r"|\[/?INST\]|<</?SYS>>|</?(?:system|system_prompt)>",
        re.IGNORECASE,
    ),
    "turn": re.compile(
        r"^[ \t#*]{0,8}(?:system|assistant|developer)(?: prompt| message| instructions?)?[ \t*]{0,4}:",
        re.I | re.M,
    ),
}
_BASE64: Final = re.compile(r"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/_-]{24,8192}={0,2}")


@attrs.frozen(kw_only=True)
class InjectionGuardrail:
    """Blocks texts that use well-known phrases of prompt injection, in English, also inside base64.

    A heuristic: it stops what is copied from the internet, not somebody who makes an effort. What a tool
    may do has to be limited by approval and by the tool itself.

    :param on: the input, the output, or both.
    :raises AgentInputError: a value that does not fit.
    """

    on: tuple[Side, ...] = sides("input")
    name: str = "injection"

    async def check_input(self, text: str) -> Verdict:
        """Judge the last user message."""
        return self._check(text) if "input" in self.on else Verdict()

    async def check_output(self, text: str) -> Verdict:
        """Judge the answer."""
        return self._check(text) if "output" in self.on else Verdict()

    def _check(self, text: str) -> Verdict:
        found = next(_signs(text), None)
        return (
            Verdict()
            if found is None
            else Verdict(block=True, reason=f"it reads like an injection ({found})")
        )


def _signs(text: str) -> Iterator[str]:
    yield from _plain_signs(text)
    for hidden in _decoded(text):
        yield from (f"{sign}, in base64" for sign in _plain_signs(hidden))


def _plain_signs(text: str) -> Iterator[str]:
    seen = readable(text)[0]
    yield from (name for name, pattern in _WRITTEN.items() if pattern.search(seen))
    words = plain(seen)
    yield from (name for name, pattern in _SAID.items() if pattern.search(words))


def _decoded(text: str) -> Iterator[str]:
    for match in _BASE64.finditer(text):
        given = match.group().replace("-", "+").replace("_", "/").rstrip("=")
        try:
            yield base64.b64decode(given + "=" * (-len(given) % 4)).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue  # no text inside
