"""What importing a plugin's module brings into a process: it must be next to nothing."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from importlib.util import find_spec
from typing import Final

from lamella_testing.verdict import fail, skip

__all__ = ["heavy_imports"]

_LIGHT: Final = {"lamella", "attr", "attrs", "__mp_main__", *sys.stdlib_module_names}

_PROGRAM: Final = """
import json, sys
sys.path[:0] = json.loads(sys.argv[2])
import lamella
lamella.hookimpl, lamella.ToolSourceSpec
before = set(sys.modules)
try:
    __import__(sys.argv[1])
except BaseException as error:
    print(json.dumps(f"{type(error).__name__}: {error}"))
else:
    print(json.dumps(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""


def heavy_imports(module: str) -> list[str]:
    """What importing a module imports besides ``lamella``, attrs, its own package and the standard library.

    Skips the test where the module is no file, fails it where it cannot be imported.
    """
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        spec = None
    if spec is None or not spec.has_location:
        skip(f"the module {module} is no file")
    imported = _imported_by(module)
    if isinstance(imported, str):
        fail(f"python -c 'import {module}' fails: {imported}")
    return sorted(name for name in imported if name not in _LIGHT and name != module.partition(".")[0])


@functools.cache
def _imported_by(module: str) -> list[str] | str:
    """The top-level names that importing a module brings into a new process, or why it cannot be imported."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, module, json.dumps(sys.path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )
    if done.returncode:
        return done.stderr[-2000:]
    answer: list[str] | str = json.loads(done.stdout.splitlines()[-1])
    return answer
