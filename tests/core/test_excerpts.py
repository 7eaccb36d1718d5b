"""F-X04: reading runs and histories, and histories with parts left out."""

from __future__ import annotations

from lamella import ChainRun, ExtractionRun, Message, MessagesRun, ParallelRun, ToolCallBlock, ToolOutputBlock
from lamella.excerpts import (
    extractions,
    flat_messages,
    last_message,
    last_output,
    total_usage,
    with_system,
    without_earlier_users,
    without_raw,
    without_tools,
    without_usage,
)
from lamella.usage import TokenUsage

USAGE = TokenUsage(input_tokens=1, output_tokens=2)
ASKED, SAID = Message.user("a"), Message(role="assistant", content="b", usage=USAGE, raw={"x": 1})
CALL = Message.assistant(["c", ToolCallBlock(call_id="1", name="t", arguments={})])
OUTPUT = Message.user([ToolOutputBlock(call_id="1", output="d")])
HISTORY = [Message.system("s"), ASKED, SAID, Message.user("e"), CALL, OUTPUT, Message.assistant("f")]


def messages(*given: Message) -> MessagesRun:
    return MessagesRun(messages=given, token_usage=USAGE)


def test_f_x04_runs_are_read_flat() -> None:
    found = ExtractionRun(messages=(Message.assistant("{}"),), result={"x": 1})
    runs = [messages(ASKED), ChainRun(runs=(messages(SAID), ParallelRun(runs=(found, messages(CALL)))))]
    assert flat_messages(runs) == [ASKED, SAID, found.messages[0], CALL]
    assert last_message(runs) == CALL
    assert last_message(runs, "user") == ASKED
    assert last_message([]) is None
    assert (last_output(runs), last_output([])) == ("c", "")
    assert extractions(runs[1]) == [{"x": 1}]
    assert total_usage([messages(ASKED), messages(SAID)]) == USAGE + USAGE
    assert total_usage([]) is None


def test_f_x04_agents_called_as_tools_are_not_part_of_the_conversation() -> None:
    assert flat_messages([MessagesRun(messages=(ASKED,), runs=(messages(SAID),))]) == [ASKED]


def test_f_x04_histories_without_parts() -> None:
    assert with_system(HISTORY, "new") == (Message.system("new"), *HISTORY[1:])
    assert [message.text for message in without_tools(HISTORY)] == ["s", "a", "b", "e", "c", "f"]
    assert without_earlier_users(HISTORY) == (HISTORY[0], *HISTORY[2:])
    assert without_earlier_users([SAID]) == (SAID,)
    assert without_raw([SAID])[0].raw is None
    assert without_usage([SAID])[0].usage is None
    assert without_usage([SAID])[0].raw == {"x": 1}
    assert SAID.usage == USAGE
