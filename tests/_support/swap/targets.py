"""The wires of the swap matrix: the model that speaks each, and what its vendor's SDK says of a payload.

``refusals_of`` checks a payload against the SDK's own request types. What each can and cannot see:

- openai (both wires) and anthropic: the SDK's ``TypedDict`` parameters. They say which keys there are at every
  level, so unknown keys are caught everywhere. Their ``Iterable`` fields are read as lists (pydantic would check
  them only when somebody iterates), every dictionary forbids extra keys, and the classes of answers, which the
  SDK takes as well, are left out of the unions because they allow extra keys. They know no lengths or patterns.
- mistralai: pydantic models of the request, which ignore unknown keys, so that what was read is compared with
  what was given. They do not know the pattern of call ids or the order of roles; the simulator does.
- google-genai: ``types.Content`` and ``types.GenerateContentConfig`` forbid extra keys. Where a field of the wire
  stands in the config of the SDK is its own affair, so the payload is laid out for it here.
- google-genai, interactions: ``CreateModelInteraction`` has an *unknown* member in each union instead of refusing;
  no part of a payload may be read as one.
- ollama: ``ChatRequest`` and ``Message`` ignore unknown keys, so that what was read is compared with what was
  given. They have no ``id`` and ``index`` in a call and no ``tool_call_id`` in an output, which the server has, and
  know few keywords of a tool's schema, of which the server takes any: these are exempt.
"""

from __future__ import annotations

import json
import re
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any

import attrs
import typing_extensions

from lamella.models import ModelRequest, WireModel

__all__ = ["TARGETS", "Target", "target"]

Json = Any


@attrs.frozen(eq=False)
class Target:
    """A wire: its dialect, its model class, and what its SDK's types say of a payload."""

    name: str
    label: str
    issuer: str
    cls: str
    model: str
    refusals_of: Callable[[Json], list[str]] = attrs.field(repr=False)

    def make(self, base_url: str | None = None, **settings: Any) -> WireModel:
        """The model; without a URL one at the vendor's own address, to encode and plan with."""
        module, _, name = self.cls.partition(":")
        cls = getattr(import_module(module), name)
        url = base_url or cls.default_base_url
        given = {"model": self.model, "api_key": "unused", "max_retries": 0, "base_url": url, **settings}
        made: WireModel = cls(**given)
        return made

    def encode(self, request: ModelRequest) -> Json:
        """The payload as the server reads it."""
        return json.loads(json.dumps(self.make().encode(request)))


# -- TypedDicts, strictly -------------------------------------------------------------------------


class Strict:
    """Makes twins of a SDK's ``TypedDict`` classes: lists instead of iterables, and no extra keys."""

    def __init__(self) -> None:
        self._twins: dict[Any, Any] = {}

    def of(self, hint: Any) -> Any:
        """The twin of a type."""
        if typing_extensions.is_typeddict(hint):
            return self._twins.get(hint) or self._dictionary(hint)
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin is None or origin is typing.Literal:
            return hint
        if origin is typing.Annotated:
            return self.of(arguments[0])
        if origin in (typing_extensions.Required, typing_extensions.NotRequired):
            return origin[self.of(arguments[0])]
        inner = tuple(self.of(argument) for argument in arguments)
        if isinstance(origin, type) and issubclass(origin, Iterable) and not issubclass(origin, Mapping):
            return list[inner[0]]  # type: ignore[valid-type]
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return dict[inner]  # type: ignore[misc, valid-type]  # made at run time
        params = tuple(each for each in inner if not hasattr(each, "model_fields"))
        return typing.Union[params] if params else inner[0]  # noqa: UP007  # made at run time

    def _dictionary(self, hint: Any) -> Any:
        twin: Any = typing_extensions.TypedDict(hint.__name__, {})  # type: ignore[misc]
        self._twins[hint] = twin
        twin.__module__ = __name__
        setattr(twin, "__pydantic_config__", {"extra": "forbid", "strict": True})  # noqa: B010
        hints = typing_extensions.get_type_hints(hint, include_extras=True)
        twin.__annotations__ = {name: _bare(self.of(value)) for name, value in hints.items()}
        twin.__required_keys__ = frozenset(hint.__required_keys__)
        twin.__optional_keys__ = frozenset(hint.__optional_keys__)
        return twin


def _bare(hint: Any) -> Any:
    wrapped = typing.get_origin(hint) in (typing_extensions.Required, typing_extensions.NotRequired)
    return typing.get_args(hint)[0] if wrapped else hint


@cache
def _adapter(module: str, name: str) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(Strict().of(getattr(import_module(module), name)))


def _typed(module: str, name: str) -> Callable[[Json], list[str]]:
    """Checks against ``{name}Streaming`` or ``{name}NonStreaming``."""

    def refusals(payload: Json) -> list[str]:
        kind = "Streaming" if payload.get("stream") else "NonStreaming"
        return _faults(lambda: _adapter(module, f"{name}{kind}").validate_python(payload))

    return refusals


def _faults(read: Callable[[], object]) -> list[str]:
    from pydantic import ValidationError

    try:
        read()
    except ValidationError as error:
        return [str(error)]
    return []


# -- pydantic models ------------------------------------------------------------------------------


def _mistral(payload: Json) -> list[str]:
    from mistralai.client.models import ChatCompletionRequest, ChatCompletionStreamRequest

    kind = ChatCompletionStreamRequest if payload.get("stream") else ChatCompletionRequest
    return _unread(kind, payload)


def _ollama(payload: Json) -> list[str]:
    from ollama import Image, Message
    from ollama._types import ChatRequest

    found = _unread(ChatRequest, payload)
    for message in payload["messages"]:
        found += _unread(Message, {name: held for name, held in message.items() if name != "images"})
        found += ["images" for image in message.get("images", ()) if Image(value=image).model_dump() != image]
    exempt = re.compile(r".*\.function\.parameters\..*|(.*\.)?(id|tool_call_id|function\.index)")
    return [path for path in found if not exempt.fullmatch(path)]


def _unread(kind: Any, payload: Json) -> list[str]:
    """What of a payload a model does not take, or does not keep."""
    kept: list[Json] = []
    faults = _faults(
        lambda: kept.append(
            kind.model_validate(payload).model_dump(mode="json", by_alias=True, exclude_unset=True)
        )
    )
    return faults or list(_missing(payload, kept[0], ""))


def _missing(given: Json, kept: Json, path: str) -> Iterator[str]:
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            if key in kept:
                yield from _missing(value, kept[key], f"{path}.{key}")
            else:
                yield f"{path}.{key}"
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for place, value in enumerate(given):
            yield from _missing(value, kept[place], f"{path}.{place}")
    elif given != kept:
        yield path


_BESIDE_CONFIG = ("systemInstruction", "tools", "toolConfig", "safetySettings", "cachedContent", "labels")


def _gemini(payload: Json) -> list[str]:
    from google.genai import types

    beside = {name: payload[name] for name in _BESIDE_CONFIG if name in payload}
    known = {"contents", "generationConfig", *_BESIDE_CONFIG}
    faults = [name for name in payload if name not in known]
    for content in payload["contents"]:
        faults += _faults(lambda content=content: types.Content.model_validate(content))  # type: ignore[misc]
    config = {**payload.get("generationConfig", {}), **beside}
    return faults + _faults(lambda: types.GenerateContentConfig.model_validate(config))


def _interactions(payload: Json) -> list[str]:
    from google.genai._gaos.types.interactions import CreateModelInteraction

    read: list[Any] = []
    faults = _faults(lambda: read.append(CreateModelInteraction.model_validate(payload)))
    return faults or [f"{path}: unknown to the SDK" for path in _unknown(read[0], "")]


_FREE = ("FunctionResultStepResult",)
"""Objects whose keys are the caller's."""


def _unknown(value: Any, path: str) -> Iterator[str]:
    """Parts that only the *unknown* member of a union took, and keys that no model has."""
    from pydantic import BaseModel

    if isinstance(value, BaseModel):
        if getattr(value, "is_unknown", False):
            yield path
        if type(value).__name__ not in _FREE:
            yield from (f"{path}.{name}" for name in value.model_extra or ())
        for name, held in vars(value).items():
            yield from _unknown(held, f"{path}.{name}")
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _unknown(item, f"{path}.{place}")


TARGETS: tuple[Target, ...] = (
    Target(
        "openai.responses",
        "OpenAI Responses",
        "openai",
        "lamella_openai:ChatOpenAI",
        "gpt-5-nano",
        _typed("openai.types.responses.response_create_params", "ResponseCreateParams"),
    ),
    Target(
        "openai.chat",
        "OpenAI Chat Completions",
        "openai",
        "lamella_openai:ChatOpenAICompletions",
        "gpt-5-nano",
        _typed("openai.types.chat.completion_create_params", "CompletionCreateParams"),
    ),
    Target(
        "anthropic.messages",
        "Anthropic",
        "anthropic",
        "lamella_anthropic:ChatAnthropic",
        "claude-sonnet-5",
        _typed("anthropic.types.message_create_params", "MessageCreateParams"),
    ),
    Target(
        "mistral.chat",
        "Mistral",
        "mistral",
        "lamella_mistral:ChatMistral",
        "mistral-small-latest",
        _mistral,
    ),
    Target("gemini", "Gemini", "gemini", "lamella_gemini:ChatGemini", "gemini-3-flash-preview", _gemini),
    Target(
        "gemini.interactions",
        "Gemini Interactions",
        "gemini",
        "lamella_gemini:ChatGeminiInteractions",
        "gemini-3-flash-preview",
        _interactions,
    ),
    Target("ollama", "Ollama", "ollama", "lamella_ollama:ChatOllama", "qwen3:4b", _ollama),
)
"""In the order of the tables."""


def target(name: str) -> Target:
    """The wire of this dialect."""
    return next(each for each in TARGETS if each.name == name)
