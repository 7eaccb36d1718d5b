"""``OpenAPIToolSource``: reads a document and makes tools of its operations."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin, urlsplit

from lamella import Tool
from lamella_openapi import limits
from lamella_openapi.catalog import Catalog, Entry
from lamella_openapi.document import Document
from lamella_openapi.loading import Loader
from lamella_openapi.notes import Notes
from lamella_openapi.problems import bad_setting
from lamella_openapi.request import check_base_url, prepare
from lamella_openapi.security import Security
from lamella_openapi.selection import Choice
from lamella_openapi.settings import optional_texts, texts

if TYPE_CHECKING:
    import httpx2

    from lamella_openapi.transport import Transport

__all__ = ["OpenAPIToolSource"]

_log = logging.getLogger(__name__)
_SHOWN_NOTES: Final = 3

_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "QUERY", "PUT", "DELETE"})
"""RFC 9110, section 9.2.2: sent twice they have the effect of being sent once."""


class OpenAPIToolSource:
    """The operations of one document, as tools.

    :param document: a path (relative to the project's folder), a URL, or the document itself as a dict.
    :param base_url: what every path is put behind; no document and no model changes it. ``"document"`` takes the
        document's first absolute server URL instead.
    :param operations: ids of operations, or ``"GET /path"``, with ``*`` and ``?``. All that is given must fit.
    :param tags: tags of operations.
    :param paths: paths of operations.
    :param methods: methods of operations.
    :param security: secrets by the name of the document's security scheme: a text, ``{"username", "password"}`` for
        HTTP basic, or ``{"client_id", "client_secret"}`` (and ``scope``) for OAuth 2.
    :param headers: sent with every request, and hidden from the model.
    :param parameters: values of parameters by name, which the model then neither sees nor sets.
    :param token_urls: where OAuth 2 secrets are sent, by scheme; needed where the document names another server.
    :param anonymous: call operations without security whose secrets are not set.
    :param slashes: names of path parameters that may hold slashes.
    :param timeout: seconds for one call; ``None`` for no limit.
    :param max_document_bytes: of the document and the files it refers to.
    :param max_response_bytes: an answer with more is an error.
    :param max_result_chars: a text or JSON with more is cut, and says so.
    :param allow_redirects: follow redirects to the same server; others never are.
    :param remote_references: read what ``$ref`` refers to over the network.
    :param validate: refuse a document with any fault; needs ``lamella-openapi[validate]``.
    :param http_client: a client for all requests, for proxies or certificates; it is not closed.
    :raises ConfigError: a value that does not fit.
    """

    def __init__(
        self,
        *,
        document: str | Path | Mapping[str, Any],
        base_url: str | None = None,
        operations: Iterable[str] | None = None,
        tags: Iterable[str] | None = None,
        paths: Iterable[str] | None = None,
        methods: Iterable[str] | None = None,
        security: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        parameters: Mapping[str, Any] | None = None,
        token_urls: Mapping[str, str] | None = None,
        anonymous: bool = False,
        slashes: Iterable[str] = (),
        timeout: float | None = limits.TIMEOUT,
        max_document_bytes: int = limits.MAX_DOCUMENT_BYTES,
        max_response_bytes: int = limits.MAX_RESPONSE_BYTES,
        max_result_chars: int = limits.MAX_RESULT_CHARS,
        max_description_chars: int = limits.MAX_DESCRIPTION_CHARS,
        max_name_chars: int = limits.MAX_NAME_CHARS,
        allow_redirects: bool = False,
        remote_references: bool = False,
        validate: bool = False,
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        self._document = document
        self._base_url = _checked_base(base_url)
        self._choice = Choice(
            operations=optional_texts(operations),
            tags=optional_texts(tags),
            paths=optional_texts(paths),
            methods=optional_texts(methods),
        )
        self._security = dict(security or {})
        self._headers = _checked_headers(headers or {})
        self._parameters = dict(parameters or {})
        self._token_urls = dict(token_urls or {})
        self._anonymous = anonymous
        self._slashes = frozenset(texts(slashes))
        self._timeout = timeout
        self._max_document_bytes = _positive("max_document_bytes", max_document_bytes)
        self._max_response_bytes = _positive("max_response_bytes", max_response_bytes)
        self._max_result_chars = _positive("max_result_chars", max_result_chars)
        self._max_description_chars = _positive("max_description_chars", max_description_chars)
        self._max_name_chars = _name_length(max_name_chars)
        self._allow_redirects = allow_redirects
        self._remote = remote_references
        self._validate = validate
        self._given_client = http_client
        self._transport: Transport | None = None
        self._notes = Notes()

    def __repr__(self) -> str:
        where = (
            "a dict" if isinstance(self._document, Mapping) else repr(str(self._document).partition("?")[0])
        )
        return f"OpenAPIToolSource({where})"

    @property
    def notes(self) -> tuple[str, ...]:
        """What was odd about the document when it was opened, and what was made of it."""
        return tuple(self._notes)

    async def open(self) -> Sequence[Tool]:
        """Read the document and make the tools, in its order.

        :raises ConfigError: the document or a setting does not fit, or a secret is missing.
        """
        self._notes = Notes()
        transport = self._new_transport()
        try:
            loader = Loader(fetch=transport.fetch, max_bytes=self._max_document_bytes, remote=self._remote)
            async with asyncio.timeout(self._timeout):
                document = await loader.load(self._document)
            return await self._made(document, transport)
        except TimeoutError as error:
            await transport.close()
            raise bad_setting(f"the document was not there within {self._timeout:g} s", error) from error
        except BaseException:
            await transport.close()
            raise

    async def close(self) -> None:
        """Close the connections."""
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.close()

    def _new_transport(self) -> Transport:
        from lamella_openapi.transport import Transport

        made = Transport(
            given=self._given_client,
            headers=self._headers,
            max_bytes=self._max_response_bytes,
            max_chars=self._max_result_chars,
            allow_redirects=self._allow_redirects,
        )
        made.open()
        return made

    async def _made(self, document: Document, transport: Transport) -> Sequence[Tool]:
        if self._validate:
            from lamella_openapi.validation import validate

            await asyncio.to_thread(validate, document)
        transport.base_url = self._settled_base(document)
        security = Security(
            document,
            self._security,
            base_url=transport.base_url,
            token_urls=self._token_urls,
            anonymous=self._anonymous,
            notes=self._notes,
        )
        transport.credentials = security.credentials
        catalog = Catalog(
            document,
            self._notes,
            hidden=security.hidden() | {("header", name.lower()) for name in self._headers},
            fixed=self._parameters,
            most_name=self._max_name_chars,
            most_description=self._max_description_chars,
        )
        chosen = await asyncio.to_thread(catalog.entries, self._choice)
        security.check(entry.operation for entry in chosen)
        tools = [self._tool(entry, document, security, transport) for entry in chosen]
        self._transport = transport
        self._say(len(tools))
        return tools

    def _tool(self, entry: Entry, document: Document, security: Security, transport: Transport) -> Tool:
        operation, credentials = entry.operation, security.credentials_for(entry.operation)
        slashes = self._slashes

        async def call(**arguments: Any) -> Any:
            prepared = prepare(operation, entry.values(arguments), document, slashes)
            return await transport.call(operation, prepared, credentials)

        return Tool(
            coroutine=call,
            name=entry.name,
            description=entry.description,
            input_schema=entry.layout.schema,
            timeout=self._timeout,
            idempotent=operation.method in _IDEMPOTENT,
        )

    def _settled_base(self, document: Document) -> str:
        if self._base_url is not None:
            return self._base_url
        servers = document.root.get("servers")
        for server in servers if isinstance(servers, list) else ():
            url = _filled(server) if isinstance(server, dict) else None
            if url is not None and urlsplit(document.location).scheme in ("http", "https"):
                url = urljoin(document.location, url)
            if url is not None and urlsplit(url).scheme in ("http", "https"):
                return check_base_url(url, "the document's server URL")
        raise bad_setting('base_url = "document", but the document has no absolute server URL; set base_url')

    def _say(self, count: int) -> None:
        if not count:
            _log.warning("%r: no operation fits the selection", self)
        if self._notes:
            first = "; ".join(list(self._notes)[:_SHOWN_NOTES])
            more = f"; and {len(self._notes) - _SHOWN_NOTES} more" if len(self._notes) > _SHOWN_NOTES else ""
            _log.info("%r: %d tools, with notes: %s%s", self, count, first, more)


def _filled(server: Mapping[str, Any]) -> str | None:
    """A server's URL with the defaults of its variables."""
    url = server.get("url")
    if not isinstance(url, str):
        return None
    variables = server.get("variables")
    for name, variable in (variables if isinstance(variables, dict) else {}).items():
        if isinstance(variable, dict):
            url = url.replace(f"{{{name}}}", str(variable.get("default", "")))
    return url


def _checked_base(base_url: str | None) -> str | None:
    """The base URL; ``None`` where it is the document's."""
    if base_url is None:
        raise bad_setting(
            'base_url is not set: say which server is called, or "document" for the one it names'
        )
    return None if base_url == "document" else check_base_url(base_url)


def _checked_headers(headers: Mapping[str, Any]) -> dict[str, str]:
    for name, value in headers.items():
        if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
            raise bad_setting(f"headers has {name!r}, which is no name of a header")
        if not isinstance(value, str) or any(ord(char) < 32 or ord(char) > 126 for char in value):
            raise bad_setting(f"the value of headers.{name} must be a text of printable ASCII characters")
    return dict(headers)


def _positive(name: str, value: int) -> int:
    given: object = value
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise bad_setting(f"{name} must be a whole number above 0, got {value!r}")
    return value


def _name_length(value: int) -> int:
    if not 16 <= _positive("max_name_chars", value) <= 64:
        raise bad_setting(f"max_name_chars must be from 16 to 64, got {value}")
    return value
