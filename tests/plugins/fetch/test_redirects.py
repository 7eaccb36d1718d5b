"""Every hop is a new question: name, address, scheme and limits are checked again. F-N29."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from typing import Any

import httpcore2
import pytest
import trustme

from lamella import ContentFetchError
from lamella_fetch import Fetcher

Make = Callable[..., Fetcher]

PUBLIC, OTHER = "93.184.216.34", "93.184.216.35"


async def refusal(fetcher: Fetcher, url: str) -> ContentFetchError:
    with pytest.raises(ContentFetchError) as caught:
        await fetcher.fetch(url)
    return caught.value


# -- addresses --------------------------------------------------------------------------------------


async def test_f_n29_the_connection_goes_to_the_address_that_was_checked(server: Any, internet: Any) -> None:
    """One look-up for a connection: a name that changes its address between two finds no second one."""
    server.answers["/a.png"] = server.whole()
    internet.names["media.example"] = [PUBLIC]
    found = await Fetcher(resolver=internet.resolve).fetch("http://Media.Example.:8080/a.png")
    assert found.data == server.png
    assert internet.asked == ["media.example"]
    assert internet.connected == [f"{PUBLIC} 8080"]
    assert "Host: media.example:8080\r\n" in server.heads[0]


@pytest.mark.parametrize(
    "addresses", [["10.0.0.1"], [PUBLIC, "127.0.0.1"], ["::1", PUBLIC], ["fe80::1%2"], ["64:ff9b::7f00:1"]]
)
async def test_f_n29_one_address_that_is_not_public_refuses_the_host(
    internet: Any, addresses: list[str]
) -> None:
    internet.names["media.example"] = addresses
    error = await refusal(Fetcher(resolver=internet.resolve), "http://media.example/a?sig=s3cret")
    assert "media.example leads to" in error.message
    assert 'allow_hosts=["media.example:80"]' in error.message
    assert "s3cret" not in error.message
    assert not error.retryable
    assert internet.connected == []


@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"])
async def test_f_n29_addresses_in_urls_are_refused(internet: Any, host: str) -> None:
    error = await refusal(Fetcher(resolver=internet.resolve), f"http://{host}/latest/meta-data")
    assert "address" in error.message
    assert internet.asked == internet.connected == []


async def test_f_n29_localhost_is_refused_by_the_systems_resolver(server: Any) -> None:
    error = await refusal(Fetcher(), f"http://localhost:{server.port}/a.png")
    assert "loopback" in error.message
    assert server.heads == []


async def test_an_allowed_host_is_that_host_at_that_port_only(server: Any, internet: Any) -> None:
    server.answers["/a.png"] = server.whole()
    internet.names.update({"media.intranet": ["10.0.0.1"], "other.intranet": ["10.0.0.1"]})
    allowed = Fetcher(resolver=internet.resolve, allow_hosts=["media.intranet:8080"])
    await allowed.fetch("http://media.intranet:8080/a.png")
    for url in (
        "http://media.intranet/a.png",
        "http://other.intranet:8080/a.png",
        "http://10.0.0.1:8080/a.png",
    ):
        await refusal(allowed, url)
    assert internet.connected == ["10.0.0.1 8080"]


async def test_the_next_address_is_tried_where_one_is_dead(server: Any, internet: Any) -> None:
    server.answers["/a.png"] = server.whole()
    internet.names["media.example"] = ["2606:4700::1111", PUBLIC, OTHER]
    internet.dead.add("2606:4700::1111")
    await Fetcher(resolver=internet.resolve).fetch("http://media.example/a.png")
    assert internet.connected == ["2606:4700::1111 80", f"{PUBLIC} 80"]


@pytest.mark.parametrize(
    ("death", "said"),
    [(httpcore2.ConnectError("refused"), "refused"), (httpcore2.ConnectTimeout(), "did not answer in time")],
)
async def test_the_error_of_the_last_of_at_most_four_addresses_is_raised(
    internet: Any, death: Exception, said: str
) -> None:
    internet.death = death
    internet.names["media.example"] = [f"93.184.216.{n}" for n in range(20)]
    internet.dead |= set(internet.names["media.example"])
    error = await refusal(Fetcher(resolver=internet.resolve), "http://media.example/a.png")
    assert error.retryable
    assert said in error.message
    assert len(internet.connected) == 4


@pytest.mark.parametrize(
    ("found", "retryable", "said"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), False, "not known"),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), True, "Temporary"),
        (UnicodeError("label too long"), False, "label too long"),
        ([], False, "no address"),
        (["what?"], False, "was not found"),
    ],
)
async def test_a_name_that_leads_nowhere(internet: Any, found: Any, retryable: bool, said: str) -> None:
    internet.names["media.example"] = found
    error = await refusal(Fetcher(resolver=internet.resolve), "http://media.example/a.png")
    assert said in error.message
    assert error.retryable is retryable


# -- redirects --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(server: Any, fetcher: Make, status: int) -> None:
    server.answers["/one"] = server.redirect("two/../three?x=1#part", status)
    server.answers["/three"] = server.redirect(server.url("/a.png"), status)
    server.answers["/a.png"] = server.whole()
    found = await fetcher().fetch(server.url("/one"))
    assert (found.url, found.redirects) == (server.url("/a.png"), 2)
    assert server.paths == ["/one", "/three?x=1", "/a.png"]


@pytest.mark.parametrize(
    "to",
    [
        "http://127.0.0.1:1/",
        "http://169.254.169.254/latest/meta-data/",
        "//[::1]/",
        "http://localhost/",
        "http://inner.example/",
        "http://2130706433/",
    ],
)
async def test_f_n29_a_redirect_to_a_private_address_is_refused(server: Any, internet: Any, to: str) -> None:
    internet.names.update(
        {"media.example": [PUBLIC], "inner.example": ["192.168.0.1"], "localhost": ["127.0.0.1"]}
    )
    server.answers["/a"] = server.redirect(to)
    error = await refusal(Fetcher(resolver=internet.resolve), "http://media.example/a")
    assert "address" in error.message
    assert len(server.heads) == 1


async def test_f_n29_a_name_is_looked_up_and_checked_again_for_each_hop(server: Any, internet: Any) -> None:
    """Rebinding: the name was public for the first hop, and is not for the second."""
    answers = [[PUBLIC], ["127.0.0.1"]]

    async def resolve(host: str, port: int) -> list[str]:
        return answers.pop(0)

    server.answers["/a"] = server.redirect("/b")
    error = await refusal(Fetcher(resolver=resolve), "http://media.example/a")
    assert "loopback" in error.message
    assert internet.connected == [f"{PUBLIC} 80"]


async def test_redirects_are_limited(server: Any, fetcher: Make) -> None:
    for n in range(10):
        server.answers[f"/{n}"] = server.redirect(f"/{n + 1}")
    server.answers["/3"] = server.whole()
    assert (await fetcher(max_redirects=3).fetch(server.url("/0"))).redirects == 3
    assert "more than 2 times" in (await refusal(fetcher(max_redirects=2), server.url("/0"))).message
    assert "more than 0 times" in (await refusal(fetcher(max_redirects=0), server.url("/0"))).message


async def test_a_circle_of_redirects_ends_at_once(server: Any, fetcher: Make) -> None:
    server.answers["/a"] = server.redirect("/b")
    server.answers["/b"] = server.redirect("/a#again")
    error = await refusal(fetcher(), server.url("/a"))
    assert "circle" in error.message
    assert server.paths == ["/a", "/b"]


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("file:///etc/passwd", "only https and http"),
        ("http://user:secret@example.com/", "user or password"),
        ("http://example.com:1:2/", "cannot be read"),
        ("http://exa\x7fmple.com/", "cannot be read"),
        ("\xff\xfe", "404"),
    ],
)
async def test_a_redirect_is_read_like_the_first_url(server: Any, fetcher: Make, to: str, why: str) -> None:
    server.answers["/a"] = server.redirect(to)
    error = await refusal(fetcher(), server.url("/a"))
    assert why in error.message
    assert "secret" not in error.message


async def test_a_redirect_may_only_lead_to_the_schemes_that_are_allowed(server: Any, fetcher: Make) -> None:
    error = await refusal(fetcher(schemes=("https",)), server.url("/a"))
    assert "only https URLs" in error.message


# -- TLS --------------------------------------------------------------------------------------------


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def test_f_n29_tls_verifies_the_name_though_the_connection_is_to_an_address(
    secure: Any, internet: Any, authority: trustme.CA
) -> None:
    secure.answers["/a.png"] = secure.whole()
    internet.port = secure.port
    internet.names.update({"media.example": [PUBLIC], "other.example": [PUBLIC]})
    made = Fetcher(resolver=internet.resolve, ssl_context=trusting(authority))
    found = await made.fetch("https://media.example./a.png")
    assert (found.data, found.url) == (secure.png, "https://media.example/a.png")
    error = await refusal(made, "https://other.example/a.png")
    assert "TLS failed" in error.message
    assert not error.retryable
    assert len(secure.heads) == 1


async def test_a_certificate_that_nobody_vouches_for_is_refused(secure: Any, internet: Any) -> None:
    internet.port = secure.port
    internet.names["media.example"] = [PUBLIC]
    error = await refusal(Fetcher(resolver=internet.resolve), "https://media.example/a.png")
    assert "TLS failed" in error.message
    assert secure.heads == []


async def test_f_n29_a_redirect_from_https_to_http_is_refused(
    secure: Any, internet: Any, authority: trustme.CA
) -> None:
    secure.answers["/a.png"] = secure.redirect("http://media.example/b.png?sig=s3cret")
    internet.port = secure.port
    internet.names["media.example"] = [PUBLIC]
    made = Fetcher(resolver=internet.resolve, ssl_context=trusting(authority))
    error = await refusal(made, "https://media.example/a.png")
    assert "from https to http://media.example/b.png?…" in error.message
    assert len(internet.connected) == 1
