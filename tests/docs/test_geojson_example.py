"""The example of a third party's content type: built, installed, used from a project, stored, read without it and with it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest
from documents import ROOT, scrub_environment
from swap.targets import TARGETS, target

pytestmark = pytest.mark.slow

EXAMPLE = ROOT / "docs" / "examples" / "lamella-geojson"
PAGE = ROOT / "docs" / "how-to" / "write-a-content-type.md"
WIRES = ("anthropic.messages", "gemini")

CITIES = """
from lamella import Message
from lamella_geojson import GeoJSONContent

PARIS = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [2.35, 48.86]}, "properties": {"name": "Paris"}}
cities = GeoJSONContent.from_features([PARIS], title="Cities", alt="one city", meta={"source": "by hand"})
message = Message.from_multimodal("user", ["Which is the largest?", cities, "Name it."])
"""

RUN = (
    CITIES
    + """
from lamella import Agent
from lamella_testing import ScriptedModel

result = Agent(ScriptedModel("Paris.")).run([message])
print(result.run_id)
"""
)

READ = """
import asyncio, json, sys
from lamella.serial import to_dict
from lamella_jsonl import JSONLStore

events = asyncio.run(JSONLStore().load(sys.argv[1]))
block = events[0].event.input[0].content[1]
print(json.dumps({"class": type(block).__name__, "type": block.type, "events": [to_dict(each) for each in events]}))
"""

ENCODE = (
    CITIES
    + """
import json, sys
sys.path.insert(0, sys.argv[1])
from swap.targets import TARGETS
from lamella import Agent, ModelRequest, UnsupportedContentError
from lamella_testing.guards import no_network

said = {}
for target in TARGETS:
    request = ModelRequest(messages=(message,))
    try:
        said[target.name] = {"payload": target.encode(request)}
    except UnsupportedContentError as error:
        with no_network():
            try:
                Agent(target.make()).run([message])
            except UnsupportedContentError as refusal:
                said[target.name] = {"refusal": str(refusal)}
by_url = GeoJSONContent.from_url("https://example.com/cities.geojson")
for target in TARGETS:
    with no_network():
        try:
            Agent(target.make()).run([Message.user([by_url])])
        except UnsupportedContentError as refusal:
            said[target.name]["by URL"] = str(refusal)
print(json.dumps(said))
"""
)


@attrs.frozen
class Installed:
    """A project, and a folder with the installed wheel."""

    folder: Path
    site: Path

    def run(self, *arguments: str, plugin: bool = True) -> str:
        """What a Python in the project says, with the plugin installed or without it."""
        environment = {**scrub_environment(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        if plugin:
            environment["PYTHONPATH"] = str(self.site)
        done = subprocess.run(
            [sys.executable, "-W", "error", *arguments],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def read(self, run_id: str, *, plugin: bool) -> dict[str, Any]:
        """The run's content and events, as a Python reads them from the store."""
        return dict(json.loads(self.run("-c", READ, run_id, plugin=plugin)))


def pip(*arguments: str) -> None:
    flags = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-index"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", arguments[0], *flags, *arguments[1:]],
        env={**os.environ, "PIP_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example as a third party would publish it: a wheel, installed by pip into a folder of its own."""
    folder = tmp_path_factory.mktemp("geojson")
    shutil.copytree(EXAMPLE, folder / "source", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    pip("wheel", "--no-build-isolation", "--wheel-dir", str(folder), str(folder / "source"))
    (wheel,) = folder.glob("lamella_geojson-*.whl")
    pip("install", "--target", str(folder / "site"), str(wheel))
    return folder / "site"


@pytest.fixture
def installed(wheel_site: Path, tmp_path: Path) -> Installed:
    project = tmp_path / "project"
    project.mkdir()
    (project / "lamella.toml").write_text("[sink.jsonl]\n", encoding="utf-8")
    return Installed(project, wheel_site)


def test_f_med08_the_plugin_is_registered(installed: Installed) -> None:
    listed = json.loads(installed.run("-m", "lamella_cli", "plugins", "list", "--json"))["plugins"]
    (found,) = [each for each in listed if each["name"] == "geojson"]
    assert (found["kind"], found["distribution"], found["state"]) == (
        "content",
        "lamella-geojson",
        "available",
    )
    assert "geojson" in installed.run("-m", "lamella_cli", "plugins", "list")
    without = installed.run("-m", "lamella_cli", "plugins", "list", plugin=False)
    assert "geojson" not in without


def test_f_med08_stored_read_without_the_plugin_and_with_it(installed: Installed) -> None:
    """JSON lines hold it; without the plugin it is opaque and written back equal; with it, it is what it was."""
    run_id = installed.run("-c", RUN).strip()
    with_it, without = installed.read(run_id, plugin=True), installed.read(run_id, plugin=False)
    assert (with_it["class"], with_it["type"]) == ("GeoJSONContent", "geojson")
    assert (without["class"], without["type"]) == ("OpaqueContent", "geojson")
    (file,) = (installed.folder / ".lamella" / "runs").glob("*.jsonl")
    stored = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    contents = [_content(events[0]) for events in (stored, with_it["events"], without["events"])]
    assert contents[0]["title"] == "Cities"
    assert contents[0] == contents[1] == contents[2]
    assert len(stored) == len(with_it["events"])

    # What was read without the plugin is stored anew, and is GeoJSON again where the plugin is.
    lines = [json.dumps(event) for event in without["events"]]
    file.write_text("\n".join([*lines, ""]), encoding="utf-8")
    again = installed.read(run_id, plugin=True)
    assert again["class"] == "GeoJSONContent"
    assert again["events"] == with_it["events"]


def test_f_med05_two_wires_take_it_and_the_others_refuse_before_any_network(installed: Installed) -> None:
    """Its own hook writes it; the vendor's SDK types accept what is written."""
    said = json.loads(installed.run("-c", ENCODE, str(ROOT / "tests" / "_support")))
    assert said.keys() == {each.name for each in TARGETS}
    assert {name for name, each in said.items() if "payload" in each} == {*WIRES}
    for name in WIRES:
        assert target(name).refusals_of(said[name]["payload"]) == []
        assert "from_bytes" in said[name]["by URL"]
    for name in said.keys() - {*WIRES}:
        for refusal in (said[name]["refusal"], said[name]["by URL"]):
            assert "geojson" in refusal
            assert name in refusal
        assert "installed providers that take it: anthropic, gemini" in said[name]["refusal"]
    document = said["anthropic.messages"]["payload"]["messages"][0]["content"][1]
    assert document["title"] == "Cities"
    assert json.loads(document["source"]["data"])["features"][0]["properties"] == {"name": "Paris"}


def test_its_own_tests_pass(installed: Installed) -> None:
    """As the author runs them: the conformance kit, on the installed wheel."""
    shutil.copytree(EXAMPLE / "tests", installed.folder / "tests")
    said = installed.run("-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "tests")
    assert int(re.findall(r"(\d+) passed", said)[0]) > 40
    assert "failed" not in said


def test_its_readme_runs(installed: Installed) -> None:
    code = re.findall(r"```python\n(.*?)```", (EXAMPLE / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert installed.run("-c", "\n".join(code)).startswith("application/geo+json, ")


def test_the_page_shows_the_files_of_the_example() -> None:
    """What the how-to shows is what is installed here."""
    shown = re.findall(
        r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL
    )
    ours = [
        (name, text)
        for name, text in shown
        if name.startswith("lamella_geojson/") or name == "pyproject.toml"
    ]
    assert {name for name, _ in ours} == {
        "pyproject.toml",
        *(f"lamella_geojson/{part}.py" for part in ("check", "content", "encode", "plugin")),
    }
    for name, text in ours:
        path = EXAMPLE / name if name == "pyproject.toml" else EXAMPLE / "src" / name
        assert text == path.read_text(encoding="utf-8"), f"{PAGE.name} shows another {name}"


def _content(envelope: dict[str, Any]) -> dict[str, Any]:
    return dict(envelope["event"]["input"][0]["content"][1])
