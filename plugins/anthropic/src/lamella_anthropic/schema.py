"""JSON schemas as constrained decoding takes them here ("Structured outputs", JSON Schema limitations).

On top of the strict form (every property required, no other keys): no bounds of numbers, no sizes of
arrays beyond "at least one", a part of the string formats, patterns without look-around and
back-references, enumerations of plain values, no recursion. Bounds go into the description, where the
model reads them, as the vendor's own SDK does; arguments and answers are checked against the full schema
when they arrive.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from lamella.errors import AgentSerializationError
from lamella.models import EncodeReport, OutputSchema
from lamella.providers import Wire, flat_schema, strict_loss
from lamella.tools import Tool
from lamella.tools.strict import strict_schema

__all__ = ["answer_format", "narrow", "tool_schema"]

_FORMATS: Final = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)
_DESCRIBED: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "maxItems")
_HARD_PATTERN: Final = re.compile(r"\(\?|\\[bB1-9]")


def answer_format(schema: OutputSchema, report: EncodeReport, *, able: bool) -> dict[str, Wire]:
    """``output_config.format``. The wire has no other mode than strict, so what that cannot say is refused.

    :param able: whether the model has constrained decoding.
    """
    full = flat_schema(schema.schema)
    made, problems = strict_schema(full)
    made, moved, more = narrow(made)
    problems = (*problems, *more)
    if not able:
        problems = ("any schema, because the model has no structured output",)
    if problems:
        report.problem(
            AgentSerializationError(
                f"the answer's schema {schema.name!r} cannot be sent: the wire cannot say {'; '.join(problems)}. "
                "Change the schema, or have the model answer through a tool of that schema"
            )
        )
    if not schema.strict:
        report.rewrite("sent in strict form, the only one of this wire", "output_schema", lossless=True)
    for note in moved:
        report.rewrite(note, "output_schema", lossless=True)
    if schema.description is not None and "description" not in made:
        made["description"] = schema.description
    return {"type": "json_schema", "schema": made}


def tool_schema(tool: Tool, report: EncodeReport, *, able: bool) -> tuple[Mapping[str, Wire], bool]:
    """The schema of a tool and whether it is strict; strict mode that cannot say it is reported."""
    schema, strict = tool.wire_schema()
    if not strict:
        strict_loss(tool, report)
        return flat_schema(schema), False
    made, moved, problems = narrow(flat_schema(schema))
    what = f"tool {tool.name}"
    if not able:
        problems = ("any schema on this model",)
    if problems:
        report.rewrite(f"sent without strict mode, which cannot say {'; '.join(problems)}", what)
        return flat_schema(tool.input_schema), False
    for note in moved:
        report.rewrite(note, what, lossless=True)
    return made, True


def narrow(schema: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...], tuple[str, ...]]:
    """A strict schema within this vendor's limits, what moved into descriptions, and what cannot be said."""
    narrowing = _Narrowing()
    made = narrowing.node(schema, "$")
    loops = [f"$defs.{name}: a schema that holds itself" for name in _recursive(schema)]
    return made, tuple(narrowing.moved), (*narrowing.problems, *loops)


class _Narrowing:
    def __init__(self) -> None:
        self.moved: list[str] = []
        self.problems: list[str] = []

    def node(self, schema: Mapping[str, Any], path: str) -> dict[str, Any]:
        told = {word: value for word, value in schema.items() if not _takes(word, value)}
        made = {word: value for word, value in schema.items() if word not in told}
        if told:
            shown = "{" + ", ".join(f"{word}: {value}" for word, value in told.items()) + "}"
            made["description"] = f"{made['description']}\n\n{shown}" if made.get("description") else shown
            self.moved.append(f"{path}: {', '.join(told)} moved into the description")
        self._check(made, path)
        for word in ("properties", "$defs"):
            if isinstance(found := made.get(word), Mapping):
                inner = path if word == "properties" else "$defs"
                made[word] = {name: self.node(body, f"{inner}.{name}") for name, body in found.items()}
        if isinstance(made.get("items"), Mapping):
            made["items"] = self.node(made["items"], f"{path}[]")
        if isinstance(made.get("anyOf"), list):
            made["anyOf"] = [self.node(option, path) for option in made["anyOf"]]
        return made

    def _check(self, node: Mapping[str, Any], path: str) -> None:
        values = node.get("enum", ())
        if any(isinstance(value, Mapping | list) for value in (*values, node.get("const"))):
            self.problems.append(f"{path}: an enumeration of objects or arrays")
        reference = node.get("$ref")
        if isinstance(reference, str) and not reference.startswith("#/"):
            self.problems.append(f"{path}: the reference {reference!r}")


def _takes(word: str, value: Any) -> bool:
    """Whether a keyword may stay."""
    if word in _DESCRIBED:
        return False
    if word == "minItems":
        return value in (0, 1)
    if word == "format":
        return value in _FORMATS
    if word == "pattern":
        return _HARD_PATTERN.search(str(value)) is None
    return True


def _recursive(schema: Mapping[str, Any]) -> list[str]:
    """The definitions that can be reached from themselves."""
    prefix = "#/$defs/"
    leads = {
        name: {target.removeprefix(prefix) for target in _references(body)}
        for name, body in schema.get("$defs", {}).items()
    }
    found = []
    for name in leads:
        reached: set[str] = set()
        pending = [name]
        while pending:
            fresh = leads.get(pending.pop(), set()) - reached
            reached |= fresh
            pending.extend(fresh)
        if name in reached:
            found.append(name)
    return found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _references(item)
