"""Two different requests never share a key, and neither do two tenants, models or settings."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamella import Message, Model, ModelRequest, Tool, tool
from lamella.budgets import RateLimiter, rate_limited
from lamella.caching import MemoryCache, cached
from lamella.caching.identity import identity_of_model, identity_of_request, stand_for, token_of
from lamella.content import MediaContent
from lamella.models import OutputSchema, RequestOptions, fallback
from lamella.models import canonical as canonical_module
from lamella.models.canonical import NoCanonicalForm, encoded, hashed

from fakes import ScriptedModel
from strategies import json_values, messages, texts


@tool
def look(place: str) -> str:
    """Look."""
    return place


@tool
def hear(place: str) -> str:
    """Hear."""
    return place


requests = st.builds(
    ModelRequest,
    messages=st.lists(messages, max_size=3).map(tuple),
    native=st.none() | st.lists(st.dictionaries(texts, json_values, max_size=2), max_size=2).map(tuple),
    system_instruction=st.none() | texts,
    tools=st.lists(st.sampled_from([look, hear]), max_size=2).map(tuple),
    tool_choice=st.sampled_from(["auto", "none", "look"]),
    parallel_tool_calls=st.booleans(),
    output_schema=st.none()
    | st.builds(OutputSchema, schema=st.dictionaries(texts, json_values, max_size=2), name=texts),
    streaming=st.booleans(),
    plain_input=st.booleans(),
    transplant=st.sampled_from(["degrade", "strict"]),
    extra=st.dictionaries(texts, json_values, max_size=2),
    options=st.builds(RequestOptions, headers=st.dictionaries(st.just("x-a"), st.just("b"))),
)


def key(request: ModelRequest) -> str:
    return hashed(identity_of_request(request), stand_for)


def unpaid(request: ModelRequest) -> ModelRequest:
    """The request without what its messages cost, which is never sent."""
    return attrs.evolve(request, messages=[attrs.evolve(message, usage=None) for message in request.messages])


def _same(left: Any, right: Any) -> bool:
    """Equality that tells 1 from True and 1.0, and 0.0 from -0.0, as JSON does; and one order of keys from another."""
    return repr(attrs.asdict(left)) == repr(attrs.asdict(right))


@given(requests, requests)
def test_f_n30_two_different_requests_never_share_a_key(one: ModelRequest, two: ModelRequest) -> None:
    if unpaid(one) != unpaid(two):
        assert key(one) != key(two)
    elif _same(one, two):
        assert key(one) == key(two)


@given(requests, st.data())
def test_f_n30_every_field_of_a_request_is_in_the_key(request: ModelRequest, data: Any) -> None:
    other = data.draw(requests)
    for field in attrs.fields(ModelRequest):
        value = getattr(other, field.name)
        changed = attrs.evolve(request, **{field.name: value})
        if unpaid(changed) != unpaid(request):
            assert key(changed) != key(request), field.name


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | texts
    | st.binary(max_size=80)
    | st.sampled_from(["1", "s1:a", "t", ")("]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(texts, inner, max_size=3)
    ),
    max_leaves=8,
)


def _told_apart(value: Any) -> Any:
    """A form whose Python equality is that of the encoding: kinds told apart, keys in order."""
    if isinstance(value, dict):
        return ("dict", sorted((repr(key), repr(_told_apart(item))) for key, item in value.items()))
    if isinstance(value, list | tuple):
        return (type(value).__name__, [_told_apart(item) for item in value])
    return (type(value).__name__, repr(value))


@given(values, values)
def test_f_n30_the_encoding_is_injective(one: Any, two: Any) -> None:
    assert (encoded(one) == encoded(two)) == (_told_apart(one) == _told_apart(two))


@given(st.lists(texts, max_size=4), st.lists(texts, max_size=4))
def test_f_n30_texts_do_not_run_together(one: list[str], two: list[str]) -> None:
    assert (encoded(one) == encoded(two)) == (one == two)


def test_surrogates_are_told_from_the_character_they_stand_for() -> None:
    assert encoded("\U0001f600\ud800") != encoded("\ud83d\ude00\ud800")


def test_the_bytes_of_media_count_and_are_hashed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed_bytes: list[bytes] = []
    real = canonical_module._bytes

    def counted(data: bytes) -> bytes:
        hashed_bytes.append(data)
        return real(data)

    monkeypatch.setattr(canonical_module, "_bytes", counted)
    one = MediaContent(data=b"a" * 1000, mime_type="image/png")
    two = MediaContent(data=b"a" * 999 + b"b", mime_type="image/png")
    asked = [ModelRequest(messages=[Message.user(["look", media])]) for media in (one, two)]
    assert key(asked[0]) != key(asked[1])
    assert key(asked[0]) == key(asked[0])
    assert len(hashed_bytes) == 2


def test_the_order_of_a_schema_counts_and_that_of_settings_does_not() -> None:
    def asking(**properties: Any) -> ModelRequest:
        return ModelRequest(output_schema=OutputSchema(schema={"properties": properties}))

    assert key(asking(a=1, b=2)) != key(asking(b=2, a=1))
    assert key(ModelRequest(extra={"a": 1, "b": 2})) == key(ModelRequest(extra={"b": 2, "a": 1}))


def test_a_tool_is_what_the_model_is_told_of_it() -> None:
    def described(text: str) -> Tool:
        return Tool(look.func, name="look", description=text)

    keys = {key(ModelRequest(tools=[made])) for made in (described("a"), described("b"), described("a"))}
    assert len(keys) == 2


def test_what_has_no_form_has_no_key() -> None:
    with pytest.raises(NoCanonicalForm, match="object"):
        encoded([object()])


# -- models -------------------------------------------------------------------------------------------


def model_key(model: Model) -> str:
    return hashed(identity_of_model(model), stand_for)


def test_a_model_over_http_is_its_settings_and_its_server() -> None:
    openai = pytest.importorskip("lamella_openai").ChatOpenAI

    def made(**settings: Any) -> str:
        return model_key(openai("gpt-5-nano", **{"api_key": "k", **settings}))

    assert made() == made(api_key="another")
    different = [
        made(),
        made(temperature=0.5),
        made(base_url="http://127.0.0.1:1/v1"),
        made(base_url="http://127.0.0.1:2/v1"),
        made(headers={"OpenAI-Organization": "a"}),
        made(headers={"OpenAI-Organization": "b"}),
        made(response_format={"type": "object", "properties": {"a": {"type": "string"}}}),
        model_key(openai("gpt-5-mini", api_key="k")),
    ]
    assert len(set(different)) == len(different)
    one, two = openai("gpt-5-nano", api_key="k"), openai("gpt-5-mini", api_key="k")
    assert model_key(fallback(one, two)) == model_key(fallback(one, two)) != model_key(fallback(two, one))


def test_a_base_url_of_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    openai = pytest.importorskip("lamella_openai").ChatOpenAI
    before = model_key(openai("gpt-5-nano", api_key="k"))
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert model_key(openai("gpt-5-nano", api_key="k")) != before


def test_a_model_that_may_hide_anything_is_only_itself() -> None:
    one, two = ScriptedModel(), ScriptedModel()
    assert model_key(one) == model_key(one) != model_key(two)
    limited = rate_limited(one, RateLimiter(requests_per_minute=10))
    assert model_key(limited) == model_key(rate_limited(one, RateLimiter(requests_per_minute=20)))
    assert model_key(cached(one, MemoryCache())) != model_key(one)


def test_a_token_is_never_given_twice() -> None:
    class Thing:
        pass

    tokens = {token_of(Thing()) for _ in range(1000)}
    assert len(tokens) == 1000
    kept = Thing()
    assert token_of(kept) == token_of(kept)
