"""Memory of a large file on its way to the wire, Lamella beside the vendors' SDKs: ``python benchmarks/media/memory.py``.

Prints a Markdown table of peaks, in copies of the file's bytes: what Python allocated (``tracemalloc``), and by how much the
process grew. One copy is the file itself; its base64 is 1.33 more. Each row is a process of its own; another one reads.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

SUPPORT = Path(__file__).parents[2] / "tests" / "_support"
sys.path.insert(0, str(SUPPORT))

from content import weigh  # noqa: E402  # of the tests, which the path is for

SENT = {
    "openai.responses": (40, 40),
    "openai.chat": (40, 40),
    "anthropic.messages": (7, 24),
    "mistral.chat": (10, 40),
    "gemini": (40, 40),
    "gemini.interactions": (40, 40),
    "ollama": (40, 0),
}
"""Megabytes of the PNG and of the PDF: 40, or as much as the vendor takes."""


# -- the SDKs themselves --------------------------------------------------------------------------


async def _chat(url: str, path: Path) -> None:
    import openai

    async with openai.AsyncOpenAI(api_key="unused", base_url=url, max_retries=0) as client:
        data = f"data:image/png;base64,{base64.b64encode(await asyncio.to_thread(path.read_bytes)).decode()}"
        part: Any = {"type": "image_url", "image_url": {"url": data}}
        stream = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": [part]}], stream=True
        )
        async for _ in stream:
            pass


async def _anthropic(url: str, path: Path) -> None:
    import anthropic

    async with anthropic.AsyncAnthropic(api_key="unused", base_url=url, max_retries=0) as client:
        data = base64.b64encode(await asyncio.to_thread(path.read_bytes)).decode()
        part: Any = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
        stream = await client.messages.create(
            model="m", max_tokens=9, messages=[{"role": "user", "content": [part]}], stream=True
        )
        async for _ in stream:
            pass


async def _gemini(url: str, path: Path) -> None:
    from google import genai
    from google.genai import types

    client = genai.Client(api_key="unused", http_options=types.HttpOptions(base_url=url))
    part = types.Part.from_bytes(data=await asyncio.to_thread(path.read_bytes), mime_type="image/png")
    async for _ in await client.aio.models.generate_content_stream(model="m", contents=part):
        pass
    await client.aio.aclose()


SDKS: dict[str, Callable[[str, Path], Awaitable[None]]] = {
    "openai.chat": _chat,
    "anthropic.messages": _anthropic,
    "gemini": _gemini,
}


def raw(dialect: str, url: str, path: Path) -> None:
    """Weigh the SDK alone, once it is warm; print what ``weigh`` prints."""
    small = path.with_name("small.png")
    small.write_bytes(weigh.big_png(1000))
    send: Any = SDKS[dialect]
    asyncio.run(send(url, small))
    gc.collect()
    size = path.stat().st_size
    tracemalloc.start()
    grown = weigh.Growth()
    asyncio.run(send(url, path))
    resident, traced = grown.copies(size), tracemalloc.get_traced_memory()[1] / size
    print(json.dumps({"file": path.name, "way": "the SDK", "traced": traced, "resident": resident}))


# -- the table ------------------------------------------------------------------------------------


def measured(command: list[str], folder: Path) -> list[dict[str, Any]]:
    """The lines of a process."""
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, stdout=subprocess.PIPE, text=True, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def main() -> None:
    """Print the table."""
    print("| wire | file | way | traced | resident |\n| --- | --- | --- | ---: | ---: |")
    with tempfile.TemporaryDirectory() as name, weigh.draining() as server:
        folder = Path(name)
        (folder / "lamella.toml").write_text("")
        for dialect, sizes in SENT.items():
            files = []
            for (suffix, make), size in zip(weigh.MAKE.items(), sizes, strict=True):
                if size:
                    files.append(folder / f"big{suffix}")
                    files[-1].write_bytes(make(size * 1_000_000))
            url = server.url_of(dialect)
            rows = measured([weigh.__file__, dialect, url, ",".join(weigh.WAYS), *map(str, files)], folder)
            if dialect in SDKS:
                rows += measured([__file__, dialect, url, str(files[0])], folder)
            for row in rows:
                size = (folder / row["file"]).stat().st_size // 1_000_000
                grown = "" if row["resident"] is None else f"{row['resident']:.2f}"
                print(
                    f"| `{dialect}` | {row['file']}, {size} MB | {row['way']} | {row['traced']:.2f} | {grown} |",
                    flush=True,
                )


if __name__ == "__main__":
    if sys.argv[1:]:
        raw(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    else:
        main()
