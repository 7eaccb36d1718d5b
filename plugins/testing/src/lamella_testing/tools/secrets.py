"""The secret in the settings is seen nowhere."""

from __future__ import annotations

from typing import Any

from lamella._frozen import thaw
from lamella._json import dumps
from lamella.agent import Agent
from lamella.content import ToolCallBlock
from lamella.serial import to_json
from lamella_testing.fakes import ScriptedModel
from lamella_testing.recording import EventRecorder
from lamella_testing.seen import logged, text_of_error
from lamella_testing.tools.base import ToolSourceBase
from lamella_testing.verdict import require, skip

__all__ = ["SecretContract"]


class SecretContract(ToolSourceBase):
    """What holds of secrets."""

    def test_the_secret_is_seen_nowhere(self) -> None:
        """Not in a repr, schema, description, output, error, event or log."""
        secret = self.secret
        if not secret:
            skip("secret is not set: give the key or password in the settings, if there is one")
        with logged() as lines:
            shown = self.play(self._shown)
        shown["the log"] = "\n".join(lines)
        seen = [where for where, text in shown.items() if secret in text]
        require(
            not seen,
            f"the secret is in {', '.join(seen)}; keep it in a field with repr=False, send it in headers or the "
            "environment, and take it out of the texts of errors",
        )

    async def _shown(self) -> dict[str, str]:
        shown: dict[str, str] = {}
        broken = self.make_broken_source()
        if broken is not None:
            shown["the repr of a source that cannot be opened"] = repr(broken)
            try:
                await broken.open()
            except Exception as error:
                shown["the error of open()"] = text_of_error(error)
        async with self.opened() as (source, tools):
            shown["the repr of the source"] = f"{source!r} {source}"
            for name, tool in tools.items():
                shown[f"the tool {name}"] = f"{tool!r} {tool.description}"
                shown[f"the schema of {name}"] = dumps(
                    [thaw(tool.input_schema), thaw(tool.output_schema or {})]
                )
            for calls in (self.calls, self.failing_calls):
                outputs: list[Any] = await self.one_by_one(tools, calls)
                for call, done in zip(calls, outputs, strict=True):
                    shown[f"the output of {call}"] = repr(done.output)
        shown["the events of a run"] = await self._run()
        return shown

    async def _run(self) -> str:
        blocks = [
            ToolCallBlock(call_id=f"call-{place}", name=call.tool, arguments=dict(call.arguments))
            for place, call in enumerate((*self.calls, *self.failing_calls))
        ]
        recorder = EventRecorder()
        model = ScriptedModel(blocks or "The end.", "The end.")
        agent = Agent(model, tools=[self.make_source()], sinks=[recorder], approve=lambda _: True)
        error = ""
        try:
            await agent.arun("Go.", runtime_context=dict(self.runtime_context))
        except Exception as raised:  # what is wrong with the run, other tests say
            error = text_of_error(raised)
        return "\n".join([*(to_json(event) for event in recorder.events), error])
