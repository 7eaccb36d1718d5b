"""Every form of content survives JSON and the store, with and without the plugin that knows it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from content.forms import FORMS, ChartContent, Form
from swap.targets import TARGETS, Target

from lamella import Agent, Project, RunResult, fold, use_project
from lamella.content import Block, MediaContent, OpaqueContent, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella.errors import UnsupportedContentError
from lamella.messages import Message
from lamella.models import ModelRequest
from lamella.serial import from_json, to_json
from lamella.tools import tool
from lamella_jsonl import JSONLStore
from lamella_sim import ChatSim, Image, Script, Text, ToolCall
from lamella_sim.samples import red_png

WITH = pytest.mark.parametrize("held", FORMS, ids=lambda held: held.name)
PLUGINS = ("image", "audio", "document")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Every plugin that is installed."""
    return loaded(tmp_path / "with", "")


@pytest.fixture
def without(tmp_path: Path) -> Project:
    """A project in which the three plugins are switched off."""
    return loaded(tmp_path / "without", "[plugins]\nimage = false\naudio = false\ndocument = false\n")


def loaded(folder: Path, text: str) -> Project:
    folder.mkdir()
    (folder / "lamella.toml").write_text(text)
    return Project.load(folder, environ={})


def message_of(held: Form) -> tuple[Message, MediaContent]:
    """The message that holds it, and the content."""
    to = TARGETS[0]
    return held.messages(to)[held.at[0]], held.of(to)


def blocks(messages: Iterable[Message]) -> list[Block]:
    """All blocks, those in outputs too."""
    found: list[Block] = []
    for message in messages:
        for block in message.content:
            found += block.parts or () if isinstance(block, ToolOutputBlock) else (block,)
    return found


def of_kind(messages: Iterable[Message], kind: type[Block]) -> list[Any]:
    return [block for block in blocks(messages) if isinstance(block, kind)]


# -- JSON -----------------------------------------------------------------------------------------


@WITH
def test_f_med01_json_and_back_with_the_plugin(held: Form, project: Project) -> None:
    """Equal, of the same class, and the same text again."""
    message, media = message_of(held)
    with use_project(project):
        text = to_json(message)
        again = from_json(text, Message)
    known = not isinstance(media, ChartContent)
    (found,) = of_kind([again], MediaContent if known else OpaqueContent)
    if known:
        assert again == message
        assert type(found) is type(media)
        assert (found.data, found.url, found.file_id) == (media.data, media.url, media.file_id)
    assert to_json(again) == text


@WITH
def test_f_med01_json_and_back_without_the_plugin(held: Form, project: Project, without: Project) -> None:
    """Read as OpaqueContent, written as it came, and read again with the plugin it is what it was."""
    message, media = message_of(held)
    text = to_json(message)
    with use_project(without):
        opaque = from_json(text, Message)
        (block,) = of_kind([opaque], OpaqueContent)
        assert of_kind([opaque], MediaContent) == []
        assert block.type == media.type
        written = to_json(opaque)
    assert json.loads(written) == json.loads(text)
    with use_project(project):
        again = from_json(written, Message)
    if not isinstance(media, ChartContent):
        assert again == message
    assert to_json(again) == text


def test_f_med01_content_of_a_newer_release_keeps_what_is_unknown(project: Project) -> None:
    """Fields that this release does not know are written back."""
    message, _ = message_of(FORMS[0])
    data = json.loads(to_json(message))
    data["content"][1]["focus"] = {"x": 0.5}
    with use_project(project):
        again = from_json(json.dumps(data), Message, unknown="keep")
    (image,) = of_kind([again], MediaContent)
    assert image.type == "image"
    assert json.loads(to_json(again)) == data


# -- the store ------------------------------------------------------------------------------------


def everything() -> list[Block]:
    """Each form that a user can give, behind one text."""
    held = [each.of(TARGETS[0]) for each in FORMS if each.place == "user"]
    return [TextBlock(text="All of it:"), *(media for media in held if media.type != "chart")]


@tool
def shelf() -> list[Any]:
    """Give everything back."""
    return everything()


async def run_of(store: JSONLStore, project: Project) -> RunResult:
    """A run with media in the prompt, in the output of a tool, and made by the model."""
    script = Script.of(
        [ToolCall("shelf", {})], [Text("Here is one: "), Image(data=red_png(), mime_type="image/png")]
    )
    agent = Agent(ChatSim(script=script), tools=[shelf], sinks=[store], project=project)
    return await agent.arun([Message.user(everything())])


async def test_f_sto01_a_run_with_every_form_of_content_is_read_back_as_it_was(
    project: Project, tmp_path: Path
) -> None:
    """F-STO01: with the plugins, the stored run is the live one."""
    with use_project(project):
        live = await run_of(JSONLStore(tmp_path / "runs"), project)
        again = fold(await JSONLStore(tmp_path / "runs").load(live.run_id))
    assert again == live
    made = len(everything()) - 1
    assert len(of_kind(live.messages, MediaContent)) == made + 1
    assert of_kind(live.messages, OpaqueContent) == []


async def test_f_sto01_a_run_is_read_and_kept_without_the_plugins(
    project: Project, without: Project, tmp_path: Path
) -> None:
    """F-STO01: without the plugins it is read, and written to another store, which is the live run again with them."""
    with use_project(project):
        live = await run_of(JSONLStore(tmp_path / "runs"), project)
    with use_project(without):
        events = await JSONLStore(tmp_path / "runs").load(live.run_id)
        dull = fold(events)
        assert len(of_kind(dull.messages, OpaqueContent)) == len(of_kind(live.messages, MediaContent))
        assert of_kind(dull.messages, MediaContent) == []
        copy = JSONLStore(tmp_path / "copy")
        await copy.open()
        await copy.write(events)
        await copy.close()
    with use_project(project):
        again = fold(await JSONLStore(tmp_path / "copy").load(live.run_id))
    assert again == live
    assert lines(tmp_path / "copy") == lines(tmp_path / "runs")


def lines(folder: Path) -> list[Any]:
    (file,) = folder.glob("*.jsonl")
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


COPY = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("lamella_image", "lamella_audio", "lamella_document"):
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Absent())

import asyncio
from lamella.config import use_project, Project
from lamella_jsonl import JSONLStore

async def main(source, target, run_id):
    events = await JSONLStore(source).load(run_id)
    store = JSONLStore(target)
    await store.open()
    await store.write(events)
    await store.close()

with use_project(Project.bare()):
    asyncio.run(main(*sys.argv[1:]))
assert not {name for name in sys.modules if name.startswith(("lamella_image", "lamella_audio", "lamella_document"))}
"""


async def test_f_sto01_a_run_is_copied_by_a_process_that_has_no_plugins(
    project: Project, tmp_path: Path
) -> None:
    """F-STO01: the packages are not there at all, and nothing is lost."""
    with use_project(project):
        live = await run_of(JSONLStore(tmp_path / "runs"), project)
    command = [sys.executable, "-c", COPY, str(tmp_path / "runs"), str(tmp_path / "copy"), live.run_id]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    with use_project(project):
        assert fold(await JSONLStore(tmp_path / "copy").load(live.run_id)) == live


# -- and it goes nowhere --------------------------------------------------------------------------


@pytest.mark.parametrize("to", TARGETS, ids=lambda to: to.name)
@pytest.mark.parametrize("place", ["user", "output", "assistant"])
@pytest.mark.parametrize("kind", PLUGINS)
async def test_f_med05_content_without_its_plugin_is_refused_on_every_wire(
    kind: str, place: str, to: Target, without: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F-MED05: by name, in the same words before anything is opened; it is not dropped and not sent as text."""
    held = next(each for each in FORMS if each.of(to).type == kind and each.place == "user")
    with use_project(without):
        block = from_json(to_json(held.of(to)), Block)
        assert isinstance(block, OpaqueContent)
        request, at = asking(block, place)
        model = to.make()
        monkeypatch.setattr(type(model), "make_transport", _never)
        with pytest.raises(UnsupportedContentError) as encoding:
            model.encode(request)
        plan = model.plan(request)
        with pytest.raises(UnsupportedContentError) as completing:
            await model.complete(request)
    facts = encoding.value.context
    assert (facts["message"], facts["block"], facts["dialect"]) == (*at, to.name)
    assert kind in encoding.value.message
    assert plan.problems[0].message == completing.value.message == encoding.value.message


def asking(block: Block, place: str) -> tuple[ModelRequest, tuple[int, int]]:
    ask = Message.user("What is it?")
    if place == "user":
        return ModelRequest(messages=(Message.user([TextBlock(text="Look:"), block]),)), (0, 1)
    if place == "assistant":
        return ModelRequest(messages=(ask, Message.assistant([block]), ask)), (1, 0)
    call = ToolCallBlock(call_id="aB3dE6gH9", name="shelf", arguments={})
    output = ToolOutputBlock(call_id="aB3dE6gH9", name="shelf", output=(block,))
    messages = (ask, Message.assistant([call]), Message.user([output]))
    return ModelRequest(messages=messages, tools=(shelf,)), (2, 0)


def _never(model: object) -> Any:
    raise AssertionError("something was opened")
