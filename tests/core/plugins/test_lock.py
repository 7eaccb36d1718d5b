"""The lock: what was looked at is what is imported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from distributions import Site

from lamella.errors import ConfigError, PluginError
from lamella.plugins import LockedPlugin, PluginHost, lock_plugins, read_lock, verify_lock, write_lock


def host(site: Site, **options: object) -> PluginHost:
    return PluginHost(distributions=site.distributions(), **options)  # type: ignore[arg-type]


def test_a_lock_names_plugin_distribution_version_and_hash(site: Site, tmp_path: Path) -> None:
    site.add_provider("acme")
    site.add_sink("log")
    locked = lock_plugins(host(site))
    assert [(p.kind, p.name, p.distribution, p.version) for p in locked.plugins] == [
        ("provider", "acme", "lamella-acme", "1.0"),
        ("sink", "log", "lamella-log", "1.0"),
    ]
    assert all(len(plugin.record_sha256) == 64 for plugin in locked.plugins)
    path = tmp_path / "lamella.lock"
    write_lock(locked, path)
    assert read_lock(path) == locked
    assert [item.name for item in tmp_path.iterdir() if item.name != "site"] == ["lamella.lock"]
    assert verify_lock(locked, host(site)) == {}
    assert site.imported() == set(), "locking and verifying import nothing"


def test_a_locked_host_refuses_what_changed_before_it_is_imported(site: Site) -> None:
    module = site.add_provider("acme")
    site.add_provider("other")
    locked = lock_plugins(host(site))
    with (site.path / f"{module}.py").open("a") as file:
        file.write("# changed\n")
    guarded = host(site, lock=locked)
    with pytest.raises(
        PluginError, match=f"not what was locked: {module}.py of lamella-acme 1.0 has changed"
    ):
        guarded.provider("acme")
    assert site.imported() == set()
    assert guarded.provider("other").id == "other"


def test_verify_names_every_kind_of_difference(site: Site) -> None:
    missing, changed = site.add_provider("missing"), site.add_provider("changed")
    for name in ("gone", "upgraded", "rewritten", "bare"):
        site.add_provider(name)
    locked = lock_plugins(host(site))
    (site.path / f"{missing}.py").unlink()
    (site.path / f"{changed}.py").write_text("import os", encoding="utf-8")
    (site.path / "lamella_gone-1.0.dist-info" / "entry_points.txt").unlink()
    upgraded = site.path / "lamella_upgraded-1.0.dist-info"
    (upgraded / "METADATA").write_text("Name: lamella-upgraded\nVersion: 2.0\n", encoding="utf-8")
    with (site.path / "lamella_rewritten-1.0.dist-info" / "RECORD").open("a") as file:
        file.write("extra.py,,\n")
    (site.path / "lamella_bare-1.0.dist-info" / "RECORD").unlink()
    site.add_provider("new")
    found = {name: reasons[0] for (_, name), reasons in verify_lock(locked, host(site)).items()}
    assert found == {
        "missing": f"{missing}.py of lamella-missing 1.0 is missing",
        "changed": f"{changed}.py of lamella-changed 1.0 has changed",
        "gone": "lamella-gone 1.0 is not installed",
        "upgraded": "lamella-upgraded 1.0 was locked, lamella-upgraded 2.0 is installed",
        "rewritten": "the RECORD of lamella-rewritten 1.0 has changed",
        "bare": "lamella-bare 1.0 has no RECORD; reinstall it: pip install --force-reinstall lamella-bare",
        "new": "lamella-new 1.0 is not in the lock",
    }


def test_a_disabled_plugin_is_not_locked(site: Site) -> None:
    site.add_provider("acme")
    assert lock_plugins(host(site, switches={"acme": False})).plugins == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"version": 9, "plugins": []}',
        '{"version": 1, "plugins": [{}]}',
        '{"version": 1, "plugins": [{"kind": 1}]}',
    ],
)
def test_a_malformed_lock_says_how_to_make_it_again(tmp_path: Path, text: str) -> None:
    path = tmp_path / "lamella.lock"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"lamella\.lock.*(lamella plugins lock|reads 1)"):
        read_lock(path)


def test_a_lock_of_the_wrong_shape_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lamella.lock"
    plugin = {"kind": "provider", "name": "x", "distribution": "d", "version": "1", "record_sha256": "0"}
    path.write_text(json.dumps({"version": 1, "plugins": [plugin]}), encoding="utf-8")
    assert read_lock(path).get(("provider", "x")) == LockedPlugin(**plugin)  # type: ignore[arg-type]
    plugin["record_sha256"] = 3  # type: ignore[assignment]
    path.write_text(json.dumps({"version": 1, "plugins": [plugin]}), encoding="utf-8")
    with pytest.raises(ConfigError, match="must be texts"):
        read_lock(path)
    with pytest.raises(ConfigError, match="does not exist; make it: lamella plugins lock"):
        read_lock(tmp_path / "nothing")


def test_a_failed_write_leaves_the_old_lock(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "lamella.lock"
    path.mkdir()
    with pytest.raises(OSError, match=r"lamella\.lock"):
        write_lock(lock_plugins(host(site)), path)
    assert path.is_dir()
    assert not [item for item in tmp_path.iterdir() if item.name.startswith(".lamella.lock")]
