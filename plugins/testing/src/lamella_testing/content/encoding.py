"""Encoding: what is declared is written, what is not is refused, with everything of the content in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from lamella.content import MediaContent
from lamella.errors import LamellaError, UnsupportedContentError
from lamella_testing.content.base import DIALECTS, ContentBase
from lamella_testing.verdict import fail, require, skip

__all__ = ["EncodingContract"]

_METHODS = {"to_openai_block": "openai.chat", "to_anthropic_block": "anthropic.messages"}


class EncodingContract(ContentBase):
    """What holds of the wires."""

    def test_declared_dialects_are_written(self, dialect: str) -> None:
        """A declared wire has a form for at least one sample, in JSON; one that is not declared refuses all."""
        self._hold(dialect)

    def test_other_declared_dialects_are_written(self) -> None:
        """The same for the wires that the kit does not know, and for one that nobody knows."""
        for dialect in set(self.all_dialects) - set(DIALECTS):
            self._hold(dialect)

    def test_refusals_are_typed_and_say_why(self) -> None:
        """What has no form is ``UnsupportedContentError`` that names the wire and shows no bytes."""
        from lamella.models import encode_content

        for name, content in self.contents().items():
            for dialect in self.all_dialects:
                try:
                    with self.encoding.project():
                        encode_content(content, dialect)
                except UnsupportedContentError as error:
                    said = f"{error} {error.context}"
                    require(
                        dialect in said and content.type in said,
                        f"{name}: the refusal names not both {content.type!r} and {dialect!r}: {error}",
                    )
                    require(
                        not _holds_bytes(said, content),
                        f"{name}: the refusal on {dialect} shows the bytes; name the type and the size instead",
                    )
                except LamellaError as error:
                    fail(
                        f"{name} on {dialect}: lamella_encode_content fails: {error}; return a mapping or None, or raise "
                        "UnsupportedContentError with the reason"
                    )

    def test_the_source_is_written_once(self) -> None:
        """Bytes are in the form once, in base64 or as the text they are; a URL and a file id are there unchanged."""
        for name, content in self.contents().items():
            for dialect in self.dialects:
                form = self.encoded(content, dialect, name)
                if form is not None:
                    _require_source(form, content, f"{name} on {dialect}")

    def test_meta_is_not_sent(self) -> None:
        """``meta`` is stored and shown, never sent."""
        import attrs

        mark = "conformance-meta-mark"
        for name, content in self.contents().items():
            marked = attrs.evolve(content, meta={**content.meta, "conformance": mark})
            for dialect in self.dialects:
                form = self.encoded(marked, dialect, name)
                require(
                    form is None or mark not in json.dumps(form, default=repr),
                    f"{name} on {dialect}: meta is sent; it is for the user's eyes only",
                )

    def test_blocks_are_what_is_sent(self) -> None:
        """``to_openai_block()`` and ``to_anthropic_block()``, where there are any, give what the encoders send."""
        methods = {method: wire for method, wire in _METHODS.items() if hasattr(self.cls, method)}
        if not methods:
            skip("the class has neither to_openai_block() nor to_anthropic_block()")
        for name, content in self.contents().items():
            for method, dialect in methods.items():
                sent = self.encoded(content, dialect, name)
                try:
                    with self.encoding.project():
                        block = getattr(content, method)()
                except UnsupportedContentError:
                    block = None
                except Exception as error:
                    fail(
                        f"{name}: {method}() raises {type(error).__name__}: {error}; raise UnsupportedContentError where "
                        "there is no form"
                    )
                require(
                    block == sent,
                    f"{name}: {method}() is not what is sent on {dialect}; call one function for both",
                )

    def _hold(self, dialect: str) -> None:
        declared = dialect in self.dialects
        forms = {name: self.encoded(each, dialect, name) for name, each in self.contents().items()}
        written = {name: form for name, form in forms.items() if form is not None}
        if not declared:
            require(
                not written,
                f"{dialect} is not declared, and {', '.join(written)} is written on it; add it to ContentSpec.dialects, or "
                "return None",
            )
            return
        require(
            written,
            f"{dialect} is declared, and no sample is written on it; write it in lamella_encode_content, return a sample "
            "that it takes from samples(), or take it out of ContentSpec.dialects",
        )
        for name, form in written.items():
            _require_json(form, f"{name} on {dialect}")


def _require_json(form: Mapping[str, Any], what: str) -> None:
    try:
        text = json.dumps(form, allow_nan=False)
    except (TypeError, ValueError) as error:
        fail(
            f"{what}: the form is no JSON: {error}; write text, numbers, lists and dicts, and bytes as base64"
        )
    require(
        form and json.loads(text) == form, f"{what}: the form is empty, or changes when it is written as JSON"
    )


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _leaves(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _leaves(each)


def _require_source(form: Mapping[str, Any], content: MediaContent, what: str) -> None:
    leaves = list(_leaves(form))
    if content.data is None:
        address = content.url if content.url is not None else content.file_id or ""
        require(
            any(address in leaf for leaf in leaves),
            f"{what}: the form does not hold {address!r}; pass it on unchanged",
        )
        return
    import base64

    encoded = base64.b64encode(content.data).decode()
    twice = base64.b64encode(encoded.encode()).decode()
    require(
        not any(twice in leaf for leaf in leaves),
        f"{what}: the bytes are encoded twice; base64_data is a text already",
    )
    count = sum(leaf.count(encoded) for leaf in leaves) + sum(
        leaf.count(text) for text in _texts(content.data) for leaf in leaves
    )
    require(
        count == 1,
        f"{what}: the bytes are in the form {count} times, in base64 or as text; write content.base64_data or "
        "content.data_uri once",
    )


def _texts(data: bytes) -> list[str]:
    try:
        return [data.decode("utf-8-sig")]
    except UnicodeDecodeError:
        return []


def _holds_bytes(text: str, content: MediaContent) -> bool:
    import base64

    if content.data is None or len(content.data) < 12:
        return False
    return base64.b64encode(content.data).decode()[:60] in text or repr(content.data[:40])[2:-1] in text
