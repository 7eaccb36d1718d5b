"""What a database raises as what leaves the store: typed, without passwords, with what to do."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from lamella.errors import ErrorCode, LamellaError, StoreError
from lamella_sql._url import Place

__all__ = ["CAUGHT", "is_passing", "store_error"]

CAUGHT: Final = (SQLAlchemyError, sqlite3.Error, OSError, TimeoutError, TypeError, ValueError)
"""What the drivers raise. ``TypeError`` and ``ValueError``: a parameter of the URL that the driver does not know."""

_FULL: Final = "make room, or store elsewhere ([sink.sql] url)"

_SQLITE: Final[tuple[tuple[str, ErrorCode, str], ...]] = (
    ("is full", ErrorCode.STORE_FULL, _FULL),
    ("locked", ErrorCode.STORE_UNAVAILABLE, "another process holds it; end that one, or raise timeout"),
    ("busy", ErrorCode.STORE_UNAVAILABLE, "another process holds it; end that one, or raise timeout"),
    ("not a database", ErrorCode.STORE_CORRUPT, "move the file away, or give another path"),
    ("malformed", ErrorCode.STORE_CORRUPT, "recover what there is: sqlite3 FILE .recover | sqlite3 NEW"),
    (
        "readonly",
        ErrorCode.STORE_FAILED,
        "allow writing to the file and its folder (SQLite makes files beside it)",
    ),
    ("unable to open", ErrorCode.STORE_FAILED, "the folder must exist and allow writing"),
)

_SQLSTATES: Final[tuple[tuple[str, ErrorCode, str], ...]] = (
    ("53100", ErrorCode.STORE_FULL, "make room on the server's disk"),
    ("53", ErrorCode.STORE_UNAVAILABLE, "the server is out of connections or memory; try again later"),
    ("55P03", ErrorCode.STORE_UNAVAILABLE, "another session holds a lock; end it, or raise timeout"),
    ("57P", ErrorCode.STORE_UNAVAILABLE, "the server stops or starts; try again later"),
    ("08", ErrorCode.STORE_UNAVAILABLE, "the connection broke; try again later"),
    ("40", ErrorCode.STORE_UNAVAILABLE, "another session was in the way; try again"),
    ("28", ErrorCode.STORE_FAILED, "check the user and the password of the URL"),
    ("3D000", ErrorCode.STORE_FAILED, "make the database: createdb NAME"),
    ("42501", ErrorCode.STORE_FAILED, "let the user make and write tables: GRANT CREATE, USAGE ON SCHEMA public"),
    ("42P07", ErrorCode.STORE_FAILED, "the database has tables of these names; use a database of its own"),
    ("XX001", ErrorCode.STORE_CORRUPT, "the server's files are damaged; restore them from a backup"),
)  # fmt: skip


def store_error(
    error: BaseException, place: Place, doing: str, run_ids: tuple[str, ...] = ()
) -> LamellaError:
    """The typed form of what a driver raised; what is typed already stays as it is."""
    if isinstance(error, LamellaError):
        return error
    code, advice = _judge(error, place)
    told = _told(error)
    context: dict[str, Any] = {"store": "sql", "url": place.shown}
    if run_ids:
        context["run_id"] = run_ids[0] if len(run_ids) == 1 else list(run_ids)
    return StoreError(
        f"{place.shown}: {doing} failed: {told}; {advice}",
        error_code=code,
        context=context,
        cause=error,
        retryable=code is ErrorCode.STORE_UNAVAILABLE,
    )


def is_passing(error: BaseException, place: Place) -> bool:
    """Whether a server may answer the same request in a moment. SQLite has waited for its lock already."""
    return place.file is None and _judge(error, place)[0] is ErrorCode.STORE_UNAVAILABLE


def _judge(error: BaseException, place: Place) -> tuple[ErrorCode, str]:
    if place.file is not None:
        return _of_sqlite(error)
    state = _sqlstate(error)
    for beginning, code, advice in _SQLSTATES:
        if state is not None and state.startswith(beginning):
            return code, advice
    lost = isinstance(error, PoolTimeout | OSError | TimeoutError) or _is_disconnect(error)
    if lost:
        return ErrorCode.STORE_UNAVAILABLE, "is the server running, and does it listen there?"
    return ErrorCode.STORE_FAILED, "check the URL and the server's log"


def _of_sqlite(error: BaseException) -> tuple[ErrorCode, str]:
    told = _told(error).lower()
    for words, code, advice in _SQLITE:
        if words in told:
            return code, advice
    if isinstance(error, OSError):
        full = error.errno == 28
        return (ErrorCode.STORE_FULL, _FULL) if full else (ErrorCode.STORE_FAILED, "check the path")
    if isinstance(error, PoolTimeout):
        return ErrorCode.STORE_UNAVAILABLE, "all connections are in use; raise pool_size or timeout"
    return ErrorCode.STORE_FAILED, "check the file: sqlite3 FILE 'PRAGMA integrity_check'"


def _is_disconnect(error: BaseException) -> bool:
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    words = ("connection is closed", "connection was closed", "connection does not exist")
    return any(word in _told(error) for word in words)


def _sqlstate(error: BaseException | None) -> str | None:
    """The server's own code, wherever in the chain it stands."""
    seen = 0
    while error is not None and seen < 8:
        state = getattr(error, "sqlstate", None)
        if isinstance(state, str):
            return state
        error = getattr(error, "orig", None) or error.__cause__
        seen += 1
    return None


def _told(error: BaseException) -> str:
    """The driver's own words, without SQLAlchemy's, which quote the statement."""
    orig = getattr(error, "orig", None)
    inner = error if orig is None else (orig.__cause__ or orig)
    text = str(inner) or type(inner).__name__
    return text.splitlines()[0]
