"""Media that a script has the model make, where the vendor of a wire makes such media."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from lamella.errors import AgentInputError
from lamella_sim.making import MAKING, Audio, Made
from lamella_sim.reply import Reply
from lamella_sim.wires.wire import Wire

__all__ = ["PIECE", "base64_pieces", "check_made", "pcm16"]

PIECE: Final = 16_384
"""Characters of base64 in a piece of a stream; a multiple of 4, so that each piece is base64 too."""


def check_made(reply: Reply, wire: Wire) -> None:
    """Refuse a reply whose media the wire has no form for.

    :raises AgentInputError: says which media, and which wires have a form for it.
    """
    counts = Counter(step.kind for step in reply.steps if isinstance(step, MAKING))
    for kind, count in counts.items():
        most = wire.makes.get(kind, 0)
        if most is not None and count > most:
            what = f"more than {most} {kind}" if most else f"{kind} made by a model"
            raise AgentInputError(
                f"the script makes {kind}, and {wire.name} has no form for {what}; {_where(kind)}",
                context={"wire": wire.name, "kind": kind},
            )


def _where(kind: str) -> str:
    from lamella_sim.wires import WIRES

    able = [wire.name for wire in WIRES if kind in wire.makes]
    return f"there is one on {', '.join(able)}, and in process" if able else "there is one in process only"


def base64_pieces(made: Made) -> Iterator[str]:
    """The bytes in pieces, each of them base64 on its own."""
    text = made.base64_data
    for start in range(0, len(text), PIECE):
        yield text[start : start + PIECE]


def pcm16(made: Audio) -> Audio:
    """The samples of a WAV without what stands before them; other audio as it is."""
    start = made.data.find(b"data") + 8 if made.mime_type == "audio/wav" else 0
    if not 8 <= start < len(made.data):
        return made
    return Audio(data=made.data[start:], mime_type="audio/pcm", transcript=made.transcript)
