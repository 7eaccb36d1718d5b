"""``ModelRequest``: everything a model is asked, before any provider's form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

from lamella._frozen import EMPTY, as_tuple, freeze, freeze_mapping
from lamella.messages import Message
from lamella.models.inputs import Input, parse_input
from lamella.models.options import RequestOptions

if TYPE_CHECKING:
    from lamella.tools import Tool

__all__ = ["ModelRequest", "OutputSchema", "TransplantMode"]

TransplantMode: TypeAlias = Literal["degrade", "strict"]
"""``degrade`` leaves out what the target cannot take and reports it; ``strict`` refuses."""


@attrs.frozen(kw_only=True)
class OutputSchema:
    """A JSON schema the answer must follow. ``name`` is what the wire calls it."""

    schema: Mapping[str, Any] = attrs.field(converter=freeze_mapping)
    name: str = "structured_output"
    strict: bool = True
    description: str | None = None


@attrs.frozen(kw_only=True)
class ModelRequest:
    """One call of a model.

    ``messages`` is the history; where ``native`` is set (a provider's own payload), ``native`` is the
    history and ``messages`` are what came after it. ``system_instruction`` travels apart and goes first. ``tool_choice`` is ``auto``, ``required``, ``none`` or a tool's
    name. ``streaming=False`` asks for the answer in one piece; the events are the same.
    ``plain_input`` says that ``messages[0]`` was given as a bare string, which some wires write in a
    form of its own. ``extra`` is merged into the payload last, for this call only; ``options`` say how
    it is sent (headers, query, timeout, retries).
    """

    messages: tuple[Message, ...] = attrs.field(default=(), converter=as_tuple)
    native: tuple[Mapping[str, Any], ...] | None = None
    system_instruction: str | None = None
    tools: tuple[Tool, ...] = attrs.field(default=(), converter=as_tuple)
    tool_choice: str = "auto"
    parallel_tool_calls: bool = True
    output_schema: OutputSchema | None = None
    streaming: bool = True
    plain_input: bool = False
    transplant: TransplantMode = "degrade"
    extra: Mapping[str, Any] = attrs.field(default=EMPTY, converter=freeze)
    options: RequestOptions = attrs.field(
        factory=RequestOptions, validator=attrs.validators.instance_of(RequestOptions)
    )

    @classmethod
    def of(cls, input: Input | ModelRequest, **fields: Any) -> ModelRequest:
        """A request from anything a run accepts; a ``ModelRequest`` is taken as it is, with ``fields`` changed."""
        if isinstance(input, ModelRequest):
            return attrs.evolve(input, **fields) if fields else input
        parsed = parse_input(input)
        return cls(messages=parsed.messages, native=parsed.native, plain_input=parsed.plain, **fields)
