"""Guardrails: personal data, topics, length, prompt injection, and a model as judge.

Loaded when first used: importing this imports neither phonenumbers nor stdnum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from lamella_guardrails.chain import GuardrailChain
    from lamella_guardrails.injection import InjectionGuardrail
    from lamella_guardrails.judge import JudgeGuardrail
    from lamella_guardrails.length import LengthGuardrail
    from lamella_guardrails.pii import PiiGuardrail
    from lamella_guardrails.settings import GuardrailSettings
    from lamella_guardrails.topics import TopicGuardrail

__all__ = [
    "GuardrailChain",
    "GuardrailSettings",
    "InjectionGuardrail",
    "JudgeGuardrail",
    "LengthGuardrail",
    "PiiGuardrail",
    "TopicGuardrail",
]

_MODULES: Final = {
    "GuardrailChain": "chain",
    "GuardrailSettings": "settings",
    "InjectionGuardrail": "injection",
    "JudgeGuardrail": "judge",
    "LengthGuardrail": "length",
    "PiiGuardrail": "pii",
    "TopicGuardrail": "topics",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        from importlib import import_module

        return getattr(import_module(f"lamella_guardrails.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
