"""The settings of the correct store."""

from __future__ import annotations

import attrs

import lamella


@attrs.frozen(kw_only=True)
class LedgerSettings:
    """A table ``[sink.ledger]``."""

    path: str = "ledger"
    token: str = lamella.secret()
    deltas: bool = True
    raw: str = "full"
