"""Files: what ``from_file`` makes of them, and that bytes, extension and declared type must agree."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lamella.content import MediaContent
from lamella.content.mime import canonical, essence
from lamella.errors import AgentInputError
from lamella_testing.content.base import ContentBase
from lamella_testing.verdict import fail, require, run, skip

__all__ = ["FileContract"]

_OTHER = "application/x-conformance-other"


class FileContract(ContentBase):
    """What holds of ``from_file``, and of ``from_bytes`` where ``sniff`` knows the bytes."""

    def test_files_have_their_type(self) -> None:
        """Each of ``files`` has the type it must have, its bytes and its name; extensions are of any case."""
        for name, (data, mime_type) in self._files().items():
            for spelled in (name, Path(name).stem + Path(name).suffix.upper()):
                with _file(spelled, data) as path:
                    made = self._made(spelled, lambda path=path: self.cls.from_file(path))
                require(
                    made.mime_type == mime_type,
                    f"{spelled} is read as {made.mime_type}, not {mime_type}; add its extension to extensions "
                    "(in lower case, with the dot), or let sniff() know its bytes",
                )
                require(made.data == data, f"{spelled} is read with other bytes; keep them as they are")
                require(
                    made.name == spelled,
                    f"{spelled} is read with the name {made.name!r}; leave name to MediaContent.from_file",
                )

    def test_afrom_file_is_from_file(self) -> None:
        """``await afrom_file(path)`` gives what ``from_file(path)`` gives."""
        for name, (data, _) in self._files().items():
            with _file(name, data) as path:
                made = run(self.cls.afrom_file(path))
                require(
                    made == self.cls.from_file(path),
                    f"{name}: afrom_file and from_file give different contents; leave both as MediaContent has them",
                )

    def test_base64_is_the_same_as_bytes(self) -> None:
        """``from_base64`` gives what ``from_bytes`` gives."""
        import base64

        for name, (data, mime_type) in self._files().items():
            made = self._made(name, lambda data=data, kind=mime_type: self.cls.from_bytes(data, kind))
            again = self._made(
                name,
                lambda data=data, kind=mime_type: self.cls.from_base64(base64.b64encode(data).decode(), kind),
            )
            require(
                made == again,
                f"{name}: from_base64 and from_bytes differ; leave from_base64 as MediaContent has it",
            )

    def test_a_missing_file_is_an_input_error(self) -> None:
        """A file that is not there is an ``AgentInputError``."""
        try:
            made: object = self.cls.from_file(Path("conformance") / "no-such-file.bin")
        except AgentInputError:
            return
        except Exception as error:
            fail(f"from_file of a missing file raises {type(error).__name__}: {error}; raise AgentInputError")
        fail(f"from_file of a missing file gives {made!r}; raise AgentInputError")

    def test_sniff_knows_the_files(self) -> None:
        """``sniff`` says of each of ``files`` its type, or nothing; bytes that are nothing have none."""
        self._need_sniff()
        known = {name: self.cls.sniff(data) for name, (data, _) in self._files().items()}
        for name, shown in known.items():
            expected = self.files[name][1]
            require(
                shown is None or self._same(shown, expected),
                f"sniff() says that {name} is {shown}, it is {expected}; add to synonyms, or correct sniff()",
            )
        require(any(known.values()), "sniff() knows none of files; return the MIME type that the bytes show")
        for data in (b"", b"\x00", b"conformance", bytes(range(256))):
            try:
                shown = self.cls.sniff(data)
            except Exception as error:
                fail(
                    f"sniff({data[:20]!r}) raises {type(error).__name__}: {error}; return None for unknown bytes"
                )
            require(
                shown is None or isinstance(shown, str),
                f"sniff({data[:20]!r}) returns {type(shown).__name__}; return a MIME type or None",
            )

    def test_bytes_win_over_the_extension(self) -> None:
        """A file with the extension of something else is what its bytes show."""
        for name, (data, mime_type) in self._recognised().items():
            other = next(
                (key for key, kind in self.cls.extensions.items() if kind != mime_type), ".conformance"
            )
            with _file(f"{Path(name).stem}{other}", data) as path:
                made = self._made(path.name, lambda path=path: self.cls.from_file(path))
            require(
                made.mime_type == mime_type,
                f"the bytes of {name} in a file named {path.name} are read as {made.mime_type}; bytes that sniff() "
                "knows win over the extension: leave from_file as MediaContent has it",
            )

    def test_a_declared_type_must_agree(self) -> None:
        """A declared type that the bytes do not show is an ``AgentInputError``; other spellings agree."""
        for name, (data, mime_type) in self._recognised().items():
            with _file(name, data) as path:
                wrong = {
                    "from_file": lambda path=path: self.cls.from_file(path, _OTHER),
                    "from_bytes": lambda data=data: self.cls.from_bytes(data, _OTHER),
                }
                for what, make in wrong.items():
                    require(
                        _refuses(make),
                        f"{what} takes the bytes of {name} as {_OTHER}, and sniff() says {mime_type}; leave it as "
                        "MediaContent has it, which compares",
                    )
                self._require_extension(name, data, mime_type)
                spellings = [key for key, kind in self.cls.synonyms.items() if kind == mime_type]
                for spelling in (mime_type, mime_type.upper(), *spellings):
                    require(
                        not _refuses(
                            lambda data=data, spelling=spelling: self.cls.from_bytes(data, spelling)
                        ),
                        f"from_bytes refuses the bytes of {name} as {spelling}; it is the same as {mime_type}",
                    )

    def _require_extension(self, name: str, data: bytes, mime_type: str) -> None:
        other = next((key for key, kind in self.cls.extensions.items() if kind != mime_type), None)
        if other is None:
            return
        with _file(f"{Path(name).stem}{other}", data) as path:
            require(
                _refuses(lambda: self.cls.from_file(path, mime_type)),
                f"from_file takes {path.name}, declared as {mime_type}, which its extension is not; leave it as "
                "MediaContent has it, which says that the extension is wrong",
            )

    # -- what there is ------------------------------------------------------------------------------

    def _files(self) -> dict[str, tuple[bytes, str]]:
        if not self.files:
            skip('no files: give files = {"name.ext": (bytes, "its/type")}')
        return dict(self.files)

    def _need_sniff(self) -> None:
        if not sniffs(self.cls):
            skip("sniff() is not implemented: the type is what is declared, else what the extension says")

    def _recognised(self) -> dict[str, tuple[bytes, str]]:
        self._need_sniff()
        found = {
            name: (data, kind)
            for name, (data, kind) in self._files().items()
            if self._same(self.cls.sniff(data), kind)
        }
        if not found:
            skip("sniff() knows none of files; see test_sniff_knows_the_files")
        return found

    def _same(self, shown: str | None, expected: str) -> bool:
        return shown is not None and essence(canonical(shown, self.cls.synonyms)) == essence(
            canonical(expected, self.cls.synonyms)
        )

    def _made(self, name: str, make: Any) -> MediaContent:
        try:
            made: MediaContent = make()
        except Exception as error:
            fail(f"{name} of files is refused: {type(error).__name__}: {error}")
        return made


def sniffs(cls: type[MediaContent]) -> bool:
    """Whether a class looks at its bytes."""
    return cls.sniff.__func__ is not MediaContent.sniff.__func__  # type: ignore[attr-defined]  # class methods


@contextmanager
def _file(name: str, data: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        yield path


def _refuses(make: Any) -> bool:
    try:
        make()
    except AgentInputError:
        return True
    except Exception as error:
        fail(f"{type(error).__name__}: {error}; raise AgentInputError")
    return False
