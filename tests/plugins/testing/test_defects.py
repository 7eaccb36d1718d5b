"""The kit is tested on providers with seeded defects: each is caught, by name, and by nothing else."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from reed_defects import DEFECTS, OPEN

from lamella_testing import ProviderConformance

pytest_plugins = ["pytester"]

MODULE = """
from reed_defects import DEFECTS, suite

globals().update({f"Test{name}": suite(name) for name in DEFECTS})
"""

_found: dict[str, set[str]] = {}


def failures(pytester: pytest.Pytester) -> Mapping[str, set[str]]:
    """The tests of the kit that fail for each defect: all are run once, by a pytest inside pytest."""
    if not _found:
        path = pytester.makepyfile(MODULE)
        result = pytester.inline_run("-q", "-W", "error", "-p", "no:cacheprovider", "--tb=no", str(path))
        while OPEN:
            OPEN.pop().close()
        reports = result.getreports("pytest_runtest_logreport")
        assert reports
        _found.update({name: set() for name in DEFECTS})
        for report in reports:
            if report.failed:
                _, kind, test = report.nodeid.split("::")
                _found[kind.removeprefix("Test")].add(test.partition("[")[0])
    return _found


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_is_caught_by_name(pytester: pytest.Pytester, name: str) -> None:
    assert failures(pytester)[name] == DEFECTS[name].caught_by


def test_every_test_of_the_kit_catches_something() -> None:
    tests = {name for name in dir(ProviderConformance) if name.startswith("test_")}
    assert tests == frozenset().union(*(defect.caught_by for defect in DEFECTS.values()))
