"""F-MED05: every form of content on every wire is a block that the vendor takes, or the typed refusal.

A form that is taken is checked against the request types of the vendor's own SDK, and sent through it to the
strict simulator, which must read the same bytes or address. One that is refused is refused in the same words by
``encode``, ``plan`` and ``complete``, before anything is sent. The tables of ``docs/reference/content.md`` are
generated from the same measurement.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from content.forms import ASKED, FORMS, Form, form
from content.table import cell, overview, sources, tables
from swap.targets import TARGETS, Target

from lamella.config import current_project, forget_projects
from lamella.content import MediaContent, ToolOutputBlock
from lamella.errors import UnsupportedContentError
from lamella.models.content import encode_content
from lamella_sim import SimServer

BEYOND = {("MP4 (AAC), bytes", "openai.chat")}
"""OpenAI's SDK names wav and mp3 only; compatible servers take mp4, as does the simulator."""

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "content.md"
CELLS = [(held, to) for held in FORMS for to in TARGETS]
NAMES = [f"{held.name}-{to.name}" for held, to in CELLS]
cells = pytest.mark.parametrize(("held", "to"), CELLS, ids=NAMES)


@pytest.fixture(scope="module")
def running() -> Iterator[SimServer]:
    with SimServer() as server:
        yield server


@pytest.fixture
def sim(running: SimServer, project: None) -> SimServer:
    """The server without a past."""
    running.clear()
    return running


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A project of its own, with every plugin that is installed."""
    (tmp_path / "lamella.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    forget_projects()
    yield
    forget_projects()


def taken_by(held: Form) -> set[str]:
    """The dialects on which it is sent."""
    return {to.name for to in TARGETS if cell(held, to).word != "refused"}


# -- the cells ------------------------------------------------------------------------------------


@cells
async def test_f_med05_a_cell_is_what_the_vendor_takes_or_the_typed_refusal(
    held: Form, to: Target, sim: SimServer
) -> None:
    """F-MED05: and nothing between."""
    if cell(held, to).word == "refused":
        await check_refused(held, to, sim)
    else:
        await check_sent(held, to, sim)


async def check_sent(held: Form, to: Target, sim: SimServer) -> None:
    """The SDK's types and the strict server take it, and it arrives whole."""
    found, media, request = cell(held, to), held.of(to), held.request(to)
    payload = to.encode(request)
    assert found.beyond is ((held.name, to.name) in BEYOND)
    assert (to.refusals_of(payload) != []) is found.beyond
    async with to.make(sim.base_url_of(to.name)) as model:
        completion = await model.complete(request)
    recorded = sim.requests[-1]
    assert recorded.status == 200
    assert json.loads(json.dumps(recorded.json)) == payload
    assert any(ASKED in message.text for message in recorded.messages)
    losses = [loss.reason for loss in completion.losses if (loss.message, loss.block) == held.at]
    assert losses == ([found.reason] if found.reason else [])
    if found.word == "words":
        assert recorded.media == ()
        assert media.alt
        assert any(message.text == media.alt for message in recorded.messages)
    else:
        check_arrived(media, recorded.media)


def check_arrived(media: MediaContent, arrived: Any) -> None:
    """Once, whole: the same bytes or the same address."""
    (read,) = arrived
    if media.data is None:
        assert (media.url or media.file_id) in (read.url, read.file_id)
    else:
        assert read.data == media.data


async def check_refused(held: Form, to: Target, sim: SimServer) -> None:
    """In the same words by ``encode``, ``plan`` and ``complete``; nothing is opened."""
    model, request = to.make(sim.base_url_of(to.name)), held.request(to)
    with pytest.raises(UnsupportedContentError) as encoding:
        model.encode(request)
    refusal = encoding.value
    facts = refusal.context
    assert (facts["message"], facts["block"]) == held.at
    assert (facts["content"], facts["dialect"]) == (held.of(to).type, to.name)
    assert cell(held, to).reason in refusal.message
    assert f"message {held.at[0]}" in refusal.message
    check_advice(held, to, facts["providers"], refusal.message)

    plan = model.plan(request)
    assert not plan.possible
    assert [problem.message for problem in plan.problems] == [refusal.message]
    assert [problem.code for problem in plan.problems] == [refusal.error_code.value]
    impossible = [(entry.message, entry.block) for entry in plan.entries if entry.status == "impossible"]
    assert impossible == [held.at]

    async with model:
        with pytest.raises(UnsupportedContentError) as completing:
            await model.complete(request)
    assert completing.value.message == refusal.message
    assert {name: completing.value.context[name] for name in facts} == facts
    assert sim.requests == ()


def check_advice(held: Form, to: Target, named: list[str], message: str) -> None:
    """The providers that are named are those on whose wire it was measured to be taken, and all of them."""
    host = current_project().host
    dialects = {name: host.provider(name).dialect for name in named}
    assert set(dialects.values()) <= {target.name for target in TARGETS}
    if named:
        assert f"installed providers that take it: {named[0]}" in message
    else:
        assert "no installed provider takes it" in message
    if held.place == "user" and not held.own:
        assert set(dialects.values()) == taken_by(held)
        assert to.name not in dialects.values()


@pytest.mark.parametrize(
    "held", [each for each in FORMS if each.place == "output"], ids=lambda held: held.name
)
@pytest.mark.parametrize("to", TARGETS, ids=lambda to: to.name)
async def test_f_med05_media_of_an_output_is_inside_it_or_after_it(
    held: Form, to: Target, sim: SimServer
) -> None:
    """F-MED05: what is lifted out of an output says so in the output, before the model reads on."""
    found = cell(held, to)
    if found.word == "refused":
        assert to.name not in taken_by(form(f"{WHOLE[held.name]}, bytes"))
        return
    async with to.make(sim.base_url_of(to.name)) as model:
        plan = model.plan(held.request(to))
        await model.complete(held.request(to))
    messages = [message for message in sim.requests[-1].messages if message.role != "system"]
    (output,) = [block for message in messages for block in message.tool_outputs]
    inside = [part for part in output.parts or () if isinstance(part, MediaContent)]
    outside = [block for message in messages for block in message.content if isinstance(block, MediaContent)]
    assert output.text.startswith("Here:")
    if found.word == "taken":
        assert (len(inside), len(outside)) == (1, 0)
        return
    assert (len(inside), len(outside)) == (0, 1)
    (entry,) = [entry for entry in plan.entries if (entry.message, entry.block) == held.at]
    assert (entry.status, entry.reason) == ("emulated", found.reason)
    lifted = next(message for message in messages if outside[0] in message.content)
    assert lifted.role == "user"
    assert "of the output of" in json.dumps([getattr(block, "text", "") for block in lifted.content])


WHOLE = {"image in an output": "PNG", "document in an output": "PDF", "audio in an output": "WAV"}


# -- the blocks of the classes --------------------------------------------------------------------

BLOCKS = {"to_openai_block": "openai.chat", "to_anthropic_block": "anthropic.messages"}


@pytest.mark.parametrize("method", BLOCKS)
@pytest.mark.parametrize("held", [each for each in FORMS if each.place == "user"], ids=lambda held: held.name)
def test_f_med02_the_block_of_a_class_is_what_is_sent(held: Form, method: str, project: None) -> None:
    """F-MED02: to_openai_block() and to_anthropic_block() are the parts of the payload, or the same refusal."""
    to = next(each for each in TARGETS if each.name == BLOCKS[method])
    media = held.of(to)
    made = getattr(media, method, None)
    if made is None:
        assert (media.type, method) in (("audio", "to_anthropic_block"), ("chart", method))
        return
    if cell(held, to).word == "refused":
        with pytest.raises(UnsupportedContentError):
            made()
        return
    (sent,) = [part for part in to.encode(held.request(to))["messages"][-1]["content"] if holds(part, media)]
    assert made() == sent
    assert encode_content(media, to.name) == sent


def holds(part: Any, media: MediaContent) -> bool:
    return any(source in json.dumps(part, ensure_ascii=False) for source in _quoted(media))


def _quoted(media: MediaContent) -> list[str]:
    return [json.dumps(source, ensure_ascii=False)[1:-1] for source in sources(media)]


# -- the page -------------------------------------------------------------------------------------


def test_f_med05_the_documented_tables_are_those_that_were_measured(project: None) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert overview() in page
    assert tables() in page


def test_f_med05_the_tables_say_something() -> None:
    """Each kind of content is taken somewhere, and what must be refused everywhere is."""
    assert len({held.name for held in FORMS}) == len(FORMS)
    for held in FORMS:
        nowhere = held.name in NOWHERE
        assert (taken_by(held) == set()) is nowhere, held.name
    words = Counter(cell(held, to).word for held, to in CELLS)
    assert set(words) == {"taken", "lifted", "words", "refused"}


NOWHERE = {
    "image, file id of another vendor", "BMP, bytes", "TIFF, bytes", "AVIF, bytes",
    "audio, file id of another vendor", "PDF, file id of another vendor", "a type that no plugin writes",
}  # fmt: skip


def test_every_wire_of_the_plugins_is_in_the_table(project: None) -> None:
    """What the plugins declare is what was measured."""
    host = current_project().host
    for kind, name in (("image", "PNG, bytes"), ("audio", "WAV, bytes"), ("document", "PDF, bytes")):
        assert set(host.content(kind).dialects) == taken_by(form(name)), kind


def test_the_page_is_measured_without_a_network() -> None:
    """Generating the tables opens no socket."""
    program = (
        "import socket, sys\n"
        "def refuse(*_, **__): raise AssertionError('a socket')\n"
        "socket.socket.connect = refuse\n"
        f"sys.path.insert(0, {str(Path(__file__).parents[1] / '_support')!r})\n"
        "from content.table import overview, tables\n"
        "assert overview() and tables()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_output_of_a_form_holds_it() -> None:
    """The rows are what they say."""
    to = TARGETS[0]
    for held in FORMS:
        message, place = held.at
        block = held.messages(to)[message].content[place]
        parts = block.parts if isinstance(block, ToolOutputBlock) else (block,)
        assert held.of(to) in (parts or ())
