"""F-MSG07: a conversation made on one wire goes on on every other, and comes back as it was.

Each history is read from the source vendor's bytes by its own decoder (``swap.histories``), so that it carries
that vendor's real state, with a canary in all of it. It is sent through the target's real SDK to the strict
simulator. ``EXPECTED`` is the loss report, word for word; the tables of ``docs/reference/transplant.md`` are
generated from the same measurement.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from swap.histories import (
    ANSWER,
    CITIES,
    FAILURE,
    PNG,
    SAID,
    SOURCES,
    Source,
    canaries,
    history,
    request_of,
    source,
)
from swap.matrix import FEATURES, Fate, fates, overview, plan_of, tables
from swap.targets import TARGETS, Target, target

from lamella.config import forget_projects
from lamella.content import MediaContent, TextBlock, ToolOutputBlock
from lamella.errors import AgentSerializationError
from lamella.events import ResponseDone
from lamella.messages import Message
from lamella.models import Completion, ModelRequest, fold_response
from lamella.serial import from_json, to_json
from lamella_sim import Reasoning, SimServer, Structured, Text, Turn

PAIRS = [(made, to) for made in SOURCES for to in TARGETS]
NAMES = [f"{made.name}-{to.name}" for made, to in PAIRS]
MARKED = ("anthropic.messages", "gemini", "gemini.interactions")
"""The wires that can say that an output is an error."""

# -- the documented report ------------------------------------------------------------------------

_IDS = "call ids are sent as stand-ins: the vendor takes only ids of its own form"
_UNMARKED = "sent without the mark of an error; its text says what went wrong"
_LIFTED = "media of a tool output goes into a user message after the outputs"
_FORM, _REWRITTEN, _DROPPED = "kept, in another form", "rewritten", "dropped"


def _to(issuer: str, dialect: str, citations: str, **more: Fate) -> dict[str, Fate]:
    """What every foreign history loses on the way to a vendor; ``{}`` is who made it."""
    speech = f"{dialect} takes no audio of the assistant; its words are in the message"
    reasoning = Fate(_DROPPED, (f"reasoning of {{}} means nothing to {issuer}",))
    return {
        "reasoning": reasoning,
        "redacted reasoning": reasoning,
        "server-side work": Fate(_DROPPED, (f"server-side work of {{}} means nothing to {issuer}",)),
        "speech": Fate(_DROPPED, (speech,)),
        "citations": Fate(_REWRITTEN, (citations,)),
        **{name.replace("_", " "): fate for name, fate in more.items()},
    }


_THEIRS = "sent without its citations: they are another provider's"
_OTHER_API = "sent without its citations: they are in another API's form"
_OWN_FORM = "its citations are in another provider's form; the text is sent without them"

FOREIGN: dict[str, dict[str, Fate]] = {
    "openai.responses": _to(
        "openai",
        "openai.responses",
        _OTHER_API,
        failed_output=Fate(_FORM, (_UNMARKED,)),
    ),
    "openai.chat": _to(
        "openai",
        "openai.chat",
        "sent without its citations: Chat Completions takes none",
        failed_output=Fate(_FORM, (_UNMARKED,)),
        image_in_an_output=Fate(_FORM, (_LIFTED,)),
    ),
    "anthropic.messages": _to("anthropic", "anthropic.messages", _THEIRS),
    "mistral.chat": _to(
        "mistral",
        "mistral.chat",
        _THEIRS,
        parallel_calls=Fate(_FORM, (_IDS,)),
        outputs=Fate(_FORM, (_IDS,)),
        failed_output=Fate(_FORM, (_UNMARKED, _IDS)),
        image_in_an_output=Fate(_FORM, (_IDS,)),
    ),
    "gemini": _to("gemini", "gemini", _OTHER_API),
    "gemini.interactions": _to("gemini", "gemini.interactions", _OWN_FORM),
    "ollama": _to(
        "ollama",
        "ollama",
        "sent without its citations: Ollama has none",
        failed_output=Fate(_FORM, (_UNMARKED,)),
        image_in_an_output=Fate(_FORM, (_LIFTED,)),
    ),
}
"""What is not kept, by target; a feature that the source does not have is not in its report."""

_GENERATE_SIGNED = "its signature is of generateContent and has no place in the Interactions API"
RELATED: dict[tuple[str, str], dict[str, Fate]] = {
    ("openai.responses", "openai.chat"): {
        "reasoning": Fate(_DROPPED, ("openai takes no such reasoning back over Chat Completions",)),
        "server-side work": Fate(
            _DROPPED, ("server-side work of the Responses API has no form in Chat Completions",)
        ),
    },
    ("gemini", "gemini.interactions"): {
        "reasoning": Fate(_DROPPED, ("reasoning of generateContent has no form in the Interactions API",)),
        "server-side work": Fate(_DROPPED, ("this item has no form in the Interactions API",)),
        "signed text and calls": Fate(_REWRITTEN, (_GENERATE_SIGNED,)),
    },
    ("gemini.interactions", "gemini"): {
        "reasoning": Fate(_DROPPED, ("reasoning of the Interactions API has no form in generateContent",)),
        "server-side work": Fate(
            _DROPPED, ("server-side work of the Interactions API has no form in generateContent",)
        ),
    },
}
"""Two APIs of one vendor: what differs from a foreign history."""

OWN: dict[str, dict[str, Fate]] = {
    "openai.responses": {"failed output": Fate(_FORM, (_UNMARKED,))},
    "openai.chat": {
        "failed output": Fate(_FORM, (_UNMARKED,)),
        "image in an output": Fate(_FORM, (_LIFTED,)),
    },
    "mistral.chat": {"failed output": Fate(_FORM, (_UNMARKED,))},
    "ollama": {
        "failed output": Fate(_FORM, (_UNMARKED,)),
        "image in an output": Fate(_FORM, (_LIFTED,)),
    },
}
"""What the vendor's own wire cannot say of its own conversation."""

HAS: dict[str, set[str]] = {
    "openai.responses": {"reasoning", "server-side work", "citations"},
    "openai.chat": {"speech", "citations"},
    "anthropic.messages": {"reasoning", "redacted reasoning", "server-side work", "citations"},
    "mistral.chat": {"reasoning", "citations"},
    "gemini": {"reasoning", "server-side work", "citations"},
    "gemini.interactions": {"reasoning", "server-side work", "citations"},
    "ollama": {"reasoning"},
}
"""What each vendor's conversation has beside what they all have."""

ALL = {
    "text",
    "images",
    "parallel calls",
    "outputs",
    "failed output",
    "image in an output",
    "structured output",
}


def expected(made: Source, to: Target) -> dict[str, Fate]:
    """The documented fate of each feature."""
    changed = OWN.get(to.name, {}) if made.name == to.name else FOREIGN[to.name]
    changed = {**changed, **RELATED.get((made.name, to.name), {})}
    found = dict.fromkeys(ALL | HAS[made.name], Fate("kept"))
    for name, fate in changed.items():
        if name in found or name == "signed text and calls":
            reasons = tuple(reason.format(made.target.issuer) for reason in fate.reasons)
            found[name] = Fate(fate.word, reasons)
    return {feature: found[feature] for feature in FEATURES if feature in found}


# -- the tests ------------------------------------------------------------------------------------


@attrs.define
class Played:
    """The server, and what it was asked in Lamella's words, as it read the wire."""

    server: SimServer
    asked: list[ModelRequest] = attrs.field(factory=list)

    @property
    def received(self) -> str:
        """All that the last request was: address, headers and body."""
        last = self.server.requests[-1]
        return f"{last.path}?{last.query} {json.dumps(dict(last.headers))} {json.dumps(last.json)}"

    def url_of(self, wire: Target | Source) -> str:
        return self.server.base_url_of(wire.name)

    def forget(self) -> None:
        self.server.clear()
        self.asked.clear()


@pytest.fixture(scope="module")
def running() -> Iterator[Played]:
    asked: list[ModelRequest] = []

    def answer(request: ModelRequest) -> Turn:
        asked.append(request)
        said = Structured(json.loads(ANSWER)) if request.output_schema is not None else Text("done")
        thought = Reasoning("the simulator thought about it", signature="c2ltdWxhdGVkX3NpZ25hdHVyZV9p")
        return Turn([thought, said])

    with SimServer(answer, reasoning=True) as server:
        yield Played(server, asked)


@pytest.fixture
def sim(running: Played, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Played]:
    """The server without a past, in a project of its own."""
    (tmp_path / "lamella.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    forget_projects()
    running.forget()
    yield running
    forget_projects()


async def ask(wire: Target, url: str, request: ModelRequest) -> tuple[Completion, ResponseDone]:
    """The answer, over the vendor's SDK."""
    async with wire.make(url) as model:
        events = [event async for event in model.stream(request)]
    (done,) = (event for event in events if isinstance(event, ResponseDone))
    return fold_response(events), done


pairs = pytest.mark.parametrize(("made", "to"), PAIRS, ids=NAMES)


@pairs
def test_f_msg07_the_loss_report_is_as_documented(made: Source, to: Target) -> None:
    """F-MSG07: kept, rewritten or dropped, with the reason, for every feature of every pair."""
    assert fates(history(made.name), plan_of(made, to)) == expected(made, to)


@pairs
@pytest.mark.parametrize("streaming", [True, False], ids=["streamed", "whole"])
async def test_f_msg07_the_conversation_goes_on(
    made: Source, to: Target, streaming: bool, sim: Played
) -> None:
    """F-MSG07: the SDK's types and the strict server take it, and nothing foreign is on the wire."""
    request = request_of(history(made.name), streaming=streaming)
    assert to.refusals_of(to.encode(request)) == []
    completion, done = await ask(to, sim.url_of(to), request)
    assert json.loads(completion.content) == json.loads(ANSWER)
    assert [recorded.status for recorded in sim.server.requests] == [200]
    assert done.losses == plan_of(made, to).losses
    check_read(sim.asked[-1], made, to)
    check_canaries(made, to, sim.received)


def check_read(read: ModelRequest, made: Source, to: Target) -> None:
    """What the server read: calls and outputs are matched and in order, images whole, nothing made up."""
    assert read.output_schema is not None
    assert [tool.name for tool in read.tools] == ["weather"]
    messages = [message for message in read.messages if message.role != "system"]
    calls = [call for message in messages for call in message.tool_calls]
    outputs = [output for message in messages for output in message.tool_outputs]
    assert [call.arguments for call in calls] == [{"city": city} for city in CITIES]
    assert [output.call_id for output in outputs] == [call.call_id for call in calls]
    assert json.loads(outputs[0].text) == {"celsius": 21}
    assert FAILURE in outputs[1].text
    assert outputs[1].is_error is (to.name in MARKED)
    assert not outputs[0].is_error
    assert outputs[2].text.startswith("A map:")
    assert [image.data for image in images(messages)] == [PNG, PNG]
    said = [message.text for message in messages if message.role == "assistant" and message.text]
    spoken = made.name == to.name == "openai.chat"  # sent back as the id of its sound
    assert said == ([ANSWER] if spoken else [SAID, ANSWER])
    assert messages[-1].role == "user"
    assert messages[-1].text == "And tomorrow?"


def images(messages: list[Message]) -> Iterator[MediaContent]:
    for message in messages:
        for block in message.content:
            parts = (block.parts or ()) if isinstance(block, ToolOutputBlock) else (block,)
            yield from (part for part in parts if isinstance(part, MediaContent))


def check_canaries(made: Source, to: Target, received: str) -> None:
    """All state that must go back does, on its own wire; on every other there is none of it."""
    written = b"".join(made.stream(turn) for turn in made.turns).decode()
    returning = canaries(written, "back")
    assert returning, "a source without state proves nothing"
    assert canaries(written, "stay")
    assert canaries(received) == (returning if made.name == to.name else set())


@pairs
async def test_f_msg07_and_back_again(made: Source, to: Target, sim: Played) -> None:
    """F-MSG07, F-MSG10: A → B → A, stored in between: what A made goes back byte for byte, what B made stays away."""
    there, _ = await ask(to, sim.url_of(to), request_of(history(made.name)))
    assert there.message is not None
    told = [*history(made.name), there.message, Message.user("Thanks. And next week?")]
    stored = [from_json(to_json(message), Message) for message in told]
    await ask(made.target, sim.url_of(made), request_of(stored))
    payload = json.loads(json.dumps(sim.server.requests[-1].json))
    assert made.returned(payload)[:2] == list(made.turns)
    if made.name != to.name:
        assert not [state for state in states(there.message, to) if state in sim.received]


def states(message: Message, to: Target) -> set[str]:
    """The texts of a message that are its maker's alone."""
    found: set[str] = set()
    for block in message.content:
        shared = {"text", "output_text", "completed", "assistant", "message", "reasoning"}
        if to.issuer in block.opaque:
            found |= {text for text in strings(block.opaque[to.issuer]) if text not in shared}
        found |= {
            held
            for name in ("signature", "reasoning_id", "summary")
            if isinstance(held := getattr(block, name, None), str)
        }
        if not isinstance(block, TextBlock) and isinstance(held := getattr(block, "text", None), str):
            found.add(held)
    return {text for text in found if len(text) > 3}


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from strings(item)


@pairs
def test_f_msg07_the_plan_says_it_before_anything_is_opened(
    made: Source, to: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F-MSG07: the plan has an entry for every block, without a transport."""
    model = to.make()
    monkeypatch.setattr(type(model), "make_transport", _never)
    messages = history(made.name)
    plan = model.plan(request_of(messages))
    assert plan.possible
    assert plan == plan_of(made, to)
    entries = {(entry.message, entry.block): entry for entry in plan.entries if entry.message is not None}
    places = [
        (index, place) for index, message in enumerate(messages) for place in range(len(message.content))
    ]
    assert list(entries) == places
    worst = {("rewritten", True): 1, ("rewritten", False): 2, ("dropped", False): 3}
    names = ("native", "emulated", "degraded", "lost")
    for place in places:
        here = [loss for loss in plan.losses if (loss.message, loss.block) == place]
        status = names[max((worst[loss.kind, loss.lossless] for loss in here), default=0)]
        assert (entries[place].status, entries[place].reason) == (
            status,
            "; ".join(dict.fromkeys(loss.reason for loss in here)),
        )


def _never(model: object) -> Any:
    raise AssertionError("a plan opened a transport")


@pairs
async def test_f_msg07_strict_refuses_what_would_be_lost(made: Source, to: Target, sim: Played) -> None:
    """F-MSG07: strict mode refuses the first lossy entry by name, before anything is sent, and nothing else."""
    lossy = [loss for loss in plan_of(made, to).losses if not loss.lossless]
    request = request_of(history(made.name), transplant="strict")
    if not lossy:
        completion, done = await ask(to, sim.url_of(to), request)
        assert json.loads(completion.content) == json.loads(ANSWER)
        assert all(loss.lossless for loss in done.losses)
        return
    with pytest.raises(AgentSerializationError) as caught:
        await ask(to, sim.url_of(to), request)
    first = lossy[0]
    assert f"{first.what} would be {first.kind}: {first.reason}" in str(caught.value)
    facts = caught.value.context
    assert (facts["message"], facts["block"], facts["dialect"]) == (first.message, first.block, to.name)
    assert sim.server.requests == ()


def test_only_the_vendors_own_wire_loses_nothing() -> None:
    """The overview says where a conversation is whole."""
    whole = {
        (made.name, to.name) for made, to in PAIRS if all(loss.lossless for loss in plan_of(made, to).losses)
    }
    assert whole == {(made.name, made.name) for made in SOURCES}


def test_the_documented_tables_are_those_that_were_measured() -> None:
    """The page is generated from the measurement that the tests above assert on."""
    page = (Path(__file__).parents[2] / "docs" / "reference" / "transplant.md").read_text(encoding="utf-8")
    assert overview() in page
    assert tables() in page


def test_the_checks_of_the_sdks_see_what_is_wrong() -> None:
    """Each vendor's types refuse an unknown key deep inside a payload, so that their silence says something."""
    for wire in TARGETS:
        payload = wire.encode(request_of(history("ollama")))
        assert wire.refusals_of(payload) == []
        spoiled = spoil(payload)
        assert spoiled == 1, wire.name
        assert wire.refusals_of(payload), wire.name


def spoil(payload: Any) -> int:
    """Add a key to the first call."""
    for key in ("tool_calls", "functionCall", "input"):
        found = list(_find(payload, key))
        if key == "input" and found and isinstance(found[0], list):
            found = [[step for step in found[0] if step.get("type") == "function_call"]]
        if found:
            call = found[0][0] if isinstance(found[0], list) else found[0]
            if key == "input" and not isinstance(found[0], list):
                call = next(part for part in payload["messages"][1]["content"] if part["type"] == "tool_use")
            call["canary_key"] = 1
            return 1
    return 0


def _find(value: Any, key: str) -> Iterator[Any]:
    if isinstance(value, dict):
        if key in value:
            yield value[key]
        for item in value.values():
            yield from _find(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _find(item, key)


def test_every_wire_is_in_the_matrix() -> None:
    from lamella_sim.wires import WIRES

    assert [made.name for made in SOURCES] == [to.name for to in TARGETS]
    assert {wire.name for wire in WIRES} == {to.name for to in TARGETS}
    assert source("gemini").target is target("gemini")
