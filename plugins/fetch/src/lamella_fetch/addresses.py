"""Which IP addresses are public. Everything else is refused, whatever name leads there.

The ranges are those of IANA's registries of special-purpose addresses, as :mod:`ipaddress` has them,
and what it leaves out: multicast, newer ranges, and tunnels.
"""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final, TypeAlias

__all__ = ["Address", "why_not_public"]

Address: TypeAlias = IPv4Address | IPv6Address

_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
"""Where all public IPv6 addresses are."""

_NAT64: Final = IPv6Network("64:ff9b::/96")
"""IPv4 addresses as hosts without IPv4 reach them (RFC 6052)."""

_SPECIAL: Final[tuple[tuple[IPv4Network | IPv6Network, str], ...]] = tuple(
    (ipaddress.ip_network(network), what)
    for network, what in (
        ("192.0.0.0/24", "a protocol"),  # RFC 6890; the standard library of 3.11 knows a part of it
        ("192.88.99.0/24", "a 6to4 relay"),  # RFC 7526
        ("100.64.0.0/10", "a carrier's shared"),  # RFC 6598
        ("168.63.129.16/32", "a cloud's internal"),  # Azure's host node: a public address that is not
        ("2001::/23", "a protocol or Teredo"),  # RFC 2928, RFC 4380
        ("2002::/16", "a 6to4"),  # RFC 3056: IPv4 inside, over relays that nobody needs any more
        ("3fff::/20", "a documentation"),  # RFC 9637
    )
)

_KINDS: Final = (
    ("is_unspecified", "the unspecified"),
    ("is_loopback", "a loopback"),
    ("is_link_local", "a link-local"),  # 169.254.169.254 and fe80::a9fe:a9fe: cloud metadata
    ("is_multicast", "a multicast"),
    ("is_reserved", "a reserved"),
    ("is_private", "a private"),
)


def why_not_public(address: Address) -> str | None:
    """What is wrong with an address ("a private address"), ``None`` when it is public.

    An IPv4 address inside an IPv6 one (mapped, NAT64) is judged by itself.
    """
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return why_not_public(address.ipv4_mapped)
        if address in _NAT64:
            return why_not_public(IPv4Address(address.packed[-4:]))
    for network, what in _SPECIAL:
        if address in network:
            return f"{what} address"
    for attribute, what in _KINDS:
        if getattr(address, attribute):
            return f"{what} address"
    public = address.is_global and (isinstance(address, IPv4Address) or address in _GLOBAL_UNICAST)
    return None if public else "an address that is not public"
