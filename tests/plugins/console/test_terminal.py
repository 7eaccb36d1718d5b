"""What a terminal shows while a run goes on and after it: Markdown block by block, and the rows that are not final."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import random
import re
import struct
import termios
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from lamella.events import (
    AgentEnd,
    AgentStart,
    ApprovalPending,
    ApprovalResolved,
    AttemptRollback,
    Event,
    MessageOutputDelta,
    MessageOutputDone,
    ProgressEnd,
    ProgressStart,
    ProgressUpdate,
    ReasoningDelta,
    ReasoningDone,
    ResponseDone,
    RunStreamEvent,
    StreamResumed,
    ToolCallDone,
    ToolOutputDone,
    ToolStart,
)
from lamella_console import ConsoleSink

Item = Event | tuple[tuple[str, ...], Event]

SEQUENCE = re.compile(r"\x1b\[(\d*)([AJ])|\x1b\[[0-9;]*m")
"""All that may come: some lines up, nothing below, colours."""

ANSWER = """# Title

Some *text* with a [link](https://example.com/a) and `code` that is long enough to be wrapped by a narrow terminal.

1. Install it:

   ```bash
   pip install a-very-long-name-that-does-not-fit --with-an-option=1
   ```

2. Use it:
   - now
   - or later

> a quote

```python
def twice(x):
\treturn 2 * x

```

| name | value |
|------|------:|
| 世界 | 12 |

---

<b>The end.</b>"""


class Screen:
    """What a terminal of ``width`` columns shows. The cursor cannot go above the ``height`` last lines."""

    def __init__(self, width: int, height: int = 24) -> None:
        self.width, self.height = width, height
        self.rows: list[list[str]] = [[]]
        self.row = self.column = 0

    def feed(self, text: str) -> None:
        place = 0
        while place < len(text):
            sequence = SEQUENCE.match(text, place)
            if sequence is not None:
                self._obey(sequence)
                place = sequence.end()
                continue
            self._write(text[place])
            place += 1

    def _obey(self, sequence: re.Match[str]) -> None:
        if sequence[2] == "A":
            top = max(0, len(self.rows) - self.height)
            self.row = max(top, self.row - int(sequence[1] or 1))
        elif sequence[2] == "J":
            del self.rows[self.row + 1 :]
            del self.rows[self.row][self.column :]

    def _write(self, sign: str) -> None:
        assert sign in "\n\r\t" or sign.isprintable() or not sign.isascii(), f"{sign!r} reached the terminal"
        if sign == "\r":
            self.column = 0
        elif sign == "\n":
            self._down()
        else:
            cells = cell_len(sign)
            if self.column + cells > self.width:
                self._down()
            row = self.rows[self.row]
            row.extend(" " * (self.column - len(row)))
            row[self.column : self.column + cells] = [sign, *[""] * (cells - 1)]
            self.column += cells

    def _down(self) -> None:
        self.row, self.column = self.row + 1, 0
        while self.row >= len(self.rows):
            self.rows.append([])

    @property
    def text(self) -> str:
        lines = ["".join(row).rstrip() for row in self.rows]
        return "\n".join(lines).rstrip("\n")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "COLORTERM", "TMUX", "STY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    return monkeypatch


def envelopes(items: Sequence[Item]) -> list[RunStreamEvent]:
    placed = [item if isinstance(item, tuple) else ((), item) for item in items]
    return [
        RunStreamEvent(event=event, path=path, run_id="r1", seq=seq)
        for seq, (path, event) in enumerate(placed)
    ]


async def frames(items: Sequence[Item], width: int = 40, **chosen: Any) -> list[str]:
    """What the terminal shows after each event, and at the end."""
    out, screen, shown = Terminal(), Screen(width), []
    sink = ConsoleSink(stream=out, width=width, **chosen)
    await sink.open()
    for envelope in envelopes(items):
        await sink.write([envelope])
        shown.append(_taken(out, screen))
    await sink.close()
    return [*shown, _taken(out, screen)]


def _taken(out: io.StringIO, screen: Screen) -> str:
    screen.feed(out.getvalue())
    out.seek(0)
    out.truncate()
    return screen.text


async def last(items: Sequence[Item], width: int = 40, **chosen: Any) -> str:
    return (await frames(items, width, **chosen))[-1]


async def written(items: Sequence[Item], width: int = 40, **chosen: Any) -> str:
    """The same events outside of a terminal."""
    out = io.StringIO()
    sink = ConsoleSink(stream=out, width=width, **{"markdown": True, "view": "tree", **chosen})
    await sink.open()
    await sink.write(envelopes(items))
    await sink.close()
    return out.getvalue()


async def plain(items: Sequence[Item], width: int = 40) -> str:
    """The same, without spaces at the ends of lines."""
    return "\n".join(line.rstrip() for line in (await written(items, width)).split("\n")).rstrip("\n")


def streamed(text: str, size: int = 3) -> list[Item]:
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    return [*[MessageOutputDelta(delta=piece) for piece in pieces], MessageOutputDone(output=text)]


# -- Markdown -------------------------------------------------------------------------------------


async def test_an_answer_is_shown_as_markdown_once_its_blocks_are_finished() -> None:
    shown = await frames(
        [MessageOutputDelta(delta=piece) for piece in ("some *te", "xt*", "\n\n", "- on", "e")]
    )
    assert shown == [
        "some *te",
        "some *text*",
        "some text",
        "some text\n\n- on",
        "some text\n\n- one",
        "some text\n\n • one",
    ]


GOLDEN = """Title

Some text with a link
(https://example.com/a) and code that
is long enough to be wrapped by a
narrow terminal.

 1 Install it:
   pip install a-very-long-name-that-does-not-fit --with-an-option=1
 2 Use it:
    • now
    • or later

▌ a quote

def twice(x):
\treturn 2 * x


name   value
────────────
世界      12

───────────────────────────────────────

<b>The end.</b>
"""


async def test_markdown_outside_of_a_terminal_is_its_blocks_and_code_keeps_its_text() -> None:
    assert await plain(streamed(ANSWER)) + "\n" == GOLDEN


@pytest.mark.parametrize("size", [1, 2, 7, 40, 10_000])
async def test_the_picture_does_not_depend_on_the_pieces(size: int) -> None:
    assert await plain(streamed(ANSWER, size)) + "\n" == GOLDEN
    assert await plain([MessageOutputDone(output=ANSWER)]) + "\n" == GOLDEN


@pytest.mark.parametrize("width", [20, 40, 79])
async def test_what_stays_in_a_terminal_is_what_a_file_gets(width: int) -> None:
    """Nothing of the unfinished blocks is left behind."""
    at_once = Screen(width)
    at_once.feed(await written(streamed(ANSWER), width))
    assert await last(streamed(ANSWER), width) == at_once.text


async def test_an_unfinished_block_shows_its_last_rows_and_leaves_none() -> None:
    text = " ".join(str(number) for number in range(1000))
    shown = await frames(streamed(text, 40), 40)
    assert max(len(frame.splitlines()) for frame in shown[:-2]) <= 13
    assert shown[-1].split() == text.split()


async def test_piped_output_is_the_text_as_it_is() -> None:
    out = io.StringIO()
    sink = ConsoleSink(stream=out)
    await sink.write(envelopes(streamed(ANSWER)))
    await sink.close()
    assert out.getvalue() == ANSWER + "\n"


async def test_markdown_can_be_switched_off_in_a_terminal() -> None:
    assert await last(streamed("*a*\n\n- b"), markdown=False) == "*a*\n\n- b"


async def test_link_targets_that_are_defined_elsewhere_stay_text() -> None:
    """What is out already cannot become a link when its target comes."""
    text = "see [it][ref]\n\n[ref]: https://example.com/abcdefghijklmnop\n\nand [it][ref]"
    assert await plain(streamed(text, 1), 80) == text


async def test_words_wider_than_the_terminal_and_wide_characters_are_broken_not_lost() -> None:
    word, wide = "x" * 95, "世界" * 30
    shown = await last(streamed(f"{word}\n\n{wide}"), 40)
    assert shown.replace("\n", "").replace(" ", "") == word + wide
    assert all(cell_len(line) <= 40 for line in shown.split("\n"))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(["- ", "1. ", "\n", "\n\n", "```", "|a|b|\n|-|-|\n", "> ", "# ", "a b", "世", "\x1b[31m", "&#27;[2J",
                         "<x>", "[a](b)", "[a]: ", "    ", "\t", "![i](j)", "*", "`", "---", "\r", "\x9b", "&#x9b;", "~~"]),
        max_size=25,
    ),
    st.integers(0, 5),
)  # fmt: skip
async def test_no_text_steers_the_terminal_and_pieces_change_nothing(parts: list[str], seed: int) -> None:
    """Whatever a model says: only colours and the rows below the text are controlled, never by the text."""
    text = "".join(parts)
    dice = random.Random(seed)
    pieces: list[str] = []
    while len("".join(pieces)) < len(text):
        begin = len("".join(pieces))
        pieces.append(text[begin : begin + dice.randint(1, 9)])
    items = [*[MessageOutputDelta(delta=piece) for piece in pieces], MessageOutputDone(output=text)]
    whole = Screen(30, 500)
    whole.feed(await written([MessageOutputDone(output=text)], 30))
    assert await last(items, 30) == whole.text


# -- what is taken back ---------------------------------------------------------------------------


async def test_a_rollback_takes_an_unfinished_block_off_the_screen() -> None:
    shown = await last(
        [
            MessageOutputDelta(delta="half an ans"),
            AttemptRollback(attempt=1, error="overloaded", visible=True),
            *streamed("An answer"),
        ],
        80,
    )
    assert shown == "attempt 1 failed (overloaded): trying again\n\nAn answer"


async def test_a_rollback_marks_what_is_finished() -> None:
    shown = await last(
        [
            MessageOutputDelta(delta="finished\n\nhalf"),
            AttemptRollback(attempt=1, error="overloaded", visible=True),
            *streamed("An answer"),
        ],
        80,
    )
    assert shown == (
        "finished\nattempt 1 failed (overloaded): the text above is taken back; trying again\n\nAn answer"
    )


async def test_a_rollback_of_an_agent_that_waits_shows_nothing_of_it() -> None:
    shown = await last(
        [
            (("a",), MessageOutputDelta(delta="from a")),
            (("b",), MessageOutputDelta(delta="half")),
            (("b",), AttemptRollback(attempt=1, error="x", visible=True)),
            (("b",), MessageOutputDelta(delta="whole")),
            (("b",), MessageOutputDone(output="whole")),
            (("a",), MessageOutputDone(output="from a")),
        ]
    )
    assert shown == "\n".join(["│  from a", "├─ b", "│  attempt 1 failed (x): trying again", "│", "│  whole"])


async def test_a_run_that_goes_on_is_not_held_up_by_who_was_cut() -> None:
    shown = await last(
        [
            (("a",), MessageOutputDelta(delta="cut")),
            (("b",), MessageOutputDelta(delta="also cut")),
            StreamResumed(),
            (("b",), AttemptRollback(code="run.resumed", visible=True)),
            (("b",), MessageOutputDone(output="whole")),
        ],
        80,
    )
    assert shown.split("\n")[-1] == "│  whole"
    assert shown.index("goes on from here") < shown.index("whole")
    assert "taken back" in shown


# -- who is at work -------------------------------------------------------------------------------


async def test_the_last_row_says_what_runs() -> None:
    shown = await frames(
        [
            ToolCallDone(call_id="c1", name="add", arguments_json="{}"),
            ToolCallDone(call_id="c2", name="add", arguments_json="{}"),
            ResponseDone(stop_reason="tool_use"),
            ToolStart(call_id="c1", name="add"),
            ToolStart(call_id="c2", name="add"),
            ToolOutputDone(call_id="c1", name="add", output="1"),
            ToolOutputDone(call_id="c2", name="add", output="2"),
        ]
    )
    calls = "add({})\nadd({})"
    assert shown[3:] == [
        f"{calls}\nrunning: add",
        f"{calls}\nrunning: add (2)",
        f"{calls}\n  add -> 1\nrunning: add",
        f"{calls}\n  add -> 1\n  add -> 2",
        f"{calls}\n  add -> 1\n  add -> 2",
    ]


async def test_progress_is_a_bar_and_its_end_a_line() -> None:
    shown = await frames(
        [
            ProgressStart(key="load", details="model.bin"),
            ProgressUpdate(key="load", fraction=0.5),
            ProgressUpdate(key="load", fraction=1.0),
            ProgressEnd(key="load"),
        ]
    )
    assert shown == [
        "load: model.bin",
        "load ━━━━━━────── 50%",
        "load ━━━━━━━━━━━━ 100%",
        "  load: done",
        "  load: done",
    ]


async def test_f_evt16_nothing_is_drawn_while_somebody_is_asked() -> None:
    """F-EVT16: the question stands at the bottom of this very terminal."""
    shown = await frames(
        [
            ToolStart(call_id="c1", name="slow"),
            ApprovalPending(call_id="c2", name="rm"),
            ProgressUpdate(key="k", fraction=0.1),
            ApprovalResolved(call_id="c2", name="rm", approved=True),
        ]
    )
    pending = "  waiting for approval: rm({})"
    assert shown[:3] == ["running: slow", pending, pending]
    assert shown[3].startswith(f"{pending}\n  approved: rm\nrunning: slow")


async def test_agents_at_work_are_named_under_the_one_that_talks() -> None:
    a, b = ("a",), ("b",)
    shown = await frames(
        [
            (a, AgentStart(agent="a")),
            (b, AgentStart(agent="b")),
            (a, MessageOutputDelta(delta="one")),
            (b, MessageOutputDelta(delta="hidden")),
            (b, MessageOutputDone(output="hidden")),
            (a, MessageOutputDelta(delta=" two")),
            (a, MessageOutputDone(output="one two")),
            (a, AgentEnd(agent="a")),
            (b, AgentEnd(agent="b")),
        ]
    )
    assert shown[4] == "├─ a\n├─ b\n├─ a\n│  one\nat work: a, b"
    assert shown[6] == "├─ a\n├─ b\n├─ a\n│  one two\n├─ b\n│  hidden\nat work: a, b"
    assert shown[7].endswith("hidden\nat work: b")
    assert shown[-1] == "├─ a\n├─ b\n├─ a\n│  one two\n├─ b\n│  hidden"


# -- widths and environments ----------------------------------------------------------------------


async def in_pty(items: Sequence[Item], sizes: Sequence[int], **chosen: Any) -> str:
    """What a pseudo-terminal gets; its width changes before each event as ``sizes`` say."""
    leader, follower = pty.openpty()
    shown = b""
    with os.fdopen(follower, "w", encoding="utf-8") as terminal:
        sink = ConsoleSink(stream=terminal, **chosen)
        await sink.open()
        for place, envelope in enumerate(envelopes(items)):
            size = struct.pack("HHHH", 24, sizes[min(place, len(sizes) - 1)], 0, 0)
            fcntl.ioctl(follower, termios.TIOCSWINSZ, size)
            await sink.write([envelope])
            shown += _ready(leader)
        await sink.close()
        shown += _ready(leader)
    os.close(leader)
    return shown.decode()


def _ready(leader: int) -> bytes:
    import select

    got = b""
    while select.select([leader], [], [], 0)[0]:
        got += os.read(leader, 65536)
    return got


async def test_blocks_take_the_width_that_the_terminal_has_when_they_are_finished() -> None:
    words = "word " * 12
    shown = await in_pty([*streamed(f"{words}\n\n", 100), *streamed(words, 100)], [60, 60, 30])
    lines = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", shown).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert lines.count(("word " * 12).strip()) == 1
    assert lines[-3:] == [("word " * 6).strip(), ("word " * 6).strip(), ""]


async def test_rows_that_a_narrower_terminal_broke_are_taken_away() -> None:
    tail = "x" * 50
    shown = await in_pty([MessageOutputDelta(delta=tail), MessageOutputDelta(delta="y")], [60, 20])
    assert "\x1b[2A\x1b[J" in shown  # 50 cells are 3 lines of 20


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
async def test_a_terminal_that_is_to_get_no_control_codes_gets_none(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv(name, value)
    text = "*a*\n\n- b"
    shown = await in_pty([ReasoningDelta(delta="hm"), ReasoningDone(text="hm"), *streamed(text)], [80])
    assert shown == "hm\r\n\r\n*a*\r\n\r\n- b\r\n"


async def test_force_color_colours_a_pipe_but_draws_nothing_again(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("FORCE_COLOR", "1")
    out = io.StringIO()
    sink = ConsoleSink(stream=out)
    events = [ReasoningDelta(delta="hm"), ReasoningDone(text="hm"), ToolStart(call_id="c", name="f")]
    await sink.write(envelopes([*events, *streamed("*a*")]))
    await sink.close()
    assert out.getvalue() == "\x1b[2mhm\x1b[0m\n\n*a*\n"
    environment.setenv("NO_COLOR", "1")
    assert "\x1b" not in await plain(events)


async def test_columns_says_how_wide_a_pipe_is(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("COLUMNS", "11")
    out = io.StringIO()
    sink = ConsoleSink(stream=out, markdown=True)
    await sink.write(envelopes(streamed("one two three four")))
    await sink.close()
    assert out.getvalue() == "one two\nthree four\n"


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "ascii", "shift_jis"])
async def test_a_code_page_that_lacks_signs_gets_simpler_ones(encoding: str) -> None:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    sink = ConsoleSink(stream=file, markdown=True, view="tree", width=40)
    a = ("a",)
    await sink.write(
        envelopes(
            [(a, AgentStart(agent="a")), (a, MessageOutputDone(output="- “x” … 𓂀")), (a, AgentEnd(agent="a"))]
        )
    )
    await sink.close()
    assert (
        raw.getvalue().decode(encoding)
        == {
            "cp1252": "+- a\n|   • “x” … ?\n",
            "cp437": '├─ a\n│   * "x" ... ?\n',
            "ascii": '+- a\n|   * "x" ... ?\n',
            "shift_jis": "├─ a\n│   * “x” … ?\n",
        }[encoding]
    )


async def test_a_pipe_is_written_by_lines() -> None:
    flushed: list[str] = []

    class Counting(io.StringIO):
        def flush(self) -> None:
            flushed.append(self.getvalue())

    sink = ConsoleSink(stream=Counting())
    await sink.write(envelopes([MessageOutputDelta(delta=piece) for piece in ("a", "b\n", "c")]))
    assert flushed == ["ab\n"]
    await sink.close()
    assert flushed[-1] == "ab\nc\n"


# -- cost -----------------------------------------------------------------------------------------


class _Counted(Terminal):
    written = 0

    def write(self, text: str) -> int:
        self.written += len(text)
        return len(text)


LIST = "".join(f"- item {number} of a list that has no end\n\n" for number in range(600))
FENCE = "```\n" + "a line of code\n\n" * 1500 + "```\n"


@pytest.mark.parametrize(
    "text", [ANSWER + "\n\n", LIST, FENCE, "word " * 500], ids=["mixed", "list", "fence", "line"]
)
async def test_markdown_takes_linear_time_and_output(text: str) -> None:
    """Twice the text is twice the work, also where it is one block."""

    async def cost(times: int) -> tuple[float, int]:
        out = _Counted()
        sink = ConsoleSink(stream=out, width=80)
        run = envelopes(streamed(text * times, 20)[:-1])
        await sink.open()
        begin = time.process_time()
        for envelope in run:
            await sink.write([envelope])
        await sink.close()
        return time.process_time() - begin, out.written

    await cost(1)
    short, long = await cost(1), await cost(8)
    assert long[1] < 12 * short[1]
    assert long[0] < 30 * max(short[0], 0.01)
