"""F-N12, F-N13, F-N32: what ``runtime_context`` holds is nowhere to be read, however a parameter is written."""

from __future__ import annotations

import logging
from typing import Annotated, Any, Optional, Union

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lamella
from lamella import Agent, AgentLogger, LamellaError, Tool, ToolRuntime, to_json
from lamella.tools import cached, middleware

from fakes import Recorder, ScriptedModel, bare, calls, says

RT = ToolRuntime
MaybeRuntime = Optional[ToolRuntime]  # noqa: UP045

HINTS = [
    "ToolRuntime",
    "'ToolRuntime'",
    "ToolRuntime | None",
    "None | ToolRuntime",
    "Optional[ToolRuntime]",
    "Optional['ToolRuntime']",
    "Union[ToolRuntime, None]",
    "Union[None, 'ToolRuntime']",
    "Annotated[ToolRuntime, 'the context']",
    "Annotated[ToolRuntime | None, 1]",
    "Annotated[Optional[ToolRuntime], 1, 2]",
    "Optional[Annotated[ToolRuntime, 1]]",
    "RT",
    "'RT'",
    "MaybeRuntime",
    "lamella.ToolRuntime",
    "'lamella.ToolRuntime'",
    "somewhere.ToolRuntime",
]
FORMS = ["q: str, runtime: {}", "runtime: {}, q: str", "q: str, *, runtime: {}", "runtime: {}, /, q: str"]
KINDS = ["def", "async def"]
NAMES = {
    "ToolRuntime": ToolRuntime, "Optional": Optional, "Union": Union, "Annotated": Annotated, "RT": RT,
    "MaybeRuntime": MaybeRuntime, "lamella": lamella,
}  # fmt: skip


def made(hint: str, form: str, kind: str, postponed: bool, **options: Any) -> tuple[Tool, list[str]]:
    """A tool whose parameter is written like this, and what it saw. It puts the value into its error."""
    seen: list[str] = []
    names: dict[str, Any] = {**NAMES, "seen": seen}
    source = (
        f"{kind} look({form.format(hint)}) -> str:\n"
        "    'Look.'\n"
        "    seen.append(runtime.token)\n"
        "    if q == 'fail':\n"
        "        raise ValueError(f'{runtime.token} {runtime.token!r} {runtime.deep} {runtime}')\n"
        "    return 'fine'\n"
    )
    if postponed:
        source = "from __future__ import annotations\n" + source
    exec(compile(source, "<look>", "exec", dont_inherit=True), names)
    return Tool.from_callable(names["look"], **options), seen


class Everything:
    """What there is to read of a run: schema, requests, events, log, errors, results."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def add(self, *things: Any) -> None:
        for thing in things:
            self.texts += [str(thing), repr(thing)]


async def read(agent: Agent, model: ScriptedModel, sink: Recorder, context: dict[str, Any]) -> Everything:
    """Run, and read everything."""
    all_there_is = Everything()
    stream = agent.astream("go", runtime_context=context)
    try:
        async for event in stream:
            all_there_is.add(event, to_json(event))
    except LamellaError as error:
        all_there_is.add(error, error.context, error.partial, AgentLogger().log_exception(error))
    all_there_is.add(stream.result, to_json(stream.result))
    for request in model.requests:
        all_there_is.add(request, *request.messages, *request.tools)
        all_there_is.add(*(tool.wire_schema() for tool in request.tools))
        all_there_is.texts += [to_json(message) for message in request.messages]
    for written in sink.events:
        all_there_is.add(written)
    return all_there_is


def postponable(hint: str, postponed: bool) -> bool:
    """A name that does not exist is an error of Python itself where annotations are evaluated."""
    return postponed or not hint.startswith("somewhere")


SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FFF), min_size=12, max_size=24).map(
    lambda text: f"Zq{text}"
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    secret=SECRETS,
    hint=st.sampled_from(HINTS),
    form=st.sampled_from(FORMS),
    kind=st.sampled_from(KINDS),
    postponed=st.booleans(),
    on_error=st.sampled_from(["return", "raise"]),
    strict=st.booleans(),
)
async def test_f_n12_f_n13_f_n32_hidden_values_are_nowhere(
    caplog: pytest.LogCaptureFixture,
    secret: str,
    hint: str,
    form: str,
    kind: str,
    postponed: bool,
    on_error: Any,
    strict: bool,
) -> None:
    if not postponable(hint, postponed):
        return
    caplog.clear()
    caplog.set_level(logging.DEBUG)
    tool, seen = made(hint, form, kind, postponed, on_error=on_error, strict=strict)
    tool = cached(middleware(tool, before=lambda call: None), ttl=60, tenant="token")
    fake = f'{{"q": "ok", "runtime": {{"token": "{"x" * 8}"}}}}'
    model = ScriptedModel(
        calls(("c1", "look", '{"q": "ok"}')),
        calls(("c2", "look", fake if on_error == "return" else '{"q": "ok"}')),
        calls(("c3", "look", '{"q": "fail"}')),
        says("done"),
    )
    sink = Recorder()
    agent = Agent(model, tools=[tool], sinks=[sink], project=bare())
    everything = await read(
        agent, model, sink, {"token": secret, "deep": {"list": [secret, secret.encode()]}}
    )
    assert seen == [secret, secret], "it was filled in, each time it ran"
    assert list(tool.input_schema["properties"]) == ["q"]
    assert "ToolRuntime" not in str(tool.input_schema)
    assert any("[hidden]" in text for text in everything.texts), "the error that told it is there"
    spellings = {secret, repr(secret)[1:-1], str(secret.encode())[2:-1]}
    for text in [*everything.texts, caplog.text, *(str(vars(record)) for record in caplog.records)]:
        assert (
            "ToolRuntime" not in text or "[hidden]" in text or "ToolRuntime(" in text or "Tool(" not in text
        )
        for spelling in spellings:
            assert spelling not in text
