"""The schema an answer must follow: read from a setting, and in the forms that vendors take.

The strict form is that of constrained decoding: every property required, no other keys, an object at
the root.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamella.errors import AgentInputError
from lamella.models import EncodeReport, OutputSchema
from lamella.models.structured.flat import flat_schema

__all__ = ["answer_format", "answer_schema", "check_text_format", "flat_schema", "read_response_format"]


def check_text_format(text_format: str, response_format: Any, where: str) -> None:
    """Refuse settings that contradict each other: ``json_schema`` and the schema itself go together.

    A schema alone implies the format.

    :param where: the class, for the message.
    """
    if response_format is None and text_format != "json_schema":
        return
    if response_format is not None and text_format != "json_object":
        return
    raise AgentInputError(
        f'{where}: text_format="json_schema" and response_format go together: '
        "the format says that there is a schema, the other is the schema"
    )


def read_response_format(value: Any, where: str) -> OutputSchema:
    """The schema that a ``response_format`` setting gives: a JSON schema, OpenAI's wrapping of one, or a type.

    :raises AgentInputError: no schema can be made of it, or its root is no object.
    """
    if isinstance(value, Mapping):
        wrapped = value.get("json_schema", value)
        if isinstance(wrapped, Mapping) and isinstance(wrapped.get("schema"), Mapping):
            found = OutputSchema(
                schema=wrapped["schema"],
                name=wrapped.get("name") or "structured_output",
                strict=wrapped.get("strict") is not False,
                description=wrapped.get("description"),
            )
        else:
            found = OutputSchema(schema=value, name=_name_of(value.get("title")))
    else:
        found = OutputSchema(schema=_schema_of(value), name=_name_of(getattr(value, "__name__", None)))
    if flat_schema(found.schema).get("type") != "object":
        raise AgentInputError(
            f"{where} must describe a JSON object, which is what providers take at the root; "
            "wrap other types in a class with one field"
        )
    return found


def _schema_of(hint: Any) -> dict[str, Any]:
    from lamella.tools.schema import SchemaBuilder

    builder = SchemaBuilder()
    schema = builder.schema(hint)
    return {**schema, "$defs": builder.defs} if builder.defs else schema


def _name_of(title: Any) -> str:
    kept = "".join(
        char if char.isascii() and (char.isalnum() or char in "_-") else "_" for char in str(title or "")
    )
    return kept[:64] or "structured_output"


def answer_schema(schema: OutputSchema, report: EncodeReport) -> tuple[dict[str, Any], bool]:
    """The schema to send, and whether it is in the strict form; strict mode that cannot say it is reported."""
    from lamella.tools.strict import strict_schema

    body = flat_schema(schema.schema)
    if not schema.strict:
        return body, False
    made, problems = strict_schema(body)
    if problems:
        report.rewrite(f"sent without strict mode, which cannot say {'; '.join(problems)}", "output_schema")
        return body, False
    return made, True


def answer_format(schema: OutputSchema, report: EncodeReport) -> dict[str, Any]:
    """``name``, ``schema``, ``strict`` and ``description``, as OpenAI and Mistral take them."""
    body, strict = answer_schema(schema, report)
    description = {} if schema.description is None else {"description": schema.description}
    return {"name": schema.name, "schema": body, "strict": strict, **description}
