"""Only public addresses are reached: loopback, private, link-local and all the other special ones are not."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamella_fetch.addresses import why_not_public

PUBLIC = [
    "8.8.8.8",
    "93.184.216.34",
    "2606:4700:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
]

SPECIAL = {
    "0.0.0.0": "unspecified",
    "0.1.2.3": "private",
    "127.0.0.1": "loopback",
    "127.255.0.9": "loopback",
    "10.0.0.1": "private",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.168.1.1": "private",
    "169.254.169.254": "link-local",
    "169.254.170.2": "link-local",
    "100.64.0.1": "shared",
    "100.100.100.200": "shared",  # a cloud's metadata
    "168.63.129.16": "cloud",
    "192.0.0.192": "protocol",
    "192.0.2.1": "private",
    "192.88.99.1": "relay",
    "198.18.0.1": "private",
    "198.51.100.1": "private",
    "203.0.113.1": "private",
    "224.0.0.1": "multicast",
    "239.255.255.250": "multicast",
    "240.0.0.1": "reserved",
    "255.255.255.255": "reserved",
    "::": "unspecified",
    "::1": "loopback",
    "::127.0.0.1": "reserved",  # the deprecated IPv4-compatible form
    "::ffff:127.0.0.1": "loopback",
    "::ffff:169.254.169.254": "link-local",
    "::ffff:0:127.0.0.1": "reserved",
    "64:ff9b::127.0.0.1": "loopback",
    "64:ff9b::a9fe:a9fe": "link-local",
    "64:ff9b:1::808:808": "reserved",
    "100::1": "reserved",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2": "Teredo",
    "2001:db8::1": "private",
    "2002:7f00:1::": "6to4",
    "2002:808:808::": "6to4",
    "3fff::1": "documentation",
    "5f00::1": "reserved",
    "fc00::1": "private",
    "fd00:ec2::254": "private",  # a cloud's metadata
    "fe80::1": "link-local",
    "fec0::1": "not public",
    "ff02::1": "multicast",
    "ff0e::1": "multicast",
}


@pytest.mark.parametrize("text", PUBLIC)
def test_f_n29_public_addresses_are_reached(text: str) -> None:
    assert why_not_public(ipaddress.ip_address(text)) is None


@pytest.mark.parametrize(("text", "why"), SPECIAL.items())
def test_f_n29_special_addresses_are_refused_by_what_they_are(text: str, why: str) -> None:
    said = why_not_public(ipaddress.ip_address(text))
    assert said is not None
    assert why in said


@given(st.ip_addresses())
def test_whatever_is_public_here_is_global_to_the_standard_library(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if why_not_public(address) is None:
        mapped = getattr(address, "ipv4_mapped", None)
        inner = mapped or (
            ipaddress.IPv4Address(address.packed[-4:])
            if address in ipaddress.ip_network("64:ff9b::/96")
            else address
        )
        assert inner.is_global
        assert not inner.is_multicast


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_judged_by_itself(inner: ipaddress.IPv4Address) -> None:
    for prefix in ("::ffff:0:0", "64:ff9b::"):
        outer = ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | int(inner))
        assert (why_not_public(outer) is None) == (why_not_public(inner) is None)
