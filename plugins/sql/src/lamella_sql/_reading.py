"""Rows back to envelopes and summaries."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, bindparam, text

from lamella.errors import AgentInputError, ErrorCode, StoreError
from lamella.events import RunStreamEvent
from lamella.serial import restore
from lamella.specs import RunSummary
from lamella_sql._escape import decode_json, decode_path, readable, restored
from lamella_sql._owner import Owner, is_alive
from lamella_sql._statements import NOW
from lamella_sql._url import Place

__all__ = ["find_run", "is_written", "owner_of", "read_events", "run_ids", "summaries"]

_PROMPT_LENGTH: Final = 200

_EVENTS: Final = """
    SELECT seq, path, CAST(data AS TEXT) AS data, CAST(usage AS TEXT) AS usage, monotonic, start_time, first_token, v
    FROM events WHERE run_id = :id {durable} ORDER BY seq
"""
_LIST: Final = """
    SELECT id, status, agent, provider, model, started_at, events, total_tokens, input, conversation, forked_from,
           writer, writer_host, writer_pid, writer_started, {now} - heartbeat_at AS silent
    FROM runs ORDER BY coalesce(started_at, created_at) DESC, id DESC {limit}
"""


def read_events(
    connection: Connection, run_id: str, place: Place, *, durable: bool = False
) -> list[RunStreamEvent]:
    """The events of a run, oldest first; with ``durable`` without the deltas.

    :raises StoreError: a row is no event (``store.corrupt``).
    """
    only = "AND type NOT LIKE '%.delta'" if durable else ""
    statement = text(_EVENTS.format(durable=only))
    rows = connection.execute(statement, {"id": readable(run_id)}).all()
    return restore([_document(row, run_id, place) for row in rows])


def _document(row: Any, run_id: str, place: Place) -> dict[str, Any]:
    try:
        event = decode_json(row.data)
        usage = None if row.usage is None else decode_json(row.usage)
    except (ValueError, TypeError, RecursionError) as error:
        raise StoreError(
            f"{place.shown}: event {row.seq} of run {run_id} is no JSON; the table was changed by something else: "
            f"restore it from a backup, or delete the row to read the rest",
            error_code=ErrorCode.STORE_CORRUPT,
            context={"store": "sql", "url": place.shown, "run_id": run_id, "seq": row.seq},
            cause=error,
        ) from error
    return {
        "v": row.v,
        "event": event,
        "run_id": run_id,
        "seq": row.seq,
        "path": decode_path(row.path),
        "token_usage": usage,
        "at": row.monotonic,
        "start_time": row.start_time,
        "first_token": row.first_token,
    }


# -- runs -----------------------------------------------------------------------------------------


def summaries(connection: Connection, limit: int | None) -> list[RunSummary]:
    """The runs, newest first."""
    count = "" if limit is None else "LIMIT :limit"
    statement = text(_LIST.format(now=NOW[connection.dialect.name], limit=count))
    rows = connection.execute(statement, {} if limit is None else {"limit": limit})
    return [_summary(row) for row in rows.mappings()]  # type: ignore[arg-type]  # its keys are the names of the columns


def _summary(row: Mapping[str, Any]) -> RunSummary:
    status = row["status"]
    if status in ("running", "interrupted"):
        status = "running" if is_written(row) else "interrupted"
    return RunSummary(
        run_id=restored(row["id"]),
        status=status,
        agent=_text(row["agent"]),
        provider=_text(row["provider"]),
        model=_text(row["model"]),
        started_at=row["started_at"],
        events=row["events"],
        total_tokens=row["total_tokens"],
        prompt=None if row["input"] is None else restored(row["input"])[:_PROMPT_LENGTH],
        conversation=_text(row["conversation"]),
        forked_from=_text(row["forked_from"]),
    )


def _text(value: str | None) -> str | None:
    return None if value is None else restored(value)


def owner_of(row: Mapping[str, Any]) -> Owner | None:
    """Who writes the run of a row of ``runs``, if anybody ever said so."""
    if row["writer"] is None:
        return None
    return Owner(
        token=row["writer"], host=row["writer_host"], pid=row["writer_pid"], started=row["writer_started"]
    )


def is_written(row: Mapping[str, Any]) -> bool:
    """Whether a process that is alive writes the run of a row of ``runs``."""
    owner = owner_of(row)
    return owner is not None and is_alive(owner, row["silent"])


def run_ids(connection: Connection) -> list[str]:
    """The ids of all runs, newest first."""
    rows = connection.execute(
        text("SELECT id FROM runs ORDER BY coalesce(started_at, created_at) DESC, id DESC")
    )
    return [restored(row.id) for row in rows]


def find_run(connection: Connection, run_id: str, place: Place) -> str:
    """The whole id of a run; a beginning is enough where only one run has it.

    :raises AgentInputError: no run, or more than one, has this id.
    """
    if run_id:
        start = readable(run_id)
        statement = text("SELECT id FROM runs WHERE substr(id, 1, :length) = :start ORDER BY id LIMIT 6")
        statement = statement.bindparams(bindparam("length"), bindparam("start"))
        rows = connection.execute(statement, {"length": len(start), "start": start})
        found = [restored(row.id) for row in rows]
        if run_id in found or len(found) == 1:
            return run_id if run_id in found else found[0]
        if found:
            listed = ", ".join(found[:5])
            raise AgentInputError(f"several runs begin with {run_id!r}: {listed}; give more of the id")
    raise AgentInputError(f"no run {run_id!r} in {place.shown}; {_hint(run_id, run_ids(connection))}")


def _hint(run_id: str, ids: Sequence[str]) -> str:
    if not ids:
        return "nothing is stored there"
    near = difflib.get_close_matches(run_id, ids, n=3, cutoff=0.5)
    return f"did you mean {', '.join(near)}?" if near else f"the newest are {', '.join(ids[:3])}"
