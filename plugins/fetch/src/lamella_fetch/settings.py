"""What a project may set for the plugin: ``[plugin.fetch]``."""

from __future__ import annotations

from typing import Final

import attrs

from lamella.providers import integer, number
from lamella_fetch.fetcher import Fetcher

__all__ = ["CACHE_BYTES", "CONCURRENCY", "FetchSettings"]

CACHE_BYTES: Final = 64 * 2**20
CONCURRENCY: Final = 4

_DEFAULT: Final = Fetcher()


@attrs.frozen(kw_only=True)
class FetchSettings:
    """Limits of what is fetched; see :class:`~lamella_fetch.Fetcher`.

    :param cache_bytes: how many bytes are kept for each model, so that a history is not fetched anew with each
        turn; 0 keeps nothing.
    :param concurrency: how many URLs of a request are fetched at the same time.
    :raises AgentInputError: a value that does not fit.
    """

    max_bytes: int = _DEFAULT.max_bytes
    timeout: float = attrs.field(default=_DEFAULT.timeout, validator=number(0.001, 3600))
    max_redirects: int = _DEFAULT.max_redirects
    schemes: tuple[str, ...] = _DEFAULT.schemes
    allow_hosts: tuple[str, ...] = ()
    cache_bytes: int = attrs.field(default=CACHE_BYTES, validator=integer(0))
    concurrency: int = attrs.field(default=CONCURRENCY, validator=integer(1, 64))

    def __attrs_post_init__(self) -> None:
        self.fetcher()  # which refuses what does not fit

    def fetcher(self) -> Fetcher:
        """The fetcher with these limits."""
        return Fetcher(
            max_bytes=self.max_bytes,
            timeout=self.timeout,
            max_redirects=self.max_redirects,
            schemes=self.schemes,
            allow_hosts=self.allow_hosts,
        )
