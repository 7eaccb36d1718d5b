"""What the README shows: a provider of one method passes, and a line taken out is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

README = Path(__file__).parents[3] / "plugins" / "testing" / "README.md"


def example() -> str:
    found = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def run(pytester: pytest.Pytester, code: str) -> tuple[pytest.RunResult, dict[str, str]]:
    pytester.makepyfile(test_echo=code)
    result = pytester.runpytest_subprocess("-q", "-W", "error", "-p", "no:cacheprovider", "-rf")
    return result, result.parseoutcomes()  # type: ignore[return-value]


def test_a_provider_of_one_method_passes(pytester: pytest.Pytester) -> None:
    _, outcomes = run(pytester, example())
    assert outcomes["passed"] > 30
    assert "failed" not in outcomes


@pytest.mark.parametrize(
    ("line", "test", "said"),
    [
        (
            "        yield ResponseDone()\n",
            "test_response_done_comes_once_and_last",
            "stream() ended without response.done; yield ResponseDone(…) last",
        ),
        (
            "        self.plan(request).raise_for_problems()\n",
            "test_media_inputs[image]",
            "image input is not declared, but stream() takes such a request and leaves it out in silence",
        ),
        (
            "        self.plan(request).raise_for_problems()\n",
            "test_tools",
            "tools is not declared, but stream() takes such a request",
        ),
        (
            "        return Echo()\n",
            "test_a_stream_yields_events",
            "write TestEcho.make_model(self, base_url=None): return a new model of yours",
        ),
    ],
)
def test_a_line_taken_out_is_named(pytester: pytest.Pytester, line: str, test: str, said: str) -> None:
    indent = line[: len(line) - len(line.lstrip())]
    code = example()
    assert line in code
    taken = "super().make_model()" if "Echo()" in line else "pass"
    result, _ = run(pytester, code.replace(line, f"{indent}{taken}\n"))
    text = result.stdout.str()
    assert f"FAILED test_echo.py::TestEcho::{test}" in text
    assert said in text
