"""Discovery finds every plugin, imports none, and no distribution's fault hides another."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from distributions import Site

from lamella.plugins import discover, forget_discovered
from lamella.plugins.discovery import distribution_of


def test_the_five_groups_are_the_five_kinds(site: Site) -> None:
    site.add(
        "lamella-all",
        entry_points={
            "lamella.providers": {"a": "m"},
            "lamella.content": {"b": "m"},
            "lamella.tool_sources": {"c": "m"},
            "lamella.sinks": {"d": "m"},
            "lamella.plugins": {"e": "m:thing"},
            "console_scripts": {"f": "m:main"},
        },
        version="2.5",
    )
    found = discover(site.distributions())
    assert {(entry.kind, entry.name, entry.value) for entry in found.entry_points} == {
        ("provider", "a", "m"),
        ("content", "b", "m"),
        ("tool_source", "c", "m"),
        ("sink", "d", "m"),
        ("plugin", "e", "m:thing"),
    }
    assert {(entry.distribution, entry.version) for entry in found.entry_points} == {("lamella-all", "2.5")}
    assert found.faults == ()


def test_f_plg02_discovery_imports_no_plugin(site: Site) -> None:
    site.add_provider("acme")
    assert [entry.name for entry in discover(site.distributions()).entry_points] == ["acme"]
    assert site.imported() == set()


def test_an_unrelated_distribution_with_malformed_entry_points_is_not_even_parsed(site: Site) -> None:
    site.add("unrelated", entry_points="[console_scripts]\nthis is no entry point\n")
    site.add_provider("acme")
    found = discover(site.distributions())
    assert [entry.name for entry in found.entry_points] == ["acme"]
    assert found.faults == ()


def test_unreadable_bytes_are_a_fault_that_names_the_distribution(site: Site) -> None:
    site.add("mojibake", entry_points=b"[console_scripts]\n\xff\xfe = m:main\n")
    site.add_provider("acme")
    found = discover(site.distributions())
    assert [entry.name for entry in found.entry_points] == ["acme"]
    assert [fault.distribution for fault in found.faults] == ["mojibake"]
    assert "UnicodeDecodeError" in found.faults[0].reason


def test_a_malformed_line_in_a_lamella_group_is_a_fault_and_isolated(site: Site) -> None:
    site.add("lamella-bad", entry_points="[lamella.providers]\nbad\n")
    site.add_provider("acme")
    found = discover(site.distributions())
    assert [entry.name for entry in found.entry_points] == ["acme"]
    assert [fault.distribution for fault in found.faults] == ["lamella-bad"]


@pytest.mark.parametrize(
    ("group", "meant"),
    [("lamella.provider", "lamella.providers"), ("lamella.tool-source", "lamella.tool_sources")],
)
def test_f_plg02_a_misspelt_group_is_a_fault_with_a_suggestion(site: Site, group: str, meant: str) -> None:
    site.add("lamella-typo", entry_points={group: {"typo": "m"}, "lamella.others": {"x": "m"}})
    found = discover(site.distributions())
    assert found.entry_points == ()
    assert [(fault.distribution, fault.reason) for fault in found.faults] == [
        ("lamella-typo", f"unknown entry-point group {group!r}; did you mean {meant!r}?")
    ]


def test_metadata_without_a_name_is_a_fault_that_names_the_place(site: Site) -> None:
    info = site.add(
        "lamella-nameless",
        entry_points={"lamella.providers": {"x": "m"}},
        metadata="Metadata-Version: 2.1\nVersion: 1\n",
    )
    found = discover(site.distributions())
    assert found.entry_points == ()
    assert found.faults[0].distribution == str(info)


def test_of_two_copies_of_one_distribution_the_first_on_the_path_counts(site: Site, tmp_path: Path) -> None:
    site.add_provider("acme", dist="Lamella_Acme")
    second = tmp_path / "older"
    second.mkdir()
    other = Site(second)
    other.add("lamella-acme", entry_points={"lamella.providers": {"acme": "m"}}, version="0.1")
    found = discover([*site.distributions(), *other.distributions()])
    assert [(entry.distribution, entry.version) for entry in found.entry_points] == [("Lamella_Acme", "1.0")]


def test_what_is_installed_is_looked_at_once_per_process(site: Site) -> None:
    forget_discovered()
    first = discover()
    site.add_provider("acme")
    assert discover() is first
    forget_discovered()
    try:
        assert "acme" in {entry.name for entry in discover().entry_points}
        assert distribution_of(next(e.value for e in discover().entry_points if e.name == "acme")) == (
            "lamella-acme"
        )
        assert distribution_of("some_module.part") == "some-module"
    finally:
        forget_discovered()


def test_importing_the_rooms_imports_no_library_before_it_is_used() -> None:
    code = (
        "import sys, lamella.plugins, lamella.config, lamella.pricing\n"
        "heavy = {'importlib_metadata', 'cattrs', 'pluggy', 'tomllib', 'msgspec'} & set(sys.modules)\n"
        "print(*sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
