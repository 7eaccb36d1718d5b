"""Script files: everything a script can say, and errors that name file, turn, step and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from lamella.errors import ConfigError
from lamella.usage import TokenUsage
from lamella_sim import Delay, Error, Match, Reasoning, Refusal, Structured, Text, ToolCall, Turn, load_script

EVERYTHING = """
[[turns]]
match = { text = "weather", turn = 0 }
usage = { input_tokens = 10, output_tokens = 2 }
stop_reason = "tool_use"
steps = [
  { reasoning = "I look it up.", summary = "look up", signature = "sig" },
  "Just a moment.",
  { delay = 0.5 },
  { tool_call = "weather", arguments = { city = "Paris" }, call_id = "c1" },
  { tool_call = "weather", arguments_json = "{broken" },
]

[[turns]]
match = "hello"
text = "Hello."

[[turns]]
structured = { name = "Ada", age = 36 }

[[turns]]
refusal = "I will not."

[[turns]]
error = 429
message = "slow down"
retry_after = 2

[[turns]]
error = { status = 503, code = "overloaded" }

[[turns]]
reasoning = { summary = "only this" }
"""


def test_everything_a_script_can_say(tmp_path: Path) -> None:
    file = tmp_path / "script.toml"
    file.write_text(EVERYTHING)
    script = load_script(file)
    assert script.name == str(file)
    assert script.turns == (
        Turn(
            [
                Reasoning("I look it up.", summary="look up", signature="sig"),
                Text("Just a moment."),
                Delay(0.5),
                ToolCall("weather", {"city": "Paris"}, call_id="c1"),
                ToolCall("weather", arguments_json="{broken"),
            ],
            match=Match(text="weather", turn=0),
            usage=TokenUsage(input_tokens=10, output_tokens=2),
            stop_reason="tool_use",
        ),
        Turn("Hello.", match=Match(text="hello")),
        Turn(Structured({"name": "Ada", "age": 36})),
        Turn(Refusal("I will not.")),
        Turn(Error(429, "slow down", retry_after=2)),
        Turn(Error(503, code="overloaded")),
        Turn(Reasoning(summary="only this")),
    )


def test_a_mapping_says_the_same() -> None:
    assert load_script({"turns": [{"text": "hi"}]}).turns == (Turn("hi"),)


BAD = [
    ("turns = 3", "'turns' must be a list of tables"),
    ("[[turn]]\ntext = 'x'", "unknown key 'turn', did you mean 'turns'?"),
    ("[[turns]]\ntxt = 'x'", r"turn 1: unknown key 'txt', did you mean 'text'\?"),
    (
        "[[turns]]\ntext = 'x'\n[[turns]]\nsteps = [{ tool_cal = 'x' }]",
        r"turn 2, step 1: .* did you mean 'tool_call'\?",
    ),
    (
        "[[turns]]\nsteps = [{ text = 'a' }, { delay = 'x' }]",
        r"turn 1, step 2: delay: 'seconds' must be seconds",
    ),
    (
        "[[turns]]\ntool_call = 'x'\nargments = { a = 1 }",
        r"turn 1 \(tool_call\): unknown key 'argments', did you mean 'arguments'\?",
    ),
    ("[[turns]]\nrefusal = 'a'\ndelay = 1", "one step does one thing, this one has 'refusal', 'delay'"),
    ("[[turns]]\nsteps = ['a']\ntext = 'b'", "'text' belongs into a step"),
    ("[[turns]]", "turn 1: says nothing"),
    ("[[turns]]\nsteps = [3]", "turn 1, step 1: a step is text or a table"),
    ("[[turns]]\nsteps = 'a'", "'steps' must be a list"),
    (
        "[[turns]]\ntext = 'a'\nstop_reason = 'max_token'",
        "unknown stop_reason 'max_token', did you mean 'max_tokens'",
    ),
    (
        "[[turns]]\ntext = 'a'\nusage = { input_token = 1 }",
        "usage: unknown key 'input_token', did you mean 'input_tokens'",
    ),
    ("[[turns]]\ntext = 'a'\nusage = { input_tokens = -1 }", "must be a count"),
    ("[[turns]]\ntext = 'a'\nusage = 3", "'usage' must be a table"),
    ("[[turns]]\ntext = 'a'\nmatch = { txt = 'b' }", "match: unknown key 'txt', did you mean 'text'"),
    ("[[turns]]\ntext = 'a'\nmatch = 3", "'match' must be text or a table"),
    ("[[turns]]\ntext = 'a'\nmatch = { regex = '(' }", "turn 1.*no regular expression"),
    ("[[turns]]\ntool_call = 'x'\narguments = { day = 2026-01-01 }", "an object .* of JSON"),
    ("[[turns]]\nerror = 200", "an HTTP error status"),
    ("[[turns]\n", "cannot be read as TOML"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_errors_say_where_and_what_was_meant(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_script(file)
    assert "bad.toml" in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no script file .*nowhere\.toml"):
        load_script(tmp_path / "nowhere.toml")
