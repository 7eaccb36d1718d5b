"""A cache of what tools gave: opt-in, for a time, apart for each tenant, behind the approval."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, overload

import attrs

from lamella._frozen import freeze
from lamella.errors import AgentInputError
from lamella.tools.canonical import NoCanonicalForm, canonical
from lamella.tools.invocation import Proceed, ToolInvocation, wrapped
from lamella.tools.limits import output_size
from lamella.tools.runtime import ToolRuntime

if TYPE_CHECKING:
    from lamella.tools.tool import Tool

__all__ = ["CachedOutput", "MemoryToolCache", "TenantOf", "ToolCache", "cached"]

_log = logging.getLogger(__name__)

TenantOf: TypeAlias = Callable[[ToolRuntime], object]
"""Whose results they are, by the ``runtime_context``; ``None``: nobody's, so that nothing is kept."""


def _frozen_output(value: Any) -> Any:
    return value if isinstance(value, tuple) else freeze(value)


@attrs.frozen
class CachedOutput:
    """What a tool gave: text, JSON, or a tuple of text and media blocks, frozen."""

    output: Any = attrs.field(converter=_frozen_output)


class ToolCache(Protocol):
    """Where outputs are kept. One that raises is passed over: the tool runs."""

    async def get(self, key: str) -> CachedOutput | None:
        """The output under a key (64 hexadecimal digits), ``None`` when there is none or it is too old."""

    async def put(self, key: str, value: CachedOutput, ttl: float) -> None:
        """Keep an output for ``ttl`` seconds."""


class MemoryToolCache:
    """Keeps outputs in memory, the ones used last; safe to share between agents, loops and threads.

    :param max_entries: how many outputs are kept.
    :param max_size: outputs beyond this many characters (or bytes of media) are not kept.
    :param clock: seconds that only grow.
    """

    def __init__(
        self,
        max_entries: int = 1024,
        max_size: int = 1_000_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if max_entries < 1 or max_size < 1:
            raise AgentInputError("MemoryToolCache: max_entries and max_size must be at least 1")
        self._max_entries = max_entries
        self._max_size = max_size
        self._clock = clock
        self._entries: OrderedDict[str, tuple[float, CachedOutput]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    async def get(self, key: str) -> CachedOutput | None:
        """The output under a key, unless its time is over."""
        with self._lock:
            ends, found = self._entries.get(key, (0.0, None))
            if found is None:
                return None
            if self._clock() >= ends:
                del self._entries[key]
                return None
            self._entries.move_to_end(key)
            return found

    async def put(self, key: str, value: CachedOutput, ttl: float) -> None:
        """Keep an output, in the place of the one that was used least recently."""
        if output_size(value.output) > self._max_size:
            return
        with self._lock:
            self._entries[key] = (self._clock() + ttl, value)
            self._entries.move_to_end(key)
            while len(self._entries) > self._max_entries:
                self._entries.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()


@overload
def cached(
    tools: Callable[..., Any],
    *,
    ttl: float,
    tenant: str | TenantOf | None = None,
    store: ToolCache | None = None,
    namespace: str = "",
) -> Tool: ...
@overload
def cached(
    tools: Iterable[Tool | Callable[..., Any]],
    *,
    ttl: float,
    tenant: str | TenantOf | None = None,
    store: ToolCache | None = None,
    namespace: str = "",
) -> tuple[Tool, ...]: ...
def cached(
    tools: Callable[..., Any] | Iterable[Tool | Callable[..., Any]],
    *,
    ttl: float,
    tenant: str | TenantOf | None = None,
    store: ToolCache | None = None,
    namespace: str = "",
) -> Tool | tuple[Tool, ...]:
    """A tool, or several, whose outputs are kept and given again to equal calls.

    A call that needs approval is approved each time. Failures are not kept. Equal calls at the same
    time run once. Arguments that cannot be compared are not looked up.

    :param ttl: seconds for which an output is given again.
    :param tenant: whose outputs they are: a key of ``runtime_context``, or a function of the
        ``ToolRuntime``. Tenants never share; without a value nothing is kept. Unless given, an output is
        kept for its run alone.
    :param store: where they are kept, by default in memory, for these tools alone.
    :param namespace: keeps tools apart in one store that look the same: name, description, schema, function.
    :raises AgentInputError: a value that does not fit, or no tool.
    """
    seconds: Any = ttl
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
        raise AgentInputError(f"cached: ttl must be a number of seconds > 0, got {ttl!r}")
    if tenant is not None and not isinstance(tenant, str) and not callable(tenant):
        raise AgentInputError(
            "cached: tenant must be a key of runtime_context or a function of the ToolRuntime"
        )
    made = _Cache(float(ttl), _tenant_of(tenant), MemoryToolCache() if store is None else store, namespace)
    return wrapped(tools, made)


def _tenant_of(tenant: str | TenantOf | None) -> TenantOf | None:
    if not isinstance(tenant, str):
        return tenant
    return lambda runtime: getattr(runtime, tenant, None)


_Running: TypeAlias = "asyncio.Future[CachedOutput | None]"


@attrs.define(eq=False)
class _Cache:
    _ttl: float
    _tenant: TenantOf | None
    _store: ToolCache
    _namespace: str
    _running: dict[tuple[int, str], _Running] = attrs.field(factory=dict, init=False)

    async def __call__(self, call: ToolInvocation, proceed: Proceed) -> Any:
        key = self._key(call)
        if key is None:
            return await proceed(call)
        place = (id(asyncio.get_running_loop()), key)
        while (running := self._running.get(place)) is not None:
            # Shielded: who waits may be cancelled, and the others go on waiting.
            if (found := await asyncio.shield(running)) is not None:
                return found.output
        future = self._running[place] = asyncio.get_running_loop().create_future()
        made: CachedOutput | None = None
        try:
            made = await self._found_or_made(key, call, proceed)
            return made.output
        finally:
            del self._running[place]
            future.set_result(made)  # None: it failed, and the next one tries

    async def _found_or_made(self, key: str, call: ToolInvocation, proceed: Proceed) -> CachedOutput:
        found = await self._looked_up(key)
        if found is not None:
            _log.debug("the output of tool %s was kept", call.tool.name)
            return found
        made = CachedOutput(await proceed(call))
        try:
            await self._store.put(key, made, self._ttl)
        except Exception as error:
            _log.warning("the tool cache failed to keep an output: %s", type(error).__name__)
        return made

    async def _looked_up(self, key: str) -> CachedOutput | None:
        try:
            return await self._store.get(key)
        except Exception as error:
            _log.warning("the tool cache failed, and the tool runs: %s", type(error).__name__)
            return None

    def _key(self, call: ToolInvocation) -> str | None:
        """The key of a call, ``None`` when it must not be looked up."""
        owner: object = ("run", call.run) if call.run else None
        if self._tenant is not None:
            tenant = self._tenant(call.runtime)
            owner = None if tenant is None else ("tenant", tenant)
        if owner is None:
            return None
        tool = call.tool
        function = tool.func if tool.func is not None else tool.coroutine
        home = [str(getattr(function, name, "")) for name in ("__module__", "__qualname__")]
        about = [self._namespace, *home, tool.name, tool.description, tool.input_schema]
        try:
            text = canonical([*about, owner, call.arguments])
        except (NoCanonicalForm, RecursionError):
            _log.debug("a call of tool %s has no canonical form and is not kept", tool.name)
            return None
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
