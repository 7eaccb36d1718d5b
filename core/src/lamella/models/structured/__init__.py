"""Structured output: models that answer with values of a type."""

from __future__ import annotations

from lamella.models.structured.model import (
    OutputStrategy,
    StructuredAnswer,
    StructuredModel,
    StructuredStream,
)
from lamella.models.structured.output import OutputType, Reading
from lamella.models.structured.parsers import (
    OutputParser,
    as_json,
    as_list,
    as_regex,
    as_text,
    as_type,
    fenced,
    retrying,
)
from lamella.models.structured.partial import Partial
from lamella.models.structured.portability import Portability, PortabilityRow, portability
from lamella.models.structured.strategy import Strategy

__all__ = [
    "OutputParser",
    "OutputStrategy",
    "OutputType",
    "Partial",
    "Portability",
    "PortabilityRow",
    "Reading",
    "Strategy",
    "StructuredAnswer",
    "StructuredModel",
    "StructuredStream",
    "as_json",
    "as_list",
    "as_regex",
    "as_text",
    "as_type",
    "fenced",
    "portability",
    "retrying",
]
