"""The public face: lazy, complete, and the same for people and type checkers."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import lamella

HEAVY = {
    "cattrs",
    "msgspec",
    "importlib_metadata",
    "pydantic",
    "anthropic",
    "google",
    "httpx",
    "httpx2",
    "mistralai",
    "ollama",
    "openai",
    "click",
    "rich",
    "jsonschema",
}
PLUGINS = {
    "lamella_anthropic",
    "lamella_audio",
    "lamella_cli",
    "lamella_console",
    "lamella_document",
    "lamella_evals",
    "lamella_fetch",
    "lamella_gateways",
    "lamella_gemini",
    "lamella_guardrails",
    "lamella_image",
    "lamella_jsonl",
    "lamella_logging",
    "lamella_mcp",
    "lamella_mistral",
    "lamella_ollama",
    "lamella_openai",
    "lamella_openapi",
    "lamella_otel",
    "lamella_prices",
    "lamella_python",
    "lamella_sim",
    "lamella_sql",
    "lamella_testing",
    "lamella_transcripts",
}


def modules_after(code: str) -> set[str]:
    """The top-level modules that ``code`` brings into a fresh interpreter."""
    script = (
        f"import sys; before = set(sys.modules)\n{code}\nprint(*sorted(set(sys.modules) - before), sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


def third_party(names: set[str]) -> set[str]:
    return {name for name in names if name not in sys.stdlib_module_names and name != "lamella"}


def test_import_lamella_imports_nothing_third_party() -> None:
    assert third_party(modules_after("import lamella")) == set()


def test_agent_and_tool_import_neither_plugin_nor_sdk_nor_heavy_library() -> None:
    names = modules_after("from lamella import Agent, tool")
    assert names & (HEAVY | PLUGINS) == set()
    assert third_party(names) <= {"attr", "attrs"}


@pytest.mark.parametrize(
    "room", ["plugins", "config", "models", "providers", "tools", "agent", "serial", "specs"]
)
def test_no_room_imports_a_heavy_library(room: str) -> None:
    assert modules_after(f"import lamella.{room}") & (HEAVY | PLUGINS) == set()


def test_every_public_name_can_be_had() -> None:
    for name in lamella.__all__:
        assert getattr(lamella, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Agnt"):
        lamella.Agnt  # noqa: B018


def test_type_checkers_see_the_same_names() -> None:
    stub = Path(lamella.__file__).with_suffix(".pyi")
    tree = ast.parse(stub.read_text(encoding="utf-8"))
    seen = {
        (alias.name, node.module)
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == set(lamella._HOME.items())


def test_fold_is_the_function_and_the_room() -> None:
    from lamella import fold
    from lamella.fold import fold as same

    assert fold is same
