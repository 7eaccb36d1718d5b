"""The correct run store."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from lamella import AgentInputError, ErrorCode, RunStreamEvent, RunSummary, StoreError
from lamella.serial import restore
from lamella.serial.stored import RawPolicy, stored_form

ME: Final = uuid.uuid4().hex
ENDS: Final = ("stream.end", "stream.error")


class Ledger:
    """Keeps runs in a folder."""

    def __init__(
        self, path: str | Path = "ledger", *, token: str = "", deltas: bool = True, raw: RawPolicy = "full"
    ) -> None:
        self.path = Path(path)
        self.token = token
        self.deltas = deltas
        self.raw: RawPolicy = raw
        self.lock = threading.Lock()
        self.known: dict[str, tuple[int, int]] = {}

    def __repr__(self) -> str:
        return f"Ledger({str(self.path)!r})"

    # -- the sink ---------------------------------------------------------------------------------

    async def open(self) -> None:
        """Nothing is held between two batches."""

    async def close(self) -> None:
        """Nothing is held between two batches."""

    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        runs: dict[str, list[RunStreamEvent]] = {}
        for envelope in batch:
            if self.deltas or envelope.event.durable:
                runs.setdefault(envelope.run_id, []).append(envelope)
        with self.lock:
            for run_id, events in runs.items():
                self.append(run_id, events)

    def append(self, run_id: str, events: Sequence[RunStreamEvent]) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.require_mine(run_id)
            last = self.last_of(run_id)
            new = [each for each in events if each.seq > last]
            if not new:
                return
            lines = "".join(self.line(envelope) for envelope in new)
            with self.file(run_id).open("ab", buffering=0) as file:
                file.write(lines.encode("ascii"))
            self.known[run_id] = (self.file(run_id).stat().st_size, new[-1].seq)
            if new[-1].type in ENDS:
                self.claim_of(run_id).unlink(missing_ok=True)
        except OSError as error:
            raise self.failed(error) from error

    def line(self, envelope: RunStreamEvent) -> str:
        return json.dumps(stored_form(envelope, self.raw)) + "\n"

    def failed(self, error: OSError) -> StoreError:
        return StoreError(
            f"the ledger cannot write to {self.path}: {error.strerror}; make room there", cause=error
        )

    def last_of(self, run_id: str) -> int:
        """The number of the last event that is there; what was cut off after it goes."""
        file = self.file(run_id)
        if not file.exists():
            return -1
        size, last = self.known.get(run_id, (-1, -1))
        if file.stat().st_size == size:
            return last
        with file.open("r+b") as opened:
            data = opened.read()
            opened.truncate(data.rfind(b"\n") + 1)
        documents = self.documents(file)
        return int(documents[-1]["seq"]) if documents else -1

    # -- names ------------------------------------------------------------------------------------

    def file(self, run_id: str) -> Path:
        safe = quote(run_id, safe="").replace(".", "%2E")
        return self.path / f"{safe[:100]}-{hashlib.sha1(run_id.encode()).hexdigest()}.log"

    def claim_of(self, run_id: str) -> Path:
        return self.file(run_id).with_suffix(".claim")

    # -- the store --------------------------------------------------------------------------------

    async def load(self, run_id: str) -> Sequence[RunStreamEvent]:
        return restore(self.documents(self.file(self.find(run_id))))

    async def list(self, *, limit: int | None = None) -> Sequence[RunSummary]:
        found = [self.summary(file) for file in self.path.glob("*.log") if self.documents(file)]
        return sorted(found, key=lambda each: each.started_at or 0, reverse=True)[:limit]

    def documents(self, file: Path) -> list[dict[str, Any]]:
        return [json.loads(line) for line in file.read_bytes().split(b"\n")[:-1]]

    def ids(self) -> Sequence[str]:
        return [
            documents[0]["run_id"] for file in self.path.glob("*.log") if (documents := self.documents(file))
        ]

    def find(self, run_id: str) -> str:
        if run_id and self.file(run_id).exists():
            return run_id
        ids = self.ids()
        begun = [each for each in ids if run_id and each.startswith(run_id)]
        if len(begun) == 1:
            return begun[0]
        if begun:
            raise AgentInputError(
                f"several runs begin with {run_id!r}: {', '.join(begun)}; give more of the id"
            )
        near = difflib.get_close_matches(run_id, ids, cutoff=0.3) or ids[:3]
        raise AgentInputError(
            f"no run {run_id!r} is in the ledger; there are {', '.join(near) or 'none at all'}"
        )

    def summary(self, file: Path) -> RunSummary:
        documents = self.documents(file)
        first, last = documents[0]["event"], documents[-1]
        usage: dict[str, Any] = last.get("token_usage") or {}
        counts = [
            count for name, count in usage.items() if name.endswith("_tokens") and isinstance(count, int)
        ]
        total = usage.get("total_tokens", sum(counts) if counts else None)
        run_id = documents[0]["run_id"]
        return RunSummary(
            run_id=run_id,
            status=self.status(run_id, last["event"]),
            total_tokens=total,
            prompt=_prompt(first),
            **{
                name: first.get(name)
                for name in ("agent", "provider", "model", "started_at", "conversation", "forked_from")
            },
        )

    def status(self, run_id: str, event: dict[str, Any]) -> str:
        if event["type"] == "stream.end":
            return "completed"
        if event["type"] == "stream.error":
            return "cancelled" if event.get("code") == "agent.cancelled" else "failed"
        return "interrupted" if self.owner(run_id) is None else "running"

    # -- claims -----------------------------------------------------------------------------------

    async def claim(self, run_id: str, *, force: bool = False) -> None:
        run_id = self.find(run_id)
        owner = self.owner(run_id)
        if owner not in (None, ME) and not force:
            raise self.conflict(run_id)
        if self.documents(self.file(run_id))[-1]["event"]["type"] not in ENDS:
            self.take(run_id)

    def require_mine(self, run_id: str) -> None:
        owner = self.owner(run_id)
        if owner is None:
            self.take(run_id)
        elif owner != ME:
            raise self.conflict(run_id)

    def take(self, run_id: str) -> None:
        self.claim_of(run_id).write_text(json.dumps([ME, os.getpid()]))

    def conflict(self, run_id: str) -> StoreError:
        return StoreError(
            f"another process writes the run {run_id!r} of the ledger; wait for it, or claim it by force",
            error_code=ErrorCode.STORE_CONFLICT,
        )

    def owner(self, run_id: str) -> str | None:
        """Who writes the run, if that process is alive."""
        try:
            owner, number = json.loads(self.claim_of(run_id).read_text())
            os.kill(number, 0)
        except (FileNotFoundError, NotADirectoryError, ProcessLookupError):
            return None
        return str(owner)


def _prompt(start: dict[str, Any]) -> str | None:
    for message in start.get("input", ()):
        for block in message["content"]:
            if message["role"] != "system" and block["type"] == "text":
                return str(block["text"])[:200]
    return None
