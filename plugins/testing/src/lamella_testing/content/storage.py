"""Storage: JSON and back, with the plugin and without it, and through a run store."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from lamella.config import Project, use_project
from lamella.content import Block, MediaContent, OpaqueContent
from lamella.errors import LamellaError
from lamella.messages import Message
from lamella.serial import from_dict, from_json, to_dict, to_json
from lamella_testing.content.base import ContentBase
from lamella_testing.verdict import fail, require, run, skip

__all__ = ["StorageContract"]


class StorageContract(ContentBase):
    """What holds of what is stored."""

    def test_json_and_back(self) -> None:
        """A message with the content is written as JSON and read back equal, in the same class."""
        for name, content in self.contents().items():
            message = Message.user(["conformance", content])
            with self.working.project():
                try:
                    read = from_json(to_json(message), Message)
                except Exception as error:
                    fail(
                        f"{name} cannot be written as JSON and read back: {type(error).__name__}: {error}; fields "
                        "are JSON values, bytes, tuples of these, and attrs classes"
                    )
            back = read.content[1]
            require(
                type(back) is type(content),
                f"{name} is read back as {type(back).__name__}; ContentSpec.content_class must name its class",
            )
            require(read == message, f"{name} is read back as another content: {_difference(content, back)}")

    def test_json_and_back_without_the_plugin(self) -> None:
        """Where the plugin is not installed it is ``OpaqueContent``, and is written back as it was."""
        for name, content in self.stored().items():
            with self.working.project():
                stored = to_json(Message.user([content]))
            with use_project(Project.bare()):
                read = from_json(stored, Message)
                back = to_json(read)
            if type(read.content[0]) is type(content):
                skip(f"{content.type!r} is registered in code (register_content), so it is never unknown")
            require(
                isinstance(read.content[0], OpaqueContent) and read.content[0].type == content.type,
                f"{name} is read as {type(read.content[0]).__name__} without the plugin",
            )
            require(
                json.loads(back) == json.loads(stored),
                f"{name} is written back as another JSON without the plugin",
            )

    def test_unknown_fields_survive(self) -> None:
        """A field that a later release of the plugin wrote is kept in ``extra`` and written back."""
        for name, content in self.stored().items():
            with self.working.project():
                stored = {**to_dict(content), "conformance_later": {"a": [1]}}
                try:
                    read = from_dict(stored, Block, unknown="keep")
                    back = to_dict(read)
                except LamellaError as error:
                    fail(
                        f"{name} with an unknown field cannot be read: {error}; fields are those of the JSON, "
                        "and extra holds the rest"
                    )
            require(
                back.get("conformance_later") == {"a": [1]},
                f"{name} loses an unknown field of stored JSON; leave extra as Block has it",
            )

    def test_a_run_store_keeps_it(self) -> None:
        """A run with the content in its input is stored as JSON lines, and read back equal."""
        if find_spec("lamella_jsonl") is None:
            skip("lamella-jsonl is not installed: pip install lamella-jsonl")
        samples = self.stored()
        with self.working.project(), tempfile.TemporaryDirectory() as folder:
            read = run(_through_a_store(Path(folder), list(samples.values())))
        for (name, content), back in zip(samples.items(), read, strict=True):
            require(back == content, f"{name} comes back from a run store as another content: {back!r}")


async def _through_a_store(folder: Path, contents: Sequence[MediaContent]) -> Sequence[Block]:
    from lamella import Agent
    from lamella.events import StreamStart
    from lamella_jsonl import JSONLStore
    from lamella_testing.fakes import ScriptedModel

    agent = Agent(ScriptedModel("stored"), sinks=[JSONLStore(folder)])
    result = await agent.arun([Message.user([*contents])])
    events = [envelope.event for envelope in await JSONLStore(folder).load(result.run_id)]
    started = next(event for event in events if isinstance(event, StreamStart))
    return started.input[0].content


def _difference(content: Block, back: Block) -> str:
    first, second = to_dict(content), to_dict(back)
    fields = [name for name in first if first[name] != second.get(name)]
    return f"{', '.join(fields) or 'a field'} differs; fields must be written and read without a change"
