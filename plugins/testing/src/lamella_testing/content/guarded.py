"""Nothing but ``from_file`` reads a file, and nothing fetches."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from lamella.content import MediaContent
from lamella.errors import LamellaError
from lamella.messages import Message
from lamella.serial import from_json, to_json
from lamella_testing.content.base import ContentBase
from lamella_testing.guards import FileRead, NetworkUsed, no_files, no_network
from lamella_testing.verdict import fail, require

__all__ = ["GuardContract"]

_SECRET = b"conformance: the contents of a file that nobody gave"


class GuardContract(ContentBase):
    """What holds of the world outside."""

    def test_nothing_is_read_or_fetched(self) -> None:
        """Constructors other than ``from_file``, texts, storage and checks open no file and no connection."""
        for name, content in self.contents().items():
            for what, act in self._acts(content).items():
                self._tried(act)
                with _alone(f"{name}: {what}"):
                    self._tried(act)

    def test_the_hook_reads_and_fetches_nothing(self) -> None:
        """``lamella_encode_content`` opens no file and no connection: the block holds all there is."""
        hook = self.encoding.hook
        for name, content in self.contents().items():
            for dialect in self.all_dialects:
                for each in (content, self.plain(content)):
                    self._tried(partial(hook, each, dialect))
                    with _alone(f"{name}: lamella_encode_content for {dialect}"):
                        self._tried(partial(hook, each, dialect))

    def test_a_path_is_never_read(self) -> None:
        """A path in a text, a URL, a name or a file id stays what it is; only ``from_file`` opens it."""
        path = Path("conformance-secret.bin")
        path.write_bytes(_SECRET)
        places = [str(path), str(path.resolve()), path.resolve().as_uri()]
        for place in places:
            for what, make in self._from_text(place).items():
                made = None
                with _alone(f"{what} of the path of a file"):
                    made = self._tried(make)
                require(
                    not isinstance(made, MediaContent) or made.data is None or _SECRET not in made.data,
                    f"{what} of the path of a file reads the file; only from_file may",
                )
            message = Message.from_multimodal("user", [place])
            require(message.text == place, "a path in a message is not the text it was given as")

    def _acts(self, content: MediaContent) -> dict[str, Callable[[], object]]:
        cls, data, kind = type(content), content.data, content.mime_type
        acts: dict[str, Callable[[], object]] = {
            "facts()": content.facts,
            "repr": lambda: (repr(content), str(content), content.describe()),
            "base64_data": lambda: (content.base64_data, content.data_uri),
            "to_json and from_json": lambda: from_json(to_json(Message.user([content])), Message),
        }
        if data is not None:
            acts["from_bytes"] = lambda: cls.from_bytes(data, kind)
            acts["from_base64"] = lambda: cls.from_base64(base64.b64encode(data).decode(), kind)
        if content.url is not None:
            acts["from_url"] = lambda: cls.from_url(content.url or "", kind)
        if content.file_id is not None:
            acts["from_file_id"] = lambda: cls.from_file_id(content.file_id or "", content.provider, kind)
        for method in ("probe", "to_openai_block", "to_anthropic_block"):
            if callable(found := getattr(content, method, None)):
                acts[f"{method}()"] = found
        if callable(check := getattr(content, "check_for", None)):
            acts["check_for()"] = lambda: [self._tried(partial(check, each)) for each in self._declared()]
        return acts

    def _declared(self) -> tuple[str, ...]:
        spec = self.working.spec
        return () if spec is None else spec.dialects

    def _from_text(self, text: str) -> dict[str, Callable[[], object]]:
        cls = self.cls
        return {
            "from_url": lambda: cls.from_url(text),
            "from_bytes": lambda: cls.from_bytes(text),  # type: ignore[arg-type]  # on purpose
            "from_base64": lambda: cls.from_base64(text),
            "from_file_id": lambda: cls.from_file_id(text).describe(),
            "the class with a name": lambda: cls.from_bytes(b"conformance", name=text).describe(),
        }

    def _tried(self, act: Callable[[], object]) -> object:
        """Run it; what it raises, other tests are for."""
        try:
            with self.working.project():
                return act()
        except (LamellaError, Exception):
            return None


@contextmanager
def _alone(what: str) -> Iterator[None]:
    try:
        with no_network(), no_files():
            yield
    except NetworkUsed:
        fail(
            f"{what} opens a connection; what is behind a URL is passed on, or fetched where the caller asks for it"
        )
    except FileRead as error:
        fail(f"{what} opens the file {error}; only from_file and afrom_file may")
