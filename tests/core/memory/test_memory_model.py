"""A model that is sent shortened histories: what it says of it, what its summaries cost, and its window."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from lamella import (
    Agent,
    AgentExecutionError,
    AgentInputError,
    Event,
    InvalidRequestError,
    Message,
    MessageOutputDone,
    ModelRequest,
    ResponseDone,
    ServerError,
    ToolCallBlock,
    ToolOutputBlock,
    check_history,
    fold,
    tool,
)
from lamella.losses import Loss
from lamella.memory import Summarizer, context_guard, keep_messages, keep_tokens, keep_turns, with_memory
from lamella.models import Capabilities, Model, fallback
from lamella.models.completion import fold_response

from fakes import bare, calls, says, usage


class Always(Model):
    """Answers the same each time, and remembers what it was asked."""

    provider = "fake"
    model = "always"

    def __init__(self, *events: Event | Exception, window: int | None = None) -> None:
        self.events = events or tuple(says("answer", usage(10, 2)))
        self.asked: list[ModelRequest] = []
        self._window = window

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(context_window=self._window, native_input=True)

    async def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
        self.asked.append(request)
        for event in self.events:
            if isinstance(event, Exception):
                raise event
            yield event


class Teller(Always):
    model = "teller"

    def __init__(self, *answers: str) -> None:
        super().__init__()
        self.answers = answers or ("They spoke of {count} things.",)

    async def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
        self.asked.append(request)
        text = self.answers[min(len(self.asked), len(self.answers)) - 1]
        for event in says(text.format(count=len(self.asked)), usage(100, 7)):
            yield event


def talk(turns: int, *, last: str = "And now?") -> list[Message]:
    said = []
    for number in range(turns):
        said += [Message.user(f"question {number}"), Message.assistant(f"answer {number}")]
    return [*said, Message.user(last)]


async def test_f_x24_the_model_gets_the_window_and_the_run_keeps_everything() -> None:
    model = Always()
    result = await Agent(with_memory(model, keep_messages, 3), project=bare()).arun(talk(4))
    assert [message.text for message in model.asked[0].messages] == ["question 3", "answer 3", "And now?"]
    assert len(result.history) == 10
    assert result.losses == (
        Loss(kind="dropped", what="messages", reason="messages 0 to 5: left out by keep_messages(3)"),
    )


async def test_a_history_that_fits_is_sent_as_it_is() -> None:
    model = Always()
    request = ModelRequest.of("hello")
    completion = await with_memory(model, keep_messages, 3).complete(request)
    assert model.asked == [request]
    assert model.asked[0].plain_input
    assert completion.losses == ()


async def test_losses_of_the_model_are_at_the_places_of_the_whole_history() -> None:
    loss = Loss(kind="dropped", what="reasoning", reason="another's", message=1, block=0)
    model = Always(MessageOutputDone(output="a"), ResponseDone(losses=(loss,)))
    completion = await with_memory(model, keep_turns, 2).complete(talk(3))
    assert [(each.what, each.message) for each in completion.losses] == [("messages", None), ("reasoning", 5)]


async def test_a_bare_string_that_is_left_out_is_no_plain_input() -> None:
    model = Always()
    request = ModelRequest(messages=talk(2), plain_input=True)
    await with_memory(model, keep_turns, 1).complete(request)
    assert not model.asked[0].plain_input


async def test_a_native_history_is_not_touched() -> None:
    model = Always()
    native: Any = [{"role": "user", "content": "x" * 100}] * 5
    await with_memory(model, keep_messages, 1).complete(native)
    assert len(model.asked[0].native or ()) == 5


async def test_a_strategy_of_your_own_may_not_split_a_call() -> None:
    history = [
        Message.user("Go."),
        Message.assistant([ToolCallBlock(call_id="c", name="t", arguments={})]),
        Message.user([ToolOutputBlock(call_id="c", output="done")]),
    ]

    def last(messages: Sequence[Message], limit: int) -> Sequence[Message]:
        return messages[-limit:]

    with pytest.raises(AgentExecutionError, match="the memory strategy last split a call"):
        await with_memory(Always(), last, 1).complete(history)
    with pytest.raises(AgentExecutionError, match="left no message"):
        await with_memory(Always(), lambda messages, limit: (), 1).complete(history)


async def test_a_strategy_may_change_messages_and_that_is_a_loss() -> None:
    def redact(messages: Sequence[Message], limit: int) -> Sequence[Message]:
        return [Message.user("***") if m.text == "secret" else m for m in messages]

    model = Always()
    completion = await with_memory(model, redact, 1).complete([Message.user("secret"), Message.user("Hi.")])
    assert [message.text for message in model.asked[0].messages] == ["***", "Hi."]
    assert [str(loss) for loss in completion.losses] == ["messages dropped: message 0: left out by redact(1)"]


@pytest.mark.parametrize("limit", [0, True, None, 2.0])
def test_a_limit_is_a_count(limit: Any) -> None:
    with pytest.raises(AgentInputError, match="limit"):
        with_memory(Always(), keep_turns, limit)
    with pytest.raises(AgentInputError, match="strategy"):
        with_memory(Always(), "window", 3)  # type: ignore[arg-type]
    with pytest.raises(AgentInputError, match="summarize"):
        with_memory(Always(), keep_turns, 3, summarize="yes")  # type: ignore[arg-type]


async def test_the_plan_is_that_of_what_would_be_sent() -> None:
    memory = with_memory(Always(), keep_turns, 1)
    plan = memory.plan(talk(3))
    assert [loss.what for loss in plan.losses] == ["messages"]
    whole = Always().plan(talk(3)).input_tokens
    assert plan.input_tokens is not None
    assert whole is not None
    assert plan.input_tokens.tokens < whole.tokens


# -- summaries ----------------------------------------------------------------------------------------


async def test_f_x24_a_summary_stands_for_what_is_left_out_and_its_cost_counts_once() -> None:
    model, teller = Always(), Teller()
    memory = with_memory(model, keep_messages, 4, summarize=teller)
    agent = Agent(memory, project=bare())
    events = [event async for event in agent.astream(talk(4))]
    sent = model.asked[0].messages
    assert check_history(sent) == ()
    assert sent[0].meta["summary"] == {"messages": 8}
    assert "They spoke of 1 things." in sent[0].text
    assert [message.text for message in sent[1:]] == ["And now?"]
    result = fold(events)
    assert result.token_usage is not None
    assert result.token_usage.resolved_total_tokens == 12 + 107
    assert result.run.token_usage == result.token_usage
    assert result.messages[-1].usage == usage(10, 2), "the answer's own usage is the answer's"
    assert len(result.history) == 10, "the history has no summary in it"
    assert [loss.reason for loss in result.losses] == [
        "messages 0 to 7: replaced by a summary, left out by keep_messages(2)"
    ]
    whole = [envelope.event for envelope in events]
    assert fold_response(whole[1:-1]).usage == result.token_usage
    attempts = [(e.type, e.attempt) for e in whole if e.type.startswith("attempt")]  # type: ignore[attr-defined]
    assert attempts == [
        ("attempt.start", 1),
        ("attempt.rollback", 1),
        ("attempt.start", 2),
        ("attempt.commit", 2),
    ]


async def test_a_summary_is_made_once_and_then_gone_on_from() -> None:
    model, teller = Always(), Teller()
    agent = Agent(with_memory(model, keep_messages, 6, summarize=teller), project=bare())
    history: list[Message] = []
    made = []
    for number in range(12):
        result = await agent.arun([*history, Message.user(f"question {number}")])
        history = list(result.history)
        made.append(len(teller.asked))
        assert sum(message.role != "system" for message in model.asked[-1].messages) <= 6
    assert made[-1] < 7, "not one for each request"
    assert "The summary so far:\nThey spoke of 1 things." in teller.asked[1].messages[0].text
    assert "question 0" not in teller.asked[1].messages[0].text


async def test_tools_of_one_long_turn_are_summarised_too() -> None:
    @tool
    def look() -> str:
        """Look."""
        return "z" * 40

    class Looking(Always):
        async def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
            self.asked.append(request)
            number = len(self.asked)
            turn = says("done") if number == 12 else calls((f"c{number}", "look", "{}"))
            for event in turn:
                yield event

    model, teller = Looking(), Teller()
    agent = Agent(with_memory(model, keep_tokens, 80, summarize=teller), tools=[look], project=bare())
    result = await agent.arun("Look around.")
    assert result.output == "done"
    assert check_history(result.history) == ()
    for request in model.asked:
        assert check_history(request.messages) == ()
        assert request.messages[0].text == "Look around."
    assert 0 < len(teller.asked) < 8


async def test_a_long_past_is_told_in_pieces() -> None:
    model, teller = Always(), Teller("first", "second", "third")
    memory = with_memory(model, keep_turns, 1, summarize=Summarizer(model=teller, chunk_tokens=30))
    completion = await memory.complete(talk(10))
    assert len(teller.asked) > 1
    assert all(len(request.messages[0].text) < 300 for request in teller.asked)
    assert completion.usage is not None
    assert completion.usage.resolved_total_tokens == 12 + 107 * len(teller.asked)


async def test_the_model_itself_may_summarise() -> None:
    teller = Teller()
    await with_memory(teller, keep_turns, 1, summarize=True).complete(talk(2))
    assert len(teller.asked) == 2
    assert teller.asked[0].tools == ()


async def test_a_summary_that_fails_fails_the_call_and_its_cost_counts() -> None:
    broken = Always(MessageOutputDone(output="half", token_usage=usage(50, 5)), ServerError("down"))
    model = Always()
    agent = Agent(with_memory(model, keep_turns, 1, summarize=broken), project=bare())
    with pytest.raises(ServerError) as caught:
        await agent.arun(talk(2))
    assert model.asked == []
    assert caught.value.partial.token_usage == usage(50, 5)
    with pytest.raises(AgentExecutionError, match="empty summary"):
        await with_memory(model, keep_turns, 1, summarize=Teller(" ")).complete(talk(2))


async def test_attempts_stay_numbered_behind_a_fallback() -> None:
    first = with_memory(Always(ServerError("down")), keep_turns, 1, summarize=Teller())
    completion = await fallback(first, Always()).complete(talk(2))
    assert completion.content == "answer"
    assert completion.usage is not None
    assert completion.usage.resolved_total_tokens == 12 + 107


# -- the window ---------------------------------------------------------------------------------------


async def test_f_x15_a_request_over_the_window_is_refused_unsent_with_numbers() -> None:
    model = Always(window=100)
    guarded = context_guard(model, reserve=20)
    with pytest.raises(InvalidRequestError, match="about 100 tokens, 20 are kept for the answer") as caught:
        await guarded.complete("x" * 400)
    assert model.asked == []
    assert caught.value.context["context_window"] == 100
    assert caught.value.context["input_tokens"] == 100
    assert not caught.value.retryable
    assert (await guarded.complete("x" * 320)).content == "answer"
    assert [problem.code for problem in guarded.plan("x" * 400).problems] == ["api.invalid_request"]
    assert guarded.plan("x" * 320).possible


async def test_f_x15_compact_leaves_out_the_oldest_until_it_fits() -> None:
    model = Always(window=60)
    guarded = context_guard(model, "compact")
    completion = await guarded.complete(
        ModelRequest(messages=talk(40), system_instruction="Answer in one word.")
    )
    sent = model.asked[0]
    assert 2 < len(sent.messages) < 81
    assert [loss.what for loss in completion.losses] == ["messages"]
    assert guarded.plan(sent).possible
    with pytest.raises(InvalidRequestError, match="are too long"):
        await guarded.complete(talk(3, last="x" * 400))
    assert len(model.asked) == 1
    assert not guarded.plan(talk(3, last="x" * 400)).possible


async def test_an_unknown_window_guards_nothing_and_a_given_one_does() -> None:
    model = Always()
    assert (await context_guard(model).complete("x" * 10_000)).content == "answer"
    with pytest.raises(InvalidRequestError):
        await context_guard(model, context_window=50).complete("x" * 10_000)
    native: Any = [{"role": "user", "content": "x" * 1000}]
    with pytest.raises(InvalidRequestError):
        await context_guard(model, "compact", context_window=50).complete(native)
    for wrong in ({"context_window": 0}, {"reserve": -1}, {"context_overflow": "drop"}):
        with pytest.raises(AgentInputError):
            context_guard(model, **wrong)


async def test_a_fallback_moves_on_to_a_model_with_more_room() -> None:
    small, large = Always(window=50), Always(window=5000)
    chain = fallback(context_guard(small), context_guard(large))
    assert (await chain.complete("x" * 1000)).content == "answer"
    assert (len(small.asked), len(large.asked)) == (0, 1)


async def test_the_wrappers_are_the_model_to_everyone_else() -> None:
    inner = Always(window=100)
    model = context_guard(with_memory(inner, keep_turns, 3))
    assert (model.provider, model.model, model.issuer) == ("fake", "always", "fake")
    assert model.capabilities == inner.capabilities
    assert (await model.count_tokens("abcd")).tokens == 1
    with pytest.raises(AgentInputError, match="has no settings to change"):
        model.with_settings(temperature=0)
