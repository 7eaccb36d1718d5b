"""Who issues and accepts the opaque state of a server: reasoning, item ids, server-side work."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from lamella.errors import AgentInputError

__all__ = ["DEFAULT_BASE_URL", "check_base_url", "issuer_of", "without_credentials"]

DEFAULT_BASE_URL: Final = "https://api.openai.com/v1"

_HOSTS: Final = ("openai.com", "azure.com")


def issuer_of(base_url: str) -> str:
    """``openai`` for OpenAI, Azure and the own machine, else the host's name.

    A server on the own machine may be a proxy in front of OpenAI, and nothing tells it from one, so it
    counts as OpenAI. Where that is wrong, give the model an ``issuer``.
    """
    host = (urlsplit(base_url).hostname or "").rstrip(".").lower()
    if any(host == known or host.endswith(f".{known}") for known in _HOSTS) or _is_loopback(host):
        return "openai"
    return host


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_base_url(url: str, where: str) -> str:
    """The URL, if it is an http(s) URL with a host."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        good = False
    if not good:
        raise AgentInputError(f"{where} must be an http(s) URL such as {DEFAULT_BASE_URL}, got {url!r:.80}")
    return url


def without_credentials(url: str) -> str:
    """The URL without user name, password and query."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
