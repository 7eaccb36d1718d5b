"""The schema portability report: what each provider's wire keeps, changes and loses of a schema.

It is read off what the encoders really write: a small request is encoded, the schema is found in the
payload and compared with the one that was given. Nothing is sent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

from lamella.errors import LamellaError
from lamella.models.fallback import FallbackModel
from lamella.models.http import WireModel
from lamella.models.model import Model
from lamella.models.registry import unkeyed_model
from lamella.models.report import EncodeReport
from lamella.models.request import ModelRequest
from lamella.models.structured.comparing import Difference, Fate, compare
from lamella.models.structured.finding import find_json
from lamella.models.structured.flat import flat_schema
from lamella.models.structured.output import OutputType
from lamella.tools import Tool

__all__ = ["Portability", "PortabilityRow", "portability"]


@attrs.frozen(kw_only=True)
class PortabilityRow:
    """What one target makes of one feature at one place (``$.field[]``) of the schema."""

    target: str
    dialect: str | None
    path: str
    feature: str
    fate: Fate
    detail: str = ""


@attrs.frozen(kw_only=True)
class Portability:
    """The report. ``strict`` says for each target whether its constrained decoding is asked for, ``None`` where the wire has no such flag."""

    rows: tuple[PortabilityRow, ...]
    strict: Mapping[str, bool | None]

    def of(self, target: str) -> tuple[PortabilityRow, ...]:
        """The rows of one target."""
        return tuple(row for row in self.rows if row.target == target)

    def with_fate(self, *fates: Fate) -> tuple[PortabilityRow, ...]:
        """The rows of these fates: ``report.with_fate("lost", "refused")``."""
        return tuple(row for row in self.rows if row.fate in fates)

    @property
    def portable(self) -> bool:
        """Whether every target takes the schema whole, some of it said in another way."""
        return not self.with_fate("lost", "refused")

    def __str__(self) -> str:
        lines = []
        for target, strict in self.strict.items():
            flag = {True: "strict", False: "not strict", None: "no strict flag"}[strict]
            lines.append(f"{target} ({flag})")
            shown = [row for row in self.of(target) if row.fate != "kept"]
            lines += [f"  {row.fate:8} {row.path:24} {row.feature}: {row.detail}" for row in shown]
            lines += [] if shown else ["  everything is kept"]
        return "\n".join(lines)


def portability(schema: Any, models: Model | str | Iterable[Model | str]) -> Portability:
    """What providers make of a schema, without any network.

    :param schema: a ``Tool``, whose arguments are meant; a type, a JSON schema or an ``OutputType``, as that of an answer.
    :param models: models, or names for ``get_model``; no key is needed, because nothing is sent.
    :raises AgentInputError: the type has no schema.
    :raises ConfigError: no such provider.
    """
    asked, given, loss_of = _asked(schema)
    rows: list[PortabilityRow] = []
    strict: dict[str, bool | None] = {}
    for model in _each(models):
        target = f"{model.provider}:{model.model}"
        dialect = getattr(model, "dialect", None)
        target = target if target not in strict else f"{target} ({dialect})"
        found, flag = _sent(model, asked, given, loss_of)
        strict[target] = flag
        rows += [PortabilityRow(target=target, dialect=dialect, **attrs.asdict(each)) for each in found]
    return Portability(rows=tuple(rows), strict=strict)


def _asked(schema: Any) -> tuple[ModelRequest, Mapping[str, Any], str]:
    """The request to encode, the schema in it, and what its losses are called."""
    if isinstance(schema, Tool):
        return ModelRequest.of("?", tools=[schema]), flat_schema(schema.input_schema), f"tool {schema.name}"
    output: OutputType[Any] = schema if isinstance(schema, OutputType) else OutputType.of(schema)
    return ModelRequest.of("?", output_schema=output.request_schema()), output.root, "output_schema"


def _each(models: Model | str | Iterable[Model | str]) -> Iterator[Model]:
    for model in [models] if isinstance(models, Model | str) else models:
        made = unkeyed_model(model) if isinstance(model, str) else model
        yield from made.models if isinstance(made, FallbackModel) else [made]


def _sent(
    model: Model, asked: ModelRequest, given: Mapping[str, Any], loss_of: str
) -> tuple[list[Difference], bool | None]:
    if not isinstance(model, WireModel):
        refused = [Difference("$", "schema", "refused", problem.message) for problem in model.check(asked)]
        return refused or compare(given, given), None
    report = model.report(asked, collect=True)
    try:
        payload = model.encode(asked, report)
    except LamellaError as error:
        return [Difference("$", "schema", "refused", error.message)], None
    if report.problems:
        return [Difference("$", "schema", "refused", problem.message) for problem in report.problems], None
    return _compared(payload, given, _losses(report, loss_of))


def _losses(report: EncodeReport, loss_of: str) -> list[Difference]:
    return [
        Difference("$", "strict" if "strict" in loss.reason else "schema", "changed", loss.reason)
        for loss in report.losses
        if loss.what == loss_of
    ]


def _compared(
    payload: Mapping[str, Any], given: Mapping[str, Any], said: list[Difference]
) -> tuple[list[Difference], bool | None]:
    names = set(given.get("properties", ()))
    for holder, schema in _schemas(payload):
        if not names or names & set(schema["properties"]):
            flag = holder.get("strict") if isinstance(holder.get("strict"), bool) else None
            return [*said, *compare(given, flat_schema(schema))], flag
    for text in _texts(payload):
        for value in find_json(text):
            if isinstance(value, Mapping) and names & set(value.get("properties", ())):
                return [*said, *compare(given, flat_schema(value))], None
    return [*said, Difference("$", "schema", "lost", "the schema is not sent")], None


def _schemas(payload: Any) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """The schemas of objects in a payload, the outermost first, each with what holds it."""
    waiting: deque[tuple[Any, Any]] = deque([({}, payload)])
    while waiting:
        holder, node = waiting.popleft()
        if isinstance(node, Mapping):
            if isinstance(node.get("properties"), Mapping):
                yield holder, node
            waiting.extend((node, item) for item in node.values())
        elif isinstance(node, list | tuple):
            waiting.extend((holder, item) for item in node)


def _texts(payload: Any) -> Iterator[str]:
    if isinstance(payload, str):
        yield payload
    elif isinstance(payload, Mapping):
        for item in payload.values():
            yield from _texts(item)
    elif isinstance(payload, list | tuple):
        for item in payload:
            yield from _texts(item)
