"""What the pages show of the kit for sinks: it passes, and a wrong line is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import lamella_testing.sinks  # a pytest inside pytest forgets what it was the first to import

pytest_plugins = ["pytester"]
assert lamella_testing.sinks

ROOT = Path(__file__).parents[3]
PAGES = {"plugins/testing/README.md": "class TestLast", "docs/how-to/test-a-sink.md": "class TestCounting"}


def block(page: str) -> str:
    found = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    return next(code for code in found if PAGES[page] in code)


def ran(pytester: pytest.Pytester, code: str) -> pytest.RunResult:
    pytester.makepyfile(test_sink=code)
    return pytester.runpytest_subprocess("-q", "-W", "error", "-p", "no:cacheprovider", "-rf")


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_passes(pytester: pytest.Pytester, page: str) -> None:
    outcomes = ran(pytester, block(page)).parseoutcomes()
    assert outcomes["passed"] > 25
    assert "failed" not in outcomes


def test_the_failure_that_the_page_shows(pytester: pytest.Pytester) -> None:
    page = "docs/how-to/test-a-sink.md"
    wrong = block(page).replace(
        "async def write(self, batch):\n", "async def write(self, batch):\n        batch[0]\n"
    )
    said = ran(pytester, wrong).stdout.str()
    shown = re.search(r"```text\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    assert shown is not None
    first, *rest = shown[1].strip().splitlines()
    assert first in said
    assert " ".join(" ".join(rest).split()) in " ".join(said.split())
