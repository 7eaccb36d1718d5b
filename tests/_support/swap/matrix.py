"""What happens to each part of a conversation when it moves: measured with ``plan``, and written as tables.

The tests assert on ``fates``; ``docs/generate.py`` writes the pages from the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache

import attrs
from swap.histories import SOURCES, Source, history, request_of
from swap.targets import TARGETS, Target

from lamella.content import (
    Block,
    MediaContent,
    OpaqueContent,
    ReasoningBlock,
    TextBlock,
    ToolCallBlock,
    ToolOutputBlock,
)
from lamella.losses import Loss
from lamella.messages import Message
from lamella.models import Plan

__all__ = ["FEATURES", "Fate", "fates", "overview", "plan_of", "tables"]

FEATURES = (
    "text", "images", "speech", "parallel calls", "outputs", "failed output", "image in an output", "reasoning",
    "redacted reasoning", "server-side work", "citations", "signed text and calls", "structured output",
)  # fmt: skip
"""In the order of the tables."""

WORDS = ("kept", "kept, in another form", "rewritten", "dropped", "refused")
"""From best to worst."""

_IDS = re.compile(r"call id sent as '\w+': the vendor takes no '\w+'")


@attrs.frozen
class Fate:
    """What becomes of a feature, and why."""

    word: str
    reasons: tuple[str, ...] = ()

    def with_(self, word: str, reason: str) -> Fate:
        """The worse of two words, and all reasons."""
        reasons = self.reasons if reason in self.reasons else (*self.reasons, reason)
        return Fate(max(self.word, word, key=WORDS.index), reasons)


@cache
def plan_of(source: Source, target: Target) -> Plan:
    """What the target says of the source's conversation, before anything is sent."""
    return target.make().plan(request_of(history(source.name)))


def fates(messages: Sequence[Message], plan: Plan) -> dict[str, Fate]:
    """What becomes of each feature of a conversation; those that it does not have are left out."""
    found = {
        feature: Fate("kept")
        for message in messages
        for block in message.content
        for feature in _features(block)
    }
    found["structured output"] = Fate("kept")
    for loss in plan.losses:
        feature = _feature_of(loss, messages)
        found[feature] = found.get(feature, Fate("kept")).with_(_word(loss), _reason(loss))
    assert plan.possible, plan.problems
    return {feature: found[feature] for feature in FEATURES if feature in found}


def _features(block: Block) -> Iterable[str]:
    if isinstance(block, TextBlock):
        return ("text", "citations") if block.annotations else ("text",)
    if isinstance(block, MediaContent):
        return ("speech" if block.type == "audio" else "images",)
    if isinstance(block, ToolCallBlock):
        return ("parallel calls",)
    if isinstance(block, ReasoningBlock):
        return ("redacted reasoning" if block.redacted else "reasoning",)
    if isinstance(block, OpaqueContent):
        return ("server-side work",)
    assert isinstance(block, ToolOutputBlock)
    if block.parts is not None:
        return ("image in an output",)
    return ("failed output" if block.is_error else "outputs",)


def _feature_of(loss: Loss, messages: Sequence[Message]) -> str:
    if loss.message is None or loss.block is None:
        assert loss.what == "output_schema", loss
        return "structured output"
    block = messages[loss.message].content[loss.block]
    if "citations" in loss.reason:
        return "citations"
    if "signature" in loss.reason and isinstance(block, TextBlock | ToolCallBlock):
        return "signed text and calls"
    return next(iter(_features(block)))


def _word(loss: Loss) -> str:
    return WORDS[1] if loss.kind == "rewritten" and loss.lossless else loss.kind


def _reason(loss: Loss) -> str:
    """The reason, the same for every id."""
    return _IDS.sub("call ids are sent as stand-ins: the vendor takes only ids of its own form", loss.reason)


def _fates_of(source: Source, target: Target) -> dict[str, Fate]:
    return fates(history(source.name), plan_of(source, target))


# -- tables ---------------------------------------------------------------------------------------


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _head(first: str, names: Sequence[str]) -> list[str]:
    return [_row((first, *names)), _row(["---"] * (len(names) + 1))]


def overview() -> str:
    """From where to where: what does not arrive, or arrives changed."""
    lines = _head("from ↓ to →", [target.label for target in TARGETS])
    for source in SOURCES:
        cells = [source.target.label]
        for target in TARGETS:
            lost = [name for name, fate in _fates_of(source, target).items() if WORDS.index(fate.word) > 1]
            cells.append(", ".join(lost) or "nothing")
        lines.append(_row(cells))
    return "\n".join(lines)


def tables() -> str:
    """One table for each target: the features, and what becomes of them, with the reasons below."""
    return "\n\n".join(_table(target) for target in TARGETS)


def _table(target: Target) -> str:
    notes: list[str] = []
    lines = _head("", [source.target.label for source in SOURCES])
    columns = [_fates_of(source, target) for source in SOURCES]
    for feature in FEATURES:
        if any(feature in column for column in columns):
            cells = (
                _cell(column.get(feature), source.target.issuer, notes)
                for source, column in zip(SOURCES, columns, strict=True)
            )
            lines.append(_row((feature, *cells)))
    numbered = "\n".join(f"{number}. {note}" for number, note in enumerate(notes, 1))
    return f"### To {target.label} (`{target.name}`)\n\n" + "\n".join(lines) + f"\n\n{numbered}"


def _cell(fate: Fate | None, issuer: str, notes: list[str]) -> str:
    """The word, with the numbers of the reasons, which are the same for every issuer."""
    if fate is None:
        return "-"
    reasons = [reason.replace(f"of {issuer} means", "of *issuer* means") for reason in fate.reasons]
    notes += [reason for reason in reasons if reason not in notes]
    numbers = ", ".join(str(notes.index(reason) + 1) for reason in reasons)
    return f"{fate.word} ({numbers})" if numbers else fate.word
