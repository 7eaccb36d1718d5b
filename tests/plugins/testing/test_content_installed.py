"""The kit for an installed plugin: found by its entry point's name, which must be the type's."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributions import Site

import lamella_testing.content  # a pytest inside pytest forgets what it was the first to import

pytest_plugins = ["pytester"]
assert lamella_testing.content

SUITE = """
    from swatch_suites import swatch_suite

    TestSwatch = swatch_suite({name!r})
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    made = Site(tmp_path / "site")
    made.path.mkdir()
    monkeypatch.syspath_prepend(str(made.path))
    yield made
    made.forget()


def ran(pytester: pytest.Pytester, name: str) -> pytest.RunResult:
    pytester.makepyfile(test_swatch=textwrap.dedent(SUITE).format(name=name))
    return pytester.runpytest_inprocess("-q", "-W", "error", "-p", "no:cacheprovider", "-rf")


def test_an_installed_plugin_is_found_by_name(site: Site, pytester: pytest.Pytester) -> None:
    site.add("lamella-swatch", entry_points={"lamella.content": {"swatch": "swatch.plugin"}})
    outcomes = ran(pytester, "swatch").parseoutcomes()
    assert outcomes["passed"] > 40
    assert "failed" not in outcomes


def test_an_entry_point_of_another_name_is_no_plugin_of_the_type(
    site: Site, pytester: pytest.Pytester
) -> None:
    site.add("lamella-swatch", entry_points={"lamella.content": {"swotch": "swatch.plugin"}})
    result = ran(pytester, "swotch")
    assert "FAILED test_swatch.py::TestSwatch::test_the_plugin_is_usable" in result.stdout.str()
    assert "swotch" in result.stdout.str()
    assert result.parseoutcomes()["failed"] == 1


def test_a_plugin_that_is_not_installed_is_named(pytester: pytest.Pytester) -> None:
    text = ran(pytester, "swutch").stdout.str()
    assert "no installed distribution has the entry point 'swutch' in the group 'lamella.content'" in text
    assert "pip install -e ." in text


def test_what_is_missing_is_asked_for(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_bare="""
        from lamella_testing import ContentConformance

        class TestBare(ContentConformance):
            pass
        """
    )
    result = pytester.runpytest_inprocess("-q", "-p", "no:cacheprovider", "-rf")
    assert (
        'set plugin = "…", the name of your entry point in lamella.content, or content_class'
        in result.stdout.str()
    )
    assert "write TestBare.samples(self): return a list of contents of yours" in result.stdout.str()
