"""F-MSG07: no vendor's state is on another vendor's wire, whatever the history and wherever it was in between.

All state has a canary in it (``swap.histories``); what a server receives is searched for them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loopback_server import Answer, LoopbackServer
from swap.histories import (
    FAILURE,
    PNG,
    SOURCES,
    Source,
    canaries,
    decoded,
    history,
    request_of,
    source,
)
from swap.targets import TARGETS, Target, target

from lamella import Agent, fold, tool
from lamella.config import forget_projects
from lamella.content import (
    Block,
    MediaContent,
    OpaqueContent,
    ReasoningBlock,
    TextBlock,
    ToolCallBlock,
    ToolOutputBlock,
)
from lamella.errors import AgentSerializationError, UnsupportedContentError
from lamella.messages import Message
from lamella.models import ModelRequest
from lamella.serial import from_json, to_json
from lamella_image import ImageContent
from lamella_jsonl import JSONLStore
from lamella_openai import ChatOpenAICompletions
from lamella_sim import SimServer, Turn
from lamella_sim.wires import WIRES

targets = pytest.mark.parametrize("to", TARGETS, ids=[to.name for to in TARGETS])
sources = pytest.mark.parametrize("made", SOURCES, ids=[made.name for made in SOURCES])


@pytest.fixture(autouse=True)
def no_project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No project but an empty one."""
    (tmp_path / "lamella.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    forget_projects()
    yield
    forget_projects()


def written(made: Source, kind: str = "") -> set[str]:
    """The canaries that a vendor wrote."""
    return canaries(b"".join(made.stream(turn) for turn in made.turns).decode(), kind)


def test_every_canary_is_one_vendors_alone() -> None:
    """The searches below would prove nothing if two vendors wrote the same."""
    every = [canary for made in SOURCES for canary in written(made)]
    assert len(every) == len(set(every))
    held = ["".join(to_json(message) for message in history(made.name)) for made in SOURCES]
    for made, text in zip(SOURCES, held, strict=True):
        assert canaries(text) == written(made), "the history must hold all of it, or there is nothing to leak"


# -- a history that was everywhere ----------------------------------------------------------------


def _shows(message: Message) -> bool:
    return message.role == "user" and isinstance(message.content[-1], MediaContent)


@targets
async def test_f_msg07_a_history_that_visited_all_vendors(to: Target) -> None:
    """Stored in between; each vendor gets its own state, all of it, and nothing else."""
    told = [message for made in SOURCES for message in history(made.name)]
    if to.name == "mistral.chat":  # takes eight images in a request; those of the outputs are seven
        told = [attrs.evolve(each, content=each.content[:1]) if _shows(each) else each for each in told]
    stored = [from_json(to_json(message), Message) for message in told]
    assert stored == told
    with SimServer(lambda request: Turn('{"warmest": "Nice", "celsius": 1}')) as sim:
        async with to.make(sim.base_url_of(to.name)) as model:
            completion = await model.complete(request_of(stored))
        (received,) = sim.requests
    assert completion.content
    sent = (
        f"{received.path}?{received.query} {json.dumps(dict(received.headers))} {json.dumps(received.json)}"
    )
    assert canaries(sent) == written(source(to.name), "back")
    payload = json.loads(json.dumps(received.json))
    own = source(to.name)
    returned = own.returned(payload)
    for turn in own.turns:
        assert turn in returned, "byte for byte, in one piece"


# -- runs that were stored ------------------------------------------------------------------------


@tool
def weather(city: str) -> Any:
    """Say what the weather is in a city."""
    if city == "Rome":
        raise RuntimeError(FAILURE)
    return {"celsius": 21} if city == "Paris" else ["A map:", ImageContent.from_bytes(PNG, "image/png")]


@sources
async def test_f_msg07_runs_from_a_store_of_json_lines(made: Source, tmp_path: Path) -> None:
    """A run over the vendor's bytes is stored and read back; its history goes on everywhere without a leak."""
    base = next(wire.base_path for wire in WIRES if wire.name == made.name)
    store = JSONLStore(tmp_path / "runs")
    kind = "application/x-ndjson" if made.name == "ollama" else "text/event-stream"
    with LoopbackServer() as server:
        server.answers = [
            Answer(headers={"content-type": kind}, pieces=(made.stream(turn),)) for turn in made.turns
        ]
        async with made.target.make(server.origin + base) as model:
            live = await Agent(model, tools=[weather], sinks=[store]).arun("Where is it warmest?")
        second = server.requests[1]
    run = fold(await JSONLStore(tmp_path / "runs").load(live.run_id))
    assert run.history == live.history
    assert made.returned(second.body)[:1] == [made.turns[0]], "between the turns of the run, too"
    for to in TARGETS:
        request = request_of([*run.history, Message.user("And tomorrow?")])
        payload = to.make().encode(request)
        expected = written(made, "back") if to.name == made.name else set()
        assert canaries(json.dumps(payload)) == expected, to.name
        if to.name == made.name:
            assert made.returned(json.loads(json.dumps(payload))) == list(made.turns)


# -- servers that speak a vendor's wire and are not the vendor ------------------------------------

GATEWAY = "https://api.gateway.example/v1"
_DELTAS = (
    {"reasoning_content": "canary_gateway_back_thought"},
    {"reasoning_details": [{"type": "reasoning.encrypted", "data": "canary_gateway_back_encrypted"}]},
    {"content": "hm"},
    {
        "tool_calls": [
            {
                "index": 0,
                "id": "call_gateway",
                "type": "function",
                "function": {"name": "weather", "arguments": "{}"},
                "extra_content": {"google": {"thought_signature": "canary_gateway_back_signature"}},
            }
        ]
    },
)


def gateway_answer() -> Message:
    model = ChatOpenAICompletions("m", api_key="unused", base_url=GATEWAY)
    decoder = model.decoder()
    for delta in _DELTAS:
        decoder.feed(
            {"id": "canary_gateway_stay_id", "model": "m", "choices": [{"index": 0, "delta": delta}]}
        )
    decoder.feed({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    from lamella.models import fold_response

    message = fold_response(decoder.finish()).message
    assert message is not None
    return message


@targets
def test_a_compatible_servers_state_is_not_the_vendors(to: Target) -> None:
    """OpenAI does not get what another server gave over OpenAI's wire; that server does."""
    output = ToolOutputBlock(call_id="call_gateway", name="weather", output="fine")
    request = request_of([Message.user("hi"), gateway_answer(), Message.user([output])])
    assert canaries(json.dumps(to.make().encode(request))) == set()
    back = ChatOpenAICompletions("m", api_key="unused", base_url=GATEWAY).encode(request)
    assert canaries(json.dumps(back)) == {
        "canary_gateway_back_thought",
        "canary_gateway_back_encrypted",
        "canary_gateway_back_signature",
    }


# -- files at a vendor ----------------------------------------------------------------------------

_TAKES = {
    ("openai", "openai.responses"),
    ("anthropic", "anthropic.messages"),
    ("mistral", "mistral.chat"),
    ("gemini", "gemini"),
    ("gemini", "gemini.interactions"),
}


@targets
@pytest.mark.parametrize("owner", ["openai", "anthropic", "mistral", "gemini"])
@pytest.mark.parametrize("inside", [False, True], ids=["in a message", "in an output"])
def test_f_prv01_a_file_at_a_vendor_is_refused_by_name(owner: str, inside: bool, to: Target) -> None:
    """Only its owner can read it; the error names content, message, block and dialect, and so does the plan."""
    file_id = "https://generativelanguage.googleapis.com/v1beta/files/canary_file_back_id"
    file_id = file_id if owner == "gemini" else "canary_file_back_id"
    image = ImageContent(file_id=file_id, provider=owner, mime_type="image/png")
    content: list[Block | str] = ["look at", image]
    history: list[Message] = [Message.user("hi")]
    if inside:
        call = ToolCallBlock(call_id="abcdefgh1", name="weather", arguments={"city": "Rome"})
        history.append(Message.assistant([call]))
        content = [ToolOutputBlock(call_id="abcdefgh1", name="weather", output=(image,))]
    request = ModelRequest(messages=(*history, Message.user(content)))
    model = to.make()
    if (owner, to.name) in _TAKES:
        assert canaries(json.dumps(model.encode(request))) == {"canary_file_back_id"}
        assert all(loss.lossless for loss in model.plan(request).losses)
        return
    with pytest.raises(UnsupportedContentError) as caught:
        model.encode(request)
    facts = caught.value.context
    place = (len(history), 0 if inside else 1)
    assert (facts["message"], facts["block"], facts["dialect"]) == (*place, to.name)
    assert f"message {place[0]} (user), block {place[1]}" in str(caught.value)
    assert "image" in str(caught.value) or "file" in str(caught.value)
    plan = model.plan(request)
    assert not plan.possible
    entry = next(entry for entry in plan.entries if (entry.message, entry.block) == place)
    assert entry.status == "impossible"


# -- any history ----------------------------------------------------------------------------------

ISSUERS = ("openai", "anthropic", "mistral", "gemini", "ollama", "acme")
_KEYS = (
    *("item", "chat", "generate", "step", "block", "call", "fields", "raw", "segments", "part", "references"),
    *("place", "follows", "rest", "thinking", "content", "id", "type", "signature", "kind", "api", "stored"),
)
_REAL = [block for made in SOURCES for message in history(made.name) for block in message.content]
_USER = [block for block in _REAL if isinstance(block, TextBlock | MediaContent | ToolOutputBlock)]
_MADE = [block for block in _REAL if not isinstance(block, MediaContent | ToolOutputBlock)]
_MODELS = {to.name: to.make() for to in TARGETS}


def _canary(issuer: str) -> str:
    return f"canary_{issuer}_back_any"


@cache
def _states(issuer: str) -> st.SearchStrategy[Any]:
    """State of any form, with the issuer's canary at its leaves."""
    leaf = st.sampled_from([_canary(issuer), "function_call", True, None])
    return st.recursive(
        leaf,
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(st.sampled_from(_KEYS), inner, min_size=1, max_size=3)
        ),
        max_leaves=5,
    )


@cache
def _kept(own: str) -> st.SearchStrategy[dict[str, Any]]:
    """What a block may keep: for the target what its own decoder wrote, for others anything."""
    real = [block.opaque[own] for block in _REAL if own in block.opaque] or [{}]
    foreign = {issuer: _states(issuer) for issuer in ISSUERS if issuer != own}
    return st.fixed_dictionaries({}, optional={**foreign, own: st.sampled_from(real)})


_ids = st.sampled_from(["c1", "c 2", "", "call_" + "x" * 80, "é"])
_names = st.sampled_from(["weather", "no good name!", "x" * 90])
_PICTURE = ImageContent.from_bytes(PNG, "image/png")


@st.composite
def _block(draw: st.DrawFn, own: str, role: str) -> Block:
    """A block with state of several issuers; what is one issuer's by its kind is that of a foreign one."""
    issuer = draw(st.sampled_from([issuer for issuer in ISSUERS if issuer != own]))
    canary = _canary(issuer)
    kept: dict[str, Any] = {"opaque": draw(_kept(own))}
    kinds = ("text", "call", "reasoning", "work") if role == "assistant" else ("text", "output", "file")
    kind = draw(st.sampled_from(kinds))
    if kind == "text":
        notes = draw(st.sampled_from([(), ({"type": "note", "url": canary},)]))
        state = {issuer: draw(_states(issuer))} if notes else kept["opaque"]
        return TextBlock(text=draw(st.sampled_from(["said", " ", ""])), annotations=notes, opaque=state)
    if kind == "call":
        arguments = draw(st.sampled_from(["", "{}", '{"a": 1}', "[1]", '{"a":', "null"]))
        return ToolCallBlock(call_id=draw(_ids), name=draw(_names), arguments_json=arguments, **kept)
    if kind == "reasoning":
        names = ("summary", "text", "signature", "reasoning_id")
        fields: dict[str, Any] = {name: draw(st.sampled_from([None, canary])) for name in names}
        return ReasoningBlock(**fields, redacted=True, provider=issuer, **kept)
    if kind == "work":
        items: list[Any] = [{}, {"item": {"type": "x", "id": canary}}, {"item": canary, "api": "chat"}]
        return OpaqueContent(
            type=f"{issuer}.work", provider=issuer, data=draw(st.sampled_from(items)), **kept
        )
    if kind == "file":
        return ImageContent(file_id=canary, provider=issuer, mime_type="image/png", **kept)
    given: list[Any] = ["", "fine", {"a": [1]}, None, (TextBlock(text="x"), _PICTURE), (_PICTURE,)]
    output, failed = draw(st.sampled_from(given)), draw(st.booleans())
    name = draw(st.none() | _names)
    return ToolOutputBlock(call_id=draw(_ids), name=name, output=output, is_error=failed, **kept)


@st.composite
def _messages(draw: st.DrawFn, own: str) -> list[Message]:
    """Messages of anything: the real blocks of all vendors among made-up ones, in any order."""
    told: list[Message] = []
    for _ in range(draw(st.integers(1, 4))):
        role: Any = draw(st.sampled_from(["user", "assistant"]))
        real = st.sampled_from(_USER if role == "user" else _MADE)
        blocks = draw(st.lists(st.one_of(real, _block(own, role)), min_size=1, max_size=4))
        told.append(Message(role=role, content=[*blocks, TextBlock(text="end")]))
    return told


_OWNERS = {"responses": "openai", "chat": "openai", "interactions": "gemini"}
"""Whose a canary is, where its name is that of a wire."""


@targets
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_f_msg07_no_history_carries_state_abroad(to: Target, data: st.DataObject) -> None:
    """Any blocks of any issuers: an error that says so, or a payload with nobody's state but the target's."""
    model = _MODELS[to.name]
    try:
        payload = model.encode(request_of(data.draw(_messages(to.issuer))))
    except AgentSerializationError:
        return
    found = {canary.split("_")[1] for canary in canaries(json.dumps(payload))}
    assert {_OWNERS.get(name, name) for name in found} <= {to.issuer}


def test_decoding_twice_gives_the_same_history() -> None:
    """The sources are what their bytes say, each time."""
    for made in SOURCES:
        assert [decoded(made, turn) for turn in made.turns] == [
            message for message in history(made.name) if message.role == "assistant"
        ]
    assert target("gemini").issuer == target("gemini.interactions").issuer
