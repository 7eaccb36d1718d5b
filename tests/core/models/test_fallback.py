"""``fallback``: the next model goes on, visibly, and nothing of the failed one stays."""

from __future__ import annotations

from typing import Any

import pytest

from lamella import (
    Agent,
    AgentInputError,
    AttemptCommit,
    AttemptRollback,
    AttemptStart,
    AuthenticationError,
    Capabilities,
    Embedding,
    Event,
    InvalidRequestError,
    Message,
    MessageOutputDelta,
    Model,
    ModelRequest,
    ResponseDone,
    ServerError,
    UnsupportedContentError,
    fallback,
)

from fakes import ScriptedModel, bare, says, usage


def named(name: str, *turns: Any, **fields: Any) -> ScriptedModel:
    model = ScriptedModel(*turns, **fields)
    model.model = name
    return model


def attempts(events: list[Event]) -> list[tuple[str, int]]:
    kinds = (AttemptStart, AttemptRollback, AttemptCommit)
    return [(event.type, event.attempt) for event in events if isinstance(event, kinds)]


async def collect(model: Model, prompt: str = "hi") -> list[Event]:
    return [event async for event in model.stream(ModelRequest.of(prompt))]


async def test_f_x05_the_next_model_answers_and_the_first_is_rolled_back() -> None:
    first = named("first", [MessageOutputDelta(delta="Half an ans"), ServerError("gone")])
    second = named("second", says("whole", usage(3, 2)))
    events = await collect(fallback(first, second))
    assert attempts(events) == [
        ("attempt.start", 1),
        ("attempt.rollback", 1),
        ("attempt.start", 2),
        ("attempt.commit", 2),
    ]
    starts = [event for event in events if isinstance(event, AttemptStart)]
    assert [start.model for start in starts] == ["first", "second"]
    rollback = next(event for event in events if isinstance(event, AttemptRollback))
    assert (rollback.visible, rollback.error, rollback.wait) == (True, "gone", 0.0)
    assert isinstance(events[-1], ResponseDone)


async def test_the_answer_holds_nothing_of_the_failed_model() -> None:
    first = named("first", [MessageOutputDelta(delta="Half"), ServerError("gone")])
    chain = fallback(first, named("second", says("whole")))
    result = await Agent(chain, project=bare()).arun("hi")
    assert result.output == "whole"
    assert result.messages[-1].text == "whole"


async def test_each_request_begins_with_the_first_model() -> None:
    first = named("first", [ServerError("gone")])
    chain = fallback(first, named("second", says("a")))
    await chain.complete("hi")
    await chain.complete("hi")
    assert len(first.requests) == 2


async def test_the_last_error_leaves_and_says_how_the_others_failed() -> None:
    chain = fallback(named("a", [AuthenticationError("no key")]), named("b", [ServerError("gone")]))
    with pytest.raises(ServerError, match="gone") as caught:
        await chain.complete("hi")
    assert caught.value.context["fallback"] == ("fake:a: no key",)


async def test_mid_stream_failure_of_the_last_model_carries_its_partial() -> None:
    last = named("b", [MessageOutputDelta(delta="so far"), ServerError("gone")])
    with pytest.raises(ServerError) as caught:
        await fallback(named("a", [ServerError("down")]), last).complete("hi")
    assert caught.value.partial is not None
    assert caught.value.partial.content == "so far"


async def test_what_one_wire_cannot_say_another_may() -> None:
    chain = fallback(named("a", [UnsupportedContentError("no images")]), named("b", says("seen")))
    assert (await chain.complete("hi")).content == "seen"


async def test_the_callers_own_mistakes_do_not_move_on() -> None:
    second = named("b", says("never"))
    with pytest.raises(AgentInputError):
        await fallback(named("a", [AgentInputError("bad")]), second).complete("hi")
    assert second.requests == []


async def test_on_decides_what_moves_on() -> None:
    second = named("b", says("never"))
    with pytest.raises(ServerError):
        await fallback(named("a", [ServerError("gone")]), second, on=lambda error: False).complete("hi")
    assert second.requests == []


async def test_attempts_of_the_models_are_counted_on() -> None:
    noisy = named(
        "a",
        [AttemptStart(attempt=1), AttemptRollback(attempt=1), AttemptStart(attempt=2), ServerError("gone")],
    )
    events = await collect(fallback(noisy, named("b", says("ok"))))
    assert attempts(events) == [
        ("attempt.start", 1),
        ("attempt.rollback", 1),
        ("attempt.start", 2),
        ("attempt.rollback", 2),
        ("attempt.start", 3),
        ("attempt.commit", 3),
    ]


def test_capabilities_are_what_all_models_can() -> None:
    both = Capabilities(inputs={"text", "image"}, structured_output=True, context_window=100)
    one = Capabilities(inputs={"text"}, structured_output=False, context_window=50)
    chain = fallback(named("a", capabilities=both), named("b", capabilities=one))
    assert chain.capabilities.inputs == {"text"}
    assert not chain.capabilities.structured_output
    assert chain.capabilities.context_window == 50


async def test_embeddings_do_not_fall_back() -> None:
    class Embedder(ScriptedModel):
        async def embed(self, inputs: Any, **_: Any) -> list[Embedding]:
            return [Embedding(index=0, vector=[1.0])]

    with pytest.raises(InvalidRequestError):
        await fallback(ScriptedModel(), Embedder()).embed(["x"])
    assert (await fallback(Embedder(), ScriptedModel()).embed(["x"]))[0].vector == (1.0,)


async def test_models_that_were_given_stay_open() -> None:
    class Closing(ScriptedModel):
        shut = 0

        async def aclose(self) -> None:
            self.shut += 1

    model = Closing(says("ok"))
    await fallback(model).aclose()
    assert model.shut == 0


def test_a_chain_of_nothing_is_refused() -> None:
    with pytest.raises(AgentInputError, match="at least one"):
        fallback()
    with pytest.raises(AgentInputError, match="int"):
        fallback(3)  # type: ignore[arg-type]


async def test_a_history_that_began_on_one_model_goes_on_with_another() -> None:
    first = named("a", says("one"), [ServerError("gone")])
    second = named("b", [ServerError("unused")], says("two"))
    chain = fallback(first, second)
    run = await Agent(chain, project=bare()).arun("hi")
    again = await Agent(chain, project=bare()).arun([*run.messages, Message.user("more")])
    assert (run.output, again.output) == ("one", "two")
