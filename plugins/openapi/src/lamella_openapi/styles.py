"""Parameters as they stand in URLs and headers: the styles of OpenAPI.

Nothing that a value holds can end the place it stands in: what has a meaning there is percent-encoded, and what could
have one even so is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final, TypeAlias
from urllib.parse import quote, unquote

import attrs

from lamella_openapi.operations import Parameter
from lamella_openapi.problems import bad_arguments

__all__ = ["Pair", "as_text", "cookie_pairs", "encoded", "header_text", "path_text", "query_pairs"]

Pair: TypeAlias = tuple[str, str]

_KEPT: Final = ":/?@!$'()*,;[]"
"""Reserved characters that end nothing in a query. ``&``, ``=``, ``+``, ``#`` and ``%`` would."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_SEPARATORS: Final = {"spaceDelimited": "%20", "pipeDelimited": "%7C"}


def as_text(value: Any) -> str:
    """One value as text: texts as they are, everything else as JSON writes it."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def encoded(text: str, kept: str = "") -> str:
    """Percent-encoded, but for letters, digits, ``-._~`` and ``kept``.

    :raises AgentToolCallError: half a character (a lone surrogate), which has no encoding.
    """
    try:
        return quote(text, safe=kept)
    except UnicodeEncodeError:
        raise bad_arguments(f"{text[:40]!r} holds half a character") from None


def _items(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


# -- path -------------------------------------------------------------------------------------------


def path_text(parameter: Parameter, value: Any, slashes: bool) -> str:
    """A path parameter. ``slashes``: it may have several segments; even then it cannot go up.

    :raises AgentToolCallError: it is empty, or would lead elsewhere.
    """
    for text in _leaves(value):
        _check_segment(parameter.name, text, slashes)
    kept = "/" if slashes else ""
    text = _laid_out(parameter, value, kept)
    if not text.strip(".;=,"):
        raise bad_arguments(f"{parameter.name} stands in the path and must not be empty or dots")
    return text


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield as_text(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield as_text(item)
    else:
        yield as_text(value)


def _check_segment(name: str, text: str, slashes: bool) -> None:
    plain = text
    for _ in range(4):  # a server in front may decode once more
        if _CONTROL.search(plain):
            raise bad_arguments(f"{name} stands in the path and must not hold control characters")
        if ("/" in plain and not slashes) or "\\" in plain:
            raise bad_arguments(f"{name} stands in the path and must not hold slashes: {text[:80]!r}")
        if any(part.partition(";")[0] in (".", "..") for part in plain.split("/")):
            raise bad_arguments(
                f"{name} stands in the path and must not be or hold '.' or '..': {text[:80]!r}"
            )
        decoded = unquote(plain)
        if decoded == plain:
            return
        plain = decoded


def _laid_out(parameter: Parameter, value: Any, kept: str) -> str:
    """``simple``, ``label`` and ``matrix``."""
    if parameter.media is not None:
        return encoded(json.dumps(value, ensure_ascii=False), kept)
    if parameter.style == "matrix":
        return _matrix(parameter, value, kept)
    joint = "." if parameter.style == "label" and parameter.explode else ","
    start = "." if parameter.style == "label" else ""
    return start + joint.join(_parts(value, parameter.explode, kept))


def _parts(value: Any, explode: bool, kept: str) -> list[str]:
    if isinstance(value, dict):
        pairs = [(encoded(name, kept), encoded(as_text(item), kept)) for name, item in value.items()]
        return (
            [f"{name}={item}" for name, item in pairs]
            if explode
            else [part for pair in pairs for part in pair]
        )
    return [encoded(as_text(item), kept) for item in _items(value)]


def _matrix(parameter: Parameter, value: Any, kept: str) -> str:
    name = encoded(parameter.name)
    if parameter.explode and isinstance(value, dict):
        return "".join(f";{part}" for part in _parts(value, True, kept))
    if parameter.explode:
        return "".join(f";{name}={part}" for part in _parts(value, False, kept))
    return f";{name}={','.join(_parts(value, False, kept))}"


# -- query ------------------------------------------------------------------------------------------


def query_pairs(parameter: Parameter, value: Any) -> list[Pair]:
    """A query parameter, or a field of a form, as encoded pairs."""
    kept = _KEPT if parameter.allow_reserved else ""
    name = encoded(parameter.name)
    if parameter.media is not None:
        return [(name, encoded(json.dumps(value, ensure_ascii=False), kept))]
    if parameter.style == "deepObject" and isinstance(value, dict | list):
        return [
            (_brackets(parameter.name, keys), encoded(as_text(item), kept)) for keys, item in _deep(value)
        ]
    if isinstance(value, dict) and parameter.explode and parameter.style == "form":
        return [(encoded(key), encoded(as_text(item), kept)) for key, item in value.items()]
    if isinstance(value, list) and parameter.explode:
        return [(name, encoded(as_text(item), kept)) for item in value]
    separator = _SEPARATORS.get(parameter.style, ",")
    return [(name, separator.join(_parts(value, False, kept)))]


def _deep(value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The leaves of a value, with the keys that lead there. The specification says nothing of lists: they count."""
    if isinstance(value, dict | list) and value:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            for keys, leaf in _deep(item):
                yield (str(key), *keys), leaf
    elif not isinstance(value, dict | list):
        yield (), value


def _brackets(name: str, keys: tuple[str, ...]) -> str:
    return encoded(name) + "".join(f"%5B{encoded(key)}%5D" for key in keys)


# -- headers ----------------------------------------------------------------------------------------


def header_text(parameter: Parameter, value: Any) -> str:
    """A header's value.

    :raises AgentToolCallError: it would end the header, or is not ASCII, which headers are.
    """
    if parameter.media is not None:
        text = json.dumps(value)
    elif isinstance(value, dict):
        joint = "=" if parameter.explode else ","
        text = ",".join(f"{name}{joint}{as_text(item)}" for name, item in value.items())
    else:
        text = ",".join(as_text(item) for item in _items(value))
    if _CONTROL.search(text) or not text.isascii():
        raise bad_arguments(f"{parameter.name} is a header and must hold printable ASCII characters only")
    return text.strip()


def cookie_pairs(parameter: Parameter, value: Any) -> list[Pair]:
    """A cookie, percent-encoded so that it ends nothing."""
    return query_pairs(attrs.evolve(parameter, allow_reserved=False), value)
