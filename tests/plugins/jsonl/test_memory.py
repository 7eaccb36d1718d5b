"""What storing a large run costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lamella_jsonl.settings import Layout

_PEAK = """
import asyncio, tracemalloc
from lamella.content import MediaContent
from lamella.events import RunStreamEvent, StreamStart
from lamella.messages import Message
from lamella_jsonl import JSONLStore

SIZE = {size}

def start(run_id, data):
    picture = MediaContent(data=data, mime_type="image/png")
    return RunStreamEvent(
        event=StreamStart(started_at=1.0, input=(Message(role="user", content=(picture,)),)), run_id=run_id, seq=0
    )

async def main():
    store = JSONLStore({folder!r}, layout={layout!r})
    await store.open()
    await store.write([start("small", bytes(400_000))])  # all is imported
    tracemalloc.start()
    event = start("large", b"x" * SIZE)
    await store.write([event])
    print(tracemalloc.get_traced_memory()[1] / SIZE)
    tracemalloc.stop()
    (stored,) = await store.load("large")
    assert stored == event
    await store.close()

asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["run", "rotating"])
def test_a_picture_of_forty_megabytes_is_held_less_than_three_times(tmp_path: Path, layout: Layout) -> None:
    """The picture itself, its base64, and pieces."""
    code = _PEAK.format(size=40_000_000, folder=str(tmp_path), layout=layout)
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert 2.0 < float(told) < 3.0
