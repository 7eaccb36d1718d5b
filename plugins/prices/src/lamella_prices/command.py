"""``lamella prices``: imported when the command runs, by the command line, which brings click."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from lamella.errors import AgentInputError
from lamella_cli.output import notice, write_json, write_table
from lamella_prices.lookup import Found, find, find_provider
from lamella_prices.pricing import prices_of, source_of

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice

__all__ = ["prices"]


@click.group()
def prices() -> None:
    """Show what models cost: the prices of genai-prices, offline."""


_as_json = click.option("--json", "as_json", is_flag=True, help="As JSON.")
_at = click.option(
    "--at", type=click.DateTime(), metavar="TIME", help="At another time, in UTC.  [default: now]"
)


@prices.command()
@click.argument("model")
@_at
@_as_json
def show(model: str, at: datetime | None, as_json: bool) -> None:
    """Every price of MODEL, which may be written PROVIDER:MODEL."""
    found, moment = find(model), _moment(at)
    if found is None:
        raise AgentInputError(
            f"no price is known for {model!r}; 'lamella prices list PROVIDER' shows which are, "
            "and [prices] in the configuration sets one"
        )
    priced = prices_of(found, moment)
    rows = _rows(priced)
    if as_json:
        write_json({"source": source_of(found, moment), "prices": rows})
        return
    notice(source_of(found, moment))
    if not rows:
        notice("nothing is billed by tokens" if found.name.endswith(":free") else "no price is written down")
    else:
        write_table(["PRICE", "USD"], [[name, _spelled(value)] for name, value in rows.items()])


@prices.command("list")
@click.argument("provider")
@_at
@_as_json
def list_models(provider: str, at: datetime | None, as_json: bool) -> None:
    """The models of PROVIDER, in US dollars per million tokens; + where long requests cost more."""
    billing = find_provider(provider)
    if billing is None:
        raise AgentInputError(f"no prices are known for the provider {provider!r}")
    moment = _moment(at)
    models = {
        model.id: _rows(prices_of(Found(provider=billing, model=model, name=model.id), moment))
        for model in billing.models
    }
    if as_json:
        write_json(models)
        return
    columns = ("input_mtok", "output_mtok", "cache_read_mtok")
    write_table(
        ["MODEL", "INPUT", "OUTPUT", "CACHED READ"],
        [[name, *(_brief(rows.get(column)) for column in columns)] for name, rows in models.items()],
    )


def _moment(at: datetime | None) -> datetime:
    return datetime.now(UTC) if at is None else at.replace(tzinfo=UTC)


def _rows(prices: ModelPrice) -> dict[str, Any]:
    """The prices as JSON: a decimal string, or ``base`` and what is due above a number of input tokens."""
    return {name: _plain(value) for name, value in vars(prices).items() if value is not None}


def _plain(value: Any) -> Any:
    if hasattr(value, "tiers"):
        return {"base": str(value.base), "above": {str(tier.start): str(tier.price) for tier in value.tiers}}
    return str(value)


def _spelled(value: Any) -> str:
    if not isinstance(value, Mapping):
        return str(value)
    tiers = (f"{amount} above {start} input tokens" for start, amount in value["above"].items())
    return ", ".join([str(value["base"]), *tiers])


def _brief(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value['base']}+" if isinstance(value, Mapping) else str(value)
