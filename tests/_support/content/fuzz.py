"""Damaged files, and everything that content does with them: ``python fuzz.py SEED FIRST COUNT [PROGRESS]``.

Each case is one file of ``samples.files()``, cut or changed by a generator of its own, so that a case can be run alone
(``python fuzz.py 7 4711 1``). Only a ``LamellaError`` may come out of any step. What else happens is printed as lines of
JSON, the last of which says how many cases and errors there were, the longest case in seconds of the processor, and the
most memory that the process had. The number of the running case is kept in the file PROGRESS, for crashes.
"""

from __future__ import annotations

import base64
import faulthandler
import json
import os
import random
import sys
import tempfile
import time
import traceback
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs

sys.path.append(str(Path(__file__).parents[1]))  # where it is run as a program

from peak import peak_kilobytes

__all__ = ["DIALECTS", "damaged", "main"]

DIALECTS = (
    "openai.responses", "openai.chat", "anthropic.messages", "mistral.chat", "gemini", "gemini.interactions", "ollama",
)  # fmt: skip
HANG = 120.0
"""Seconds after which a case is given up, and the process with it."""

_EXTREME = (
    b"\x00\x00\x00\x00",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\x80\x00\x00\x00",
    b"\xff\xff\xff\x7f",
    b"\x01\x00\x00\x00",
)
_WORDS = (
    b"/Prev 9",
    b"/Count 999999999",
    b"/Kids [3 0 R 2 0 R]",
    b"/Length 999999999",
    b"endobj",
    b"<<" * 400,
    b"[" * 400,
    b"stream\n",
)


# -- the damage -----------------------------------------------------------------------------------


def damaged(seed: int, number: int, files: dict[str, bytes]) -> tuple[str, bytes]:
    """The name and the bytes of a case."""
    chance = random.Random(f"{seed}:{number}")
    name = chance.choice(sorted(files))
    data = bytearray(files[name])
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        _damage(data, chance, files)
    if name.endswith(".png") and chance.random() < 0.5:
        _mend(data)
    return name, bytes(data)


def _mend(data: bytearray) -> None:
    """Correct the checksums of a PNG, so that what is wrong in its chunks is believed."""
    at = 8
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4])
        if end + 4 > len(data):
            return
        data[end : end + 4] = zlib.crc32(data[at + 4 : end]).to_bytes(4)
        at = end + 4


def _damage(data: bytearray, chance: random.Random, files: dict[str, bytes]) -> None:
    at = (
        chance.randrange(len(data) + 1) if chance.random() < 0.6 else chance.randrange(min(len(data), 64) + 1)
    )
    kind = chance.randrange(10)
    if kind == 0:
        del data[at:]
    elif kind == 1:
        for _ in range(chance.randrange(1, 30)):
            if data:
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    elif kind == 2:
        data[at : at + 4] = chance.choice(_EXTREME)
    elif kind == 3:
        del data[at : at + chance.randrange(1, 200)]
    elif kind == 4:
        data[at:at] = chance.randbytes(chance.randrange(1, 200))
    elif kind == 5:
        data[at:at] = data[at : at + chance.randrange(1, 500)]
    elif kind == 6:
        run = chance.randrange(1, 300)
        data[at : at + run] = bytes([chance.choice((0, 0xFF, 0x20))]) * run
    elif kind == 7:
        other = files[chance.choice(sorted(files))]
        data[at:] = other[chance.randrange(len(other)) :]
    elif kind == 8:
        data[at:at] = chance.choice(_WORDS)
    else:
        data[at : at + 2] = chance.randbytes(2)


# -- what is done with it -------------------------------------------------------------------------


@attrs.define
class Bench:
    """What the cases share."""

    folder: Path
    classes: dict[str, Any]
    models: dict[str, Any]
    encode: Callable[[Any, str], Any]

    @classmethod
    def make(cls, folder: Path) -> Bench:
        from swap.targets import target

        from lamella.config import current_project
        from lamella_audio import AudioContent
        from lamella_document import DocumentContent
        from lamella_image import ImageContent

        classes = {"image": ImageContent, "audio": AudioContent, "document": DocumentContent}
        models = {name: target(name).make() for name in DIALECTS}
        return cls(folder, classes, models, current_project().host.hooks.encode_content)

    def steps(
        self, name: str, data: bytes, chance: random.Random
    ) -> Iterator[tuple[str, Callable[[], object]]]:
        """The steps of a case, by name; a step makes the content, the others use it."""
        cls = self.classes[_kind_of(name) if chance.random() < 0.9 else chance.choice(sorted(self.classes))]
        made: list[Any] = []
        dialect = chance.choice(DIALECTS)

        def make() -> None:
            how = chance.randrange(4)
            if how == 0:
                path = self.folder / name
                path.write_bytes(data)
                made.append(cls.from_file(path))
            elif how == 1:
                made.append(cls.from_base64(base64.b64encode(data).decode()))
            else:
                fields = {"name": name} if how == 2 else {}
                made.append(cls.from_bytes(data, **fields))

        yield "make", make
        if not made:
            made.append(cls(data=data or b"?"))
        content = made[0]
        yield "describe", content.describe
        yield "repr", lambda: repr(content)
        yield "probe", content.probe
        yield f"check_for {dialect}", lambda: content.check_for(dialect)
        yield from _changes(content, chance, dialect)
        for each in DIALECTS:
            yield f"encode {each}", lambda each=each: self.encode(content, each)  # type: ignore[misc]
        yield f"request {dialect}", lambda: _request(self.models[dialect], content)
        yield "json", lambda: _and_back(content)


def _kind_of(name: str) -> str:
    suffix = name.rpartition(".")[2]
    if suffix in ("wav", "flac", "ogg", "mp3", "m4a", "aiff"):
        return "audio"
    return "image" if suffix in ("png", "jpg", "gif", "webp", "bmp", "tiff", "avif", "ico") else "document"


def _changes(content: Any, chance: random.Random, dialect: str) -> Iterator[tuple[str, Callable[[], object]]]:
    if content.type == "image":
        side = chance.choice((1, 8, 1000))
        target = chance.choice(("image/png", "image/jpeg", "image/webp"))
        yield "downscaled", lambda: content.downscaled(max_side=side)
        yield f"downscaled {dialect}", lambda: content.downscaled(for_dialect=dialect)
        yield f"converted {target}", lambda: content.converted(target)
    elif content.type == "audio":
        target = chance.choice(("audio/wav", "audio/flac", "audio/mpeg", "audio/ogg"))
        yield f"converted {target}", lambda: content.converted(target, max_bytes=4_000_000)
    else:
        yield "text", content.text
        if chance.random() < 0.2:
            yield "split", lambda: content.split(1)
            yield "page_images", lambda: content.page_images(dpi=20)


def _request(model: Any, content: Any) -> object:
    from lamella.messages import Message
    from lamella.models import ModelRequest

    return model.encode(ModelRequest(messages=(Message.user(["Look:", content]),)))


def _and_back(content: Any) -> None:
    from lamella.content import Block
    from lamella.serial import from_json, to_json

    assert from_json(to_json(content), Block) == content, "another content came back"


# -- the run --------------------------------------------------------------------------------------


def _fault(seed: int, number: int, name: str, step: str, error: BaseException) -> str:
    where = traceback.extract_tb(error.__traceback__)[-4:]
    lines = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in where]
    said = {"seed": seed, "number": number, "file": name, "step": step, "error": type(error).__name__}
    return json.dumps({**said, "message": str(error)[:300], "where": lines})


def run_case(bench: Bench, seed: int, number: int, files: dict[str, bytes], seen: Counter[str]) -> list[str]:
    """Take a case through every step; what was no typed error, as lines."""
    from lamella.errors import LamellaError

    name, data = damaged(seed, number, files)
    faults: list[str] = []
    for step, do in bench.steps(name, data, random.Random(f"steps:{seed}:{number}")):
        try:
            do()
            seen["fine"] += 1
        except LamellaError as error:
            seen[type(error).__name__] += 1
            if len(str(error)) > 3000:
                faults.append(
                    _fault(seed, number, name, step, AssertionError(f"{len(str(error))} characters"))
                )
        except Exception as error:
            faults.append(_fault(seed, number, name, step, error))
    return faults


def main(arguments: list[str]) -> None:
    """Run the cases, one after the other."""
    from content import samples

    seed, first, count = map(int, arguments[:3])
    progress = os.open(arguments[3], os.O_WRONLY | os.O_CREAT) if arguments[3:] else None
    files = samples.files()
    seen: Counter[str] = Counter()
    longest = (0.0, first)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench.make(Path(folder))
        for number in range(first, first + count):
            if progress is not None:
                os.pwrite(progress, b"%12d" % number, 0)
            faulthandler.dump_traceback_later(HANG, exit=True, file=2)
            began = time.process_time()
            for line in run_case(bench, seed, number, files, seen):
                print(line, flush=True)
            longest = max(longest, (time.process_time() - began, number))
            faulthandler.cancel_dump_traceback_later()
    most = peak_kilobytes() // 1024
    print(
        json.dumps(
            {"cases": count, "longest": longest[0], "case": longest[1], "megabytes": most, "seen": seen}
        )
    )


if __name__ == "__main__":
    faulthandler.enable()
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main(sys.argv[1:])
