"""The settings of the correct tool source."""

from __future__ import annotations

import attrs

import lamella


@attrs.frozen(kw_only=True)
class LarderSettings:
    """A table ``[tools.NAME]`` with ``source = "larder"``."""

    token: str = lamella.secret()
    shelf: str = "top"
