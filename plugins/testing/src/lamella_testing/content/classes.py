"""The class: frozen data with a tag of its own, which says what it is without showing its bytes."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import attrs

from lamella.content import Block, MediaContent
from lamella_testing.content.base import ContentBase
from lamella_testing.verdict import fail, require

__all__ = ["ClassContract"]

_CORE_TAGS = {"text", "reasoning", "tool_call", "tool_output", "media"}
_WORDS: dict[str, Any] = {
    "alt": "conformance-alt",
    "name": "conformance-name.bin",
    "meta": {"conformance": [1, "meta"]},
}


class ClassContract(ContentBase):
    """What holds of the class and its objects."""

    def test_the_class_is_frozen_media_content(self) -> None:
        """A subclass of ``MediaContent``, made with ``@attrs.frozen(kw_only=True, repr=False)``."""
        cls: Any = self.cls
        require(
            issubclass(cls, MediaContent) and cls is not MediaContent,
            f"{cls.__name__} is no subclass of MediaContent; derive it from lamella.MediaContent",
        )
        decorator = "decorate it with @attrs.frozen(kw_only=True, repr=False)"
        require("__attrs_attrs__" in vars(cls), f"{cls.__name__} is no attrs class; {decorator}")
        positional = [each.name for each in attrs.fields(cls) if each.init and not each.kw_only]
        require(not positional, f"{', '.join(positional)} can be given by position; {decorator}")
        for name, content in self.contents().items():
            require(_is_frozen(content), f"{name} can be changed after it was made; {decorator}")

    def test_the_tag_is_its_own(self) -> None:
        """``type`` is set on the class, and belongs to nobody else."""
        cls = self.cls
        tag = vars(cls).get("type")
        require(
            isinstance(tag, str) and tag.strip(),
            f'{cls.__name__}.type is not set; write type: ClassVar[Literal["…"]] = "…"',
        )
        require(tag not in _CORE_TAGS, f"{cls.__name__}.type is {tag!r}, a tag of the core; choose another")

    def test_no_bytes_are_shown(self) -> None:
        """``repr``, ``str``, ``describe`` and ``facts`` show names, types and sizes, never the bytes."""
        for name, content in self.with_bytes().items():
            data = content.data or b""
            shown = {
                "repr": repr(content),
                "str": str(content),
                "describe": content.describe(),
                "facts": repr(content.facts()),
            }
            for what, text in shown.items():
                require(
                    not any(mark in text for mark in _marks(data)),
                    f"{name}: its bytes are in {what}; leave {what}() as MediaContent has it "
                    "(@attrs.frozen(kw_only=True, repr=False)), and give fields with bytes repr=False",
                )

    def test_it_says_what_it_is(self) -> None:
        """``facts`` is a list of short texts, ``describe`` the same in one line; neither raises."""
        for name, content in {**self.contents(), **self._odd()}.items():
            try:
                facts: Any = content.facts()
                line = content.describe()
            except Exception as error:
                fail(
                    f"{name}: facts() or describe() raises {type(error).__name__}: {error}; leave out what is unknown"
                )
            require(
                isinstance(facts, list) and facts and all(isinstance(fact, str) and fact for fact in facts),
                f"{name}: facts() is {facts!r:.200}; return a list of texts: [*super().facts(), …]",
            )
            require(
                "\n" not in line and len(line) < 1000,
                f"{name}: describe() is more than a line: {line!r:.200}",
            )

    def test_equal_contents_are_equal(self) -> None:
        """Contents made alike are equal and have one hash; different ones are different."""
        first, second = self.contents(), self.contents()
        for name, content in first.items():
            require(
                content == second[name],
                f"{name} differs from the one made before; keep no state but fields, and leave eq to attrs",
            )
            try:
                same = hash(content) == hash(second[name])
            except TypeError as error:
                fail(
                    f"{name} has no hash: {error}; give its fields frozen values (a converter: tuple, or "
                    "lamella._frozen.freeze)"
                )
            require(same, f"{name}: equal contents have different hashes; leave __hash__ to attrs")
            others = [other for key, other in first.items() if key != name and other == content]
            require(
                not any(_address(other) != _address(content) for other in others),
                f"{name} equals a content with other bytes or another address; leave eq to attrs",
            )

    def test_copies_are_equal(self) -> None:
        """``attrs.evolve``, ``copy``, ``deepcopy`` and ``pickle`` keep everything."""
        for name, content in self.contents().items():
            copies: dict[str, Callable[[], object]] = {
                "attrs.evolve": partial(_evolved, content),
                "copy.copy": partial(copy.copy, content),
                "copy.deepcopy": partial(copy.deepcopy, content),
                "pickle": partial(_pickled, content),
            }
            for what, make in copies.items():
                try:
                    made = make()
                except Exception as error:
                    fail(
                        f"{name}: {what} fails: {type(error).__name__}: {error}; keep plain data in the fields"
                    )
                require(made == content, f"{name}: {what} gives another content; check it, do not change it")

    def test_words_and_facts_are_kept(self) -> None:
        """``alt``, ``name`` and ``meta`` are what they were given, in a copy and through the constructors."""
        for name, content in self.contents().items():
            made = attrs.evolve(content, **_WORDS)
            for field, value in _WORDS.items():
                require(
                    getattr(made, field) == value,
                    f"{name}: {field} does not stay what it was given; leave the fields of MediaContent alone",
                )
            require(
                _address(made) == _address(content) and made.mime_type == content.mime_type,
                f"{name}: a copy with another alt and name has another source or type",
            )

    def _odd(self) -> dict[str, MediaContent]:
        """Contents that stored data may hold: bytes that are nothing, with the samples' other fields."""
        first = next(iter(self.contents().values()))
        fields = {field.name: getattr(first, field.name) for field in attrs.fields(type(first)) if field.init}
        fields.update(data=b"\x00conformance", url=None, file_id=None, provider=None)
        try:
            return {"a content of bytes that are nothing": type(first)(**fields)}
        except Exception:
            return {}  # the class looks at its bytes; what it raises, other tests see


def _evolved(content: MediaContent) -> object:
    return attrs.evolve(content)


def _pickled(content: MediaContent) -> object:
    return pickle.loads(pickle.dumps(content))


def _is_frozen(content: MediaContent) -> bool:
    try:
        content.mime_type = content.mime_type  # type: ignore[misc]  # that is the question
    except attrs.exceptions.FrozenInstanceError:
        return True
    return False


def _marks(data: bytes) -> list[str]:
    """What shows that bytes are in a text: their literal, their base64, their text."""
    import base64

    piece = data[:48]
    marks = [repr(piece)[2:-1], base64.b64encode(piece).decode()[:60]]
    with suppress(UnicodeDecodeError):  # bytes that are no text show only as the other two
        marks.append(data.decode()[:48])
    return [mark for mark in marks if len(mark) > 3]


def _address(content: Block) -> Any:
    return content.data, content.url, content.file_id  # type: ignore[attr-defined]  # of MediaContent
