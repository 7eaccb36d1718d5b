"""What is said of fetched media: in plans, in losses, in errors."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from lamella.errors import ContentFetchError
from lamella.losses import Loss
from lamella.models import PlanEntry
from lamella_fetch.places import Place
from lamella_fetch.targets import shown_url

__all__ = ["entries_with", "placed", "rewrites"]


def _reason(place: Place) -> str:
    return f"the wire takes no URL: the bytes are fetched from {shown_url(str(place.content.url))}"


def rewrites(wanted: Sequence[Place]) -> list[Loss]:
    """The entries of a loss report: nothing is lost."""
    return [
        Loss(
            kind="rewritten",
            what=place.what,
            reason=_reason(place),
            message=place.message,
            block=place.block,
            lossless=True,
        )
        for place in wanted
    ]


def entries_with(entries: Sequence[PlanEntry], wanted: Sequence[Place]) -> tuple[PlanEntry, ...]:
    """The entries of a plan with the fetched blocks at least emulated, and why."""
    reasons: dict[tuple[int | None, int | None], list[str]] = {}
    for place in wanted:
        reasons.setdefault((place.message, place.block), []).append(_reason(place))
    known = {(entry.message, entry.block) for entry in entries}
    added = {
        (place.message, place.block): PlanEntry(
            what=place.what, status="native", message=place.message, block=place.block
        )
        for place in wanted
        if (place.message, place.block) not in known
    }
    return tuple(
        _emulated(entry, reasons.get((entry.message, entry.block), ()))
        for entry in (*entries, *added.values())
    )


def _emulated(entry: PlanEntry, reasons: Sequence[str]) -> PlanEntry:
    if not reasons:
        return entry
    told = "; ".join(filter(None, [*reasons, entry.reason]))
    return attrs.evolve(entry, status="emulated" if entry.status == "native" else entry.status, reason=told)


def placed(error: ContentFetchError, place: Place) -> ContentFetchError:
    """The error with the block that it is about. A new one: several requests may wait for one fetch."""
    where = f"[message {place.message} (user), block {place.block} ({place.what})]"
    return ContentFetchError(
        f"{error.message} {where}",
        context={**error.context, "message": place.message, "block": place.block},
        cause=error.cause,
        retryable=error.retryable,
    )
