"""The protocol: three methods, and nothing begins before they are called."""

from __future__ import annotations

import inspect
from typing import Any

from lamella.specs import RunStore, Sink
from lamella_testing.guards import NetworkUsed, no_network
from lamella_testing.sinks.base import SinkBase
from lamella_testing.tools.leaks import Held
from lamella_testing.verdict import fail, require, skip

__all__ = ["ProtocolContract"]


class ProtocolContract(SinkBase):
    """What holds of the object."""

    def test_it_is_a_sink(self) -> None:
        """``open``, ``write`` and ``close`` are there, and async; of a run store ``load`` and ``list``, too."""
        sink: Any = self.make_sink()
        kind = type(sink).__name__
        require(
            isinstance(sink, Sink),
            f"{kind} is no Sink; write async def open(self), async def write(self, batch) and async def close(self)",
        )
        names = ["open", "write", "close"]
        names += [name for name in ("load", "list", "claim") if hasattr(sink, name)]
        for name in names:
            require(
                inspect.iscoroutinefunction(getattr(sink, name)),
                f"{kind}.{name} is not async; write async def {name}(self, …)",
            )
        require(
            hasattr(sink, "load") == hasattr(sink, "list"),
            f"{kind} has one of load() and list(); a run store has both",
        )

    def test_making_it_starts_nothing(self) -> None:
        """A sink is made when the configuration is read: what is behind it starts in ``open``."""

        async def made() -> None:
            before = Held.now()
            try:
                with no_network():
                    sink = self.make_sink()
            except NetworkUsed:
                fail("making the sink connects somewhere; do that in open()")
            started = Held.now().more_than(before)
            del sink
            require(not started, f"making the sink starts {', '.join(started)}; do that in open()")

        self.play(made)

    def test_a_store_says_what_it_keeps(self) -> None:
        """``deltas`` and ``raw`` are public: they say what is in the store."""
        from typing import get_args

        from lamella.serial.stored import RawPolicy

        sink: Any = self.make_sink()
        if not isinstance(sink, RunStore):
            skip("the sink is no run store: it has no load() and list()")
        deltas, raw = getattr(sink, "deltas", True), getattr(sink, "raw", "full")
        require(
            isinstance(deltas, bool) and raw in get_args(RawPolicy),
            f"{type(sink).__name__} has deltas={deltas!r} and raw={raw!r}; deltas is True or False, raw is one of "
            f"{', '.join(map(repr, get_args(RawPolicy)))}",
        )
