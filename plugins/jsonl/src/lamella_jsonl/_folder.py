"""The folder of the runs."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from lamella_jsonl._log_file import sync_folder

__all__ = ["below_project", "make_folder", "require_folder"]


def below_project(path: Path) -> Path:
    """A path as it is meant: a relative one is below the root of the current project."""
    path = path.expanduser()
    if path.is_absolute():
        return path
    from lamella.config import current_project

    return (current_project().root or Path.cwd()) / path


def make_folder(folder: Path, *, durable: bool) -> None:
    """Make the folder; below a fresh ``.lamella`` git is told to leave what is stored alone.

    :param durable: whether to wait until the disk has the entries of what is made.
    """
    if folder.is_dir():
        return
    state = folder.parent
    fresh = state.name == ".lamella" and not state.exists()
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    if fresh:
        (state / ".gitignore").write_text("*\n", encoding="utf-8")
    if durable:
        for path in made:
            sync_folder(path.parent)


def require_folder(folder: Path) -> bool:
    """Whether the folder is there.

    :raises NotADirectoryError: something else stands there.
    """
    if folder.is_dir():
        return True
    if folder.exists():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    return False
