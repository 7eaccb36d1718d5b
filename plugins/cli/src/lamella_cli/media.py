"""Media for a prompt: files, URLs and standard input, through the plugins of their content types."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, get_args
from urllib.parse import unquote, urlsplit

import click

from lamella.content import Block, MediaContent
from lamella.content.mime import UNKNOWN
from lamella.errors import AgentInputError, ConfigError, PluginError
from lamella.plugins import resolve_import_string
from lamella_cli.media_options import Given, Kind

if TYPE_CHECKING:
    from lamella.config import Project

__all__ = ["read_media"]


def read_media(given: Sequence[Given], project: Project) -> list[Block]:
    """Blocks of the files and URLs, in their order. Files are read now; what is behind a URL is never fetched.

    :raises PluginError: a content plugin is not installed or cannot be used.
    :raises AgentInputError: a file is missing or is not what its option says.
    :raises click.UsageError: standard input is wanted twice, or is a terminal.
    """
    if sum(each.is_stdin for each in given) > 1:
        raise click.UsageError(
            "standard input can be read once: give - to one of --image, --audio, --document"
        )
    classes = {each.kind: _content_class(each.kind, project) for each in given}
    return [_checked(_read(each, classes[each.kind]), each) for each in given]


def _content_class(kind: Kind, project: Project) -> type[MediaContent]:
    try:
        found: Any = project.host.content(kind).content_class
    except ConfigError as error:
        raise PluginError(
            f"--{kind} needs the content type {kind!r}, which is not installed; "
            f"install it: pip install lamella-{kind}",
            cause=error,
        ) from error
    content_class: type[MediaContent] = resolve_import_string(found) if isinstance(found, str) else found
    return content_class


def _read(given: Given, content_class: type[MediaContent]) -> MediaContent:
    if given.is_stdin:
        return content_class.from_bytes(_standard_input(given.kind))
    if given.value.lower().startswith(("http://", "https://")):
        hint = _hint(given.value, content_class.extensions)
        return content_class.from_url(given.value, hint) if hint else content_class.from_url(given.value)
    return content_class.from_file(given.value)


def _checked(media: MediaContent, given: Given) -> MediaContent:
    """What the bytes show decides the type, so a sound behind ``--image`` would be an image of type audio/mpeg."""
    if media.mime_type == UNKNOWN:
        raise AgentInputError(
            f"--{given.kind} {given.value}: neither its bytes nor its name show what it is, and no model takes it so"
        )
    right = "document" if media.mime_type == "application/pdf" else media.mime_type.partition("/")[0]
    if right != given.kind and right in get_args(Kind):
        raise AgentInputError(f"--{given.kind} {given.value}: it is {media.mime_type}; use --{right}")
    return media


def _hint(url: str, extensions: Mapping[str, str]) -> str | None:
    """The type that the extension of a URL stands for."""
    try:
        path = urlsplit(url).path
    except ValueError:  # from_url says what is wrong with it
        return None
    return extensions.get(PurePosixPath(unquote(path)).suffix.lower())


def _standard_input(kind: Kind) -> bytes:
    stream: BinaryIO | None = getattr(sys.stdin, "buffer", None)
    if stream is None or stream.isatty():
        raise click.UsageError(f"--{kind} - reads standard input: pipe the {kind} in, or give its path")
    data = stream.read()
    if not data:
        raise AgentInputError(f"--{kind} -: standard input is empty")
    return data
