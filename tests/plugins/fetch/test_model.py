"""A model's media by URL are fetched where its wire takes them as bytes only, and nowhere else."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any

import pytest
from loopback_server import Answer, LoopbackServer

from lamella import (
    Agent,
    AgentInputError,
    Capabilities,
    ContentFetchError,
    LamellaError,
    Message,
    Model,
    ModelRequest,
    TextBlock,
    ToolCallBlock,
    ToolOutputBlock,
    UnsupportedContentError,
    fallback,
    tool,
)
from lamella.events import MessageOutputDelta, MessageOutputDone, ResponseDone
from lamella.losses import Loss
from lamella.models import Embedding, Plan, PlanEntry, Problem, TokenCount
from lamella_audio import AudioContent
from lamella_document import DocumentContent
from lamella_fetch import Fetcher, FetchingModel, with_fetched_media
from lamella_fetch.forms import needed_as
from lamella_image import ImageContent
from lamella_ollama import ChatOllama

Make = Callable[..., Fetcher]


class Wire(Model):
    """A model that keeps what it is asked."""

    provider = "wire"
    model = "one"

    def __init__(self, dialect: str = "ollama", problem: Problem | None = None) -> None:
        self.dialect = dialect
        self.asked: list[ModelRequest] = []
        self.planned: list[ModelRequest] = []
        self.closed = False
        self.given: dict[str, Any] = {}
        self.problem = problem

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Any, None]:
        self.asked.append(request)
        yield MessageOutputDelta(delta="hi")
        yield MessageOutputDone(output="hi")
        yield ResponseDone(losses=(Loss(kind="dropped", what="own", reason="the model's own"),))

    def plan(self, request: Any) -> Plan:
        self.planned.append(request)
        return Plan(
            provider="wire",
            model="one",
            entries=(PlanEntry(what="image", status="native", message=0, block=0),),
            problems=() if self.problem is None else (self.problem,),
            payload_bytes=5,
        )

    @property
    def issuer(self) -> str:
        return "wire-issuer"

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(inputs={"text", "image"}, count_tokens=True, embeddings=True, list_models=True)

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"temperature": 1}

    @property
    def output_limit(self) -> int | None:
        return 77

    def with_settings(self, **changes: Any) -> Wire:
        other = Wire(self.dialect)
        other.given = changes
        return other

    async def embed(self, inputs: Sequence[str], **options: Any) -> list[Embedding]:
        return [Embedding(index=0, vector=[len(inputs)])]

    async def count_tokens(self, request: Any) -> TokenCount:
        self.asked.append(request)
        return TokenCount(tokens=5, estimated=False)

    async def list_models(self) -> Sequence[Any]:
        return ()

    async def aclose(self) -> None:
        self.closed = True


def images(request: ModelRequest) -> list[Any]:
    return [block for message in request.messages for block in message.content if block.type == "image"]


async def test_f_n29_what_the_wire_takes_as_bytes_only_is_fetched(server: Any, fetcher: Make) -> None:
    server.answers["/a.png"] = server.whole()
    inner = Wire()
    model = with_fetched_media(inner, fetcher())
    given = Message.user(["Look:", ImageContent.from_url(server.url("/a.png?sig=s3cret"))])
    done = await model.complete([given])
    assert [image.data for image in images(inner.asked[0])] == [server.png]
    assert inner.asked[0].messages[0].content[0].text == "Look:"
    assert given.content[1].url == server.url("/a.png?sig=s3cret"), "the history is not changed"
    mine, own = done.losses
    assert (mine.kind, mine.what, mine.message, mine.block, mine.lossless) == (
        "rewritten",
        "image",
        0,
        1,
        True,
    )
    assert server.url("/a.png?…") in mine.reason
    assert own.what == "own"


async def test_what_the_wire_takes_by_url_is_left_alone(server: Any, fetcher: Make) -> None:
    inner = Wire("openai.responses")
    request = ModelRequest.of([Message.user([ImageContent.from_url(server.url())])])
    await with_fetched_media(inner, fetcher()).complete(request)
    assert inner.asked == [request]
    assert inner.asked[0] is request
    assert server.heads == inner.planned == []


@pytest.mark.parametrize(
    "block",
    [
        ImageContent(data=b"abc"),
        ImageContent(file_id="file-1"),
        ImageContent(url="gs://bucket/a.png"),
        ImageContent.from_url("https://example.com/a", "image/x-unheard-of"),
    ],
    ids=lambda block: str(block.url or block.file_id),
)
async def test_what_fetching_would_not_help_is_left_to_the_model(block: Any) -> None:
    inner = Wire()
    request = ModelRequest.of([Message.user([block])])
    model = with_fetched_media(inner)
    await model.complete(request)
    assert inner.asked[0] is request
    model.plan(request)
    assert inner.planned[0] is request


@pytest.mark.parametrize(
    ("content", "dialect", "kind"),
    [
        (ImageContent.from_url("HTTPS://x.example/a", "image/gif"), "ollama", "image/gif"),
        (ImageContent.from_url("http://x.example/a", "application/octet-stream"), "ollama", "image/png"),
        (ImageContent.from_url("http://x.example/a"), "gemini", None),
        (AudioContent.from_url("http://x.example/a", "audio/mpeg"), "openai.chat", "audio/mpeg"),
        (AudioContent.from_url("http://x.example/a"), "openai.responses", None),
        (AudioContent.from_url("http://x.example/a"), "mistral.chat", None),
        (DocumentContent.from_url("http://x.example/a"), "openai.chat", "application/pdf"),
        (DocumentContent.from_url("http://x.example/a", "text/plain"), "anthropic.messages", "text/plain"),
        (DocumentContent.from_url("http://x.example/a"), "anthropic.messages", None),
        (DocumentContent.from_url("http://x.example/a"), "ollama", None),
    ],
)
def test_what_a_wire_needs_as_bytes(content: Any, dialect: str, kind: str | None) -> None:
    assert needed_as(content, dialect) == kind


async def test_content_of_an_unknown_type_is_fetched_and_known_then(server: Any, fetcher: Make) -> None:
    server.answers["/a.png"] = server.whole(server.png, None)
    inner = Wire()
    request = [Message.user([ImageContent(url=server.url(), mime_type="application/octet-stream")])]
    model = with_fetched_media(inner, fetcher())
    model.plan(request)
    await model.complete(request)
    assert [images(planned)[0].mime_type for planned in inner.planned] == ["image/png"] * 2
    assert images(inner.asked[0])[0].mime_type == "image/png"


async def test_media_of_the_assistant_is_its_encoders_business() -> None:
    inner = Wire()
    history = [
        Message.user("Draw."),
        Message.assistant([ImageContent.from_url("https://example.com/a.png")]),
        Message.user("Again."),
    ]
    await with_fetched_media(inner).complete(history)
    assert inner.asked[0].messages == tuple(history)


async def test_media_inside_tool_outputs_is_fetched_too(server: Any, fetcher: Make) -> None:
    server.answers["/a.png"] = server.whole()
    inner = Wire()
    parts = (TextBlock(text="A screenshot:"), ImageContent.from_url(server.url()))
    output = ToolOutputBlock(call_id="c", name="shot", output=parts)
    plain = ToolOutputBlock(call_id="d", output={"a": 1})
    words = ToolOutputBlock(call_id="e", output=(TextBlock(text="words"),))
    history = [
        Message.user("Look."),
        Message.assistant([ToolCallBlock(call_id="c", name="shot"), ToolCallBlock(call_id="d", name="x")]),
        Message.user([output, plain, words]),
    ]
    model = with_fetched_media(inner, fetcher())
    done = await model.complete(history)
    sent = inner.asked[0].messages[2].content
    assert sent[0].parts[0] is parts[0]
    assert sent[0].parts[1].data == server.png
    assert sent[1:] == (plain, words)
    assert inner.asked[0].messages[0] is history[0]
    assert (done.losses[0].what, done.losses[0].message, done.losses[0].block) == ("tool_output", 2, 0)


async def test_each_url_is_fetched_once_for_a_model(server: Any, fetcher: Make) -> None:
    server.answers["/a.png"] = server.whole()
    server.answers["/b.png"] = server.whole(server.png + b"b")
    inner = Wire()
    model = with_fetched_media(inner, fetcher())
    one, two = ImageContent.from_url(server.url("/a.png")), ImageContent.from_url(server.url("/b.png"))
    here = ImageContent(data=server.png)
    history = [Message.user([one, one]), Message.assistant("ok"), Message.user([one, two, here])]
    await asyncio.gather(model.complete(history), model.complete(history))
    await model.complete([*history, Message.assistant("ok"), Message.user([one])])
    assert sorted(server.paths) == ["/a.png", "/b.png"]
    assert len(images(inner.asked[2])) == 6
    assert images(inner.asked[0])[4] is here
    again = with_fetched_media(inner, fetcher())
    await again.complete(history)
    assert len(server.heads) == 2, "it is kept with the model, which is wrapped anew for each run"
    changed = again.with_settings(temperature=0)
    await changed.complete(history)
    assert len(server.heads) == 2
    await with_fetched_media(inner, fetcher(max_bytes=10_000)).complete(history)
    assert len(server.heads) == 4, "another fetcher may reach other hosts"


async def test_what_is_kept_is_bounded_in_bytes(server: Any, fetcher: Make) -> None:
    for name in "abc":
        server.answers[f"/{name}"] = server.whole(server.png + bytes(1000))
    size = len(server.png) + 1000
    inner = Wire()
    model = with_fetched_media(inner, fetcher(), cache_bytes=2 * size)
    assert isinstance(model, FetchingModel)
    for name in ("a", "b", "a", "c"):  # b is the least recently used
        await model.complete([Message.user([ImageContent.from_url(server.url(f"/{name}"))])])
    assert model.cache.size == 2 * size
    for name in ("a", "c", "b"):
        await model.complete([Message.user([ImageContent.from_url(server.url(f"/{name}"))])])
    assert server.paths == ["/a", "/b", "/c", "/b"]
    none = with_fetched_media(Wire(), fetcher(), cache_bytes=0)
    for _ in range(2):
        await none.complete([Message.user([ImageContent.from_url(server.url("/a"))])])
    assert server.paths[4:] == ["/a", "/a"]
    assert isinstance(none, FetchingModel)
    assert none.cache.size == 0


async def test_a_models_cache_goes_with_the_model(server: Any, fetcher: Make) -> None:
    server.answers["/a.png"] = server.whole()
    inner = Wire()
    model = with_fetched_media(inner, fetcher())
    assert isinstance(model, FetchingModel)
    await model.complete([Message.user([ImageContent.from_url(server.url())])])
    cache = weakref.ref(model.cache)
    del model, inner
    gc.collect()
    assert cache() is None


async def test_urls_are_fetched_at_the_same_time_and_not_too_many(server: Any, fetcher: Make) -> None:
    async def slow(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        writer.write(server.whole())
        await writer.drain()

    server.answers.update({f"/{n}": slow for n in range(9)})
    inner = Wire()
    model = with_fetched_media(inner, fetcher(), concurrency=3)
    await model.complete([Message.user([ImageContent.from_url(server.url(f"/{n}")) for n in range(9)])])
    assert server.most_at_once == 3
    assert len(images(inner.asked[0])) == 9


async def test_a_failure_is_raised_before_the_model_is_asked_and_says_where(
    server: Any, fetcher: Make
) -> None:
    server.answers["/a.png"] = server.whole()
    inner = Wire()
    model = with_fetched_media(inner, fetcher())
    good, gone = ImageContent.from_url(server.url()), ImageContent.from_url(server.url("/gone?sig=s3cret"))
    with pytest.raises(ContentFetchError) as caught:
        await model.complete([Message.user([good]), Message.assistant("ok"), Message.user(["?", gone])])
    assert "status 404 [message 2 (user), block 1 (image)]" in caught.value.message
    assert (caught.value.context["message"], caught.value.context["block"]) == (2, 1)
    assert "s3cret" not in f"{caught.value} {caught.value.context}"
    assert inner.asked == []
    with pytest.raises(ContentFetchError, match="loopback"):
        await with_fetched_media(inner).complete([Message.user([good])])
    assert inner.asked == []


async def test_a_login_page_is_an_error_that_says_where(server: Any, fetcher: Make) -> None:
    server.answers["/a.png"] = server.whole(b"<html>Log in", "text/html")
    inner = Wire()
    with pytest.raises(ContentFetchError, match=r"what came is text/html.*\[message 0 \(user\), block 0"):
        await with_fetched_media(inner, fetcher()).complete(
            [Message.user([ImageContent.from_url(server.url())])]
        )
    assert inner.asked == []


async def test_what_the_model_refuses_anyway_is_refused_before_anything_is_fetched(server: Any) -> None:
    problem = Problem(code="agent.content.unsupported", message="wire takes no audio")
    inner = Wire(problem=problem)
    big = ImageContent(data=bytes(1000))
    with pytest.raises(UnsupportedContentError, match="no audio"):
        await with_fetched_media(inner, Fetcher(allow_hosts=[server.place])).complete(
            [Message.user([big, ImageContent.from_url(server.url())])]
        )
    assert inner.asked == server.heads == []
    asked = images(inner.planned[0])
    assert [image.size for image in asked] == [1, 1], "what is here is not written twice"


async def test_other_problems_of_a_plan_are_the_models_own_to_raise(server: Any, fetcher: Make) -> None:
    server.answers["/a.png"] = server.whole()
    inner = Wire(problem=Problem(code="agent.input.invalid", message="no forced tools"))
    await with_fetched_media(inner, fetcher()).complete([Message.user([ImageContent.from_url(server.url())])])
    assert len(inner.asked) == 1


def test_f_n29_a_plan_fetches_nothing_and_says_what_would_be(server: Any, fetcher: Make) -> None:
    inner = Wire()
    model = with_fetched_media(inner, fetcher())
    image = ImageContent.from_url(server.url("/a.png?sig=s3cret"))
    plan = model.plan([Message.user([image, image, "and"])])
    assert plan.possible
    first, second = plan.entries
    assert (first.status, second.status) == ("emulated", "emulated")
    assert "fetched from http://127.0.0.1" in first.reason
    assert "s3cret" not in str(plan)
    assert plan.payload_bytes is None
    assert [loss.lossless for loss in plan.losses] == [True, True]
    assert server.heads == []
    assert model.check([Message.user([image])]) == ()


def test_all_else_is_the_models_own(server: Any) -> None:
    inner = Wire()
    model = with_fetched_media(inner)
    assert isinstance(model, FetchingModel)
    assert (model.provider, model.model, model.issuer, model.dialect) == (
        "wire",
        "one",
        "wire-issuer",
        "ollama",
    )
    assert model.capabilities == inner.capabilities
    assert model.settings == {"temperature": 1}
    assert model.info is None
    assert model.output_limit == 77
    assert model.with_settings() is model
    other = model.with_settings(temperature=0)
    assert isinstance(other.inner, Wire)
    assert other.inner.given == {"temperature": 0}
    assert with_fetched_media(model) is model


async def test_calls_beside_the_stream_reach_the_model(server: Any, fetcher: Make) -> None:
    server.answers["/a.png"] = server.whole()
    inner = Wire()
    async with with_fetched_media(inner, fetcher()) as model:
        assert (await model.embed(["a"]))[0].vector == (1,)
        assert await model.list_models() == ()
        assert (await model.count_tokens("text")).tokens == 5
        assert (await model.count_tokens([Message.user([ImageContent.from_url(server.url())])])).tokens == 5
    assert images(inner.asked[1])[0].data == server.png
    assert inner.closed


async def test_a_count_that_is_a_guess_fetches_nothing(server: Any, fetcher: Make) -> None:
    model = with_fetched_media(ChatOllama("m"), fetcher())
    counted = await model.count_tokens([Message.user([ImageContent.from_url(server.url())])])
    assert counted.estimated
    assert server.heads == []


class Bare(Model):
    """A model without a wire that is known."""

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Any, None]:
        yield ResponseDone()


def test_a_model_without_a_known_wire_stays_as_it_is() -> None:
    bare = Bare()
    assert with_fetched_media(bare) is bare


class Unhashable(Wire):
    __hash__ = None  # type: ignore[assignment]


def test_a_model_that_cannot_be_a_key_is_wrapped_too() -> None:
    model = Unhashable()
    first, second = with_fetched_media(model), with_fetched_media(model)
    assert isinstance(first, FetchingModel)
    assert isinstance(second, FetchingModel)
    assert first.cache is not second.cache


@pytest.mark.parametrize("fields", [{"cache_bytes": -1}, {"concurrency": 0}])
def test_a_setting_that_does_not_fit_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(AgentInputError):
        with_fetched_media(Wire(), **fields)


async def test_each_model_of_a_chain_gets_what_its_wire_takes(server: Any, fetcher: Make) -> None:
    class Failing(Wire):
        async def stream(self, request: ModelRequest) -> AsyncGenerator[Any, None]:
            self.asked.append(request)
            if self.asked:
                from lamella.errors import ServerError

                raise ServerError("down")
            yield ResponseDone()

    server.answers["/a.png"] = server.whole()
    by_url, by_bytes = Failing("openai.responses"), Wire("ollama")
    chain = with_fetched_media(fallback(by_url, by_bytes), fetcher())
    assert chain.provider == "fallback"
    await chain.complete([Message.user([ImageContent.from_url(server.url())])])
    assert images(by_url.asked[0])[0].url == server.url()
    assert images(by_bytes.asked[0])[0].data == server.png
    bare = fallback(Bare())
    assert with_fetched_media(bare) is bare


async def test_a_failed_fetch_is_tried_again_by_the_next_request(server: Any, fetcher: Make) -> None:
    inner = Wire()
    model = with_fetched_media(inner, fetcher())
    history = [Message.user([ImageContent.from_url(server.url())])]
    with pytest.raises(LamellaError):
        await model.complete(history)
    server.answers["/a.png"] = server.whole()
    await model.complete(history)
    assert images(inner.asked[0])[0].data == server.png


# -- with a provider's plugin and its SDK ---------------------------------------------------------------


async def test_ollama_takes_an_image_by_url_with_it(server: Any, fetcher: Make) -> None:
    """The whole way: the vendor's SDK, its wire, an agent and a tool that gives a picture by URL."""
    server.answers["/a.png"] = server.whole()
    call = {"function": {"name": "shot", "arguments": {}}}
    turns = [
        {
            "message": {"role": "assistant", "content": "", "tool_calls": [call]},
            "done": True,
            "done_reason": "stop",
        },
        {"message": {"role": "assistant", "content": "A cat."}, "done": True, "done_reason": "stop"},
    ]

    @tool
    def shot() -> Any:
        """Take a picture."""
        return [ImageContent.from_url(server.url())]

    with LoopbackServer() as ollama:
        ollama.answers = [
            Answer.json({"model": "m", "created_at": "2026-01-01T00:00:00Z", **turn}) for turn in turns
        ]
        inner = ChatOllama("m", base_url=ollama.origin, streaming=False)
        agent = Agent(with_fetched_media(inner, fetcher()), tools=[shot])
        result = await agent.arun([Message.user(["And this?", ImageContent.from_url(server.url())])])
        await inner.aclose()
    assert result.output == "A cat."
    sent = [message.get("images") for message in ollama.requests[1].body["messages"]]
    assert sum(len(found or ()) for found in sent) == 2
    assert server.paths == ["/a.png"]


def test_ollama_plans_an_image_by_url_as_emulated() -> None:
    """F-N29: without the fetcher it is impossible."""
    inner = ChatOllama("m")
    history = [Message.user(["Look", ImageContent.from_url("https://example.com/a.png")])]
    assert not inner.plan(history).possible
    plan = with_fetched_media(inner).plan(history)
    assert plan.possible
    assert [entry.status for entry in plan.entries] == ["native", "emulated"]
