"""The portability report agrees with what the encoders of the installed providers really send."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import attrs
import msgspec
import pytest

from lamella import AgentSerializationError, Capabilities, ModelRequest, get_model, tool
from lamella.models import WireModel
from lamella.models.structured import OutputType, Portability, portability

from fakes import ScriptedModel

NAMES = {
    "openai.responses": "openai:gpt-5-nano",
    "openai.chat": "openai-chat:gpt-5-nano",
    "anthropic.messages": "anthropic:claude-sonnet-4-5",
    "mistral.chat": "mistral:mistral-small-latest",
    "gemini": "gemini:gemini-3-flash-preview",
    "gemini.interactions": "gemini-interactions:gemini-3-flash-preview",
    "ollama": "ollama:llama3.2",
}
WORDS = {
    "bounds": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"},
    "sizes": {"minLength", "maxLength", "minItems", "maxItems", "uniqueItems"},
    "pattern": {"pattern"},
    "format": {"format"},
}


class Level(enum.Enum):
    LOW = "low"
    HIGH = "high"


@attrs.frozen
class Bounded:
    n: Annotated[int, msgspec.Meta(ge=1, le=5)]
    code: Annotated[str, msgspec.Meta(pattern="^a+$", max_length=5)]
    tags: Annotated[list[str], msgspec.Meta(min_length=2)]
    level: Level = Level.LOW


@attrs.frozen
class Tree:
    name: str
    below: list[Tree] = attrs.field(factory=list)


@attrs.frozen
class Mapped:
    counts: dict[str, int]


@attrs.frozen
class Cat:
    kind: Literal["cat"]


@attrs.frozen
class Dog:
    kind: Literal["dog"]
    owner: str | None = None


@attrs.frozen
class Owner:
    pet: Cat | Dog
    other: int | str | None = None


@attrs.frozen
class Pairs:
    pair: tuple[int, str]


TYPES = [Bounded, Tree, Mapped, Owner, Pairs, list[Cat], Literal["a", "b"]]


@pytest.fixture(params=sorted(NAMES))
def model(request: pytest.FixtureRequest) -> WireModel:
    """One model of each dialect; no key is needed, because nothing is sent."""
    provider = request.param.split(".")[0]
    pytest.importorskip(f"lamella_{provider}")
    key: dict[str, Any] = {} if provider == "ollama" else {"api_key": ""}
    made = get_model(NAMES[request.param], **key)
    assert isinstance(made, WireModel)
    assert made.dialect == request.param
    return made


def keywords(node: Any) -> Iterator[str]:
    """Every keyword of a payload, names of fields included."""
    if isinstance(node, Mapping):
        for key, item in node.items():
            yield key
            yield from keywords(item)
    elif isinstance(node, list | tuple):
        for item in node:
            yield from keywords(item)


def payload_of(model: WireModel, request: ModelRequest) -> Mapping[str, Any] | None:
    try:
        return model.encode(request)
    except AgentSerializationError:
        return None


@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_the_report_of_an_answer_is_what_the_encoder_sends(model: WireModel, kind: Any) -> None:
    request = ModelRequest.of("?", output_schema=OutputType.of(kind).request_schema())
    _agrees(portability(kind, model), payload_of(model, request), OutputType.of(kind).root)


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_the_report_of_a_tool_is_what_the_encoder_sends(model: WireModel, kind: Any, strict: bool) -> None:
    def use(given: Any) -> str:
        """Use it."""
        return str(given)

    use.__annotations__["given"] = kind
    made = tool(strict=strict)(use)
    report = portability(made, model)
    _agrees(report, payload_of(model, ModelRequest.of("?", tools=[made])), made.input_schema)


def _agrees(report: Portability, payload: Mapping[str, Any] | None, given: Mapping[str, Any]) -> None:
    refused = report.with_fate("refused")
    assert bool(refused) == (payload is None)
    if payload is None:
        return
    assert not [row for row in report.rows if row.feature == "field"], "a field is lost"
    sent, had = list(keywords(payload)), list(keywords(given))
    for feature, words in WORDS.items():
        rows = [row for row in report.rows if row.feature == feature]
        kept = {row.detail for row in rows if row.fate == "kept"}
        gone = {row.detail.split()[0] for row in rows if row.fate in ("lost", "changed")}
        assert kept <= set(sent)
        for word in words & set(had):
            assert word in kept | gone
            assert (word in sent) == (word in kept)
    flags = [value for value in _flags(payload) if value is not None]
    assert next(iter(report.strict.values())) is (flags[0] if flags else None)
    open_maps = [row for row in report.rows if row.feature == "open map"]
    assert all(row.fate == "kept" for row in open_maps), (
        "strict mode is given up rather than the keys of a map"
    )


def _flags(node: Any) -> Iterator[bool | None]:
    if isinstance(node, Mapping):
        if isinstance(node.get("strict"), bool):
            yield node["strict"]
        for item in node.values():
            yield from _flags(item)
    elif isinstance(node, list | tuple):
        for item in node:
            yield from _flags(item)


def test_strict_mode_is_given_up_rather_than_a_field_and_the_report_says_why() -> None:
    pytest.importorskip("lamella_openai")
    report = portability(Mapped, "openai:gpt-5-nano")
    assert list(report.strict.values()) == [False]
    (row,) = [row for row in report.rows if row.feature == "strict"]
    assert "$.counts" in row.detail
    assert not report.with_fate("lost")


def test_recursion_and_optional_fields_are_told() -> None:
    pytest.importorskip("lamella_openai")
    pytest.importorskip("lamella_anthropic")
    report = portability(Tree, ["openai:gpt-5-nano", "anthropic:claude-sonnet-4-5"])
    first, second = report.strict
    assert {("recursion", "kept"), ("optional", "changed")} <= {(r.feature, r.fate) for r in report.of(first)}
    assert [row.fate for row in report.of(second)] == ["refused"]
    assert not report.portable
    assert "refused" in str(report)
    assert first in str(report)


def test_a_model_without_a_wire_takes_the_schema_whole_or_refuses_it() -> None:
    able = portability(Bounded, ScriptedModel(capabilities=Capabilities(structured_output=True)))
    assert able.portable
    assert {row.fate for row in able.rows} == {"kept"}
    assert portability(Bounded, ScriptedModel()).with_fate("refused")


def test_f_str02_a_schema_that_the_wire_cannot_say_whole_goes_through_a_tool() -> None:
    pytest.importorskip("lamella_openai")
    pytest.importorskip("lamella_anthropic")
    openai = get_model("openai:gpt-5-nano", api_key="")
    anthropic = get_model("anthropic:claude-sonnet-4-5", api_key="")
    thinking = get_model("anthropic:claude-sonnet-4-5", api_key="", thinking=2048)
    chosen = [
        (model.with_structured_output(kind).strategy)
        for model in (openai, anthropic, thinking)
        for kind in (Cat, Mapped, Tree)
    ]
    assert chosen[:3] == ["native", "tool", "native"]
    assert chosen[3:6] == ["native", "tool", "tool"]
    assert chosen[6:] == ["native", "prompt", "prompt"], "a model that thinks cannot be forced to call"
