"""A run that is resumed, with its real journal: its span has the name of its agent. F-X26, F-LOG04."""

from __future__ import annotations

from lamella.recordings import Recording
from lamella_otel import OtelSink

from memory_store import MemoryStore
from scenarios import INPUT, made


async def test_the_span_of_a_resumed_run_names_its_agent(collected: object) -> None:
    store = MemoryStore()
    run = await made("many_turns", journal=store).arun(INPUT)
    store.cut(run.run_id, 12)
    recording = await Recording.aload(store, run.run_id)
    sink: OtelSink = collected.sink()  # type: ignore[attr-defined]
    result = await recording.aresume(made("many_turns", sinks=[sink]))
    assert result.output == "Done."
    spans = collected.spans  # type: ignore[attr-defined]
    top = next(span for span in spans if span.name == "invoke_agent many")
    assert top.attributes["lamella.resumed"] is True
    assert top.attributes["gen_ai.agent.name"] == "many"
    assert {span.name for span in spans} >= {"chat demo", "execute_tool add"}
