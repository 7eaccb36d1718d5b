"""The settings of the tool source: a table ``[tools.NAME]`` with ``source = "openapi"``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs

from lamella.specs import secret
from lamella_openapi import limits
from lamella_openapi.problems import bad_setting

__all__ = ["OpenAPISettings"]


def texts(value: Iterable[str]) -> tuple[str, ...]:
    """A list of texts as a tuple."""
    if isinstance(value, str):
        raise bad_setting(f"operations, tags, paths, methods and slashes are lists, got the text {value!r}")
    return tuple(value)


def optional_texts(value: Iterable[str] | None) -> tuple[str, ...] | None:
    """A list of texts as a tuple; ``None`` stays."""
    return None if value is None else texts(value)


@attrs.frozen(kw_only=True)
class OpenAPISettings:
    """See :class:`~lamella_openapi.OpenAPIToolSource`. In files, ``security`` and ``headers`` hold references to secrets."""

    document: str
    base_url: str | None = None
    operations: tuple[str, ...] | None = attrs.field(default=None, converter=optional_texts)
    tags: tuple[str, ...] | None = attrs.field(default=None, converter=optional_texts)
    paths: tuple[str, ...] | None = attrs.field(default=None, converter=optional_texts)
    methods: tuple[str, ...] | None = attrs.field(default=None, converter=optional_texts)
    security: dict[str, Any] | None = secret(default=None)  # noqa: RUF009  # an attrs.field
    headers: dict[str, Any] | None = secret(default=None)  # noqa: RUF009  # an attrs.field
    parameters: dict[str, Any] | None = None
    token_urls: dict[str, str] | None = None
    anonymous: bool = False
    slashes: tuple[str, ...] = attrs.field(default=(), converter=texts)
    allow_redirects: bool = False
    remote_references: bool = False
    validate: bool = False
    max_document_bytes: int = limits.MAX_DOCUMENT_BYTES
    max_response_bytes: int = limits.MAX_RESPONSE_BYTES
    max_result_chars: int = limits.MAX_RESULT_CHARS
    max_description_chars: int = limits.MAX_DESCRIPTION_CHARS
    max_name_chars: int = limits.MAX_NAME_CHARS
