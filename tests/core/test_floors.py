"""Each room imports only from the rooms above it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import lamella

FLOORS = [
    "errors _frozen _json",
    "usage",
    "content",
    "messages prompt history losses",
    "events",
    "runs response fold running_text rendering excerpts runlog",
    "serial streams log",
    "specs hookspecs",
    "plugins",
    "pricing config",
    "tools",
    "models",
    "providers budgets",
    "agent",
    "layers",
    "memory caching",
    "recordings",
    "sync",
]
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms.split()}

# Each exemption has its reason.
ALLOWED = {
    ("usage", "pricing"): "TokenUsage.cost is where users look for it; the prices come from above",
    ("serial", "config"): "the class of a stored block may be in a plugin, found when the tag is met",
    ("models", "sync"): "the sync methods of Model go through the one facade",
    ("agent", "sync"): "the sync methods of Agent go through the one facade",
    ("memory", "sync"): "the sync methods of Conversation go through the one facade",
    ("recordings", "sync"): "the sync methods of Recording go through the one facade",
    ("plugins", "models"): "the type of what a provider's factory returns is checked",
}

ROOT = Path(lamella.__file__).parent


def imports(tree: ast.AST) -> Iterator[str]:
    """The modules a file imports at run time, inside functions too."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("lamella."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (name.name.split(".")[1] for name in node.names if name.name.startswith("lamella."))
        yield from imports(node)


def test_every_room_has_a_floor() -> None:
    rooms = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert rooms - {"__init__", "__main__"} == set(LEVEL)


def test_no_room_imports_from_below() -> None:
    wrong = []
    for path in ROOT.rglob("*.py"):
        room = path.relative_to(ROOT).parts[0].removesuffix(".py")
        if room == "__init__":
            continue
        for target in imports(ast.parse(path.read_text(encoding="utf-8"))):
            if LEVEL[target] > LEVEL[room] and (room, target) not in ALLOWED:
                wrong.append(f"{path.relative_to(ROOT)} imports lamella.{target}")
    assert wrong == []
