"""``lamella runs reprice``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs
import click

from lamella_cli.loading import Loading
from lamella_cli.output import notice, write_json, write_table
from lamella_cli.session import Session, pass_session
from lamella_cli.store_options import store_option

if TYPE_CHECKING:
    from lamella.recordings import Repriced, RepricedResponse

__all__ = ["reprice_runs"]


@click.command("reprice")
@click.argument("run_ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All runs.")
@click.option("--at", "time", metavar="TIME", help="The time whose prices count, such as 2026-11-01 or "
              "2026-11-01T12:00 (UTC unless it says otherwise).  [default: now]")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="As JSON, response by response.")
@store_option
@pass_session
def reprice_runs(
    session: Session,
    run_ids: tuple[str, ...],
    every: bool,
    time: str | None,
    as_json: bool,
    store: str | None,
) -> int:
    """What runs cost at today's prices, beside what they cost at the prices of their time.

    Failed attempts count, answers from a cache are free. Prices are the project's [prices] and those of its price
    plugins (lamella-prices); what nobody prices is unknown, never guessed.
    """
    from lamella_cli.storing import open_store

    at = None if time is None else _moment(time)
    reading = Loading(open_store(session.project, store), run_ids, every)
    found = asyncio.run(_reprice(reading, at))
    if as_json:
        write_json(_document(found))
        return reading.ended
    write_table(
        ["RUN", "MODEL", "RESPONSES", "AT ITS TIME", "NOW" if at is None else f"{at:%Y-%m-%d}"],
        list(_rows(found)),
    )
    if found.unpriced:
        notice(f"nobody prices {', '.join(found.unpriced)}; [prices] of the project may, or lamella-prices")
    if found.unreported:
        notice(f"no usage was reported by {', '.join(found.unreported)}")
    return reading.ended


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.UsageError(
            f"--at: {text!r} is no time; write it as 2026-11-01 or 2026-11-01T12:00"
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


async def _reprice(reading: Loading, at: datetime | None) -> Repriced:
    from lamella.recordings import Repriced, reprice

    found: list[RepricedResponse] = []
    async for events in reading.runs():
        found.extend(reprice(events, at=at).responses)
    return Repriced(tuple(found))


def _rows(found: Repriced) -> Iterator[list[str]]:
    runs = found.by_run()
    for run_id, run in runs.items():
        for model, part in run.by_model().items():
            yield [run_id, model, *_costs(part)]
    yield ["total", "", *_costs(found)]


def _costs(part: Repriced) -> list[str]:
    return [str(len(part.responses)), _dollars(part.before), _dollars(part.amount)]


def _dollars(amount: Decimal | None) -> str:
    from lamella_console.summary import describe_cost

    return "unknown" if amount is None else describe_cost(amount)


def _document(found: Repriced) -> dict[str, Any]:
    totals = {name: _text(getattr(found, name)) for name in ("amount", "known_amount", "before", "change")}
    responses = [attrs.asdict(each, value_serializer=_plain) for each in found.responses]
    return {
        **totals,
        "unpriced": list(found.unpriced),
        "unreported": list(found.unreported),
        "responses": responses,
    }


def _plain(_: object, field: attrs.Attribute[Any] | None, value: Any) -> Any:
    if isinstance(value, Decimal):
        return _text(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if field is not None and field.name == "usage" and value is not None:
        from lamella.serial import to_dict

        return {name: part for name, part in to_dict(value).items() if name != "raw"}
    return value


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"
