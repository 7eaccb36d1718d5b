"""``Budget``: what a run, and everything below it, may spend."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import attrs

from lamella.errors import AgentInputError

if TYPE_CHECKING:
    from lamella.budgets.account import Account

__all__ = ["Budget"]


def _dollars(value: Any) -> Decimal | None:
    if value is None:
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal(-1)
    if isinstance(value, bool) or not amount.is_finite() or amount < 0:
        raise AgentInputError(f"Budget.cost must be a number of US dollars >= 0, got {value!r}")
    return amount


def _count(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise AgentInputError(f"Budget.{attribute.name} must be an int >= 0 or None, got {value!r}")


def _seconds(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not value > 0):
        raise AgentInputError(f"Budget.seconds must be a number > 0 or None, got {value!r}")


@attrs.frozen(kw_only=True)
class Budget:
    """Limits of a run with all agents below it; ``None`` is no limit.

    Tokens and cost are *reserved before they are spent*: a model call is made only where the longest answer that
    it may give fits what is left, and what it did use is settled afterwards. A call that would fit but for
    calls under way beside it waits for them.

    :param cost: US dollars. A model that nobody prices cannot be used with it.
    :param tokens: of all buckets together.
    :param turns: model calls, retries not counted.
    :param tool_calls: calls of tools; those over it get an error output, and the run ends.
    :param seconds: of wall time since the run began.
    """

    cost: Decimal | None = attrs.field(default=None, converter=_dollars)
    tokens: int | None = attrs.field(default=None, validator=_count)
    turns: int | None = attrs.field(default=None, validator=_count)
    tool_calls: int | None = attrs.field(default=None, validator=_count)
    seconds: float | None = attrs.field(default=None, validator=_seconds)

    def open(self) -> Account:
        """An account of this size. Give it to several agents, and they spend from it together."""
        from lamella.budgets.account import Account

        return Account(self)
