"""The model classes: fields, what they resolve to, and how encoder, decoder and transport are put together."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import attrs

from lamella.errors import AgentInputError, AuthenticationError
from lamella.events import Event
from lamella.models import (
    Capabilities,
    Embedding,
    EncodeReport,
    Input,
    ModelRequest,
    OutputSchema,
    RetryPolicy,
    TokenCount,
    WireModel,
)
from lamella.specs import ModelInfo, is_secret
from lamella_openai import decode_chat, decode_responses, encode_chat, encode_responses, endpoints
from lamella_openai.catalog import CHAT_CAPABILITIES, RESPONSES_CAPABILITIES
from lamella_openai.checks import refuse_unknown, text
from lamella_openai.images import make_image
from lamella_openai.issuer import DEFAULT_BASE_URL, check_base_url, issuer_of, without_credentials
from lamella_openai.key import Key
from lamella_openai.payload import Wire
from lamella_openai.schema import read_response_format
from lamella_openai.settings import ChatSettings, OpenAISettings, ResponsesSettings
from lamella_openai.transport import OpenAITransport

if TYPE_CHECKING:
    import httpx2

__all__ = ["ChatOpenAI", "ChatOpenAICompletions"]

KEY_VARIABLE: Final = "OPENAI_API_KEY"

_HIDDEN: Final = frozenset(
    {
        "access_token",
        "api_key",
        "apikey",
        "authorization",
        "headers",
        "extra_headers",
        "password",
        "secret",
        "token",
    }
)
"""Keys inside settings whose values are secrets, such as an MCP tool's ``authorization``."""


@attrs.define(slots=False, eq=False, repr=False)
class _OpenAIModel(OpenAISettings, WireModel):
    """What both classes share."""

    path: ClassVar[str]

    model: str = attrs.field(default="gpt-5-nano", validator=text)
    http_client: httpx2.AsyncClient | None = attrs.field(default=None, kw_only=True, repr=False)

    def __new__(cls, *_: object, **fields: object) -> Self:
        """Refuse unknown fields by name before they meet the constructor."""
        refuse_unknown(cls, fields)
        return super().__new__(cls)

    def __attrs_post_init__(self) -> None:
        name = type(self).__name__
        self.api_key = self._key = self._resolved_key(name)
        self._url = check_base_url(
            self.base_url or _environment("OPENAI_BASE_URL") or DEFAULT_BASE_URL, f"{name}.base_url"
        )
        self._issued_by = self._issuer or issuer_of(self._url)
        self._schema = self._resolved_schema(name)
        self.retry = RetryPolicy(max_retries=self.max_retries)
        self._transport: OpenAITransport | None = None

    def _resolved_key(self, name: str) -> Key:
        if isinstance(self.api_key, Key):
            return self.api_key
        if found := _environment(KEY_VARIABLE):
            return Key(found)
        raise AuthenticationError(
            f"{name} needs an API key: set {KEY_VARIABLE} in the environment or in .env, or pass api_key=…; "
            'a server that wants none takes api_key=""',
            context={"provider": self.provider, "variable": KEY_VARIABLE},
        )

    def _resolved_schema(self, name: str) -> OutputSchema | None:
        if self.response_format is not None and self.text_format != "json_object":
            return read_response_format(self.response_format, f"{name}.response_format")
        if self.response_format is not None or self.text_format == "json_schema":
            raise AgentInputError(
                f'{name}: text_format="json_schema" and response_format go together: '
                "the format says that there is a schema, the other is the schema"
            )
        return None

    @property
    def issuer(self) -> str:
        """Whose reasoning state and item ids this model makes and accepts."""
        return self._issued_by

    @property
    def settings(self) -> Mapping[str, Any]:
        """The fields that were given, without secrets."""
        given: dict[str, Any] = {}
        for field in attrs.fields(type(self)):
            value = getattr(self, field.name)
            default = field.default
            if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # a class at runtime, a function to typeshed
                default = default.factory()
            if field.name in ("model", "http_client") or is_secret(field) or value == default:
                continue
            given[field.alias or field.name] = _shown(value)
        if "base_url" in given:
            given["base_url"] = without_credentials(given["base_url"])
        return given

    def __repr__(self) -> str:
        shown = "".join(f", {name}={value!r}" for name, value in self.settings.items())
        return f"{type(self).__name__}({self.model!r}{shown})"

    @property
    def transport(self) -> OpenAITransport:
        """The transport; it imports the SDK with the first request."""
        if self._transport is None:
            self._transport = OpenAITransport(
                path=self.path,
                key=self._key,
                base_url=self._url,
                organization=self.organization or _environment("OPENAI_ORG_ID"),
                project=self.project or _environment("OPENAI_PROJECT_ID"),
                timeout=self.timeout,
                http_client=self.http_client,
            )
        return self._transport

    def stream(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        """Encode, send, decode; retry what is retryable. ``streaming=False`` of the model holds for all requests."""
        if request.streaming and not self.streaming:
            request = attrs.evolve(request, streaming=False)
        return super().stream(request)

    async def embed(
        self, inputs: Sequence[str], *, model: str | None = None, dimensions: int | None = None
    ) -> list[Embedding]:
        """One vector for each text, in order; ``text-embedding-3-small`` unless ``model`` says otherwise.

        :raises AgentInputError: no text, or something else than texts.
        """
        return await endpoints.embed(self.transport, inputs, model=model, dimensions=dimensions)

    async def list_models(self) -> Sequence[ModelInfo]:
        """The models the server offers now."""
        return await endpoints.list_models(self.transport)

    async def aclose(self) -> None:
        """Close the connections; a given ``http_client`` stays open."""
        if self._transport is not None:
            await self._transport.aclose()


@attrs.define(slots=False, eq=False, repr=False)
class ChatOpenAI(ResponsesSettings, _OpenAIModel):
    """OpenAI models behind the Responses API.

    The fields are those of :class:`~lamella_openai.settings.ResponsesSettings`, and

    :param model: the model's name.
    :param http_client: your own ``httpx2.AsyncClient``; it stays yours to close.
    :raises AgentInputError: an unknown field, or a value it cannot have.
    :raises AuthenticationError: no key is given or found.
    """

    provider = "openai"
    dialect: ClassVar[str] = encode_responses.DIALECT
    path: ClassVar[str] = "/responses"

    @property
    def capabilities(self) -> Capabilities:
        """What these models can do."""
        return RESPONSES_CAPABILITIES

    def encode(self, request: ModelRequest, report: EncodeReport | None = None) -> dict[str, Wire]:
        """The payload of a request. Pure."""
        return encode_responses.encode_responses(
            request,
            report or self.report(request),
            model=self.model,
            issuer=self.issuer,
            settings=self,
            schema=self._schema,
        )

    def decoder(self) -> decode_responses.ResponsesDecoder:
        """A decoder for one response."""
        return decode_responses.ResponsesDecoder(self.issuer, make_image, self._key.hide)

    async def count_tokens(self, request: Input | ModelRequest) -> TokenCount:
        """How many input tokens a request is, as the server counts them."""
        payload = self.encode(ModelRequest.of(request))
        return await endpoints.count_tokens(self.transport, payload)


@attrs.define(slots=False, eq=False, repr=False)
class ChatOpenAICompletions(ChatSettings, _OpenAIModel):
    """Models behind Chat Completions: OpenAI's, or those of any compatible server at ``base_url``.

    The fields are those of :class:`~lamella_openai.settings.ChatSettings`, and

    :param model: the model's name.
    :param http_client: your own ``httpx2.AsyncClient``; it stays yours to close.
    :raises AgentInputError: an unknown field, or a value it cannot have.
    :raises AuthenticationError: no key is given or found.
    """

    provider = "openai-chat"
    dialect: ClassVar[str] = encode_chat.DIALECT
    path: ClassVar[str] = "/chat/completions"

    @property
    def capabilities(self) -> Capabilities:
        """What these models can do."""
        return CHAT_CAPABILITIES

    def encode(self, request: ModelRequest, report: EncodeReport | None = None) -> dict[str, Wire]:
        """The payload of a request. Pure."""
        return encode_chat.encode_chat(
            request,
            report or self.report(request),
            model=self.model,
            issuer=self.issuer,
            settings=self,
            schema=self._schema,
        )

    def decoder(self) -> decode_chat.ChatDecoder:
        """A decoder for one completion."""
        return decode_chat.ChatDecoder(self.issuer, self._key.hide)


def _environment(name: str) -> str | None:
    from lamella.config import current_project

    return current_project().env(name) or None


@functools.singledispatch
def _shown(value: Any) -> Any:
    """A setting as it may be shown: types by name, secrets inside tables as ``***``."""
    return getattr(value, "__name__", None) or repr(value)


@_shown.register(str)
@_shown.register(int)
@_shown.register(float)
@_shown.register(type(None))
def _(value: Any) -> Any:
    return value


@_shown.register(dict)
def _(value: dict[str, Any]) -> Any:
    return {name: "***" if name.lower() in _HIDDEN else _shown(item) for name, item in value.items()}


@_shown.register(list)
@_shown.register(tuple)
def _(value: Any) -> Any:
    return [_shown(item) for item in value]
