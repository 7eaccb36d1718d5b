"""Output parsers: from a model's text to a value, or an error that has the text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from lamella import AgentInputError, Capabilities, OutputParserError, ServerError
from lamella.models.structured import as_json, as_list, as_regex, as_text, as_type, fenced, retrying

from fakes import ScriptedModel, says, usage


@attrs.frozen
class Point:
    x: int


GOOD: list[tuple[Callable[[str], Any], str, Any]] = [
    (as_text, "  hello\n", "hello"),
    (as_json, "so: [1, 2].", [1, 2]),
    (as_json, "```json\n3\n```", 3),
    (as_regex(r"(?P<year>\d{4})-(?P<month>\d\d)"), "on 2026-11-21", {"year": "2026", "month": "11"}),
    (as_regex(r"(\d+) apples"), "12 apples", {"0": "12 apples", "1": "12"}),
    (as_list(), "Trees:\n- oak\n- elm\n\nThat is all.", ["oak", "elm"]),
    (as_list(), "1. oak\n2) elm", ["oak", "elm"]),
    (as_list(), "oak\nelm\n", ["oak", "elm"]),
    (as_list(","), "oak, elm,", ["oak", "elm"]),
    (fenced(), "x\n```\na\nb\n```", "a\nb"),
    (fenced("python"), "```sh\nls\n```\n```python\nprint(1)\n```", "print(1)"),
    (as_type(Point), 'It is {"x": 1}.', Point(1)),
    (as_type(list[int]), "[1, 2]", [1, 2]),
]
BAD: list[tuple[Callable[[str], Any], str]] = [
    (as_text, " "),
    (as_json, "none"),
    (as_regex("x"), "y"),
    (as_list(), "\n"),
    (fenced(), "no block"),
    (fenced("python"), "```sh\nls\n```"),
    (as_type(Point), '{"x": "a"}'),
    (as_type(Point), ""),
]


@pytest.mark.parametrize(("parser", "text", "value"), GOOD)
def test_f_x21_a_parser_reads_what_it_is_for(parser: Callable[[str], Any], text: str, value: Any) -> None:
    assert parser(text) == value


@pytest.mark.parametrize(("parser", "text"), BAD)
def test_f_x21_a_parser_says_what_it_could_not_read(parser: Callable[[str], Any], text: str) -> None:
    with pytest.raises(OutputParserError) as caught:
        parser(text)
    assert caught.value.context["raw"] == text


async def test_f_x21_f_n25_retrying_asks_again_and_counts() -> None:
    model = ScriptedModel(says("hm", usage(3, 2)), says('{"x": 1}', usage(3, 2)))
    assert await retrying(model, as_type(Point))("?") == Point(1)
    assert "cannot be used" in model.requests[-1].messages[-1].text
    failing = ScriptedModel(*[says("hm", usage(3, 2))] * 3)
    with pytest.raises(OutputParserError) as caught:
        await retrying(failing, as_type(Point), retries=2)("?")
    assert caught.value.partial.usage == usage(9, 6)


async def test_retrying_passes_the_errors_of_the_model_on() -> None:
    with pytest.raises(ServerError):
        await retrying(ScriptedModel([ServerError("down")]), as_text)("?")


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(AgentInputError):
        as_regex("(")
    with pytest.raises(AgentInputError):
        retrying(ScriptedModel(capabilities=Capabilities()), as_text, retries=-1)
