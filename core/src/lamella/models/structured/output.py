"""``OutputType``: a Python type as what a model must answer with; its schema, and the way back to its values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Generic, cast

import attrs

from lamella._frozen import JSON, FrozenDict, freeze_mapping, thaw
from lamella._json import MAX_OBJECT_DEPTH, deeper_than
from lamella.errors import AgentInputError, OutputParserError
from lamella.models.request import OutputSchema
from lamella.models.structured.flat import flat_schema

if TYPE_CHECKING:
    from typing_extensions import TypeForm, TypeVar

    T = TypeVar("T", default=Any)
else:
    from typing import TypeVar

    T = TypeVar("T")

__all__ = ["OUTPUT_NAME", "OutputType", "Reading"]

OUTPUT_NAME: Final = "structured_output"
"""What the wires call the answer, unless it is given another name."""

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_WRAPPER: Final = "value"


@attrs.frozen
class Reading(Generic[T]):
    """A value, and the JSON that it was made of."""

    value: T
    json: JSON = attrs.field()


@attrs.frozen(kw_only=True, eq=False)
class OutputType(Generic[T]):
    """A type that a model answers with; made by :meth:`of`.

    ``schema`` is that of the type, ``root`` what wires are given: an object, in which another type is the field
    ``value``. ``is_schema`` says that a JSON schema was given instead of a type.
    """

    hint: Any
    schema: FrozenDict = attrs.field(repr=False)
    root: FrozenDict = attrs.field(repr=False)
    wrapped: bool
    is_schema: bool = False
    name: str = OUTPUT_NAME
    description: str | None = None

    @classmethod
    def of(
        cls,
        hint: TypeForm[T],
        *,
        name: str | None = None,
        description: str | None = None,
    ) -> OutputType[T]:
        """Read a type: attrs, dataclass, TypedDict, NamedTuple, msgspec, pydantic, Enum, Literal, union, container, scalar.

        A mapping is a JSON schema; its values are JSON, checked by ``jsonschema``.

        :param name: what the wires call it, ``structured_output`` by default.
        :raises AgentInputError: the type has no JSON schema, or the name is none.
        :raises ConfigError: a schema was given and ``jsonschema`` is not installed.
        """
        if name is not None and _NAME.fullmatch(str(name)) is None:
            raise AgentInputError(
                f"the name of a structured output has 1 to 64 letters, digits, _ and -, got {name!r}"
            )
        given: Any = hint
        is_schema = isinstance(given, Mapping)
        full = _checked(given) if is_schema else _schema_of(given)
        flat = flat_schema(full)
        wrapped = flat.get("type") != "object" or "properties" not in flat
        return cls(
            hint=hint,
            schema=freeze_mapping(full),
            root=freeze_mapping(_wrap(full) if wrapped else flat),
            wrapped=wrapped,
            is_schema=is_schema,
            name=name or OUTPUT_NAME,
            description=description,
        )

    @property
    def label(self) -> str:
        """The type as a person writes it."""
        from lamella.tools.hints import hint_name

        return "the JSON schema" if self.is_schema else hint_name(self.hint)

    def request_schema(self, strict: bool = True) -> OutputSchema:
        """What a request asks for, where the wire has structured output."""
        return OutputSchema(schema=self.root, name=self.name, strict=strict, description=self.description)

    def read(self, data: JSON) -> Reading[T]:
        """The value that an answer means.

        :raises OutputParserError: it does not follow the schema; ``context["problems"]`` names each place.
        """
        if self.wrapped and isinstance(data, Mapping) and list(data) == [_WRAPPER]:
            try:
                return self._read(data[_WRAPPER])
            except OutputParserError:
                if not self._admits(data):
                    raise
        return self._read(data)

    def _admits(self, data: JSON) -> bool:
        """Whether the answer is one without the wrapper."""
        try:
            self._read(data)
        except OutputParserError:
            return False
        return True

    def _read(self, data: JSON) -> Reading[T]:
        from lamella.tools.convert import Mismatch, convert
        from lamella.tools.strict import drop_nulls

        own = thaw(data)
        if deeper_than(own, MAX_OBJECT_DEPTH):
            raise self._mismatch([f"nested in more than {MAX_OBJECT_DEPTH} levels"], None)
        own = drop_nulls(own, self.schema)
        if self.is_schema:
            return self._held(own)
        try:
            return Reading(cast("T", convert(own, self.hint)), own)
        except Mismatch as mismatch:
            problems = [f"at {path}: {text}" if path else text for path, text in mismatch.problems]
            raise self._mismatch(problems, mismatch) from mismatch

    def _held(self, data: JSON) -> Reading[T]:
        from lamella.tools.validation import schema_errors

        if problems := schema_errors(data, self.schema, self.name):
            raise self._mismatch(problems, None)
        return Reading(cast("T", data), data)

    def _mismatch(self, problems: list[str], cause: Exception | None) -> OutputParserError:
        told = "; ".join(problem[:1000] for problem in problems[:20])
        more = f"; and {len(problems) - 20} more" if len(problems) > 20 else ""
        return OutputParserError(
            f"the answer does not follow {self.label}: {told}{more}",
            context={"problems": tuple(problems)},
            cause=cause,
        )


def _wrap(schema: Mapping[str, Any]) -> dict[str, Any]:
    body = {key: value for key, value in schema.items() if key != "$defs"}
    made: dict[str, Any] = {
        "type": "object",
        "properties": {_WRAPPER: body},
        "required": [_WRAPPER],
        "additionalProperties": False,
    }
    return {**made, "$defs": schema["$defs"]} if "$defs" in schema else made


def _schema_of(hint: Any) -> dict[str, Any]:
    from lamella.tools.schema import SchemaBuilder

    builder = SchemaBuilder()
    schema = builder.schema(hint)
    return {**schema, "$defs": builder.defs} if builder.defs else schema


def _checked(schema: Mapping[str, Any]) -> dict[str, Any]:
    from lamella.tools.validation import require_schema, schema_errors

    require_schema(schema, "schema", OUTPUT_NAME)
    schema_errors({}, schema, OUTPUT_NAME)  # says what is wrong with the schema itself
    return dict(schema)
