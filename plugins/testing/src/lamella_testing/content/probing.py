"""Probing, for classes that have ``probe``: it looks at the bytes, and at nothing else."""

from __future__ import annotations

import contextlib
from typing import Any

from lamella.content import MediaContent
from lamella.errors import AgentInputError, UnsupportedContentError
from lamella_testing.content.base import DIALECTS, ContentBase
from lamella_testing.verdict import fail, require, run, skip

__all__ = ["ProbeContract"]


class ProbeContract(ContentBase):
    """What holds of ``probe``, ``aprobe`` and ``check_for``."""

    def test_good_contents_can_be_probed(self) -> None:
        """``probe()`` takes every sample with bytes and every file, and says the same each time; so does ``aprobe``."""
        for name, content in self._probed().items():
            probe: Any = content.probe  # type: ignore[attr-defined]  # it has one
            try:
                first, second = probe(), probe()
                aprobe = getattr(content, "aprobe", None)
                third = first if aprobe is None else run(aprobe())
            except Exception as error:
                fail(f"{name}: probe() fails for a good content: {type(error).__name__}: {error}")
            require(
                first is not None and first == second == third,
                f"{name}: probe() says something else the second time, or than aprobe(): {first!r}, {second!r}, {third!r}",
            )

    def test_content_elsewhere_cannot_be_probed(self) -> None:
        """``probe()`` of a URL or a file id is an ``AgentInputError``: its bytes are not here."""
        self._need_probe()
        found = {name: each for name, each in self.contents().items() if each.data is None}
        if not found:
            skip("no sample by URL or file id")
        for name, content in found.items():
            try:
                said = content.probe()  # type: ignore[attr-defined]  # it has one
            except AgentInputError:
                continue
            except Exception as error:
                fail(
                    f"{name}: probe() raises {type(error).__name__}: {error}; raise AgentInputError: no bytes here"
                )
            fail(f"{name}: probe() says {said!r} of bytes that are not here; raise AgentInputError")

    def test_check_for_says_what_is_too_much(self) -> None:
        """``check_for(dialect)`` takes good contents or refuses with ``UnsupportedContentError``, on every wire."""
        contents = self._probed()
        if not callable(getattr(self.cls, "check_for", None)):
            skip("the class has no check_for()")
        for name, content in contents.items():
            if not _probes(content):
                continue  # which test_good_contents_can_be_probed says
            for dialect in self._dialects():
                try:
                    content.check_for(dialect)  # type: ignore[attr-defined]  # it has one
                except UnsupportedContentError:
                    continue
                except Exception as error:
                    fail(
                        f"{name}: check_for({dialect!r}) raises {type(error).__name__}: {error}; raise "
                        "UnsupportedContentError with the limit and the value"
                    )

    def _dialects(self) -> tuple[str, ...]:
        spec = self.working.spec
        return tuple(dict.fromkeys((*DIALECTS, *(() if spec is None else spec.dialects))))

    def _need_probe(self) -> None:
        if not callable(getattr(self.cls, "probe", None)):
            skip("the class has no probe()")

    def _probed(self) -> dict[str, MediaContent]:
        self._need_probe()
        made = {}
        for name, (data, kind) in self.files.items():
            with contextlib.suppress(AgentInputError):  # which the tests of files say
                made[f"{name} of files"] = self.cls.from_bytes(data, kind)
        samples = {name: each for name, each in self.contents().items() if each.data is not None}
        if not made and not samples:
            skip("no sample holds bytes, and there are no files")
        return {**samples, **made}


def _probes(content: MediaContent) -> bool:
    try:
        content.probe()  # type: ignore[attr-defined]  # it has one
    except Exception:
        return False
    return True
