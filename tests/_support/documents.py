"""Runs the code blocks of Markdown documents, in a folder of their own with a scrubbed environment.

Blocks of one document run in order and share one namespace and one folder:

- ``python`` is executed.
- ``toml`` is parsed, and loaded as what it is: a Lamella configuration, a packaging file, a simulator script.
- ``console``: lines ``$ lamella …`` and ``$ python FILE …`` are run and must exit with 0; the lines below a
  command must be in its output, where ``…`` stands for anything. Other commands (pip, export)
  are not run.

A comment right before a block changes that: ``<!-- file: NAME -->`` makes the block a file of the folder,
``<!-- not run: REASON -->`` leaves a console block alone, ``<!-- skip: next "REASON" -->`` is sybil's.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from unittest import SkipTest

from sybil import Document, Example, Region
from sybil.example import NotEvaluated
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser

ROOT: Final = Path(__file__).parents[2]

_MARK: Final = re.compile(r"<!--\s*(?P<name>file|not run):\s*(?P<value>.+?)\s*-->\s*\Z")
_SCRUBBED: Final = re.compile(r"LAMELLA|API_KEY|^NO_COLOR$|^FORCE_COLOR$|^PYTHONPATH$|^OPENAI|_BASE_URL$")
_SECONDS: Final = 60


def documents() -> list[Path]:
    """The READMEs and every page below docs/."""
    readmes = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "core" / "README.md"]
    return [*readmes, *sorted(ROOT.glob("plugins/*/README.md")), *sorted(ROOT.glob("docs/**/*.md"))]


def scrub_environment(folder: Path) -> dict[str, str]:
    """The environment without keys and Lamella's variables, at home in ``folder``."""
    kept = {name: value for name, value in os.environ.items() if not _SCRUBBED.search(name)}
    home = str(folder / ".home")
    return {
        **kept,
        "HOME": home,
        "USERPROFILE": home,
        "XDG_CONFIG_HOME": home,
        "APPDATA": home,
        "PYTHONUTF8": "1",
        "COLUMNS": "200",
    }


def run_document(path: Path, folder: Path) -> Iterator[tuple[Example, str | None]]:
    """Run the blocks of a document in the working directory ``folder``; yield each, with why it was skipped.

    A block that fails raises what it raised; the traceback names the document and the line.
    """
    document = Document.parse(str(path), *_parsers(folder))
    module = types.ModuleType(f"document_{path.stem.replace('-', '_')}")
    module.__file__ = str(path)
    document.namespace = vars(module)
    sys.modules[module.__name__] = module
    try:
        for example in document.examples():
            yield example, _evaluate(example)
    finally:
        del sys.modules[module.__name__]
        _forget_modules(folder)


def _forget_modules(folder: Path) -> None:
    """Drop what was imported from the document's folder: the next document has files of the same names."""
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(folder.parent)):
            del sys.modules[name]


def _evaluate(example: Example) -> str | None:
    try:
        example.evaluate()
    except SkipTest as skipped:
        return str(skipped)
    except NotEvaluated as error:
        raise AssertionError(f"{example.path}:{example.line}: a skip needs a reason") from error
    return None


# -- the blocks -----------------------------------------------------------------------------------


def _parsers(folder: Path) -> Sequence[Any]:
    blocks = _Blocks(folder)
    return (
        SkipParser(),
        blocks.with_marks(PythonCodeBlockParser()),
        blocks.with_marks(CodeBlockParser("toml", blocks.toml)),
        blocks.with_marks(CodeBlockParser("console", blocks.console)),
        blocks.files_of("jsonl", "text", "env"),
    )


class _Blocks:
    """The evaluators of one document."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def with_marks(self, parser: Any) -> Any:
        def parse(document: Document) -> Iterable[Region]:
            for region in parser(document):
                name, value = _mark(document, region)
                if name == "file":
                    region.evaluator = self._file(region.evaluator, value)
                elif name == "not run":
                    region.evaluator = _unrun
                yield region

        return parse

    def files_of(self, *languages: str) -> Any:
        """Blocks of other languages count only as files."""

        def parse(document: Document) -> Iterable[Region]:
            for language in languages:
                for region in CodeBlockParser(language, _unrun)(document):
                    name, value = _mark(document, region)
                    if name == "file":
                        region.evaluator = self._file(None, value)
                        yield region

        return parse

    def _file(self, evaluator: Any, name: str) -> Any:
        def write(example: Example) -> None:
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(example.parsed, encoding="utf-8")
            if name.endswith(".toml"):
                evaluator(example)
                _forget_project()

        return write

    def toml(self, example: Example) -> None:
        from lamella.config.schema import KEYS

        data = tomllib.loads(example.parsed)
        if "turns" in data:
            from lamella_sim import load_script

            load_script(data)
        elif "lamella" in data.get("tool", {}):
            self._load("pyproject.toml", example.parsed)
        elif data.keys() <= {*KEYS}:
            self._load("lamella.toml", example.parsed)
        else:
            assert "project" in data, (
                f"{example.path}:{example.line}: no configuration, script or packaging file"
            )

    def _load(self, name: str, text: str) -> None:
        from lamella.config import Project

        folder = self._folder / ".loaded"
        folder.mkdir(exist_ok=True)
        for stale in folder.iterdir():
            stale.unlink()
        (folder / name).write_text(text, encoding="utf-8")
        assert Project.load(start=folder).file == folder / name

    def console(self, example: Example) -> None:
        for command, expected in _commands(example.parsed):
            if (runnable := _runnable(command)) is not None:
                self._run(command, *runnable, expected, f"{example.path}:{example.line}")

    def _run(
        self,
        command: str,
        arguments: Sequence[str],
        env: Mapping[str, str],
        expected: Sequence[str],
        where: str,
    ) -> None:
        done = subprocess.run(
            arguments,
            cwd=self._folder,
            env={**scrub_environment(self._folder), **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=_SECONDS,
        )
        said = f"{done.stdout}\n{done.stderr}"
        assert done.returncode == 0, f"{where}: {command} ended with {done.returncode}:\n{said}"
        _assert_shown(expected, done.stdout, done.stderr, f"{where}: {command}")


def _mark(document: Document, region: Region) -> tuple[str | None, str]:
    found = _MARK.search(document.text[: region.start])
    return (None, "") if found is None else (found["name"], found["value"])


def _unrun(example: Example) -> None:
    raise SkipTest("marked as not run")


def _forget_project() -> None:
    """The next block sees the configuration that was just written."""
    from lamella.config import forget_projects

    forget_projects()


# -- console --------------------------------------------------------------------------------------


def _commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """The commands of a console block, each with the output lines below it."""
    command: str | None = None
    output: list[str] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            if command is not None:
                yield command, output
            command, output = line[2:], []
        elif line.strip():
            output.append(line)
    if command is not None:
        yield command, output


def _runnable(command: str) -> tuple[list[str], dict[str, str]] | None:
    """The arguments and variables of a command that is ours to run; what follows a pipe is not."""
    words = shlex.split(command, comments=True)
    if "|" in words:
        words = words[: words.index("|")]
    env: dict[str, str] = {}
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        name, _, value = words.pop(0).partition("=")
        env[name] = value
    if words[:1] == ["lamella"]:
        return [sys.executable, "-m", "lamella_cli", *words[1:]], env
    if words[:1] == ["python"] and len(words) > 1 and words[1].endswith(".py"):
        return [sys.executable, *words[1:]], env
    return None


def _assert_shown(expected: Sequence[str], stdout: str, stderr: str, where: str) -> None:
    """Each expected line is on standard output or standard error, in order on each."""
    left = [stdout.splitlines(), stderr.splitlines()]
    for wanted in expected:
        pattern = re.compile(".*".join(re.escape(part.strip()) for part in wanted.strip().split("…")))
        for place, lines in enumerate(left):
            found = next((n for n, line in enumerate(lines) if pattern.fullmatch(line.strip())), None)
            if found is not None:
                left[place] = lines[found + 1 :]
                break
        else:
            raise AssertionError(f"{where}\nshould say: {wanted}\nit says:\n{stdout}\n{stderr}")
