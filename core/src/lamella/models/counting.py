"""``TokenCount``: how many tokens a request is."""

from __future__ import annotations

import attrs

from lamella._frozen import as_tuple

__all__ = ["TokenCount"]


@attrs.frozen(kw_only=True)
class TokenCount:
    """A number of tokens.

    ``estimated`` when the provider was not asked; ``uncounted`` names the kinds of content an estimate
    leaves out, such as ``image``: then the number is a lower bound of the guess.
    """

    tokens: int
    estimated: bool
    uncounted: tuple[str, ...] = attrs.field(default=(), converter=as_tuple)
