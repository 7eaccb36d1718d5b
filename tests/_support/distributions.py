"""Real distributions on disk, laid out as pip installs them: modules, and a dist-info beside them."""

from __future__ import annotations

import base64
import hashlib
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from textwrap import dedent

import importlib_metadata

PROVIDER = """
    import lamella
    from lamella import ProviderSpec

    lamella_api = "1.0"

    @lamella.hookimpl
    def lamella_provider():
        return ProviderSpec(id="{name}", factory="{module}_model:Model", summary="{name} models")
"""

SINK = """
    import lamella
    from lamella import SinkSpec

    lamella_api = "1.0"

    @lamella.hookimpl
    def lamella_event_sink():
        return SinkSpec(id="{name}", factory="{module}_sink:make", settings="{module}_sink:Settings")
"""

SINK_CODE = """
    import attrs
    from pathlib import Path

    @attrs.frozen(kw_only=True)
    class Settings:
        level: int = 1
        path: Path | None = None

    @attrs.frozen(kw_only=True)
    class Made:
        level: int = 1
        path: Path | None = None

        async def open(self): ...
        async def write(self, batch): ...
        async def close(self): ...

    make = Made
"""


class Site:
    """A folder on ``sys.path`` with distributions in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._before = set(sys.modules)

    def add(
        self,
        dist: str,
        *,
        entry_points: Mapping[str, Mapping[str, str]] | str | bytes = "",
        modules: Mapping[str, str] | None = None,
        version: str = "1.0",
        metadata: str | None = None,
    ) -> Path:
        """Install a distribution; returns its dist-info."""
        files = {f"{name}.py": dedent(text) for name, text in (modules or {}).items()}
        for name, text in files.items():
            (self.path / name).write_text(text, encoding="utf-8")
        info = self.path / f"{dist.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        declared = f"Metadata-Version: 2.1\nName: {dist}\nVersion: {version}\n"
        (info / "METADATA").write_text(declared if metadata is None else metadata, encoding="utf-8")
        (info / "entry_points.txt").write_bytes(_entry_points(entry_points))
        (info / "RECORD").write_text(self._record([*files], info), encoding="utf-8")
        return info

    def add_provider(self, name: str, *, dist: str | None = None, code: str = PROVIDER) -> str:
        """Install a provider plugin; returns its module."""
        module = f"site_{self.path.parent.name}_{(dist or name).replace('-', '_')}".replace("-", "_")
        self.add(
            dist or f"lamella-{name}",
            entry_points={"lamella.providers": {name: module}},
            modules={module: dedent(code).format(name=name, module=module)},
        )
        return module

    def add_sink(self, name: str) -> str:
        """Install a sink plugin whose settings are ``level`` and ``path``; returns its module."""
        module = f"site_{self.path.parent.name}_{name}".replace("-", "_")
        self.add(
            f"lamella-{name}",
            entry_points={"lamella.sinks": {name: module}},
            modules={
                module: dedent(SINK).format(name=name, module=module),
                f"{module}_sink": SINK_CODE,
            },
        )
        return module

    def add_plugin(self, name: str, code: str, group: str = "lamella.plugins") -> str:
        """Install a plugin with this module text (after the usual head); returns its module."""
        module = f"site_{self.path.parent.name}_{name}".replace("-", "_")
        head = 'import lamella\nfrom lamella import *\n\nlamella_api = "1.0"\n\n'
        self.add(
            f"lamella-{name}",
            entry_points={group: {name: module}},
            modules={module: head + dedent(code)},
        )
        return module

    def distributions(self) -> Iterable[importlib_metadata.Distribution]:
        """What is installed here."""
        return list(importlib_metadata.Distribution.discover(path=[str(self.path)]))

    def imported(self) -> set[str]:
        """The modules of this site that have been imported."""
        return {name for name in set(sys.modules) - self._before if self._is_ours(name)}

    def forget(self) -> None:
        """Take this site's modules out of ``sys.modules``."""
        for name in [name for name in sys.modules if self._is_ours(name)]:
            del sys.modules[name]

    def _is_ours(self, name: str) -> bool:
        file = getattr(sys.modules[name], "__file__", None)
        return bool(file) and str(file).startswith(str(self.path))

    def _record(self, files: list[str], info: Path) -> str:
        lines = []
        for name in files:
            digest = hashlib.sha256((self.path / name).read_bytes()).digest()
            lines.append(f"{name},sha256={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()},1")
        return "\n".join([*lines, f"{info.name}/RECORD,,", ""])


def _entry_points(given: Mapping[str, Mapping[str, str]] | str | bytes) -> bytes:
    if isinstance(given, bytes):
        return given
    if isinstance(given, str):
        return given.encode()
    lines = []
    for group, entries in given.items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()), ""]
    return "\n".join(lines).encode()
