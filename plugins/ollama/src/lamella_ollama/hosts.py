"""Where Ollama is: URLs, and the short forms that ``OLLAMA_HOST`` may have."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

__all__ = ["DEFAULT_URL", "normal_url"]

DEFAULT_URL: Final = "http://127.0.0.1:11434"

_PORT: Final = 11434
_ANY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # where a server listens
"""What a server is told to listen at is no address to call; the loopback one answers."""


def normal_url(given: Any) -> Any:
    """The URL that ``host``, ``host:port``, ``:port`` or a URL means, as the SDK reads them.

    Without a scheme it is ``http`` and port 11434. What cannot be read is left for the validator.
    """
    if not isinstance(given, str) or not given.strip():
        return given
    bare = "://" not in given
    try:
        parts = urlsplit(f"http://{given}" if bare else given)
        host, port = parts.hostname, parts.port
    except ValueError:
        return given
    if host is None and not bare:
        return given
    host = host or "127.0.0.1"
    if not bare and host not in _ANY_ADDRESS:
        return given
    host = _ANY_ADDRESS.get(host, host)
    credentials, at, _ = parts.netloc.rpartition("@")
    place = f"[{host}]" if ":" in host else host
    port = port or (_PORT if bare else None)
    netloc = f"{credentials}{at}{place}" if port is None else f"{credentials}{at}{place}:{port}"
    return urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), parts.query, ""))
