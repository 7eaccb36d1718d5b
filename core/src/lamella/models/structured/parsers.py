"""Output parsers: functions from a model's text to a value, for answers that were not asked for as a structure.

Each is ``text -> value`` and raises :class:`~lamella.OutputParserError` with the text in ``context["raw"]``.
:func:`retrying` asks the model again where one fails.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import attrs

from lamella._frozen import JSON
from lamella.errors import AgentInputError, LamellaError, OutputParserError
from lamella.messages import Message
from lamella.models.completion import Completion
from lamella.models.inputs import Input
from lamella.models.model import Model
from lamella.models.request import ModelRequest
from lamella.models.structured.answer import read_text
from lamella.models.structured.checks import check_retries
from lamella.models.structured.finding import fenced_blocks, find_json
from lamella.models.structured.output import OutputType
from lamella.usage import TokenUsage, add_usage

if TYPE_CHECKING:
    from typing_extensions import TypeForm

__all__ = ["OutputParser", "as_json", "as_list", "as_regex", "as_text", "as_type", "fenced", "retrying"]

V = TypeVar("V")

OutputParser: TypeAlias = Callable[[str], V]
"""A function from a model's text to a value."""

_BULLET = re.compile(r"^\s*(?:[-*+•]|\d{1,4}[.)])\s+")


def as_text(text: str) -> str:
    """The text without the white space around it; empty text is no answer."""
    if not (kept := text.strip()):
        raise _unread("the answer is empty", text)
    return kept


def as_json(text: str) -> JSON:
    """The JSON that the text is, that stands in a fenced block, or the first object or array between the words."""
    for value in find_json(text):
        return value
    raise _unread("the answer holds no JSON", text)


def as_type(output_type: TypeForm[V], name: str | None = None) -> OutputParser[V]:
    """Read JSON as a type: ``as_type(Person)``.

    :raises AgentInputError: the type has no JSON schema.
    """
    output: OutputType[V] = OutputType.of(output_type, name=name)
    return lambda text: read_text(output, text).value


def as_regex(pattern: str | re.Pattern[str]) -> OutputParser[dict[str, str]]:
    """The named groups of the first match; without names, the groups as ``"1"``, ``"2"`` … and the match as ``"0"``.

    :raises AgentInputError: the pattern is no regular expression.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise AgentInputError(f"{pattern!r} is no regular expression: {error}", cause=error) from error

    def parse(text: str) -> dict[str, str]:
        found = compiled.search(text)
        if found is None:
            raise _unread(f"the answer does not match {compiled.pattern!r}", text)
        if compiled.groupindex:
            return {name: value for name, value in found.groupdict().items() if value is not None}
        groups = (found.group(0), *found.groups())
        return {str(place): value for place, value in enumerate(groups) if value is not None}

    return parse


def as_list(separator: str | None = None) -> OutputParser[list[str]]:
    """The items of a list: one on each line without bullets and numbers; or what stands between separators."""

    def parse(text: str) -> list[str]:
        parts = text.splitlines() if separator is None else text.split(separator)
        if separator is None and any(_BULLET.match(part) for part in parts):
            parts = [part for part in parts if _BULLET.match(part)]
        items = [_BULLET.sub("", part).strip() for part in parts]
        if not (kept := [item for item in items if item]):
            raise _unread("the answer holds no items", text)
        return kept

    return parse


def fenced(language: str | None = None) -> OutputParser[str]:
    """The body of the first fenced code block, of one language where it is named: ``fenced("python")``."""

    def parse(text: str) -> str:
        for body in fenced_blocks(text, language):
            return body
        raise _unread(f"the answer holds no {language + ' ' if language else ''}code block", text)

    return parse


@attrs.frozen
class _Retrying:
    """Asks a model until a parser reads its answer."""

    model: Model
    parser: OutputParser[Any]
    retries: int

    async def __call__(self, input: Input | ModelRequest, **fields: Any) -> Any:
        request, spent = ModelRequest.of(input, **fields), None
        if request.tools:
            raise AgentInputError("retrying reads texts: tools go with an Agent")
        for left in reversed(range(self.retries + 1)):
            completion = await self._ask(request, spent)
            spent = completion.usage
            try:
                return self.parser(completion.content)
            except OutputParserError as error:
                error.partial = completion
                if not left:
                    raise
                said = () if completion.message is None else (completion.message,)
                told = Message.user(
                    f"This answer cannot be used: {error.message}\nGive the whole answer again."
                )
                request = attrs.evolve(request, messages=(*request.messages, *said, told))
        raise AssertionError("a range of at least one was walked through")

    async def _ask(self, request: ModelRequest, spent: TokenUsage | None) -> Completion:
        """The model's answer, with the usage of the tries before it."""
        try:
            made = await self.model.complete(request)
        except LamellaError as error:
            if isinstance(error.partial, Completion):
                error.partial = attrs.evolve(error.partial, usage=add_usage(spent, error.partial.usage))
            raise
        return attrs.evolve(made, usage=add_usage(spent, made.usage))


def retrying(model: Model, parser: OutputParser[V], *, retries: int = 1) -> Callable[..., Awaitable[V]]:
    """An async function from a prompt to what the parser reads; an answer that it cannot read goes back to the model.

    ``await retrying(model, as_list())("Name three trees.")``. The error of the last try has a ``Completion``
    with the usage of all of them as ``partial``.

    :raises AgentInputError: ``retries`` is no int >= 0.
    """
    check_retries(retries, "retrying")
    return _Retrying(model, parser, retries)


def _unread(why: str, text: str) -> OutputParserError:
    return OutputParserError(f"{why}: {text[:200]!r}", context={"raw": text})
