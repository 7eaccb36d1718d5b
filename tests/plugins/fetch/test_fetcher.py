"""``Fetcher`` against a real server: limits, time, statuses, and what is sent."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from loopback_server import Answer, LoopbackServer

from lamella import AgentInputError, ContentFetchError
from lamella.errors import ErrorCode
from lamella_fetch import Fetched, Fetcher
from lamella_image import ImageContent

Make = Callable[..., Fetcher]


async def refusal(fetcher: Fetcher, url: str) -> ContentFetchError:
    with pytest.raises(ContentFetchError) as caught:
        await fetcher.fetch(url)
    return caught.value


async def test_f_n29_bytes_are_fetched(server: Any, fetcher: Make) -> None:
    server.answers["/a.png"] = server.whole(server.png, "Image/PNG; charset=binary")
    found = await fetcher().fetch(server.url("/a.png?x=1#part"))
    assert found == Fetched(data=server.png, mime_type="image/png", url=server.url("/a.png?x=1"), redirects=0)
    assert "x=1" not in repr(found)
    assert f"<{len(server.png)} bytes>" in repr(found)


async def test_the_request_has_no_credentials_no_cookies_and_wants_no_compression(
    server: Any, fetcher: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """No proxy and no netrc of the environment is used."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server.answers["/one"] = server.redirect("/two").replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b\r\n\r\n")
    server.answers["/two"] = server.whole()
    await fetcher(user_agent="test/1").fetch(server.url("/one"))
    sent = {line.partition(":")[0].lower(): line for line in server.heads[1].strip().split("\r\n")[1:]}
    assert set(sent) == {"host", "user-agent", "accept", "accept-encoding", "connection"}
    assert sent["host"] == f"Host: {server.place}"
    assert sent["accept-encoding"] == "Accept-Encoding: identity"
    assert sent["user-agent"] == "User-Agent: test/1"


async def test_a_body_may_have_as_many_bytes_as_the_limit_and_not_one_more(
    server: Any, fetcher: Make
) -> None:
    server.answers["/fits"] = server.whole(b"x" * 1000)
    server.answers["/long"] = server.whole(b"x" * 1001)
    limited = fetcher(max_bytes=1000)
    assert len((await limited.fetch(server.url("/fits"))).data) == 1000
    error = await refusal(limited, server.url("/long"))
    assert "1001 bytes, more than 1000" in error.message
    assert "max_bytes" in error.message
    assert not error.retryable


async def test_f_n29_a_length_over_the_limit_is_refused_before_anything_is_read(
    server: Any, fetcher: Make
) -> None:
    server.answers["/a"] = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"
    assert "99999999999 bytes" in (await refusal(fetcher(), server.url("/a"))).message


async def test_f_n29_an_endless_body_is_cut_at_the_limit_and_its_connection_closed(
    server: Any, fetcher: Make
) -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
            await writer.drain()

    server.answers["/a"] = endless
    tracemalloc.start()
    try:
        error = await refusal(fetcher(max_bytes=2**20), server.url("/a"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "more than 1048576 bytes" in error.message
    assert peak < 5 * 2**20
    async with asyncio.timeout(5):
        await server.gone.wait()


async def test_a_chunked_body_and_one_that_ends_with_its_connection_are_read(
    server: Any, fetcher: Make
) -> None:
    server.answers["/chunked"] = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: x\r\n\r\n"
    )
    server.answers["/closed"] = b"HTTP/1.0 200 OK\r\n\r\nabcdef"
    assert (await fetcher().fetch(server.url("/chunked"))).data == b"abcde"
    found = await fetcher().fetch(server.url("/closed"))
    assert (found.data, found.mime_type) == (b"abcdef", None)


@pytest.mark.parametrize("coding", ["gzip", "br", "gzip, identity", "x-gzip"])
async def test_f_n29_compressed_bodies_are_refused_unread(server: Any, fetcher: Make, coding: str) -> None:
    """A bomb of 10 MB in 10 kB is never unpacked."""
    bomb = gzip.compress(bytes(10_000_000))
    server.answers["/a"] = server.whole(bomb, "image/png", "200 OK", f"Content-Encoding: {coding}")
    error = await refusal(fetcher(), server.url("/a"))
    assert "compressed" in error.message
    assert coding in error.message


async def test_a_body_that_is_said_to_be_identical_is_read(server: Any, fetcher: Make) -> None:
    server.answers["/a"] = server.whole(b"x", "image/png", "200 OK", "Content-Encoding: Identity")
    assert (await fetcher().fetch(server.url("/a"))).data == b"x"


async def test_an_empty_body_is_refused(server: Any, fetcher: Make) -> None:
    server.answers["/a"] = server.whole(b"")
    assert "empty" in (await refusal(fetcher(), server.url("/a"))).message


@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        ("204 No Content", False),
        ("206 Partial Content", False),
        ("300 Multiple Choices", False),
        ("302 Found", False),  # without a location
        ("304 Not Modified", False),
        ("401 Unauthorized", False),
        ("404 Not Found", False),
        ("408 Request Timeout", True),
        ("429 Too Many Requests", True),
        ("500 Internal Server Error", True),
        ("503 Service Unavailable", True),
    ],
)
async def test_other_statuses_are_errors_that_say_whether_to_try_again(
    server: Any, fetcher: Make, status: str, retryable: bool
) -> None:
    server.answers["/a"] = server.whole(b"", None, status)
    error = await refusal(fetcher(), server.url("/a?token=s3cret"))
    assert f"status {status[:3]}" in error.message
    assert error.retryable is retryable
    assert error.error_code is ErrorCode.CONTENT_FETCH_FAILED
    assert error.context["status"] == int(status[:3])
    assert "s3cret" not in f"{error} {error.context}"


# -- time -----------------------------------------------------------------------------------------


async def drip(writer: asyncio.StreamWriter, head: bytes, piece: bytes) -> None:
    writer.write(head)
    while True:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.01)


async def _silent(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def _slow_headers(writer: asyncio.StreamWriter) -> None:
    await drip(writer, b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n")


async def _slow_body(writer: asyncio.StreamWriter) -> None:
    await drip(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x")


async def _early_hints(writer: asyncio.StreamWriter) -> None:
    await drip(writer, b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")


@pytest.mark.parametrize("answer", [_silent, _slow_headers, _slow_body, _early_hints])
async def test_f_n29_the_time_limit_is_for_all_of_it(server: Any, fetcher: Make, answer: Any) -> None:
    """A server that sends a byte now and then keeps no connection alive for ever."""
    server.answers["/a"] = answer
    loop = asyncio.get_running_loop()
    began = loop.time()
    error = await refusal(fetcher(timeout=0.15), server.url("/a"))
    assert loop.time() - began < 5
    assert "longer than 0.15 s" in error.message
    assert error.retryable


async def test_a_name_server_that_is_silent_counts_too(fetcher: Make) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        await asyncio.sleep(60)
        return []

    error = await refusal(Fetcher(timeout=0.1, resolver=resolve), "https://example.com/a")
    assert "longer than 0.1 s" in error.message


async def test_a_slow_answer_within_the_limit_is_read(server: Any, fetcher: Make) -> None:
    async def slow(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na")
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(b"b")

    server.answers["/a"] = slow
    assert (await fetcher().fetch(server.url("/a"))).data == b"ab"


async def test_a_cancelled_fetch_is_cancelled_and_closes_its_connection(server: Any, fetcher: Make) -> None:
    server.answers["/a"] = _slow_body
    task = asyncio.create_task(fetcher().fetch(server.url("/a")))
    while not server.heads:
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5):
        await server.gone.wait()


# -- broken servers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000,
        b"HTTP/1.1 999999 X\r\n\r\n",
        bytes(range(256)) * 10,
    ],
    ids=range(10),
)
async def test_what_is_no_http_is_a_typed_error(server: Any, fetcher: Make, answer: bytes) -> None:
    server.answers["/a"] = answer
    error = await refusal(fetcher(), server.url("/a"))
    assert "could not be fetched" in error.message
    assert error.context["url"] == server.url("/a")


async def test_a_closed_port_is_an_error_to_try_again(server: Any) -> None:
    listening = await asyncio.start_server(server.connected, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    listening.close()
    await listening.wait_closed()
    error = await refusal(Fetcher(allow_hosts=[f"127.0.0.1:{port}"]), f"http://127.0.0.1:{port}/a")
    assert error.retryable
    assert error.cause is not None


async def test_whatever_else_fails_is_a_typed_error(server: Any, fetcher: Make) -> None:
    async def resolve(host: str, port: int) -> Any:
        raise RuntimeError("out of order")

    error = await refusal(Fetcher(resolver=resolve), "https://example.com/a")
    assert "RuntimeError: out of order" in error.message
    assert not error.retryable


# -- the fetcher itself -----------------------------------------------------------------------------


def test_a_fetcher_for_synchronous_code() -> None:
    answer = Answer(headers={"content-type": "image/png"}, pieces=(b"\x89PNG\r\n\x1a\n", bytes(300)))
    with LoopbackServer() as server:
        server.answers = [answer]
        allowed = Fetcher(allow_hosts=[server.origin.removeprefix("http://")])
        found = allowed.fetch_sync(f"{server.origin}/a.png")
        assert (len(found.data), found.mime_type) == (308, "image/png")
        image = allowed.fetched_sync(ImageContent.from_url(f"{server.origin}/a.png"))
        assert image.data == found.data
    with pytest.raises(ContentFetchError, match="loopback"):
        Fetcher().fetch_sync("http://127.0.0.1:1/")


@pytest.mark.parametrize(
    "fields",
    [
        {"max_bytes": 0},
        {"max_bytes": 1.5},
        {"timeout": 0},
        {"timeout": float("inf")},
        {"timeout": "20"},
        {"max_redirects": -1},
        {"schemes": ()},
        {"schemes": ("ftp",)},
        {"schemes": "https"},
        {"allow_hosts": "media.intranet:80"},
        {"allow_hosts": ["media.intranet"]},
        {"allow_hosts": ["media.intranet:0"]},
        {"allow_hosts": ["media.intranet:99999"]},
        {"allow_hosts": ["*.intranet:80"]},
        {"allow_hosts": ["http://media.intranet:80"]},
        {"allow_hosts": ["::1:80"]},
        {"allow_hosts": ["[1.2.3.4]:80"]},
        {"allow_hosts": ["me@host:80"]},
        {"allow_hosts": [80]},
        {"user_agent": ""},
    ],
    ids=str,
)
def test_a_setting_that_does_not_fit_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(AgentInputError):
        Fetcher(**fields)


def test_a_fetcher_is_data() -> None:
    assert Fetcher() == Fetcher()
    assert hash(Fetcher(allow_hosts=["a:1"])) == hash(Fetcher(allow_hosts=("a:1",)))
    assert Fetcher(allow_hosts=["Media.Intranet.:080", "[0::1]:80"]).places == {
        "media.intranet:80",
        "[::1]:80",
    }
