"""The kit is tested on content types with seeded defects: each is caught, by name, and by nothing else."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from swatch_defects import DEFECTS

from lamella_testing import ContentConformance

pytest_plugins = ["pytester"]

MODULE = """
from swatch_defects import DEFECTS, suite

globals().update({f"Test{name}": suite(name) for name in DEFECTS})
"""

_found: dict[str, dict[str, str]] = {}


def failures(pytester: pytest.Pytester) -> Mapping[str, Mapping[str, str]]:
    """The tests of the kit that fail for each defect, and what they say: all are run once, by a pytest inside pytest."""
    if not _found:
        path = pytester.makepyfile(MODULE)
        result = pytester.inline_run("-q", "-W", "error", "-p", "no:cacheprovider", "--tb=short", str(path))
        reports = result.getreports("pytest_runtest_logreport")
        assert reports
        _found.update({name: {} for name in DEFECTS})
        for report in reports:
            if report.failed:
                _, kind, test = report.nodeid.split("::")
                _found[kind.removeprefix("Test")][test.partition("[")[0]] = report.longreprtext
    return _found


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_is_caught_by_name(pytester: pytest.Pytester, name: str) -> None:
    found = failures(pytester)[name]
    assert found.keys() == DEFECTS[name].caught_by, found


def test_what_is_said_is_one_sentence_for_the_author(pytester: pytest.Pytester) -> None:
    said = [text for found in failures(pytester).values() for text in found.values()]
    assert said
    assert [text for text in said if "Traceback" in text or "lamella_testing" in text] == []


LAWS_OF_THE_CORE = {
    "test_a_message_keeps_the_order",  # a plugin has no hand in it
    "test_a_tool_may_return_it",  # what a plugin can break of it, test_json_and_back says
    "test_a_run_store_keeps_it",  # the same
    "test_json_and_back_without_the_plugin",  # the same
    "test_unknown_fields_survive",  # the same
}


def test_every_test_of_the_kit_catches_something() -> None:
    tests = {name for name in dir(ContentConformance) if name.startswith("test_")}
    assert tests - LAWS_OF_THE_CORE == frozenset().union(*(defect.caught_by for defect in DEFECTS.values()))
