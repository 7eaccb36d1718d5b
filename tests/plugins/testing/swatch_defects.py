"""Defects: each is the correct content type with one thing wrong, and the tests of the kit that must fail."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import attrs
import swatch.heavy
import swatch.plugin
from swatch.content import FILE, MIME, Swatch, SwatchInfo
from swatch.encode import encode, source
from swatch_suites import swatch_suite

import lamella
from lamella import AgentInputError, ContentSpec, MediaContent, UnsupportedContentError
from lamella_testing import ContentConformance

__all__ = ["DEFECTS", "Defect", "suite"]

Hook = Callable[[MediaContent, str], Any]


@attrs.frozen
class Defect:
    """A plugin with one thing wrong, the class of its samples, and the names of the tests that must fail, all of them."""

    plugin: types.ModuleType
    kind: type[Any]
    caught_by: frozenset[str]
    given: Mapping[str, Any]


DEFECTS: dict[str, Defect] = {}


def _plugin(name: str, kind: type[Any], hook: Hook, api: str, **spec: Any) -> types.ModuleType:
    described = {
        "id": getattr(kind, "type", "swatch"),
        "summary": "colours",
        "content_class": kind,
        "dialects": ("openai.chat", "anthropic.messages", "acme.chat"),
        **spec,
    }

    @lamella.hookimpl
    def lamella_content_types() -> list[ContentSpec]:
        return [ContentSpec(**described)]

    @lamella.hookimpl
    def lamella_encode_content(content: MediaContent, dialect: str) -> Any:
        return hook(content, dialect)

    module = types.ModuleType(f"swatch_defect_{name}")
    vars(module).update(
        lamella_api=api,
        lamella_content_types=lamella_content_types,
        lamella_encode_content=lamella_encode_content,
    )
    return module


def defect(
    *caught_by: str, api: str = "1.0", given: Mapping[str, Any] | None = None, **spec: Any
) -> Callable[[Any], Any]:
    """Register a class or a hook as a defect; its name says what it is. ``spec`` changes the ``ContentSpec``."""

    def register(wrong: Any) -> Any:
        name = wrong.__name__
        kind: type[Any] = wrong if isinstance(wrong, type) else Swatch
        hook: Hook = encode if isinstance(wrong, type) else wrong
        tests = frozenset(f"test_{test}" for test in caught_by)
        DEFECTS[name] = Defect(_plugin(name, kind, hook, api, **spec), kind, tests, given or {})
        return wrong

    return register


def suite(name: str) -> type[ContentConformance]:
    """The kit for a defect."""
    found = DEFECTS[name]
    return swatch_suite(found.plugin, found.kind, **found.given)


def nothing_wrong(content: MediaContent, dialect: str) -> Any:
    """The correct hook, for defects of the spec."""
    return encode(content, dialect)


def spec_defect(name: str, *caught_by: str, **wrong: Any) -> None:
    """Register a wrong spec as a defect."""

    def hook(content: MediaContent, dialect: str) -> Any:
        return encode(content, dialect)

    hook.__name__ = name
    defect(*caught_by, **wrong)(hook)


# -- the plugin ---------------------------------------------------------------------------------------

DEFECTS["imports_a_library"] = Defect(
    swatch.heavy, Swatch, frozenset({"test_the_plugin_module_is_light"}), {}
)
spec_defect("newer_api", "the_plugin_is_usable", api="2.0")
spec_defect("no_summary", "the_spec_agrees_with_the_class", summary=" ")
spec_defect(
    "another_id",
    "the_spec_agrees_with_the_class",
    "json_and_back",
    id="palette",
)
spec_defect(
    "a_dialect_twice",
    "the_dialects_are_names",
    dialects=("openai.chat", "anthropic.messages", "acme.chat", "openai.chat"),
)
spec_defect(
    "declares_too_much",
    "declared_dialects_are_written",
    dialects=("openai.chat", "anthropic.messages", "acme.chat", "ollama"),
)
spec_defect(
    "declares_too_much_elsewhere",
    "other_declared_dialects_are_written",
    dialects=("openai.chat", "anthropic.messages", "acme.chat", "acme.voice"),
)
spec_defect("declares_too_little", "declared_dialects_are_written", dialects=("openai.chat", "acme.chat"))


@attrs.frozen(kw_only=True, repr=False)
class AnotherSwatch(Swatch):
    """The class of the samples where the spec names ``Swatch``."""


DEFECTS["names_another_class"] = Defect(
    _plugin("names_another_class", Swatch, encode, "1.0"),
    AnotherSwatch,
    frozenset(f"test_{test}" for test in ("the_samples_are_of_the_class", "json_and_back")),
    {},
)


# -- the class ----------------------------------------------------------------------------------------


@defect("the_class_is_frozen_media_content", "the_tag_is_its_own")
class PlainSubclass(Swatch):
    pass


@defect("the_class_is_frozen_media_content")
@attrs.frozen(repr=False)
class Positional(Swatch):
    type: ClassVar[Any] = "swatch"
    tone: str | None = attrs.field(default=None, kw_only=False)


def _set(self: Any, name: str, value: object) -> None:
    object.__setattr__(self, name, value)


@defect("the_class_is_frozen_media_content")
@attrs.frozen(kw_only=True, repr=False)
class Mutable(Swatch):
    type: ClassVar[Any] = "swatch"


Mutable.__setattr__ = _set  # type: ignore[method-assign, assignment]  # attrs takes none in a frozen class


@defect("the_tag_is_its_own")
@attrs.frozen(kw_only=True, repr=False)
class InheritedTag(Swatch):
    pass


@defect("no_bytes_are_shown")
@attrs.frozen(kw_only=True)
class ShowsBytes(Swatch):
    type: ClassVar[Any] = "swatch"


@defect("no_bytes_are_shown", "it_says_what_it_is")
@attrs.frozen(kw_only=True, repr=False)
class DescribesBytes(Swatch):
    type: ClassVar[Any] = "swatch"

    def describe(self) -> str:
        return f"{super().describe()}\n{self.base64_data}"


@defect("it_says_what_it_is")
@attrs.frozen(kw_only=True, repr=False)
class NothingToSay(Swatch):
    type: ClassVar[Any] = "swatch"

    def facts(self) -> list[str]:
        return []


@defect("it_says_what_it_is")
@attrs.frozen(kw_only=True, repr=False)
class FactsRaise(Swatch):
    type: ClassVar[Any] = "swatch"

    def facts(self) -> list[str]:
        return [*super().facts(), f"{self.data[4]} colours" if self.data and self.probe() else "-"]


@defect(
    "equal_contents_are_equal",
    "copies_are_equal",
    "json_and_back",
    "base64_is_the_same_as_bytes",
    "afrom_file_is_from_file",
    "the_hook_is_pure",
)
@attrs.frozen(kw_only=True, repr=False, eq=False)
class Identity(Swatch):
    type: ClassVar[Any] = "swatch"
    __eq__ = object.__eq__
    __hash__ = object.__hash__


@defect("equal_contents_are_equal")
@attrs.frozen(kw_only=True, repr=False)
class AllEqual(Swatch):
    type: ClassVar[Any] = "swatch"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AllEqual)

    def __hash__(self) -> int:
        return 1


@defect("equal_contents_are_equal")
@attrs.frozen(kw_only=True, repr=False)
class Unhashable(Swatch):
    type: ClassVar[Any] = "swatch"
    shades: list[str] = attrs.field(factory=list)


@defect("copies_are_equal")
@attrs.frozen(kw_only=True, repr=False)
class HoldsAFunction(Swatch):
    type: ClassVar[Any] = "swatch"

    def __reduce__(self) -> Any:
        raise TypeError("cannot pickle")


@defect("words_and_facts_are_kept")
@attrs.frozen(kw_only=True, repr=False)
class NoWords(Swatch):
    type: ClassVar[Any] = "swatch"
    alt: str | None = attrs.field(default=None, converter=lambda value: value if value == "red" else None)


# -- storage and messages -----------------------------------------------------------------------------


@defect("json_and_back", "copies_are_equal")
@attrs.frozen(kw_only=True, repr=False)
class ChangesOnReading(Swatch):
    type: ClassVar[Any] = "swatch"
    tags: tuple[str, ...] = attrs.field(default=(), converter=lambda value: (*value, "read"))

    @classmethod
    def from_bytes(cls, data: bytes, mime_type: str | None = None, **fields: Any) -> Self:
        made = super().from_bytes(data, mime_type, **fields)
        object.__setattr__(made, "tags", ("made",))
        return made


@defect("json_and_back")
@attrs.frozen(kw_only=True, repr=False)
class NoJSON(Swatch):
    type: ClassVar[Any] = "swatch"
    tone: Any = object


# -- files --------------------------------------------------------------------------------------------


@defect(
    "files_have_their_type",
    "bytes_win_over_the_extension",
    "a_declared_type_must_agree",
    "afrom_file_is_from_file",
)
@attrs.frozen(kw_only=True, repr=False)
class ExtensionWins(Swatch):
    type: ClassVar[Any] = "swatch"

    @classmethod
    def from_file(cls, path: Any, mime_type: str | None = None, **fields: Any) -> Self:
        place = Path(path)
        kind = mime_type or cls.extensions.get(place.suffix, "application/octet-stream")
        try:
            return cls(data=place.read_bytes(), mime_type=kind, name=f"swatch {time.monotonic_ns()}")
        except OSError as error:
            raise AgentInputError(f"cannot read {place}") from error


@defect("base64_is_the_same_as_bytes")
@attrs.frozen(kw_only=True, repr=False)
class AnotherBase64(Swatch):
    type: ClassVar[Any] = "swatch"

    @classmethod
    def from_base64(cls, data: str, mime_type: str | None = None, **fields: Any) -> Self:
        return super().from_base64(data, mime_type, **{**fields, "title": "from base64"})


@defect("a_missing_file_is_an_input_error")
@attrs.frozen(kw_only=True, repr=False)
class MissingFileLeaks(Swatch):
    type: ClassVar[Any] = "swatch"

    @classmethod
    def from_file(cls, path: Any, mime_type: str | None = None, **fields: Any) -> Self:
        Path(path).stat()
        return super().from_file(path, mime_type, **fields)


@defect("sniff_knows_the_files", "damaged_files_are_typed_errors")
@attrs.frozen(kw_only=True, repr=False)
class SniffRaises(Swatch):
    type: ClassVar[Any] = "swatch"

    @classmethod
    def sniff(cls, data: bytes) -> str | None:
        struct.unpack("!4s", data[:4])
        return super().sniff(data)


@defect("sniff_knows_the_files", "files_have_their_type", "base64_is_the_same_as_bytes")
@attrs.frozen(kw_only=True, repr=False)
class SniffsAnother(Swatch):
    type: ClassVar[Any] = "swatch"

    @classmethod
    def sniff(cls, data: bytes) -> str | None:
        return "image/png" if data == FILE else super().sniff(data)


@defect("bytes_win_over_the_extension")
@attrs.frozen(kw_only=True, repr=False)
class OtherExtensionWins(Swatch):
    type: ClassVar[Any] = "swatch"

    @classmethod
    def from_file(cls, path: Any, mime_type: str | None = None, **fields: Any) -> Self:
        made = super().from_file(path, mime_type, **fields)
        kind = cls.extensions.get(Path(path).suffix.lower(), "application/octet-stream")
        return attrs.evolve(made, mime_type=kind)


@defect("a_declared_type_must_agree")
@attrs.frozen(kw_only=True, repr=False)
class BelievesTheCaller(Swatch):
    type: ClassVar[Any] = "swatch"

    @classmethod
    def from_bytes(cls, data: bytes, mime_type: str | None = None, **fields: Any) -> Self:
        return cls(data=data, mime_type=mime_type or MIME, **fields)


# -- the world outside --------------------------------------------------------------------------------


@defect("nothing_is_read_or_fetched", "a_path_is_never_read")
@attrs.frozen(kw_only=True, repr=False)
class ReadsPaths(Swatch):
    type: ClassVar[Any] = "swatch"

    @classmethod
    def from_base64(cls, data: str, mime_type: str | None = None, **fields: Any) -> Self:
        with contextlib.suppress(OSError, ValueError):
            return cls(data=Path(data).read_bytes(), **fields)
        return super().from_base64(data, mime_type, **fields)


@defect("nothing_is_read_or_fetched", "it_says_what_it_is")
@attrs.frozen(kw_only=True, repr=False)
class DescribesByFetching(Swatch):
    type: ClassVar[Any] = "swatch"

    def facts(self) -> list[str]:
        if self.url is not None:
            socket.create_connection(("127.0.0.1", 9), timeout=0.1).close()
        return super().facts()


@defect("the_hook_reads_and_fetches_nothing")
def hook_fetches(content: MediaContent, dialect: str) -> Any:
    if content.type == "swatch" and content.url is not None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", 9), timeout=0.1).close()
    return encode(content, dialect)


@defect("the_hook_reads_and_fetches_nothing")
def hook_reads(content: MediaContent, dialect: str) -> Any:
    if content.type == "swatch":
        with contextlib.suppress(OSError), open("/etc/swatch.conf") as file:
            file.read()
    return encode(content, dialect)


# -- probing and damage -------------------------------------------------------------------------------


@defect("good_contents_can_be_probed")
@attrs.frozen(kw_only=True, repr=False)
class ProbesSmallOnly(Swatch):
    type: ClassVar[Any] = "swatch"

    def probe(self) -> SwatchInfo:
        info = super().probe()
        if info.colours > 16:
            raise AgentInputError("too many colours")
        return info


@defect("content_elsewhere_cannot_be_probed")
@attrs.frozen(kw_only=True, repr=False)
class ProbesURLs(Swatch):
    type: ClassVar[Any] = "swatch"

    def probe(self) -> SwatchInfo:
        return SwatchInfo(0) if self.data is None else super().probe()


@defect("check_for_says_what_is_too_much")
@attrs.frozen(kw_only=True, repr=False)
class LimitIsAnInputError(Swatch):
    type: ClassVar[Any] = "swatch"

    def check_for(self, dialect: str) -> SwatchInfo:
        info = self.probe()
        if info.colours > 16:
            raise AgentInputError("too many colours")
        return info


@defect("bad_files_are_refused")
@attrs.frozen(kw_only=True, repr=False)
class TakesAnything(Swatch):
    type: ClassVar[Any] = "swatch"

    def probe(self) -> SwatchInfo:
        if self.data is None:
            return super().probe()
        return SwatchInfo(len(self.data) // 3)


@defect("bad_files_are_refused", "damaged_files_are_typed_errors")
@attrs.frozen(kw_only=True, repr=False)
class LibraryErrors(Swatch):
    type: ClassVar[Any] = "swatch"

    def probe(self) -> SwatchInfo:
        if self.data is not None:
            struct.unpack(f"!{3 * self.data[4]}B", self.data[5:])
        return super().probe()


@defect("damaged_files_are_typed_errors", given={"patience": 0.2})
@attrs.frozen(kw_only=True, repr=False)
class TakesForever(Swatch):
    type: ClassVar[Any] = "swatch"

    def probe(self) -> SwatchInfo:
        if self.data and len(self.data) > 5 and len(self.data) < 5 + 3 * self.data[4] and self.data[4] == 32:
            time.sleep(0.5)
        return super().probe()


@defect("empty_and_wrong_bytes_are_input_errors")
@attrs.frozen(kw_only=True, repr=False)
class LengthFirst(Swatch):
    type: ClassVar[Any] = "swatch"

    @classmethod
    def from_bytes(cls, data: bytes, mime_type: str | None = None, **fields: Any) -> Self:
        assert len(data) >= 0
        return super().from_bytes(data, mime_type, **fields)


# -- the wires ----------------------------------------------------------------------------------------

_Form = Any


@defect("declared_dialects_are_written", "the_source_is_written_once")
def writes_bytes(content: MediaContent, dialect: str) -> _Form:
    form = encode(content, dialect)
    return {"data": content.data} if form and content.data and dialect == "anthropic.messages" else form


@defect("the_source_is_written_once")
def encodes_twice(content: MediaContent, dialect: str) -> _Form:
    import base64

    form = encode(content, dialect)
    if form and content.data and dialect == "acme.chat":
        return {"data": base64.b64encode((content.base64_data or "").encode()).decode()}
    return form


@defect("the_source_is_written_once")
def writes_twice(content: MediaContent, dialect: str) -> _Form:
    form = encode(content, dialect)
    return (
        {**form, "preview": content.base64_data} if form and content.data and dialect == "acme.chat" else form
    )


@defect("the_source_is_written_once")
def changes_urls(content: MediaContent, dialect: str) -> _Form:
    form = encode(content, dialect)
    return {"url": content.url.upper()} if form and content.url and dialect == "acme.chat" else form


@defect("meta_is_not_sent")
def sends_meta(content: MediaContent, dialect: str) -> _Form:
    form = encode(content, dialect)
    return {**form, "meta": dict(content.meta)} if form and dialect == "acme.chat" else form


@defect("refusals_are_typed_and_say_why")
def refuses_with_bytes(content: MediaContent, dialect: str) -> _Form:
    if content.type == "swatch" and dialect == "gemini":
        raise UnsupportedContentError(f"{content.base64_data} has no form here")
    return encode(content, dialect)


@defect("refusals_are_typed_and_say_why")
def refuses_without_the_wire(content: MediaContent, dialect: str) -> _Form:
    if content.type == "swatch" and dialect == "gemini":
        error = UnsupportedContentError("no")
        error.context.update(dialect="?", content="?")
        raise error
    return encode(content, dialect)


@defect("blocks_are_what_is_sent")
@attrs.frozen(kw_only=True, repr=False)
class AnotherBlock(Swatch):
    type: ClassVar[Any] = "swatch"

    def to_openai_block(self) -> dict[str, Any]:
        return {**super().to_openai_block(), "detail": "high"}


@defect("declared_dialects_are_written")
def writes_elsewhere(content: MediaContent, dialect: str) -> _Form:
    return encode(content, "acme.chat" if dialect == "ollama" else dialect)


@defect("other_declared_dialects_are_written", "the_hook_leaves_unknown_wires_alone")
def writes_everywhere(content: MediaContent, dialect: str) -> _Form:
    return encode(content, "acme.chat" if dialect == "conformance.unknown" else dialect)


@defect("the_hook_leaves_unknown_wires_alone")
def refuses_unknown_wires(content: MediaContent, dialect: str) -> _Form:
    if content.type == "swatch" and dialect == "conformance.unknown":
        raise UnsupportedContentError(f"{dialect} takes no swatch")
    return encode(content, dialect)


# -- the hook -----------------------------------------------------------------------------------------

_count = [0]


@defect("the_hook_is_pure")
def counts(content: MediaContent, dialect: str) -> _Form:
    _count[0] += 1
    form = encode(content, dialect)
    return {**form, "number": _count[0]} if form and dialect == "acme.chat" else form


_kept: dict[int, tuple[MediaContent, Any]] = {}


@defect("the_hook_is_pure")
def keeps_its_form(content: MediaContent, dialect: str) -> _Form:
    form = encode(content, dialect)
    return _kept.setdefault(id(content), (content, form))[1] if form and dialect == "acme.chat" else form


@defect("the_hook_is_pure")
def changes_the_content(content: MediaContent, dialect: str) -> _Form:
    if content.type == "swatch" and content.file_id is not None and content.alt is None:
        object.__setattr__(content, "alt", "seen")
    return encode(content, dialect)


@defect("the_hook_leaves_other_types_alone")
def answers_for_all(content: MediaContent, dialect: str) -> _Form:
    return (
        {"source": source(content)}
        if content.type == "image" and dialect == "acme.chat"
        else encode(content, dialect)
    )


@defect("the_hook_takes_any_class_with_the_tag")
def its_class_only(content: MediaContent, dialect: str) -> _Form:
    return encode(content, dialect) if isinstance(content, Swatch) else None


@defect("the_hook_takes_any_class_with_the_tag")
def its_own_fields(content: Any, dialect: str) -> _Form:
    if content.type != "swatch":
        return None
    form = encode(content, dialect)
    return {**form, "tags": list(content.tags)} if form and dialect == "acme.chat" else form
