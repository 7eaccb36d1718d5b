"""Images for a prompt, through the plugin of the content type ``image``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamella.content import Block
from lamella.errors import ConfigError, PluginError
from lamella.plugins import resolve_import_string

if TYPE_CHECKING:
    from lamella.config import Project

__all__ = ["read_images"]


def read_images(paths: Iterable[Path], project: Project) -> list[Block]:
    """Image blocks from files.

    :raises PluginError: ``lamella-image`` is not installed or cannot be used.
    :raises AgentInputError: a file is no image.
    """
    files = list(paths)
    if not files:
        return []
    try:
        content_class: Any = project.host.content("image").content_class
    except ConfigError as error:
        raise PluginError(
            "--image needs the content type 'image', which is not installed; "
            "install it: pip install lamella-image",
            cause=error,
        ) from error
    if isinstance(content_class, str):
        content_class = resolve_import_string(content_class)
    images: list[Block] = [content_class.from_file(path) for path in files]
    return images
