"""A model alone: complete, stream, plan, and what it refuses."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from lamella import (
    Agent,
    Completion,
    ConfigError,
    InvalidRequestError,
    Message,
    MessageOutputDelta,
    ModelInfo,
    ModelRequest,
    Project,
    ReasoningDelta,
    ResponseDone,
    ServerError,
    StreamInterruptedError,
    ToolCallDelta,
    get_model,
    register_provider,
    tool,
)
from lamella.models import Capabilities, fold_response, registry
from lamella.plugins import unregister_provider

from fakes import ScriptedModel, bare, calls, says, usage


async def test_f_loop10_complete_gives_a_completion() -> None:
    model = ScriptedModel(
        [
            ReasoningDelta(delta="hm"),
            MessageOutputDelta(delta="Let me see."),
            ToolCallDelta(call_id="c1", name="look", delta='{"at": "it"}'),
            ResponseDone(response_id="r1", model="m-1", stop_reason="tool_use", token_usage=usage(3, 2)),
        ]
    )
    completion = await model.complete("look")
    assert isinstance(completion, Completion)
    assert (completion.id, completion.model, completion.content) == ("r1", "m-1", "Let me see.")
    assert completion.tool_calls[0].arguments == {"at": "it"}
    assert completion.stop_reason == "tool_use"
    assert completion.usage == usage(3, 2)
    assert completion.reasoning[0].text == "hm"


async def test_f_msg10_reasoning_is_empty_by_default() -> None:
    assert (await ScriptedModel(says("hi")).complete("hi")).reasoning == ()


async def test_an_interrupted_stream_carries_what_came() -> None:
    with pytest.raises(StreamInterruptedError) as caught:
        await ScriptedModel([MessageOutputDelta(delta="ha")]).complete("hi")
    assert caught.value.partial.content == "ha"


async def test_f_n25_the_usage_of_a_response_that_broke_is_on_the_error() -> None:
    broken = [MessageOutputDelta(delta="ha", token_usage=usage(5, 1)), ServerError("down")]
    with pytest.raises(ServerError) as caught:
        await ScriptedModel(broken).complete("hi")
    assert caught.value.partial.usage == usage(5, 1)


@tool
def look(at: str) -> str:
    """Look."""
    return at


async def test_f_n25_the_usage_of_earlier_turns_is_on_the_error() -> None:
    model = ScriptedModel(calls(("c1", "look", '{"at": "it"}'), tokens=usage(10, 2)), [ServerError("down")])
    with pytest.raises(ServerError) as caught:
        await Agent(model, tools=[look], project=bare()).arun("look")
    assert caught.value.partial.token_usage == usage(10, 2)


def test_f_oai03_sync_forms_give_the_same() -> None:
    with ScriptedModel(says("hello")) as model:
        assert model.complete_sync("hi").content == "hello"
        assert fold_response(model.stream_sync("hi")).content == "hello"


async def test_fields_of_the_request_can_be_given() -> None:
    model = ScriptedModel(says("ok"))
    await model.complete(
        [Message.user("hi")], system_instruction="Be brief.", tools=(look,), tool_choice="look"
    )
    assert model.requests[0].system_instruction == "Be brief."
    assert model.requests[0].tool_choice == "look"


def test_check_names_what_the_model_cannot() -> None:
    model = ScriptedModel(capabilities=Capabilities(tools=False, forced_tools=False))
    problems = model.check(ModelRequest.of("hi", tools=(look,), tool_choice="look"))
    assert [problem.code for problem in problems] == ["agent.input.invalid"] * 2
    assert model.check("hi") == ()


@pytest.mark.parametrize("ask", ["embed", "list_models"])
async def test_f_emb01_what_a_provider_lacks_is_a_typed_refusal(ask: str) -> None:
    arguments: dict[str, tuple[Any, ...]] = {"embed": (["x"],), "list_models": ()}
    with pytest.raises(InvalidRequestError, match="fake"):
        await getattr(ScriptedModel(), ask)(*arguments[ask])


async def test_f_log01_two_debug_records_per_call_without_the_prompt(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG, logger="lamella.agent.turns"):
        await Agent(ScriptedModel(says("the answer", usage(3, 2))), tools=[look], project=bare()).arun(
            "the secret"
        )
    records = [record for record in caplog.records if record.name == "lamella.agent.turns"]
    assert len(records) == 2
    assert "fake:scripted" in records[0].getMessage()
    assert "look" in records[0].getMessage()
    assert records[1].token_usage == usage(3, 2)  # type: ignore[attr-defined]
    assert "secret" not in caplog.text
    assert "answer" not in caplog.text


async def test_f_log04_the_agents_name_is_in_events_and_runs() -> None:
    stream = Agent(ScriptedModel(says("ok")), name="scout", project=bare()).astream("hi")
    events = [event async for event in stream]
    assert events[0].event.agent == "scout"  # type: ignore[attr-defined]
    assert stream.result.run.agent == "scout"


@pytest.fixture
def acme() -> Iterator[Project]:
    known = (ModelInfo(formal_name="known-1", display_name="Known"),)
    register_provider("acme", lambda model, **settings: ScriptedModel(says(model)), models=known)
    registry._warned.clear()
    yield Project.bare()
    unregister_provider("acme")


def test_f_reg03_an_unlisted_model_warns_once_and_is_refused_when_strict(acme: Project) -> None:
    with pytest.warns(UserWarning, match="known-2") as caught:
        get_model("acme:known-2", project=acme)
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        get_model("acme:known-2", project=acme)
        get_model("acme:known-1", project=acme)
    with pytest.raises(ConfigError, match="known-1"):
        get_model("acme:known-3", project=acme, strict_models=True)


@pytest.mark.parametrize("bad", ["", ":x", "acme:", "acme"])
def test_a_bad_name_says_what_a_name_looks_like(bad: str, acme: Project) -> None:
    with pytest.raises(ConfigError, match=r"MODEL|provider:model"):
        get_model(bad, project=acme)


def test_f_err04_an_unknown_provider_names_the_nearest_and_the_command(acme: Project) -> None:
    with pytest.raises(ConfigError, match=r"acme.*pip install lamella-acm"):
        get_model("acm:x", project=acme)


def test_f_evt09_joining_deltas_until_stream_end_is_a_right_ui() -> None:
    shown: list[str] = []
    for event in Agent(
        ScriptedModel(calls(("c1", "look", '{"at": "x"}'), text="Wait. "), says("Done.")),
        tools=[look],
        project=bare(),
    ).stream("go"):
        if event.type == "message.output.delta":
            shown.append(event.event.delta)  # type: ignore[attr-defined]
        elif event.type in ("tool.call.done", "tool.output.done"):
            shown.append(".")
    assert "".join(shown) == "Wait. ..Done."


def test_f_tool07_without_tools_the_request_has_none() -> None:
    model = ScriptedModel(says("ok"))
    Agent(model, project=bare()).run("hi")
    assert model.requests[0].tools == ()


def test_f_err04_a_model_name_that_is_no_text_is_refused() -> None:
    given: Any = 5
    with pytest.raises(ConfigError, match="in a text, got int"):
        get_model(given, project=bare())
