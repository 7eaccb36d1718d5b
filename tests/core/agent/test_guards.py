"""Guardrails and approvals: they fail closed, and what they did is in the events."""

from __future__ import annotations

import threading
from typing import Any

from lamella import Agent, Message, Verdict, fold, tool

from fakes import ScriptedModel, bare, calls, says


class Guard:
    """Answers with fixed verdicts."""

    name = "guard"

    def __init__(
        self, given: Verdict | Exception | None = None, made: Verdict | Exception | None = None
    ) -> None:
        self._given, self._made = given or Verdict(), made or Verdict()

    async def check_input(self, text: str) -> Verdict:
        return self._say(self._given)

    async def check_output(self, text: str) -> Verdict:
        return self._say(self._made)

    @staticmethod
    def _say(verdict: Verdict | Exception) -> Verdict:
        if isinstance(verdict, Exception):
            raise verdict
        return verdict


def guarded(guard: Guard, **options: Any) -> Agent:
    return Agent(ScriptedModel(says("the secret is 7")), guardrails=[guard], project=bare(), **options)


async def test_f_evt17_exactly_one_override_before_the_end_and_the_text_is_stored() -> None:
    events = [event async for event in guarded(Guard(made=Verdict(replace="no secrets"))).astream("tell")]
    types = [event.type for event in events]
    assert types.count("guardrail.override") == 1
    assert types[-2:] == ["guardrail.override", "stream.end"]
    result = fold(events)
    assert result.output == "no secrets"
    assert result.messages[-1].text == "no secrets"
    assert events[-1].output == "no secrets"
    assert [getattr(item, "content", None) for item in result.new_items] == ["no secrets"]


async def test_a_guardrail_that_passes_changes_nothing() -> None:
    assert (await guarded(Guard()).arun("tell")).output == "the secret is 7"


async def test_f_n31_a_guardrail_that_raises_blocks() -> None:
    result = await guarded(Guard(made=RuntimeError("down"))).arun("tell")
    assert "secret is" not in result.output
    assert "guard" in result.output


async def test_an_input_guardrail_blocks_before_the_model_is_asked() -> None:
    agent = guarded(Guard(given=Verdict(block=True, reason="off topic")))
    result = await agent.arun("tell")
    assert result.stop_reason == "refusal"
    assert "off topic" in result.output
    assert agent.model.requests == []  # type: ignore[union-attr]


async def test_f_n34_an_input_guardrail_that_modifies_keeps_the_history() -> None:
    agent = guarded(Guard(given=Verdict(replace="tell [redacted]")))
    history = [Message.user("hello"), Message.assistant("hi"), Message.user("tell 123")]
    agent_model: Any = agent.model
    agent_model.turns = ([], says("ok"))
    await agent.arun(history)
    assert [message.text for message in agent_model.requests[0].messages] == [
        "hello",
        "hi",
        "tell [redacted]",
    ]


@tool(requires_approval=True)
def fire(target: str) -> str:
    """Fire at a target."""
    return f"fired at {target}"


def firing(**options: Any) -> Agent:
    model = ScriptedModel(calls(("c1", "fire", '{"target": "moon"}')), says("done"))
    return Agent(model, tools=[fire], project=bare(), **options)


async def test_f_evt16_a_refusal_is_an_error_output_and_the_run_goes_on() -> None:
    events = [event async for event in firing(approve=lambda pending: False).astream("fire")]
    types = [event.type for event in events]
    assert (
        types.index("approval.pending") < types.index("approval.resolved") < types.index("tool.output.done")
    )
    result = fold(events)
    assert result.output == "done"
    assert result.messages[1].tool_outputs[0].is_error


async def test_f_evt16_an_approved_tool_runs() -> None:
    result = await firing(approve=lambda pending: pending.arguments["target"] == "moon").arun("fire")
    assert result.messages[1].tool_outputs[0].output == "fired at moon"


async def test_f_evt16_the_consumer_may_approve_through_the_stream() -> None:
    stream = firing().astream("fire")
    async for event in stream:
        if event.type == "approval.pending":
            threading.Thread(target=stream.approve, args=["c1"]).start()
    assert stream.result.messages[1].tool_outputs[0].output == "fired at moon"


async def test_an_approval_nobody_gives_times_out_into_a_refusal() -> None:
    result = await firing(approval_timeout=0.01).arun("fire")
    assert result.messages[1].tool_outputs[0].is_error
    assert result.output == "done"


async def test_f_n32_the_log_of_a_failed_tool_holds_no_hidden_value() -> None:
    from lamella import AgentLogger, AgentToolExecutionError, ToolRuntime

    @tool(on_error="raise")
    def spill(runtime: ToolRuntime) -> str:
        """Spill."""
        raise ValueError(f"bad password {runtime.password}")

    agent = Agent(ScriptedModel(calls(("c1", "spill", "{}"))), tools=[spill], project=bare())
    try:
        await agent.arun("go", {"password": "hunter2!"})
    except AgentToolExecutionError as error:
        payload = AgentLogger().log_exception(error)
    assert "hunter2" not in str(payload)
    assert payload["cause_message"] == "bad password [hidden]"
