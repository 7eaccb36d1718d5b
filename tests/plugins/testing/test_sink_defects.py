"""The kit is tested on run stores with seeded defects: each is caught, by name; and a sound test catches nothing else."""

from __future__ import annotations

import gc
import sys
import warnings
from collections.abc import Mapping

import pytest
from ledger_defects import DEFECTS, KEPT

from lamella_testing import SinkConformance

pytest_plugins = ["pytester"]

MODULE = """
from ledger_defects import DEFECTS, suite

globals().update({f"Test{name}": suite(name) for name in DEFECTS})
"""


def collect_in_silence() -> None:
    """What a defect leaves behind (files, tasks, sockets) ends here, before other tests begin."""
    told = sys.unraisablehook
    sys.unraisablehook = lambda unraisable: None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            KEPT.clear()
            gc.collect()
            gc.collect()
    finally:
        sys.unraisablehook = told


_found: dict[str, dict[str, str]] = {}


def failures(pytester: pytest.Pytester) -> Mapping[str, Mapping[str, str]]:
    """The tests of the kit that fail for each defect, and what they say: all are run once, by a pytest inside pytest."""
    if not _found:
        path = pytester.makepyfile(MODULE)
        # What a defect leaves behind is warned of when it is collected: another test may be running by then.
        result = pytester.inline_run("-q", "-W", "ignore", "-p", "no:cacheprovider", "--tb=short", str(path))
        collect_in_silence()
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
    found, defect = failures(pytester)[name], DEFECTS[name]
    assert found.keys() >= defect.named, found
    assert defect.spoils or found.keys() == defect.named, found


def test_what_is_said_is_one_sentence_for_the_author(pytester: pytest.Pytester) -> None:
    said = [text for found in failures(pytester).values() for text in found.values()]
    assert said
    assert [text for text in said if "Traceback" in text or "lamella_testing" in text] == []


def test_every_test_of_the_kit_catches_something(pytester: pytest.Pytester) -> None:
    tests = {name for name in dir(SinkConformance) if name.startswith("test_")}
    caught = {test for found in failures(pytester).values() for test in found}
    assert tests == caught
