"""What the file system refuses, as typed errors that say what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from lamella.errors import ErrorCode, StoreError

__all__ = ["conflict", "corrupt", "failure_of", "file_failures"]

_FULL: Final = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})
_PASSING: Final = frozenset(
    {errno.EAGAIN, errno.EBUSY, errno.EMFILE, errno.ENFILE, errno.ETIMEDOUT, getattr(errno, "ESTALE", errno.EBUSY)}
)  # fmt: skip
_ADVICE: Final = {
    errno.ENOSPC: "free space on the disk, then the same batch can be written again",
    errno.EFBIG: "raise the limit of file sizes (ulimit -f), then the same batch can be written again",
    errno.EACCES: "make the folder writable for this user, or set another path for sink.jsonl",
    errno.EPERM: "make the folder writable for this user, or set another path for sink.jsonl",
    errno.EROFS: "the file system is read-only: set another path for sink.jsonl",
    errno.ENOTDIR: "a file stands where the folder of the runs should be: move it, or set another path for sink.jsonl",
    errno.EEXIST: "a file stands where the folder of the runs should be: move it, or set another path for sink.jsonl",
    errno.ENOENT: "the folder or the file was removed while it was written: begin a new run",
    errno.EMFILE: "too many open files: raise the limit (ulimit -n), or run fewer agents at once",
}


def _context(path: Path, run_id: str | None) -> dict[str, Any]:
    return {"store": "jsonl", "path": str(path), **({} if run_id is None else {"run_id": run_id})}


@contextmanager
def file_failures(doing: str, path: Path, run_id: str | None = None) -> Iterator[None]:
    """Raise what the file system refuses as ``StoreError``.

    :param doing: what is done, for the message: ``write``, ``read``.
    """
    try:
        yield
    except OSError as error:
        raise failure_of(error, doing, path, run_id) from error


def failure_of(error: OSError, doing: str, path: Path, run_id: str | None = None) -> StoreError:
    """What the file system refused, as a ``StoreError``; see :func:`file_failures`."""
    place = path if error.filename is None else error.filename
    advice = _ADVICE.get(error.errno or 0, "check the disk and the path, then try again")
    return StoreError(
        f"jsonl store: cannot {doing} {place}: {error.strerror or error}; {advice}",
        error_code=_code(error),
        context=_context(path, run_id),
        cause=error,
        retryable=error.errno in _PASSING,
    )


def _code(error: OSError) -> ErrorCode:
    if error.errno in _FULL:
        return ErrorCode.STORE_FULL
    return ErrorCode.STORE_UNAVAILABLE if error.errno in _PASSING else ErrorCode.STORE_FAILED


def corrupt(path: Path, line: int) -> StoreError:
    """The error for a line in the middle of a file that is no stored event."""
    return StoreError(
        f"{path}:{line}: not a stored event (expected a JSON object); the file was damaged or changed by something "
        "else: restore it from a copy, or delete this line to read the rest",
        error_code=ErrorCode.STORE_CORRUPT,
        context={**_context(path, None), "line": line},
    )


def conflict(message: str, path: Path, run_id: str) -> StoreError:
    """The error for two who write one run, or a run that does not go on where it stopped."""
    return StoreError(
        f"jsonl store: {message}",
        error_code=ErrorCode.STORE_CONFLICT,
        context=_context(path, run_id),
    )
