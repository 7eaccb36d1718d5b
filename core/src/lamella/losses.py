"""What a target could not take: one ``Loss`` for each block or feature that did not arrive as it was."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

__all__ = ["Loss", "LossKind"]

LossKind: TypeAlias = Literal["rewritten", "dropped", "refused"]


@attrs.frozen(kw_only=True)
class Loss:
    """One entry of a loss report.

    ``message`` and ``block`` are zero-based places in the request's history, ``None`` for something
    that is not a block (an option, a tool schema). ``what`` is the block type or the option's name.
    ``lossless`` says that a rewritten thing arrives in another form and whole, such as a call id that
    the target's rules forbid: even ``strict`` allows it.
    """

    kind: LossKind
    what: str
    reason: str
    message: int | None = None
    block: int | None = None
    lossless: bool = False

    def __str__(self) -> str:
        place = "" if self.message is None else f"message {self.message}, block {self.block}: "
        return f"{place}{self.what} {self.kind}: {self.reason}"
