"""Folders on ``sys.path`` while somebody needs them there."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["on_path"]

_lock = threading.Lock()
_holders: Counter[str] = Counter()


@contextmanager
def on_path(folder: str) -> Iterator[None]:
    """Have a folder first on ``sys.path``, unless it is there; the last who needs it takes it off again."""
    with _lock:
        if folder not in sys.path:
            sys.path.insert(0, folder)
            _holders[folder] = 0
        if folder in _holders:
            _holders[folder] += 1
    try:
        yield
    finally:
        with _lock:
            if folder in _holders:
                _holders[folder] -= 1
                if not _holders[folder]:
                    del _holders[folder]
                    if folder in sys.path:
                        sys.path.remove(folder)
