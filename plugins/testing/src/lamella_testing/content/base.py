"""What an author of a content type gives, and how the kit comes to contents: the ground of its tests."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final
from weakref import WeakKeyDictionary

import attrs
import pytest

from lamella.content import MediaContent
from lamella.errors import LamellaError, UnsupportedContentError
from lamella.plugins.importing import resolve_import_string
from lamella_testing.content.installed import Installed, installed
from lamella_testing.project import empty_project
from lamella_testing.verdict import fail, skip

__all__ = ["DIALECTS", "UNKNOWN_DIALECT", "ContentBase"]

DIALECTS: Final = (
    "openai.chat",
    "openai.responses",
    "anthropic.messages",
    "mistral.chat",
    "gemini",
    "gemini.interactions",
    "ollama",
)
"""The wires that a content type is asked for; more are taken from its ``ContentSpec.dialects``."""

UNKNOWN_DIALECT: Final = "conformance.unknown"

_installed: WeakKeyDictionary[type, Installed] = WeakKeyDictionary()


class ContentBase:
    """Hooks for the author of a content type: :meth:`samples` must be written, and one of the first two set."""

    plugin: ClassVar[str | types.ModuleType | None] = None
    """The name of the entry point in ``lamella.content``, or the plugin module itself where it is not installed."""

    content_class: ClassVar[type[MediaContent] | None] = None
    """The class; only needed where there is no plugin. Without one, nothing of the wires is tested."""

    files: ClassVar[Mapping[str, tuple[bytes, str]]] = {}
    """Good files by name: their bytes, and the MIME type they must be given: ``{"a.png": (PNG, "image/png")}``."""

    bad_files: ClassVar[Mapping[str, bytes]] = {}
    """Bytes by file name that a constructor or ``probe()`` must refuse: truncated, of another type, hostile."""

    patience: ClassVar[float] = 5.0
    """Seconds that a damaged file may take; a file that takes longer is a way to stop a server."""

    def samples(self) -> Iterable[MediaContent]:
        """Valid contents, made anew each time: from bytes, by URL, by file id, as far as they apply."""
        fail(f"write {type(self).__name__}.samples(self): return a list of contents of yours")

    # -- what pytest does with it -------------------------------------------------------------------

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _in_an_empty_project(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
        """No key, no configuration and no proxy but what the author gives."""
        patch = pytest.MonkeyPatch()
        with empty_project(tmp_path_factory.mktemp("conformance"), patch) as folder:
            yield folder

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test for each wire."""
        if "dialect" in metafunc.fixturenames:
            metafunc.parametrize("dialect", DIALECTS)

    # -- the type and its contents ------------------------------------------------------------------

    @property
    def installed(self) -> Installed:
        """The plugin in a host of its own; made once for each class."""
        kind = type(self)
        if kind not in _installed:
            _installed[kind] = installed(self.plugin, self.content_class)
        return _installed[kind]

    @property
    def working(self) -> Installed:
        """As :attr:`installed`, of a plugin that the host can use."""
        if self.installed.fault is not None:
            skip("the plugin cannot be used; see test_the_plugin_is_usable")
        return self.installed

    @property
    def encoding(self) -> Installed:
        """As :attr:`working`, of one that writes its type on wires."""
        if self.installed.module is None:
            skip("no plugin: set plugin to test how it is written on the wires")
        return self.working

    @property
    def cls(self) -> type[MediaContent]:
        """The class."""
        if self.content_class is not None:
            return self.content_class
        spec = self.working.spec
        assert spec is not None
        found: Any = spec.content_class
        if isinstance(found, str):
            try:
                found = resolve_import_string(found, distribution=None)
            except LamellaError as error:
                fail(f"ContentSpec.content_class = {found!r} leads nowhere: {error}")
        return found  # type: ignore[no-any-return]  # what it is, a test says

    @property
    def dialects(self) -> tuple[str, ...]:
        """The wires that the plugin declares."""
        spec = self.encoding.spec
        return () if spec is None else spec.dialects

    @property
    def all_dialects(self) -> tuple[str, ...]:
        """The kit's wires, those that the plugin declares beyond them, and one that nobody knows."""
        return tuple(dict.fromkeys((*DIALECTS, *self.dialects, UNKNOWN_DIALECT)))

    def contents(self) -> dict[str, MediaContent]:
        """The samples, each under the words that messages name it with."""
        made: list[Any] = list(self.samples())
        strangers = [each for each in made if not isinstance(each, MediaContent)]
        if strangers:
            fail(f"samples() must return contents, got {type(strangers[0]).__name__}")
        if not made:
            fail("samples() is empty; return at least one content")
        return {f"samples()[{place}] ({_source(each)})": each for place, each in enumerate(made)}

    def with_bytes(self) -> dict[str, MediaContent]:
        """The samples that hold bytes."""
        found = {name: each for name, each in self.contents().items() if each.data is not None}
        if not found:
            skip("no sample holds bytes: return one from samples(), made with from_bytes")
        return found

    def encoded(self, content: MediaContent, dialect: str, name: str) -> dict[str, Any] | None:
        """What an encoder gets, ``None`` for a refusal. Everything else fails the test."""
        from lamella.models import encode_content

        with self.encoding.project():
            try:
                return encode_content(content, dialect)
            except UnsupportedContentError:
                return None
            except LamellaError as error:
                fail(
                    f"{name} on {dialect}: {type(error).__name__}: {error}; return a mapping or None, or raise "
                    "UnsupportedContentError with the reason"
                )

    def stored(self) -> dict[str, MediaContent]:
        """The samples, all of which come back from JSON as they were; else the test is skipped."""
        from lamella.messages import Message
        from lamella.serial import from_json, to_json

        found = self.contents()
        for content in found.values():
            message = Message.user([content])
            try:
                with self.working.project():
                    kept = from_json(to_json(message), Message) == message
            except Exception:
                kept = False
            if not kept:
                skip("a sample does not come back from JSON as it was; see test_json_and_back")
        return found

    def plain(self, content: MediaContent) -> MediaContent:
        """The same content in a class that has no more than the base, and the same tag."""
        fields = {each.name: getattr(content, each.name) for each in attrs.fields(MediaContent)}
        return _plain_class(content.type)(**fields)


def _source(content: MediaContent) -> str:
    if content.data is not None:
        return "bytes"
    return "URL" if content.url is not None else "file id"


def _plain_class(tag: str) -> type[MediaContent]:
    class Plain(MediaContent):
        type: ClassVar[str] = tag

    return Plain
