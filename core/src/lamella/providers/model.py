"""``ProviderModel``: the fields of a model over HTTP, what they resolve to, and what they show."""

from __future__ import annotations

import abc
import functools
from collections.abc import AsyncGenerator, Mapping
from typing import Any, ClassVar, Final, Self

import attrs

from lamella.errors import AuthenticationError
from lamella.events import Event
from lamella.models import ModelRequest, OutputSchema, RetryPolicy, WireModel
from lamella.providers.checks import refuse_unknown, text
from lamella.providers.key import Key
from lamella.providers.schema import read_response_format
from lamella.providers.settings import ProviderSettings
from lamella.providers.transport import ProviderTransport
from lamella.providers.urls import check_base_url, issuer_of, without_credentials
from lamella.specs import ModelInfo, is_secret

__all__ = ["ProviderModel", "environment"]

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


_NAMED: Final = frozenset({"model", "provider_name", "http_client"})
"""Fields that a run records elsewhere, or not at all."""


def environment(name: str) -> str | None:
    """A variable of the environment or of the project's ``.env``, ``None`` when it is not set or empty."""
    from lamella.config import current_project

    return current_project().env(name) or None


@attrs.define(slots=False, eq=False, repr=False)
class ProviderModel(ProviderSettings, WireModel):
    """Base of the models over HTTP. Write ``encode``, ``decoder`` and ``make_transport``.

    :param model: the model's name.
    :param http_client: your own ``AsyncClient``; it stays yours to close.
    :raises AgentInputError: an unknown field, or a value it cannot have.
    :raises AuthenticationError: no key is given or found.
    """

    vendor: ClassVar[str]
    """Whose state it is at the vendor's own hosts; the issuer, unless the host or ``issuer=`` says otherwise."""

    vendor_hosts: ClassVar[tuple[str, ...]]
    """The domains of the vendor."""

    default_base_url: ClassVar[str]
    key_variables: ClassVar[tuple[str, ...]]
    """Where the key is looked for, in order; the first is named in messages."""

    url_variables: ClassVar[tuple[str, ...]] = ()
    """Where the base URL is looked for, in order."""

    needs_key: ClassVar[bool] = True

    known_models: ClassVar[tuple[ModelInfo, ...]] = ()
    """The models of the provider's list."""

    limit_fields: ClassVar[tuple[str, ...]] = ("max_output_tokens", "max_completion_tokens", "max_tokens")
    """The settings that limit the answer's length, the first that is set counts."""

    model: str = attrs.field(default="", validator=text)
    http_client: Any = attrs.field(default=None, kw_only=True, repr=False)

    def __new__(cls, *_: object, **fields: object) -> Self:
        """Refuse unknown fields by name before they meet the constructor."""
        refuse_unknown(cls, fields)
        return super().__new__(cls)

    def __attrs_post_init__(self) -> None:
        if self.provider_name is not None:
            self.provider = self.provider_name
        self.api_key = self._key = self._resolved_key()
        self._url = check_base_url(
            self._resolved_url(), f"{type(self).__name__}.base_url", self.default_base_url
        )
        self._issued_by = self._issuer or issuer_of(self._url, self.vendor, self.vendor_hosts)
        self._schema = self.resolve_schema()
        self.retry = RetryPolicy(max_retries=self.max_retries)
        self._transport: ProviderTransport | None = None

    def _resolved_key(self) -> Key:
        if isinstance(self.api_key, Key):
            return self.api_key
        for variable in self.key_variables:
            if found := environment(variable):
                return Key(found)
        if not self.needs_key:
            return Key("")
        variable = self.key_variables[0]
        raise AuthenticationError(
            f"{type(self).__name__} needs an API key: set {variable} in the environment or in .env, or pass "
            'api_key=…; a server that wants none takes api_key=""',
            context={"provider": self.provider, "variable": variable},
        )

    def _resolved_url(self) -> str:
        found = (environment(name) for name in self.url_variables)
        return self.base_url or next(filter(None, found), None) or self.default_base_url

    def resolve_schema(self) -> OutputSchema | None:
        """The schema of ``response_format``; called once, when the model is built."""
        if self.response_format is None:
            return None
        return read_response_format(self.response_format, f"{type(self).__name__}.response_format")

    @abc.abstractmethod
    def make_transport(self) -> ProviderTransport:
        """The transport; called with the first request. :meth:`transport_fields` are its usual arguments."""

    def transport_fields(self) -> dict[str, Any]:
        """What every transport takes from the settings."""
        return {
            "key": self._key,
            "base_url": self._url,
            "timeout": self.timeout,
            "headers": self.headers,
            "query": self.query,
            "http_client": self.http_client,
        }

    @property
    def transport(self) -> ProviderTransport:
        """The transport; it imports the SDK with the first request."""
        if self._transport is None:
            self._transport = self.make_transport()
        return self._transport

    @property
    def issuer(self) -> str:
        """Whose reasoning state and item ids this model makes and accepts."""
        return self._issued_by

    @property
    def info(self) -> ModelInfo | None:
        """What the provider's list, or a plugin, says of this model."""
        from lamella.config import current_project

        asked = current_project().host.hooks.model_info(self.provider)
        return next((info for info in (*asked, *self.known_models) if info.formal_name == self.model), None)

    @property
    def output_limit(self) -> int | None:
        """The most tokens an answer can have: a setting, else what is known of the model."""
        set_here = (getattr(self, name, None) for name in self.limit_fields)
        return next((limit for limit in set_here if limit is not None), super().output_limit)

    def with_settings(self, **changes: Any) -> Self:
        """A model of its own with these settings changed; it has its own connections."""
        return attrs.evolve(self, **changes) if changes else self

    @property
    def settings(self) -> Mapping[str, Any]:
        """The fields that were given, without secrets."""
        given: dict[str, Any] = {}
        for field in attrs.fields(type(self)):
            value = getattr(self, field.name)
            default = field.default
            if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # a class at runtime, a function to typeshed
                default = default.factory()
            if field.name in _NAMED or is_secret(field) or value == default:
                continue
            given[field.alias or field.name] = _shown(value)
        if "base_url" in given:
            given["base_url"] = without_credentials(given["base_url"])
        return given

    def __repr__(self) -> str:
        shown = "".join(f", {name}={value!r}" for name, value in self.settings.items())
        return f"{type(self).__name__}({self.model!r}{shown})"

    def stream(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        """Encode, send, decode; retry what is retryable. ``streaming=False`` of the model holds for all requests."""
        if request.streaming and not self.streaming:
            request = attrs.evolve(request, streaming=False)
        return super().stream(request)

    async def aclose(self) -> None:
        """Close the connections; a given ``http_client`` stays open."""
        if self._transport is not None:
            await self._transport.aclose()


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
