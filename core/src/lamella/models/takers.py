"""Which installed providers could take a piece of media: advice for the error that refuses it."""

from __future__ import annotations

from typing import Final

import attrs

from lamella.content import MediaContent
from lamella.errors import LamellaError

__all__ = ["advice", "takers"]

_SHOWN: Final = 8
_LARGE: Final = 1 << 16
_KINDS: Final = frozenset({"image", "audio", "document", "video"})
"""The kinds that providers declare in ``Capabilities.inputs``; others are known by their plugin alone."""


def takers(content: MediaContent) -> tuple[str, ...]:
    """The usable providers of the current project whose wire has a form for ``content``, sorted.

    Imports their light plugin modules, no SDK. A plugin that fails takes nothing.
    """
    from lamella.config import current_project

    host = current_project().host
    if content.size is not None and content.size > _LARGE:
        content = attrs.evolve(content, data=b"x")  # what is asked is the form, not the bytes
    forms: dict[str, bool] = {}
    found: list[str] = []
    for record in host.activate_kind("provider"):
        try:
            spec = host.provider(record.name)
        except LamellaError:
            continue  # it is broken: its own use says so
        can = spec.capabilities
        if spec.dialect is None or can is None:
            continue  # nobody knows what it takes
        if content.type in _KINDS and content.type not in can.inputs:
            continue
        if spec.dialect not in forms:
            forms[spec.dialect] = _has_form(content, spec.dialect)
        if forms[spec.dialect] and not _is_foreign(content, record.name):
            found.append(record.name)
    return tuple(found)


def _has_form(content: MediaContent, dialect: str) -> bool:
    from lamella.config import current_project

    try:
        return current_project().host.hooks.encode_content(content, dialect) is not None
    except LamellaError:
        return False


def _is_foreign(content: MediaContent, provider: str) -> bool:
    """Whether it is a file at somebody else's; a provider and its other API share the first part of the name."""
    if content.file_id is None or content.provider is None:
        return False
    return provider.partition("-")[0] != content.provider.partition("-")[0]


def advice(found: tuple[str, ...]) -> str:
    """The providers as the end of a message."""
    if not found:
        return "no installed provider takes it"
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return f"installed providers that take it: {', '.join(found[:_SHOWN])}{more}"
