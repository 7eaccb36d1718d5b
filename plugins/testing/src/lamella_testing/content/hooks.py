"""The hook as a function: pure, and silent about what is not its own."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

from lamella.content import MediaContent
from lamella.errors import UnsupportedContentError
from lamella_testing.content.base import UNKNOWN_DIALECT, ContentBase
from lamella_testing.verdict import fail, require, skip

__all__ = ["HookContract"]


class _Other(MediaContent):
    type: ClassVar[str] = "conformance-other"


class HookContract(ContentBase):
    """What holds of ``lamella_encode_content`` itself."""

    def test_the_hook_is_pure(self) -> None:
        """The same content gives the same form, new each time; the content is not changed."""
        self._need_hook()
        untouched = self.contents()
        for name, content in self.contents().items():
            for dialect in self.dialects:
                first, second = self._called(content, dialect, name), self._called(content, dialect, name)
                if first is None and second is None:
                    continue
                require(
                    first == second,
                    f"{name} on {dialect}: the hook gives another form the second time; keep no state",
                )
                expected = copy.deepcopy(second)
                _spoil(first)
                require(
                    self._called(content, dialect, name) == expected,
                    f"{name} on {dialect}: the hook returns an object that it keeps; make a new one each time, for "
                    "encoders may change it",
                )
            require(
                content == untouched[name],
                f"{name} is changed by the hook; it is frozen, and so is all it holds",
            )

    def test_the_hook_leaves_other_types_alone(self) -> None:
        """``None`` for the content of another plugin, whatever it holds."""
        self._need_hook()
        own = self.cls.type
        for name, content in self.contents().items():
            others = [
                _Other(
                    data=content.data, url=content.url, file_id=content.file_id, mime_type=content.mime_type
                ),
                *(_with_tag(tag, content) for tag in ("image", "audio", "document") if tag != own),
            ]
            for other in others:
                for dialect in self.all_dialects:
                    answer = self._called(other, dialect, f"content of type {other.type!r}")
                    require(
                        answer is None,
                        f"the hook answers for content of type {other.type!r} (made from {name}) on {dialect}; begin it "
                        f'with: if content.type != "{own}": return None',
                    )

    def test_the_hook_leaves_unknown_wires_alone(self) -> None:
        """``None`` for a wire that it does not know."""
        self._need_hook()
        for name, content in self.contents().items():
            try:
                answer = self.encoding.hook(content, UNKNOWN_DIALECT)
            except Exception as error:
                fail(
                    f"{name}: the hook raises {type(error).__name__} for the unknown wire {UNKNOWN_DIALECT!r}: {error}; "
                    "return None"
                )
            require(
                answer is None,
                f"{name}: the hook answers for the unknown wire {UNKNOWN_DIALECT!r}; return None",
            )

    def test_the_hook_takes_any_class_with_the_tag(self) -> None:
        """It needs the fields of ``MediaContent`` and the tag, not the class: others may have their own."""
        self._need_hook()
        for dialect in self.dialects:
            written = {
                name: each for name, each in self.contents().items() if self._called(each, dialect, name)
            }
            plain = [
                self._called(self.plain(each), dialect, f"{name} without its class")
                for name, each in written.items()
            ]
            require(
                not written or any(plain),
                f"on {dialect} the hook writes {self.cls.__name__} and no other class with the tag; look at content.type "
                'and the fields of MediaContent, and at your own with getattr(content, "field", None)',
            )

    def _called(self, content: MediaContent, dialect: str, name: str) -> Any:
        try:
            answer = self.encoding.hook(content, dialect)
        except UnsupportedContentError:
            return None
        except Exception as error:
            fail(
                f"{name}: lamella_encode_content raises {type(error).__name__} for {dialect}: {error}; return None, or raise "
                'UnsupportedContentError; fields of your own are read with getattr(content, "field", None)'
            )
        return answer

    def _need_hook(self) -> None:
        if self.encoding.encoder is None:
            skip("the plugin has no lamella_encode_content")


def _with_tag(tag: str, content: MediaContent) -> MediaContent:
    class Tagged(MediaContent):
        type: ClassVar[str] = tag

    return Tagged(data=content.data, url=content.url, file_id=content.file_id, mime_type=content.mime_type)


def _spoil(form: Any) -> None:
    """Change everything in a form that can be changed."""
    if isinstance(form, dict):
        for value in form.values():
            _spoil(value)
        if type(form) is dict:
            form.clear()
    elif type(form) is list:
        for value in form:
            _spoil(value)
        form.clear()
