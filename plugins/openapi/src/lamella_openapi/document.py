"""A document and the files it refers to, and the following of references in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import unquote, urldefrag, urljoin

import attrs

__all__ = ["Document", "Key", "LeadsNowhere", "references"]

Key: TypeAlias = tuple[str, str]
"""A part of a document: the location of its file, and the pointer in it."""

_LONGEST: Final = 32
"""References to references; a longer chain is a circle."""


class LeadsNowhere(LookupError):
    """A reference to what is not there. Caught where it is known what stands in."""


@attrs.frozen
class Document:
    """The root document, and by location the data of every file.

    Locations are URLs (``file://…`` for files, ``""`` for a dict from code).
    """

    location: str
    parts: Mapping[str, Any] = attrs.field(repr=False)
    refused: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    """Files that were not read, and why; said only where something in use refers to one."""

    @property
    def root(self) -> Any:
        """The data of the root document."""
        return self.parts[self.location]

    def key(self, reference: str, base: str) -> Key:
        """What a reference that stands in the file ``base`` refers to."""
        target, pointer = urldefrag(reference)
        return (urljoin(base, target) if target else base), unquote(pointer)

    def find(self, key: Key) -> Any:
        """The data there.

        :raises LeadsNowhere: nothing is there.
        """
        location, pointer = key
        if location not in self.parts:
            raise LeadsNowhere(self.refused.get(location, f"{location} is not there"))
        value = self.parts[location]
        if pointer and not pointer.startswith("/"):
            raise LeadsNowhere(f"anchors such as #{pointer} are not followed")
        for token in pointer.split("/")[1:]:
            token = token.replace("~1", "/").replace("~0", "~")
            if isinstance(value, dict) and token in value:
                value = value[token]
            elif isinstance(value, list) and token.isdecimal() and int(token) < len(value):
                value = value[int(token)]
            else:
                raise LeadsNowhere(f"there is no {token!r} on the way of #{pointer}")
        return value

    def follow(self, value: Any, base: str) -> tuple[Any, str]:
        """The data and its file, after all references.

        :raises LeadsNowhere: one leads nowhere, or in a circle.
        """
        for _ in range(_LONGEST):
            if not isinstance(value, dict) or not isinstance(value.get("$ref"), str):
                return value, base
            key = self.key(value["$ref"], base)
            value, base = self.find(key), key[0]
        raise LeadsNowhere("the reference leads in a circle")


def references(value: Any) -> Iterator[str]:
    """All references in the data, each part of it looked at once."""
    seen: set[int] = set()
    pending = [value]
    while pending:
        node = pending.pop()
        if not isinstance(node, dict | list) or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, dict):
            if isinstance(reference := node.get("$ref"), str):
                yield reference
            pending.extend(node.values())
        else:
            pending.extend(node)
