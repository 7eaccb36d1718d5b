"""What a URL may look like, and what of it is shown."""

from __future__ import annotations

import pytest

from lamella import ContentFetchError
from lamella_fetch.targets import Target, shown_url

BOTH = ("https", "http")

REFUSED = {
    "ftp://example.com/a": "only https and http",
    "file:///etc/passwd": "only https and http",
    "gopher://example.com/": "only https and http",
    "//example.com/a": "only https and http",
    "example.com/a": "only https and http",
    "http://user:secret@example.com/a": "user or password",
    "http://user@example.com/a": "user or password",
    "http://good.example\\@127.0.0.1/": "user or password",
    "http:///a": "no host name",
    "http://exa%6dple.com/": "no host name",
    "http://exa mple.com/": "no host name",
    "http://a..b/": "no host name",
    "http://2130706433/": "no plain IP address",
    "http://0x7f000001/": "no plain IP address",
    "http://0x7f.1/": "no plain IP address",
    "http://127.1/": "no plain IP address",
    "http://0177.0.0.1/": "cannot be read",
    "http://017700000001/": "no plain IP address",
    "http://1.2.3.4.5/": "no plain IP address",
    "http://0x/": "no plain IP address",
    "http://[fe80::1%25eth0]/": "IPv6 zone",
    "http://[::1%lo]/": "IPv6 zone",
    "http://example.com:0/": "no port 0",
    "http://example.com:65536/": "no port 65536",
    "http://example.com:1:2/": "cannot be read",
    "http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/": "cannot be read",
    "http://example.com/\r\nX: y": "cannot be read",
    "http://" + "a." * 130 + "com/": "no host name",
    "http://example.com/" + "a" * 70_000: "cannot be read",
}


@pytest.mark.parametrize(("url", "why"), REFUSED.items(), ids=lambda text: str(text)[:40])
def test_f_n29_urls_that_are_refused_before_a_name_is_looked_up(url: str, why: str) -> None:
    with pytest.raises(ContentFetchError) as caught:
        Target.read(url, BOTH)
    assert why in caught.value.message
    assert not caught.value.retryable
    assert "secret" not in f"{caught.value} {caught.value.context} {caught.value.__cause__}"


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://example.com/a", "example.com", 443),
        ("http://EXAMPLE.com./a", "example.com", 80),
        ("http://example.com:8080/a", "example.com", 8080),
        ("http://m\u00fcnchen.example/", "xn--mnchen-3ya.example", 80),
        ("http://127\u30020\u30020\u30021/", "127.0.0.1", 80),
        ("http://127.0.0.1./", "127.0.0.1", 80),
        ("http://[0:0::0001]:81/", "::1", 81),
        ("http://[::ffff:127.0.0.1]/", "::ffff:7f00:1", 80),
        ("http://my_host/", "my_host", 80),
    ],
)
def test_a_host_has_one_spelling(url: str, host: str, port: int) -> None:
    target = Target.read(url, BOTH)
    assert (target.host, target.port) == (host, port)
    assert (target.address is not None) == (host[0] in "1:")
    assert str(target.url).startswith(f"{url.partition(':')[0]}://")


def test_a_place_is_what_allow_hosts_names() -> None:
    assert Target.read("http://[0::1]/", BOTH).place == "[::1]:80"
    assert Target.read("https://Media.Intranet./x", BOTH).place == "media.intranet:443"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:p@example.com:444/a/b.png?X-Amz-Signature=s3cret#f", "https://example.com:444/a/b.png?…"),
        ("https://example.com/a", "https://example.com/a"),
        ("https://example.com/" + "a" * 300, "https://example.com/" + "a" * 180 + "…"),
        ("http://example.com:1:2/?secret", "a URL that cannot be read"),
    ],
)
def test_no_credentials_and_no_query_are_shown(url: str, shown: str) -> None:
    assert shown_url(url) == shown
