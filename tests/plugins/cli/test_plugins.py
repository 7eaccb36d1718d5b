"""``lamella plugins``: states and reasons, the lock, and JSON for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


def test_the_list_shows_kind_name_origin_and_state(lamella: Any) -> None:
    ended = lamella("plugins", "list")
    assert ended.code == 0
    rows = {tuple(line.split()[:2]): line for line in ended.out.splitlines()}
    assert "lamella-sim 0.1.0" in rows["provider", "sim"]
    assert rows["provider", "sim"].endswith("available")
    assert "acts where it is switched on" in rows["sink", "jsonl"]


def test_the_list_says_why_a_plugin_is_off(lamella: Any, folder: Path) -> None:
    (folder / "lamella.toml").write_text("[plugins]\nsim = false\n\n[sink.jsonl]\n")
    rows = {tuple(line.split()[:2]): line for line in lamella("plugins", "list").out.splitlines()}
    assert "disabled: the configuration switches it off" in rows["provider", "sim"]
    assert rows["sink", "jsonl"].endswith("available")


def test_the_list_as_json(lamella: Any, folder: Path) -> None:
    (folder / "lamella.toml").write_text('autoload = "listed"\n[plugins]\njsonl = true\n')
    listed = json.loads(lamella("plugins", "list", "--json").out)
    plugins = {(plugin["kind"], plugin["name"]): plugin for plugin in listed["plugins"]}
    assert plugins["provider", "sim"]["state"] == "not-listed"
    assert plugins["provider", "sim"]["mend"]
    assert plugins["sink", "jsonl"] == {
        "kind": "sink", "name": "jsonl", "distribution": "lamella-jsonl", "version": "0.1.0",
        "module": "lamella_jsonl.plugin", "state": "available", "reason": None, "mend": None, "enabled": True,
    }  # fmt: skip
    assert listed["faults"] == []


def test_show_without_load_says_what_is_known(lamella: Any) -> None:
    ended = lamella("plugins", "show", "sim")
    assert ended.code == 0
    assert "distribution   lamella-sim" in ended.out
    assert "default_model" not in ended.out


def test_show_with_load_says_what_it_contributes(lamella: Any) -> None:
    (shown,) = json.loads(lamella("plugins", "show", "sink.jsonl", "--load", "--json").out)
    assert shown["state"] == "active"
    assert shown["contribution"]["store"] is True
    assert "path = '.lamella/runs'" in shown["contribution"]["settings"]
    for name in ("sim", "image", "python", "console"):
        ended = lamella("plugins", "show", name, "--load")
        assert (ended.code, "summary" in ended.out) == (0, True), ended.err


@pytest.mark.parametrize("command", ["show", "why"])
def test_an_unknown_plugin_is_a_usage_error_with_a_suggestion(lamella: Any, command: str) -> None:
    ended = lamella("plugins", command, "jsonll")
    assert ended.code == 2
    assert "did you mean 'jsonl'?" in ended.err
    assert "pip install lamella-zzz" in lamella("plugins", command, "zzz").err


def test_why_prints_the_chain_and_who_decides(lamella: Any, folder: Path, tmp_path: Path) -> None:
    user = tmp_path / "home" / ".config" / "lamella"
    user.mkdir(parents=True)
    (user / "config.toml").write_text("[plugins]\njsonl = true\n")
    (folder / "lamella.toml").write_text("[plugins]\njsonl = false\n")
    ended = lamella("plugins", "why", "jsonl")
    assert ended.code == 0
    chain = [line for line in ended.out.splitlines() if "plugins.jsonl" in line]
    assert [line.strip().partition(":")[0] for line in chain] == ["user", "project"]
    assert chain[1].endswith("plugins.jsonl = false  <- decides")
    (reasons,) = json.loads(lamella("plugins", "why", "jsonl", "--json").out)
    assert [mention["value"] for mention in reasons["mentions"]] == [True, False]
    assert reasons["autoload"]["value"] == "installed"


def test_why_says_when_nobody_mentions_a_plugin(lamella: Any) -> None:
    assert "no layer mentions it" in lamella("plugins", "why", "sim").out


def test_lock_and_verify(lamella: Any, folder: Path) -> None:
    locked = lamella("plugins", "lock")
    assert locked.code == 0, locked.err
    assert f"plugins in {folder / 'lamella.lock'}" in locked.err
    verified = lamella("plugins", "verify")
    assert (verified.code, verified.out) == (0, "all plugins are as they were locked\n")
    assert json.loads(lamella("plugins", "verify", "--json").out) == []


def test_verify_finds_what_changed(lamella: Any, folder: Path) -> None:
    as_json = json.loads(lamella("plugins", "lock", "--json").out)
    path = folder / "lamella.lock"
    assert json.loads(path.read_text()) == as_json
    as_json["plugins"][0]["version"] = "0.0.1"
    path.write_text(json.dumps(as_json))
    ended = lamella("plugins", "verify")
    assert ended.code == 3
    assert "0.0.1 was locked" in ended.out
    assert len(json.loads(lamella("plugins", "verify", "--json").out)) == 1


def test_verify_without_a_lock_says_how_to_make_one(lamella: Any) -> None:
    ended = lamella("plugins", "verify")
    assert ended.code == 2
    assert "lamella plugins lock" in ended.err


def test_a_malformed_configuration_names_file_and_key(lamella: Any, folder: Path) -> None:
    (folder / "lamella.toml").write_text("modle = 'x'\n")
    ended = lamella("plugins", "list")
    assert ended.code == 2
    assert "lamella.toml" in ended.err
    assert "modle" in ended.err
    helped = lamella("--help")
    assert helped.code == 0
    assert "commands of plugins are left out" in helped.err
