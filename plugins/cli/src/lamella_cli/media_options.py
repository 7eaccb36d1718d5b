"""The options that give media, in the order in which they stand on the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Literal, TypeAlias, TypeVar, get_args

import attrs
import click
from click.shell_completion import CompletionItem

__all__ = ["Given", "Kind", "MediaCommand", "media_options"]

Kind: TypeAlias = Literal["image", "audio", "document"]

_KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
_F = TypeVar("_F", bound=Callable[..., Any])
_NOUNS: Final = {"image": "An image", "audio": "Audio", "document": "A document"}


@attrs.frozen
class Given:
    """One ``--image``, ``--audio`` or ``--document``: a path, an http(s) or file URL, or ``-``."""

    kind: Kind
    value: str

    @property
    def is_stdin(self) -> bool:
        """Whether it is read from standard input."""
        return self.value == "-"


def _complete_files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type="file")]


def media_options(function: _F) -> _F:
    """The options ``--image``, ``--audio`` and ``--document``; for a :class:`MediaCommand`."""
    for kind in reversed(_KINDS):
        option = click.option(
            f"--{kind}", kind, multiple=True, metavar="FILE_OR_URL", shell_complete=_complete_files,
            help=f"{_NOUNS[kind]} to send with the prompt: a path, an http(s) URL, or - for standard input. "
            f"May be repeated; needs lamella-{kind}.",
        )  # fmt: skip
        function = option(function)
    return function


class MediaCommand(click.Command):
    """Gives its function ``media``, the values of the three options together.

    Click keeps the order of the values of one option, not of several; its parser knows the order in which
    the options came.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        _, _, came = self.make_parser(ctx).parse_args(args=list(args))
        rest = super().parse_args(ctx, args)
        values = {kind: ctx.params.pop(kind) for kind in _KINDS}
        ctx.params["media"] = tuple(_in_order([param.name for param in came], values))
        return rest


def _in_order(names: Sequence[str | None], values: dict[Kind, tuple[str, ...]]) -> Iterator[Given]:
    left = {kind: iter(given) for kind, given in values.items()}
    for name in names:
        if name in left:
            yield Given(name, next(left[name]))
