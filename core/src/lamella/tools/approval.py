"""Approvals: who may say yes to a call, and the waiting for it. In doubt the answer is no."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import attrs

from lamella.errors import AgentInputError
from lamella.events import ApprovalPending

__all__ = ["ApprovalPolicy", "Approvals", "Decision"]

ApprovalPolicy: TypeAlias = Callable[[ApprovalPending], bool | Awaitable[bool]]
"""Decides a call. Only ``True`` approves; one that raises denies."""


@attrs.frozen
class Decision:
    """Whether a call may run, and why not."""

    approved: bool
    reason: str | None = None


class _Waiter:
    """A call that waits: decided once, from any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Decision] = self._loop.create_future()

    def decide(self, decision: Decision) -> None:
        self._loop.call_soon_threadsafe(self._settle, decision)

    def _settle(self, decision: Decision) -> None:
        if not self.future.done():
            self.future.set_result(decision)


class Approvals:
    """Where the approvals of a run are asked for and given.

    :param policy: decides at once; without one the call waits for :meth:`approve` or :meth:`deny`,
        which any thread may call as soon as the run has shown ``approval.pending``.
    :param timeout: seconds to wait, then the call is denied.
    """

    def __init__(self, policy: ApprovalPolicy | None = None, timeout: float = 300.0) -> None:
        if not timeout > 0:
            raise AgentInputError(f"Approvals timeout must be a number of seconds > 0, got {timeout!r}")
        self._policy = policy
        self._timeout = timeout
        self._lock = threading.Lock()
        self._waiting: dict[str, list[_Waiter]] = {}

    def approve(self, call_id: str) -> bool:
        """Let a waiting call run; false when no call with that id waits.

        :raises AgentInputError: several runs wait for calls with that id.
        """
        return self._decide(call_id, Decision(True))

    def deny(self, call_id: str, reason: str | None = None) -> bool:
        """Refuse a waiting call; the model reads ``reason``. False when no call with that id waits."""
        return self._decide(call_id, Decision(False, reason))

    @contextmanager
    def expecting(self, pending: ApprovalPending) -> Iterator[Callable[[], Awaitable[Decision]]]:
        """Wait from here on; what is decided before the decision is awaited is not missed."""
        policy = self._policy
        if policy is not None:
            yield lambda: self._ask(policy, pending)
            return
        waiter = _Waiter()
        with self._lock:
            self._waiting.setdefault(pending.call_id, []).append(waiter)
        try:
            yield lambda: self._wait_for(waiter)
        finally:
            self._forget(pending.call_id, waiter)

    async def wait(self, pending: ApprovalPending) -> Decision:
        """The decision on a call: the policy's, or the one given, or no after the timeout."""
        with self.expecting(pending) as decision:
            return await decision()

    def _decide(self, call_id: str, decision: Decision) -> bool:
        with self._lock:
            waiters = self._waiting.get(call_id, [])
            if len(waiters) > 1:
                raise AgentInputError(
                    f"{len(waiters)} calls with id {call_id!r} wait for approval; use one Approvals per run"
                )
            for waiter in waiters:
                waiter.decide(decision)
        return bool(waiters)

    async def _wait_for(self, waiter: _Waiter) -> Decision:
        try:
            async with asyncio.timeout(self._timeout):
                return await waiter.future
        except TimeoutError:
            return self._late()

    def _forget(self, call_id: str, waiter: _Waiter) -> None:
        with self._lock:
            waiters = self._waiting[call_id]
            waiters.remove(waiter)
            if not waiters:
                del self._waiting[call_id]

    async def _ask(self, policy: ApprovalPolicy, pending: ApprovalPending) -> Decision:
        try:
            async with asyncio.timeout(self._timeout) as deadline:
                answer: Any = policy(pending)
                if inspect.isawaitable(answer):
                    answer = await answer
        except Exception as error:  # guards fail closed
            if deadline.expired():
                return self._late()
            return Decision(False, f"the approval policy failed ({type(error).__name__})")
        return Decision(True) if answer is True else Decision(False, "the approval policy said no")

    def _late(self) -> Decision:
        return Decision(False, f"no approval within {self._timeout:g} s")
