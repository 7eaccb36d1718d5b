"""A call's request, without credentials: pure, and never anywhere but below the base URL."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import attrs

from lamella_openapi.bodies import Content, encode_body
from lamella_openapi.document import Document
from lamella_openapi.layout import MISSING, Values
from lamella_openapi.operations import PLACEHOLDER, Operation, Parameter
from lamella_openapi.problems import bad_arguments, bad_setting
from lamella_openapi.styles import Pair, cookie_pairs, encoded, header_text, path_text, query_pairs

__all__ = ["Prepared", "check_base_url", "prepare"]

_LITERAL: Final = "/:@!$&'()*+,;=%"
"""What stands in a document's own paths as it is."""


@attrs.frozen(kw_only=True)
class Prepared:
    """What is asked. ``path`` and ``query`` are encoded; ``cookies`` are pairs of encoded texts."""

    method: str
    path: str
    query: tuple[Pair, ...] = ()
    headers: tuple[Pair, ...] = ()
    cookies: tuple[Pair, ...] = ()
    content: Content | None = None

    def target(self, base_url: str, more: tuple[Pair, ...] = ()) -> str:
        """The URL, with more pairs at the end of the query."""
        query = "&".join(f"{name}={value}" for name, value in (*self.query, *more))
        return f"{base_url}{self.path}{'?' if query else ''}{query}"


def check_base_url(url: str, setting: str = "base_url") -> str:
    """The URL that all paths are put behind, without a slash at its end.

    :raises ConfigError: it is not absolute, or has a password, a query or a fragment.
    """
    try:
        split = urlsplit(url)
        port = split.port
    except ValueError as error:
        raise bad_setting(f"{setting} is no URL: {error}", error) from error
    if split.scheme not in ("http", "https") or not split.hostname or port == 0:
        raise bad_setting(f"{setting} must be an absolute http(s) URL, got {url!r}")
    if split.username is not None or split.password is not None:
        raise bad_setting(f"{setting} must not hold a user or password; use security or headers")
    if split.query or split.fragment or "?" in url or "#" in url:
        raise bad_setting(f"{setting} must have no query and no fragment, got {url.partition('?')[0]!r}")
    return url.rstrip("/")


def prepare(
    operation: Operation, values: Values, document: Document, slashes: Collection[str] = ()
) -> Prepared:
    """The request that a call's values mean.

    :param slashes: names of the path parameters that may hold slashes.
    :raises AgentToolCallError: a value does not fit where it is to stand.
    """
    given = {
        (parameter.location, parameter.name): (parameter, value) for parameter, value in values.parameters
    }
    query: list[Pair] = _own_query(operation)
    headers: list[Pair] = []
    cookies: list[Pair] = []
    for parameter, value in given.values():
        if value is None and parameter.location != "path":
            if not parameter.required:
                continue
            value = ""
        if parameter.location == "query":
            query += query_pairs(parameter, value)
        elif parameter.location == "header":
            headers.append((parameter.name, header_text(parameter, value)))
        elif parameter.location == "cookie":
            cookies += cookie_pairs(parameter, value)
    return Prepared(
        method=operation.method,
        path=_path(operation, given, slashes),
        query=tuple(query),
        headers=tuple(headers),
        cookies=tuple(cookies),
        content=_content(operation, values, document),
    )


def _path(
    operation: Operation, given: dict[tuple[str, str], tuple[Parameter, object]], slashes: Collection[str]
) -> str:
    """The path, its placeholders filled. What stands around them is the document's, and encoded where it must be."""
    template = operation.path.partition("?")[0]
    pieces = PLACEHOLDER.split(template)
    made = [encoded(pieces[0], _LITERAL)]
    for name, after in zip(pieces[1::2], pieces[2::2], strict=True):
        if ("path", name) not in given:
            raise bad_arguments(f"{name} is missing, which stands in the path {operation.path}")
        parameter, value = given["path", name]
        made += [path_text(parameter, value, name in slashes), encoded(after, _LITERAL)]
    path = "".join(made)
    before = PLACEHOLDER.sub("x", template).split("/")
    for segment in path.split("/"):
        if segment in (".", "..") and segment not in before:
            raise bad_arguments(f"the arguments would lead out of the path {operation.path}")
    return path


def _own_query(operation: Operation) -> list[Pair]:
    """The query that stands in the path itself, as ``/files?beta=true``: the specification has no place for it."""
    found = parse_qsl(operation.path.partition("?")[2], keep_blank_values=True)
    return [(encoded(name), encoded(value)) for name, value in found]


def _content(operation: Operation, values: Values, document: Document) -> Content | None:
    if operation.body is None or values.body is MISSING:
        return None
    return encode_body(operation.body, values.body, document)
