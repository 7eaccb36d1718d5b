"""What stands for a model, a request or an agent in a key: all of it that decides the answer."""

from __future__ import annotations

import threading
import uuid
import weakref
from collections.abc import Iterable, Mapping
from types import CodeType, FunctionType
from typing import Any, Final

import attrs

from lamella.budgets import LimitedModel
from lamella.messages import Message
from lamella.models.model import Model
from lamella.models.request import ModelRequest
from lamella.tools import Tool

__all__ = [
    "identity_of_messages",
    "identity_of_model",
    "identity_of_request",
    "identity_of_tool",
    "stand_for",
    "token_of",
]

_ASIDE: Final = frozenset({"api_key", "http_client", "response_format", "owned"})
"""Fields of models that do not decide an answer, or that something else stands for."""

_UNSAID: Final = frozenset(
    {"approve", "approval_timeout", "sinks", "slow_sinks", "journal", "meta", "budget", "project"}
)
"""Fields of agents that do not decide an answer: who watches, and what it may cost."""


def identity_of_model(model: Model) -> Any:
    """The model with all of its settings, secret headers and its URL included; not its API key.

    A class that is no attrs class can hide anything: its objects stand for themselves, within this process.
    """
    if isinstance(model, LimitedModel):
        return ("limited", identity_of_model(model.inner))
    kind = type(model)
    facts = [
        f"{kind.__module__}.{kind.__qualname__}",
        model.provider,
        model.model,
        model.issuer,
        dict(model.settings),
    ]
    if not attrs.has(kind):
        return (*facts, token_of(model))
    fields = {
        field.name: getattr(model, field.name)
        for field in attrs.fields(kind)
        if field.init and field.name not in _ASIDE
    }
    resolved = [getattr(model, name, None) for name in ("_url", "_schema")]  # of ProviderModel
    return (*facts, fields, resolved)


def identity_of_request(request: ModelRequest) -> Any:
    """The request. In schemas the order of the keys counts: models answer in it."""
    schema = request.output_schema
    return (
        identity_of_messages(request.messages),
        request.native,
        request.system_instruction,
        tuple(map(identity_of_tool, request.tools)),
        request.tool_choice,
        request.parallel_tool_calls,
        None if schema is None else (_ordered(schema.schema), schema.name, schema.strict, schema.description),
        request.streaming,
        request.plain_input,
        request.transplant,
        request.extra,
        request.options.headers,
        request.options.query,
    )


def identity_of_messages(messages: Iterable[Message]) -> Any:
    """The messages without what they cost: that is never sent, and is another number where they came from a cache."""
    return [
        (message.role, message.content, message._raw, message.meta, message.extra) for message in messages
    ]


def identity_of_tool(tool: Tool) -> Any:
    """What a model is told of a tool."""
    schema, strict = tool.wire_schema()
    return (tool.name, tool.description, _ordered(schema), strict, tool.strict, _ordered(tool.input_schema))


def _ordered(value: Any) -> Any:
    if isinstance(value, Mapping):
        return [(key, _ordered(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return [_ordered(item) for item in value]
    return value


# -- what has no form ---------------------------------------------------------------------------------


def stand_for(value: Any) -> Any:
    """What stands for an object that is no data.

    A model's settings, what a model is told of a tool, a function's code, the fields of what Lamella defines; for
    anything else the object itself, which no other process has.
    """
    if isinstance(value, Model):
        return identity_of_model(value)
    if isinstance(value, Tool):
        return identity_of_tool(value)
    kind = type(value)
    if attrs.has(kind) and kind.__module__.startswith("lamella."):
        fields = [
            field
            for field in attrs.fields(kind)
            if field.init and field.name not in _UNSAID and getattr(value, field.name) is not field.default
        ]
        return (
            kind.__module__,
            kind.__qualname__,
            {field.name: getattr(value, field.name) for field in fields},
        )
    if isinstance(value, FunctionType) and _is_plain(value):
        return (value.__module__, value.__qualname__, _code(value.__code__))
    return ("object", token_of(value))


def _is_plain(function: FunctionType) -> bool:
    """Whether a function is all code: nothing around it, no defaults."""
    return not (
        function.__closure__
        or function.__defaults__
        or function.__kwdefaults__
        or "<" in function.__qualname__
    )


def _code(code: CodeType) -> Any:
    constants = tuple(_code(each) if isinstance(each, CodeType) else repr(each) for each in code.co_consts)
    return (code.co_code, code.co_names, constants)


_tokens: dict[int, tuple[Any, str]] = {}
_lock = threading.Lock()


def token_of(value: Any) -> str:
    """A text for one object that no other has, in no process."""
    place = id(value)
    with _lock:
        found = _tokens.get(place)
        if found is not None and found[0]() is value:
            return found[1]
        token = uuid.uuid4().hex
        try:
            held: Any = weakref.ref(value, lambda _: _tokens.pop(place, None))
        except TypeError:  # it takes no weak reference: it stays, so that its id is nobody else's

            def held() -> Any:
                return value

        _tokens[place] = (held, token)
        return token
