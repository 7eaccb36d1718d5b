"""What every peer's script shares: its two steps are run and what it says on the way is kept.

A peer's script, run by the Python of that peer's own environment, defines ``start(source)``, which makes the
conversation on vendor A and returns it in the peer's own types, and ``go_on(history, target)``, which
continues it on vendor B and returns the peer's own report of what was lost, if it has one.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import inspect
import json
import logging
import sys
import traceback
import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conversation import MODELS
from server import BASE_PATHS

_TRANSPORTS = ("httpx", "httpx2", "httpcore", "urllib3", "asyncio", "aiohttp")
"""Loggers that tell of requests, not of contents."""
_HOUSEKEEPING = (ResourceWarning, DeprecationWarning)


@dataclass(frozen=True)
class Vendor:
    """One side: the wire's name, the base URL of the loopback server for it, and a model's name."""

    wire: str
    server: str

    @property
    def url(self) -> str:
        return self.server + BASE_PATHS[self.wire]

    @property
    def model(self) -> str:
        return MODELS[self.wire]

    @property
    def key(self) -> str:
        return "sk-loopback"


class _Kept(logging.Handler):
    """What was logged, at any level from information on."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] not in _TRANSPORTS:
            self.lines.append(f"{record.levelname} {record.name}: {record.getMessage()}")


def main(
    start: Callable[[Vendor], Any],
    go_on: Callable[[Any, Vendor], Any],
    packages: Sequence[str],
    wires: Collection[str] = tuple(MODELS),
) -> None:
    """Run ``SOURCE TARGET SERVER OUT`` from the command line, and write what happened to the file OUT.

    :param packages: the distributions whose versions are noted.
    :param wires: those that the peer offers.
    """
    source, target, server, out = sys.argv[1:5]
    if not {source, target} <= set(wires):
        Path(out).write_text(json.dumps({"outcome": "not offered"}), encoding="utf-8")
        return
    kept = _Kept()
    logging.basicConfig(level=logging.INFO, handlers=[kept], force=True)
    found: dict[str, Any] = {name: importlib.metadata.version(name) for name in packages}
    result: dict[str, Any] = {"versions": found, "stage": "start"}

    with warnings.catch_warnings(record=True) as seen, asyncio.Runner() as loop:
        warnings.simplefilter("always")
        try:
            history = _value(loop, start(Vendor(source, server)))
            result["stage"] = "go on"
            kept.lines.clear()
            seen.clear()
            report = _value(loop, go_on(history, Vendor(target, server)))
            result |= {"outcome": "done", "report": None if report is None else str(report)}
        except Exception as error:
            result |= {"outcome": "failed", "error": _said(error), "trace": traceback.format_exc()}
    told = [each for each in seen if not issubclass(each.category, _HOUSEKEEPING)]
    result["notes"] = [*kept.lines, *(f"{each.category.__name__}: {each.message}" for each in told)]
    Path(out).write_text(json.dumps(result), encoding="utf-8")


def _value(loop: asyncio.Runner, given: Any) -> Any:
    return loop.run(given) if inspect.iscoroutine(given) else given


def _said(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}: {error}"
