"""The names of files on the wires: vendors read the type of a file off its extension."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Final

from lamella.content import MediaContent
from lamella_document.kinds import EXTENSIONS, FORMATS, essence

__all__ = ["file_name"]

_LONGEST: Final = 200  # characters before the extension
_UNFIT: Final = re.compile(r"[\x00-\x1f\x7f/\\]+")


def file_name(document: MediaContent) -> str:
    """Its name, else its title, else ``document``; with the extension of its type, unless it has it.

    A PDF named ``report.txt`` is sent as ``report.txt.pdf``. Control characters and slashes become ``_``.
    """
    name = document.name or getattr(document, "title", None) or "document"
    name = _UNFIT.sub("_", name).strip() or "document"
    kind = essence(document.mime_type)
    if kind not in FORMATS or EXTENSIONS.get(PurePath(name).suffix.lower()) == kind:
        return name[-_LONGEST:]
    return f"{name[:_LONGEST]}.{FORMATS[kind]}"
