"""One batch in one transaction: who may write, the events, and the rows that follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
from sqlalchemy import Connection, text

from lamella.errors import ErrorCode, StoreError
from lamella_sql import _tables as tables
from lamella_sql._changes import Changes, Row
from lamella_sql._derivation import Derivation
from lamella_sql._encoding import Encoded, event_row
from lamella_sql._escape import readable, restored
from lamella_sql._owner import Owner
from lamella_sql._reading import is_written, read_events
from lamella_sql._statements import NOW, RUNNING_COLUMNS, delete_rows, insert_events, upsert, upsert_runs
from lamella_sql._url import Place

__all__ = ["Writer", "conflict", "derive", "owner_columns", "run_rows", "write_changes"]

ENDED = ("completed", "failed", "cancelled")


def conflict(run_id: str, place: Place, why: str) -> StoreError:
    """Another process writes this run."""
    return StoreError(
        f"{place.shown}: run {run_id} {why}",
        error_code=ErrorCode.STORE_CONFLICT,
        context={"store": "sql", "url": place.shown, "run_id": run_id},
    )


def owner_columns(owner: Owner | None) -> Row:
    """The columns of ``runs`` that say who writes it."""
    if owner is None:
        return dict.fromkeys(RUNNING_COLUMNS)
    values = (owner.token, owner.host, owner.pid, owner.started)
    return dict(zip(RUNNING_COLUMNS, values, strict=True))


def run_rows(connection: Connection, run_ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """The rows of ``runs``, locked until the transaction ends, in a fixed order."""
    backend = connection.dialect.name
    marks = ", ".join("?" if backend == "sqlite" else f"${place}" for place in range(1, len(run_ids) + 1))
    lock = "" if backend == "sqlite" else "FOR UPDATE"
    columns = ", ".join(("id", "status", "events", *RUNNING_COLUMNS))
    result = connection.exec_driver_sql(
        f"SELECT {columns}, {NOW[backend]} - heartbeat_at AS silent FROM runs WHERE id IN ({marks}) "
        f"ORDER BY id {lock}",
        tuple(readable(run_id) for run_id in run_ids),
    )
    return {restored(row["id"]): row for row in result.mappings()}  # type: ignore[misc]  # its keys are the names of the columns


def derive(connection: Connection, run_id: str, place: Place, next_seq: int) -> Derivation:
    """The state after what is stored of a run, with all its rows as changes."""
    derivation = Derivation(run_id)
    for envelope in read_events(connection, run_id, place, durable=True):
        derivation.feed(envelope)
    derivation.next_seq = next_seq
    return derivation


def write_changes(connection: Connection, changes: Changes) -> None:
    """Write what has changed in the derived tables."""
    for table in changes.tables():
        if deleted := changes.deleted.get(table):
            delete_rows(connection, table, list(deleted))
        if rows := changes.rows.get(table):
            upsert(connection, table, list(rows.values()))


@attrs.define(eq=False)
class Writer:
    """What a store knows of the runs it writes. Lost at any time, it is read from the events again."""

    place: Place
    owner: Owner
    states: dict[str, Derivation] = attrs.field(factory=dict)
    owned: set[str] = attrs.field(factory=set)
    """The runs that this store has begun or claimed, and that have not ended."""

    def open_runs(self) -> tuple[str, ...]:
        """The runs that this store writes."""
        return tuple(sorted(self.owned))

    def write(self, connection: Connection, runs: Mapping[str, Sequence[Encoded]]) -> None:
        """Write the events of several runs, and commit.

        :raises StoreError: another process writes one of them (``store.conflict``).
        """
        try:
            taken = self._write(connection, runs)
            connection.commit()
        except BaseException:  # what the database has is what counts: it is read when the batch comes again
            self._forget(runs)
            raise
        for run_id in taken:
            if self.states[run_id].status in ENDED:
                self.states.pop(run_id)
                self.owned.discard(run_id)
            else:
                self.owned.add(run_id)

    def _forget(self, run_ids: Iterable[str]) -> None:
        for run_id in run_ids:
            self.states.pop(run_id, None)

    def _write(self, connection: Connection, runs: Mapping[str, Sequence[Encoded]]) -> list[str]:
        """The runs that there was something new of."""
        stored = run_rows(connection, sorted(runs))
        events: list[Sequence[Any]] = []
        rows: list[Row] = []
        taken: list[str] = []
        changes: list[Changes] = []
        for run_id in sorted(runs):
            before = stored.get(run_id)
            self._require_mine(run_id, before)
            state = self._state(connection, run_id, before)
            fresh = [item for item in runs[run_id] if item[0].seq >= state.next_seq]
            if not fresh:
                continue
            over = before is not None and before["status"] in ENDED
            if before is not None and not over and before["writer"] != self.owner.token:
                self._take(connection, run_id)
            key = readable(run_id)
            events += [event_row(key, item, state.feed(item[0])) for item in fresh]
            rows.append(self._run_row(state, over))
            changes.append(state.take_changes())
            taken.append(run_id)
        if rows:
            self._flush(connection, events, rows, changes)
        return taken

    def _require_mine(self, run_id: str, row: Mapping[str, Any] | None) -> None:
        if row is None or row["writer"] == self.owner.token:
            return
        if run_id in self.owned:
            raise conflict(
                run_id,
                self.place,
                "was taken over by another process, which writes it now; this one must stop",
            )
        if row["status"] not in ENDED and is_written(row):
            raise self._busy(run_id, row)

    def _busy(self, run_id: str, row: Mapping[str, Any]) -> StoreError:
        return conflict(
            run_id,
            self.place,
            f"is being written by process {row['writer_pid']} on {row['writer_host']}; wait for its end, "
            "or take it over: claim(run_id, force=True)",
        )

    def _state(self, connection: Connection, run_id: str, row: Mapping[str, Any] | None) -> Derivation:
        state = self.states.get(run_id)
        if state is None:
            if row is None:
                state = Derivation(run_id)
            else:
                state = derive(connection, run_id, self.place, row["events"])
                state.take_changes()  # they are in the tables
            self.states[run_id] = state
        return state

    def _take(self, connection: Connection, run_id: str) -> None:
        """Write this store into the run's row as the one that writes it."""
        connection.execute(
            text(
                f"UPDATE runs SET status = 'running', heartbeat_at = {NOW[connection.dialect.name]}, "
                + ", ".join(f"{name} = :{name}" for name in RUNNING_COLUMNS)
                + " WHERE id = :id"
            ),
            {**owner_columns(self.owner), "id": readable(run_id)},
        )

    def _run_row(self, state: Derivation, over: bool) -> Row:
        return {
            **state.run_row(),
            "status": state.status or "running",
            **owner_columns(None if over else self.owner),
        }

    def _flush(
        self,
        connection: Connection,
        events: Sequence[Sequence[Any]],
        rows: Sequence[Row],
        changes: Sequence[Changes],
    ) -> None:
        if not upsert_runs(connection, tables.runs, rows):
            raise conflict(
                ", ".join(restored(row["id"]) for row in rows),
                self.place,
                "was begun by another process at the same moment",
            )
        insert_events(connection, tables.events, events)
        for each in changes:
            write_changes(connection, each)
        ended = [row["id"] for row in rows if row["status"] in ENDED and row["writer"] is not None]
        for run_id in ended:
            connection.execute(
                text("UPDATE runs SET writer = NULL, writer_host = NULL, writer_pid = NULL, writer_started = NULL, "
                     "heartbeat_at = NULL WHERE id = :id"),
                {"id": run_id},
            )  # fmt: skip

    # -- who writes -------------------------------------------------------------------------------

    def claim(self, connection: Connection, run_id: str, *, force: bool) -> None:
        """Take a run over, and commit. One that has ended is anybody's."""
        row = run_rows(connection, [run_id])[run_id]
        if row["status"] in ENDED:
            return  # nobody writes it
        if row["writer"] != self.owner.token and not force and is_written(row):
            raise self._busy(run_id, row)
        self._take(connection, run_id)
        connection.commit()
        self._forget([run_id])
        self.owned.add(run_id)

    def release(self, connection: Connection) -> None:
        """Nothing more comes from this store: what has not ended is interrupted."""
        left = self.open_runs()
        connection.execute(
            text(
                "UPDATE runs SET status = 'interrupted', writer = NULL, writer_host = NULL, writer_pid = NULL, "
                "writer_started = NULL, heartbeat_at = NULL WHERE writer = :writer"
            ),
            {"writer": self.owner.token},
        )
        connection.commit()
        self._forget(left)
        self.owned.difference_update(left)

    def beat(self, connection: Connection) -> None:
        """Say that this store is still there."""
        now = NOW[connection.dialect.name]
        connection.execute(
            text(f"UPDATE runs SET heartbeat_at = {now} WHERE writer = :writer"), {"writer": self.owner.token}
        )
