"""The agent loop: model call, tools, append, next; it ends at the first response without calls.

It yields the events of one agent, with paths relative to that agent. The stream's first and last
events, envelopes and sinks are its caller's business, so that an agent runs the same at the top and
nested in another.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

import attrs

from lamella._frozen import EMPTY
from lamella._json import dumps
from lamella.agent.answering import Answering, answered
from lamella.agent.guarding import guard_input, guard_output
from lamella.agent.retelling import Retelling, ledger, retelling
from lamella.agent.scope import RunScope
from lamella.agent.toolbox import Toolbox
from lamella.budgets.account import take_tool_calls, tool_calls_exceeded
from lamella.budgets.paying import Paying, within
from lamella.content import ToolCallBlock
from lamella.errors import AgentMaxIterationsError, OutputParserError, StreamInterruptedError
from lamella.events import Event, OutputRejected, ResponseDone, StopReason, ToolOutputDone
from lamella.history import require_history
from lamella.messages import Message
from lamella.models.assemble import ResponseAssembler
from lamella.models.digests import RequestDigests
from lamella.models.inputs import ParsedInput
from lamella.models.model import Model, closing
from lamella.models.request import ModelRequest
from lamella.response import ResponseFold
from lamella.runlog import LoggedTurn
from lamella.runs import NO_VALUE
from lamella.specs import Guardrail
from lamella.tools import Emitted, effective_choice, normalise_choice, run_calls

if TYPE_CHECKING:
    from lamella.agent.agent import Agent
    from lamella.models.structured import Reading

__all__ = ["AgentTurns"]

_log = logging.getLogger(__name__)

_CUT_SHORT: Final = ("max_tokens", "content_filter")


@attrs.define(kw_only=True)
class AgentTurns:
    """One agent's loop over one input. After ``events()`` is exhausted, ``output`` and ``stop_reason`` stand."""

    agent: Agent
    model: Model
    toolbox: Toolbox
    given: ParsedInput
    scope: RunScope
    guardrails: Sequence[Guardrail] = ()
    answering: Answering | None = None
    output: str = attrs.field(default="", init=False)
    stop_reason: StopReason = attrs.field(default="end_turn", init=False)
    result: Any = attrs.field(default=None, init=False)
    value: Any = attrs.field(default=NO_VALUE, init=False)
    _over: bool = attrs.field(default=False, init=False)
    _last: bool = attrs.field(default=False, init=False)
    _rejected: int = attrs.field(default=0, init=False)
    _new: list[Message] = attrs.field(factory=list, init=False)
    _done: ResponseDone | None = attrs.field(default=None, init=False)
    _response: ResponseFold = attrs.field(factory=ResponseFold, init=False)
    _retelling: Retelling | None = attrs.field(default=None, init=False)
    _digests: RequestDigests | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        state = self.scope.state
        self._retelling = retelling(self.scope)
        if state.rerun is not None or state.listened:
            self._digests = RequestDigests(self.model)

    async def events(self) -> AsyncGenerator[Emitted, None]:
        """Run to the end.

        :raises OutputParserError: the answer is not of the agent's ``output_type``, after its ``output_retries``.
        :raises AgentMaxIterationsError: tools are still asked for at the cap (``on_limit="raise"``).
        """
        require_history(self.given.messages)
        messages, judgement = await guard_input(self.guardrails, self.given.messages)
        if judgement.blocked and (override := judgement.override()) is not None:
            self.output, self.stop_reason = override.output, "refusal"
            yield Emitted((), override)
            return
        for iteration in range(self.agent.max_iterations):
            if iteration:
                await self.toolbox.refresh()
            async with aclosing(self._respond(self._request(messages, iteration))) as response:
                async for event in response:
                    yield Emitted((), event)
            calls = self._take_message()
            self._last = iteration + 1 == self.agent.max_iterations
            if not calls:
                if self.stop_reason == "pause":
                    continue
                async for emitted in self._finish():
                    yield emitted
                if self._over:
                    return
                continue
            answers, others = self._sorted(calls)
            if answers or not self._last:
                async with aclosing(self._run_tools(others, answers)) as running:
                    async for emitted in running:
                        yield emitted
                if self._settle_final():
                    async for emitted in self._check(self.output):
                        yield emitted
                if self._over:
                    return
        self._reach_limit()

    @property
    def _choice(self) -> str:
        return normalise_choice(self.agent.tool_choice, self.toolbox.tools)

    # -- one response ---------------------------------------------------------------------------

    def _request(self, messages: tuple[Message, ...], iteration: int) -> ModelRequest:
        agent = self.agent
        native = self.given.native
        request = ModelRequest(
            messages=tuple(self._new) if native is not None else (*messages, *self._new),
            native=native,
            system_instruction=agent.system_instruction,
            tools=tuple(self.toolbox.tools.values()),
            tool_choice=effective_choice(self._choice, iteration, agent.force_every_turn),
            parallel_tool_calls=agent.parallel_tool_calls,
            streaming=agent.streaming,
            plain_input=self.given.plain,
            transplant=agent.transplant,
        )
        return request if self.answering is None else self.answering.ask(request)

    async def _respond(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        """One model call: its events, in the order every consumer may rely on."""
        self._log_call(request)
        self._done = None
        self._response = ResponseFold()
        path, accounts = self.scope.path, self.scope.accounts
        digests = None if self._digests is None else self._digests.of(request)
        if self._retelling is not None:
            for event in self._retelling.response(digests or EMPTY):
                if event.durable:
                    self._take(event)
                yield event
            if self._retelling.turn is not None:
                await self._settle(self._retelling.turn, request)
                return
        assembler = self.scope.state.open[path] = ResponseAssembler()
        async with self._paid(request) as paid, closing(self.model.stream(request)) as stream:
            async for event in within(stream, accounts) if accounts else stream:
                for settled in assembler.feed(event):
                    if settled.durable:
                        paid.note(settled)
                        if digests is not None and type(settled) is ResponseDone:
                            settled = attrs.evolve(settled, request=digests)
                        self._take(settled)
                    yield settled
        self._require_done()
        self.scope.state.open.pop(path, None)

    async def _settle(self, turn: LoggedTurn, request: ModelRequest) -> None:
        """What the log answered was paid by this run too."""
        if self.scope.accounts:
            async with self._paid(request) as paid:
                for event in turn.events:
                    paid.note(event)

    def _paid(self, request: ModelRequest) -> Paying:
        return Paying(self.scope.accounts, self.model, request, self.scope.state.project)

    def _require_done(self) -> None:
        done = self._done
        if done is None:
            raise StreamInterruptedError(
                f"{self.model.provider}:{self.model.model} ended its stream without response.done",
                context={"provider": self.model.provider, "model": self.model.model},
            )
        facts = {"agent": self.agent.name, "token_usage": done.token_usage}
        _log.debug("response finished: %s", done.stop_reason, extra=facts)

    def _take(self, event: Event) -> None:
        if self._response.feed(event):
            return
        if isinstance(event, ResponseDone):
            self._done = event
        elif event.type == "attempt.rollback":
            self._response = ResponseFold()

    def _take_message(self) -> tuple[ToolCallBlock, ...]:
        """Append the response's message to the history and return its calls."""
        assert self._done is not None
        self.stop_reason = self._done.stop_reason
        message = self._response.message(self._done)
        self.output = "" if message is None else message.text
        if message is None:
            return ()
        self._new.append(message)
        calls = message.tool_calls
        return tuple(map(_refuse_cut, calls)) if self.stop_reason in _CUT_SHORT else calls

    def _log_call(self, request: ModelRequest) -> None:
        if not _log.isEnabledFor(logging.DEBUG):
            return
        _log.debug(
            "model call: %s:%s, %d messages, tools %s, tool choice %s",
            self.model.provider,
            self.model.model,
            len(request.native or ()) + len(request.messages),
            [tool.name for tool in request.tools],
            request.tool_choice,
            extra={"agent": self.agent.name},
        )

    # -- tools, end, limit ----------------------------------------------------------------------

    async def _run_tools(
        self, calls: tuple[ToolCallBlock, ...], answers: tuple[ToolCallBlock, ...] = ()
    ) -> AsyncGenerator[Emitted, None]:
        outputs = []
        state, accounts = self.scope.state, self.scope.accounts
        allowed = take_tool_calls(accounts, len(calls))
        calls, skipped = calls[:allowed], calls[allowed:]
        running = run_calls(
            calls,
            self.toolbox.tools,
            runtime_context=self.scope.runtime_context,
            mode=self.scope.mode,
            limit=self.agent.max_concurrency,
            approvals=state.approvals,
            executor=state.project.host.hooks.executor(),
            key_prefix="/".join((state.run_id, *self.scope.path, "")),
            error_detail=self.agent.tool_error_detail,
            max_output_chars=self.agent.max_tool_output,
            ledger=ledger(self.scope, self._retelling, self._new[-1].tool_calls),
        )
        async with aclosing(running) as stream:
            async for emitted in within(stream, accounts):
                if not emitted.path and isinstance(emitted.event, ToolOutputDone):
                    outputs.append(emitted.event.block())
                yield emitted
        for call in skipped:  # each call has an output, so that the history can be gone on with
            left_out = _not_run(call)
            outputs.append(left_out.block())
            yield Emitted((), left_out)
        reading, failure = self._read_calls(answers)
        for call in answers:
            told = answered(call, None if failure is None else self._told(failure))
            outputs.append(told.block())
            yield Emitted((), told)
        self._new.append(Message.user(outputs))
        if failure is not None:
            self._count_rejection(failure)
        if reading is not None:
            self.output, self.stop_reason = dumps(reading.json), "end_turn"
            async for emitted in self._accept(reading):
                yield emitted
        if skipped:
            raise tool_calls_exceeded(accounts, len(skipped))

    def _settle_final(self) -> bool:
        """Whether a tool that ends the run has answered."""
        tools = self.toolbox.tools
        for output in self._new[-1].tool_outputs:
            tool = None if output.name is None else tools.get(output.name)
            if tool is not None and tool.final and not output.is_error:
                self.output, self.stop_reason = output.text, "end_turn"
                self._over = True
                return True
        return False

    async def _finish(self) -> AsyncIterator[Emitted]:
        """The last response stands: it is read, where it must be a structure, and passes the output guardrails.

        An answer that is none goes back to the model.
        """
        if self.answering is None:
            self._over = True
            async for emitted in self._guard():
                yield emitted
            return
        try:
            reading = self.answering.read(self.output, (), self.stop_reason)
        except OutputParserError as error:
            self._count_rejection(error)
            told = self._told(error)
            self._new.append(Message.user(told))
            yield Emitted((), OutputRejected(told=told, problems=error.context["problems"]))
            return
        async for emitted in self._accept(reading):
            yield emitted

    async def _guard(self) -> AsyncIterator[Emitted]:
        if not self.guardrails:
            return
        override = (await guard_output(self.guardrails, self.output)).override()
        if override is not None:
            self.output = override.output
            yield Emitted((), override)

    # -- structured answers ---------------------------------------------------------------------

    def _sorted(
        self, calls: tuple[ToolCallBlock, ...]
    ) -> tuple[tuple[ToolCallBlock, ...], tuple[ToolCallBlock, ...]]:
        """The calls that are the answer, and the others."""
        if self.answering is None or self.answering.tool is None:
            return (), calls
        name = self.answering.tool.name
        return tuple(c for c in calls if c.name == name), tuple(c for c in calls if c.name != name)

    def _read_calls(
        self, calls: tuple[ToolCallBlock, ...]
    ) -> tuple[Reading[Any] | None, OutputParserError | None]:
        if self.answering is None or not calls:
            return None, None
        try:
            return self.answering.read("", calls, self.stop_reason), None
        except OutputParserError as error:
            return None, error

    def _told(self, error: OutputParserError) -> str:
        assert self.answering is not None
        return self.answering.told(error)

    def _count_rejection(self, error: OutputParserError) -> None:
        """Let the model try again; at the cap of iterations with ``on_limit="return"`` it is the end.

        :raises OutputParserError: it has had its tries.
        """
        assert self.answering is not None
        self._rejected += 1
        ended = self._last and self.agent.on_limit == "raise"
        if ended or not self.answering.forgives(error, self._rejected):
            facts = {"provider": self.model.provider, "model": self.model.model, "tries": self._rejected}
            error.context = {**facts, **error.context}
            raise error

    async def _check(self, text: str) -> AsyncIterator[Emitted]:
        """The output of a tool that ends the run is the answer: it must be one.

        :raises OutputParserError: it is not.
        """
        if self.answering is not None:
            async for emitted in self._accept(self.answering.read(text, (), None)):
                yield emitted

    async def _accept(self, reading: Reading[Any]) -> AsyncIterator[Emitted]:
        """The answer stands, as far as the output guardrails let it: what they say instead is read again."""
        assert self.answering is not None
        self._over = True
        self.value, self.result = reading.value, reading.json
        async for emitted in self._guard():
            self.value, self.result = self.answering.reread(self.output)
            yield emitted

    def _reach_limit(self) -> None:
        if self.agent.on_limit == "return":
            return
        cap = self.agent.max_iterations
        raise AgentMaxIterationsError(
            f"the model still asked for tools after {cap} iterations; raise max_iterations, "
            'or set on_limit="return" to get the partial result',
            context={
                "provider": self.model.provider,
                "model": self.model.model,
                "max_iterations": cap,
                "mode": self.scope.mode,
            },
        )


def _not_run(call: ToolCallBlock) -> ToolOutputDone:
    text = "not run: the budget for tool calls is used up"
    return ToolOutputDone(id=call.call_id, call_id=call.call_id, name=call.name, output=text, is_error=True)


def _refuse_cut(call: ToolCallBlock) -> ToolCallBlock:
    """A response that was cut may end in a call whose arguments never came: it must not run as a call without any."""
    if call.arguments_json.strip():
        return call
    return attrs.evolve(call, arguments_json="{", arguments=None)
