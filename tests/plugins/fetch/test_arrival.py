"""What comes of a content: its type, its name, what is said of it, and when it is something else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import attrs
import pytest

from lamella import AgentInputError, ContentFetchError, MediaContent
from lamella.serial import from_json, to_json
from lamella_fetch import Fetched, Fetcher
from lamella_fetch.arrival import with_bytes
from lamella_image import ImageContent

Make = Callable[..., Fetcher]


@attrs.frozen(kw_only=True, repr=False)
class Paper(MediaContent):
    """Content that shows its type in some of its forms."""

    type: ClassVar[str] = "paper"
    default_mime_type: ClassVar[str] = "application/pdf"
    extensions: ClassVar[dict[str, str]] = {
        ".pdf": "application/pdf",
        ".txt": "text/plain",
        ".html": "text/html",
        ".csv": "text/csv",
    }
    synonyms: ClassVar[dict[str, str]] = {"application/x-pdf": "application/pdf"}

    @classmethod
    def sniff(cls, data: bytes) -> str | None:
        if data.startswith(b"%PDF"):
            return "application/x-pdf"
        return "image/png" if data.startswith(b"\x89PNG") else None


@attrs.frozen(kw_only=True, repr=False)
class Anything(MediaContent):
    """Content of a type that says nothing of its forms."""

    type: ClassVar[str] = "anything"


def came(data: bytes, kind: str | None, url: str = "https://cdn.example/1f3a") -> Fetched:
    return Fetched(data=data, mime_type=kind, url=url)


async def test_f_n29_content_by_url_becomes_content_with_bytes(server: Any, fetcher: Make) -> None:
    server.answers["/pictures/a%20cat.png"] = server.redirect("/b?sig=s3cret2")
    server.answers["/b"] = server.whole(server.png, "application/octet-stream")
    url = server.url("/pictures/a%20cat.png?sig=s3cret")
    given = ImageContent(url=url, mime_type="image/jpeg", alt="a cat", meta={"from": "a user"})
    found = await fetcher().fetched(given)
    assert type(found) is ImageContent
    assert (found.data, found.url, found.mime_type) == (server.png, None, "image/png")
    assert (found.name, found.alt) == ("a cat.png", "a cat")
    assert dict(found.meta) == {
        "from": "a user",
        "fetched": {
            "url": server.url("/pictures/a%20cat.png?…"),
            "final_url": server.url("/b?…"),
            "bytes": len(server.png),
        },
    }
    stored = to_json(found)
    assert "s3cret" not in stored
    assert from_json(stored, ImageContent) == found


async def test_content_with_bytes_stays_as_it_is_and_a_file_id_cannot_be_fetched() -> None:
    here = ImageContent(data=b"abc")
    assert await Fetcher().fetched(here) is here
    with pytest.raises(AgentInputError, match="at its provider"):
        await Fetcher().fetched(ImageContent(file_id="file-1"))


@pytest.mark.parametrize(
    ("url", "declared", "data", "said", "kind"),
    [
        ("https://x.example/a", None, b"%PDF-1.7", "text/html", "application/pdf"),  # the bytes win
        ("https://x.example/a", "text/plain", b"%PDF-1.7", None, "application/pdf"),
        ("https://x.example/a", None, b"a,b", "text/csv", "text/csv"),
        ("https://x.example/a", None, b"words", "text/plain", "text/plain"),
        ("https://x.example/a.csv", None, b"a,b", "application/octet-stream", "text/csv"),
        ("https://x.example/a.csv", None, b"a,b", None, "text/csv"),
        (
            "https://x.example/a",
            "text/plain; charset=utf-8",
            b"words",
            "text/plain",
            "text/plain; charset=utf-8",
        ),
        ("https://x.example/a", "text/plain", b"words", "binary/octet-stream", "text/plain"),
        ("https://x.example/a", "text/plain", b"words", "no type at all", "text/plain"),
        ("https://x.example/a.html", None, b"<!DOCTYPE html><p>", "text/html", "text/html"),
        ("https://x.example/a", "text/html", b"<html>", None, "text/html"),
        ("https://x.example/a", None, b"what?", "application/x-pdf", "application/pdf"),
    ],
)
def test_the_type_is_what_the_bytes_show_else_what_is_said_else_declared(
    url: str, declared: str | None, data: bytes, said: str | None, kind: str
) -> None:
    assert with_bytes(Paper.from_url(url, declared), came(data, said)).mime_type == kind


@pytest.mark.parametrize(
    ("content", "data", "said", "named"),
    [
        (Paper.from_url("https://x.example/a.pdf"), b"<p>Log in", "text/html", "text/html"),
        (Paper.from_url("https://x.example/a.pdf"), b"\n <!DOCTYPE html>", "application/pdf", "text/html"),
        (Paper.from_url("https://x.example/a.pdf"), b"\x89PNG", "application/pdf", "image/png"),
        (Paper.from_url("https://x.example/a.pdf"), b"{}", "application/json", "application/json"),
        (ImageContent.from_url("https://x.example/a.png"), b"<html>Log in", "text/html", "text/html"),
        (ImageContent.from_url("https://x.example/a.png"), b"<html>Log in", None, "text/html"),
        (ImageContent.from_url("https://x.example/a"), b"no such file", "text/plain", "text/plain"),
        (ImageContent.from_url("https://x.example/a"), b"%PDF-1.7 " * 9, "image/png", "application/pdf"),
        (Anything.from_url("https://x.example/a"), b"<html>", "text/html", "text/html"),
    ],
)
def test_what_was_not_meant_is_an_error_that_names_it(
    content: MediaContent, data: bytes, said: str | None, named: str
) -> None:
    with pytest.raises(ContentFetchError) as caught:
        with_bytes(content, came(data, said))
    assert f"what came is {named}, not {content.type} content" in caught.value.message
    assert ("login" in caught.value.message) == (named == "text/html")
    assert not caught.value.retryable


def test_content_that_knows_no_types_takes_any_but_pages() -> None:
    found = with_bytes(Anything.from_url("https://x.example/a"), came(b"abc", "model/gltf"))
    assert found.mime_type == "model/gltf"


@pytest.mark.parametrize(
    ("url", "final", "name"),
    [
        ("https://x.example/a/b.pdf?x=/c", "https://x.example/d", "b.pdf"),
        ("https://x.example/", "https://x.example/d.pdf", "d.pdf"),
        ("https://x.example", "https://x.example/", None),
        ("https://x.example/..%2f..%2fetc%2fpasswd%00", "https://x.example/", ".._.._etc_passwd_"),
        ("https://x.example/%2e%2e", "https://x.example/", None),
        ("https://x.example/" + "a" * 300 + ".pdf", "https://x.example/", "a" * 251 + ".pdf"),
        ("https://[x.example/a.pdf", "https://x.example/d.pdf", "d.pdf"),
    ],
)
def test_the_name_is_the_last_segment_of_the_path_and_no_path_itself(
    url: str, final: str, name: str | None
) -> None:
    found = with_bytes(Paper(url=url), came(b"%PDF", None, final))
    assert found.name == name
    assert with_bytes(Paper(url=url, name="mine.pdf"), came(b"%PDF", None, final)).name == "mine.pdf"
