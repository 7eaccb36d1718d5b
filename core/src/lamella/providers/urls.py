"""Where a provider's server is, and who thereby issues and accepts opaque state."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit, urlunsplit

from lamella.errors import AgentInputError

__all__ = ["check_base_url", "issuer_of", "without_credentials"]


def issuer_of(base_url: str, vendor: str, hosts: Iterable[str]) -> str:
    """``vendor`` for the vendor's hosts and the own machine, else the host's name.

    A server on the own machine may be a proxy in front of the vendor, and nothing tells it from one, so
    it counts as the vendor. Where that is wrong, give the model an ``issuer``.

    :param hosts: domains of the vendor, such as ``openai.com``.
    """
    host = (urlsplit(base_url).hostname or "").rstrip(".").lower()
    if any(host == known or host.endswith(f".{known}") for known in hosts) or _is_loopback(host):
        return vendor
    return host


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_base_url(url: str, where: str, example: str) -> str:
    """The URL, if it is an http(s) URL with a host.

    :raises AgentInputError: it is none; ``where`` names the field, ``example`` is one that works.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        good = False
    if not good:
        raise AgentInputError(f"{where} must be an http(s) URL such as {example}, got {url!r:.80}")
    return url


def without_credentials(url: str) -> str:
    """The URL without user name, password and query."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
