"""Where documents come from: a file, a URL or code, with the files they refer to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import attrs

from lamella import ConfigError, current_project
from lamella_openapi.document import Document, references
from lamella_openapi.problems import bad_setting
from lamella_openapi.reading import parse, settle

__all__ = ["Fetch", "Loader"]

Fetch: TypeAlias = Callable[[str, int], Awaitable[bytes]]
"""URL and the most bytes it may have, to its bytes."""

_MOST_FILES: Final = 500


@attrs.define(kw_only=True)
class Loader:
    """Reads one document.

    Files that a local document refers to must lie in its folder or below. Those behind URLs are read only
    with ``remote``.
    """

    fetch: Fetch
    max_bytes: int
    remote: bool = False
    _left: int = attrs.field(init=False, default=0)
    _folder: Path | None = attrs.field(init=False, default=None)

    async def load(self, document: str | Path | Mapping[str, Any]) -> Document:
        """The document with every file that is reachable by its references.

        :raises ConfigError: it is not there, too large, or no OpenAPI document of version 3.
        """
        self._left = self.max_bytes
        if isinstance(document, Mapping):
            location, root = "", settle(dict(document), "given in code")
        else:
            location = self._location(str(document))
            root = parse(await self._read(location), _shown(location))
        _check_version(root, _shown(location) or "given in code")
        parts = {location: root}
        refused = await self._gather(parts)
        return Document(location, parts, refused)

    def _location(self, document: str) -> str:
        if urlsplit(document).scheme in ("http", "https"):
            return document
        path = Path(document).expanduser()
        path = path if path.is_absolute() else (current_project().root or Path.cwd()) / path
        path = path.resolve()
        self._folder = path.parent
        return path.as_uri()

    async def _gather(self, parts: dict[str, Any]) -> dict[str, str]:
        """Read what is referred to, into ``parts``; gives what was not read, and why."""
        pending = list(parts)
        refused: dict[str, str] = {}
        while pending:
            base = pending.pop()
            targets = {urldefrag(reference)[0] for reference in references(parts[base])} - {""}
            for location in sorted(
                {urljoin(base, target) for target in targets} - parts.keys() - refused.keys()
            ):
                if (why := self._refusal(location, base)) is not None:
                    refused[location] = why
                    continue
                if len(parts) >= _MOST_FILES:
                    raise bad_setting(f"the document refers to more than {_MOST_FILES} files")
                try:
                    parts[location] = parse(await self._read(location), _shown(location))
                    pending.append(location)
                except ConfigError as error:
                    if self._left <= 0:
                        raise
                    refused[location] = error.message
        return refused

    def _refusal(self, location: str, base: str) -> str | None:
        """Why a file is not read, ``None`` when it may be."""
        scheme = urlsplit(location).scheme
        if scheme in ("http", "https"):
            return (
                None
                if self.remote
                else f"{location} is not read over the network; set remote_references = true"
            )
        local = scheme == "file" and urlsplit(base).scheme == "file" and self._folder is not None
        if not local or not _path(location).is_relative_to(self._folder or ""):
            return f"{location} is not in the document's folder"
        return None if _path(location).is_file() else f"there is no file {_shown(location)}"

    async def _read(self, location: str) -> bytes:
        if urlsplit(location).scheme in ("http", "https"):
            data = await self.fetch(location, self._left)
        else:
            data = await asyncio.to_thread(self._read_file, _path(location))
        self._left -= len(data)
        return data

    def _read_file(self, path: Path) -> bytes:
        try:
            with path.open("rb") as file:
                data = file.read(self._left + 1)
        except OSError as error:
            raise bad_setting(
                f"the document {path} cannot be read: {error.strerror or error}; document is a path, relative to "
                "the project's folder, or a URL",
                error,
            ) from error
        if len(data) > self._left:
            self._left = 0
            raise bad_setting(
                f"the document {path} is too large; raise max_document_bytes ({self.max_bytes})"
            )
        return data


def _path(location: str) -> Path:
    return Path(unquote(urlsplit(location).path)).resolve()


def _shown(location: str) -> str:
    """A path as a path, a URL without query and password."""
    split = urlsplit(location)
    if split.scheme == "file":
        return unquote(split.path)
    return f"{split.scheme}://{split.netloc.rpartition('@')[2]}{split.path}" if split.scheme else location


def _check_version(root: Any, name: str) -> None:
    if not isinstance(root, dict):
        raise bad_setting(
            f"the document {name} is no OpenAPI document: it must be a mapping, not {_kind(root)}"
        )
    version = root.get("openapi")
    if "swagger" in root and version is None:
        raise bad_setting(
            f"the document {name} is of version {root['swagger']}; only OpenAPI 3.0 to 3.2 is read. Convert it: "
            "npx swagger2openapi"
        )
    if not str(version).startswith(("3.0", "3.1", "3.2")):
        raise bad_setting(f"the document {name} says openapi: {version!r}; it must be 3.0, 3.1 or 3.2")
    if not isinstance(root.get("paths", {}), dict):
        raise bad_setting(f"the document {name} is wrong at paths: expected a mapping")


def _kind(value: Any) -> str:
    return {str: "a text", list: "a list", type(None): "empty"}.get(type(value), type(value).__name__)
