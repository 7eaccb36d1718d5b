"""Media that a model made, as files: never over another file, never at a path that the model chose."""

from __future__ import annotations

import mimetypes
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Final, Self

import attrs

from lamella.content import MediaContent, OpaqueContent
from lamella.errors import AgentExecutionError, LamellaError
from lamella.events import AttemptRollback, MediaOutputDone, ResponseDone, RunStreamEvent
from lamella_cli.output import notice
from lamella_console.plain import describe_media

__all__ = ["MadeMedia", "save_media"]

_UNKNOWN: Final = ".bin"
_GUESSED: Final = ("image", "audio", "video")
_KNOWN: Final = {
    "application/pdf": ".pdf",
    "audio/flac": ".flac",
    "audio/mp4": ".m4a",
    "audio/ogg": ".ogg",
    "audio/wav": ".wav",
}


class MadeMedia:
    """The media of a run's responses, of nested agents too; those of an attempt that was taken back are none."""

    def __init__(self) -> None:
        self._settled: list[MediaContent | OpaqueContent] = []
        self._open: dict[tuple[str, ...], list[MediaContent | OpaqueContent]] = {}
        self.run_id = ""

    @classmethod
    def of(cls, name: str, media: Iterable[MediaContent | OpaqueContent]) -> Self:
        """Media from elsewhere; ``name`` is what their files are called."""
        made = cls()
        made.run_id = name
        made._settled.extend(media)
        return made

    def feed(self, envelope: RunStreamEvent) -> None:
        """Take the next event of the run."""
        self.run_id = envelope.run_id
        event, path = envelope.event, envelope.path
        if isinstance(event, MediaOutputDone):
            self._open.setdefault(path, []).append(event.media)
        elif isinstance(event, AttemptRollback):
            self._open.pop(path, None)
        elif isinstance(event, ResponseDone):
            self._settled.extend(self._open.pop(path, ()))

    def all(self) -> list[MediaContent | OpaqueContent]:
        """The media so far, also of a response that was cut off."""
        return [*self._settled, *(media for medias in self._open.values() for media in medias)]


def save_media(made: MadeMedia, folder: Path, otherwise: str) -> LamellaError | None:
    """Save media and say where, a line for each; what is not here, or of no known type, is said to be left.

    :param otherwise: what to do when it fails.
    :returns: the first thing that went wrong; the others are saved all the same.
    """
    failure: LamellaError | None = None
    for index, media in enumerate(made.all(), start=1):
        try:
            _save(media, folder, f"{_plain(made.run_id)}-{index}")
        except OSError as error:
            failure = failure or AgentExecutionError(
                f"cannot save {describe_media(media)} in {folder}: {error.strerror or error}; {otherwise}",
                cause=error,
            )
    return failure


def _save(media: MediaContent | OpaqueContent, folder: Path, stem: str) -> None:
    if isinstance(media, OpaqueContent):
        notice(f"not saved: {describe_media(media)}, no installed plugin knows this content")
    elif media.data is None:
        notice(f"not saved: {describe_media(media)}, its bytes are not here and nothing is fetched")
    else:
        place = _write_new(media.data, folder, stem, _extension(media))
        notice(f"saved {place} {describe_media(attrs.evolve(media, name=None))}")


def _write_new(data: bytes, folder: Path, stem: str, extension: str) -> Path:
    """Write a file whole or not at all. The name is taken first, so that nobody else's file is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    place = _take_name(folder, stem, extension)
    part = folder / f".{place.name}.{secrets.token_hex(4)}.part"
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(place)
    except BaseException:
        part.unlink(missing_ok=True)
        place.unlink(missing_ok=True)
        raise
    return place


def _take_name(folder: Path, stem: str, extension: str) -> Path:
    for name in _names(stem, extension):
        try:
            (folder / name).open("xb").close()
        except FileExistsError:
            continue
        return folder / name
    raise AssertionError("the names are endless")


def _names(stem: str, extension: str) -> Iterator[str]:
    yield f"{stem}{extension}"
    yield from (f"{stem}-{number}{extension}" for number in count(2))


def _plain(run_id: str) -> str:
    """A stored run's id comes from a file: only what is harmless in a name is left of it."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", run_id)[:64] or "run"


def _extension(media: MediaContent) -> str:
    """That of the type, as the content plugin or Python knows it; the model's word for it goes nowhere else."""
    kind = media.mime_type.partition(";")[0].strip().lower()
    kind = media.synonyms.get(kind, kind)
    own = next((extension for extension, known in media.extensions.items() if known == kind), None)
    if own is not None:
        return own
    if kind in _KNOWN or kind.partition("/")[0] not in _GUESSED:
        return _KNOWN.get(kind, _UNKNOWN)
    own_table = mimetypes.MimeTypes()  # Python's: those of systems differ
    return own_table.guess_extension(kind, strict=False) or _UNKNOWN
