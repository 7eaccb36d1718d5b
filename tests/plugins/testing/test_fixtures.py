"""The fixtures of the pytest plugin, and what the plugin imports."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import types
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

import lamella
from lamella import (
    Agent,
    AgentExecutionError,
    ConfigError,
    LamellaError,
    PluginError,
    ProviderSpec,
    ReasoningBlock,
    ServerError,
    TextBlock,
    TokenUsage,
    ToolCallBlock,
    tool,
)
from lamella.config import current_project
from lamella.models import get_model
from lamella_testing import Answer, EventRecorder, IsolatedHost, LoopbackServer, ScriptedModel

IMPORTED = """
import sys, pytest
before = set(sys.modules)
import lamella_testing.plugin
print(sorted(name for name in set(sys.modules) - before))
"""


def test_the_plugin_imports_nothing_but_pytest_until_used() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['lamella_testing', 'lamella_testing.plugin']"


def test_a_session_that_uses_nothing_imports_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import sys\n"
        "def test_it(request):\n"
        "    assert request.config.pluginmanager.hasplugin('lamella')\n"
        "    ours = {name for name in sys.modules if name.startswith('lamella')}\n"
        "    assert ours == {'lamella_testing', 'lamella_testing.plugin'}\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_project_is_empty_and_the_environment_scrubbed(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    given = {
        "LAMELLA_MODEL": "acme:x",
        "ACME_API_KEY": "k",
        "OPENAI_BASE_URL": "u",
        "HTTPS_PROXY": "p",
        "KEPT": "1",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    before = Path.cwd()
    folder = request.getfixturevalue("lamella_project")
    assert Path.cwd() == folder != before
    assert {name for name in given if name in os.environ} == {"KEPT"}
    assert current_project().file == folder / "lamella.toml"
    assert current_project().model is None
    assert not Path(os.environ["HOME"]).is_relative_to(folder)


# -- the scripted model ---------------------------------------------------------------------------------


def test_f_x22_text_tools_and_structured_answers(scripted_model: Callable[..., ScriptedModel]) -> None:
    """F-X22: text, tool use and structured answers from a queue; the requests are recorded."""

    @tool
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    model = scripted_model(ToolCallBlock(call_id="c1", name="add", arguments={"a": 2, "b": 3}), "Five.")
    assert Agent(model, tools=[add]).run("2 + 3?").output == "Five."
    assert [len(request.messages) for request in model.requests] == [1, 3]
    assert model.requests[1].messages[-1].tool_outputs[0].output == 5
    assert json.loads(scripted_model({"city": "Rome"}).complete_sync("Where?").content) == {"city": "Rome"}


def test_f_x22_streams_of_blocks() -> None:
    """F-X22: a reply of several blocks; text comes in deltas, streamed or not it is the same."""
    reply = [
        ReasoningBlock(summary="Hm.", signature="s", provider="scripted"),
        TextBlock(text="Hello."),
        "You.",
    ]
    model = ScriptedModel(reply, reply, usage=TokenUsage(output_tokens=2))
    events = [event.type for event in model.stream_sync("hi")]
    assert events.count("message.output.delta") == 4
    assert events[-1] == "response.done"
    done = model.complete_sync("hi", streaming=False)
    assert (done.content, done.reasoning[0].signature, done.usage) == (
        "Hello.You.",
        "s",
        TokenUsage(output_tokens=2),
    )


def test_f_x22_errors_embeddings_and_an_empty_queue() -> None:
    """F-X22: failures and embeddings are played; an empty queue is an error that says so."""
    model = ScriptedModel(ServerError("down"), vectors=[[1, 2], [3, 4]]).reply("up")
    with pytest.raises(ServerError):
        model.complete_sync("hi")
    assert model.complete_sync("hi").content == "up"
    with pytest.raises(AgentExecutionError, match="no reply left for request 3"):
        model.complete_sync("hi")
    from lamella.sync import run

    assert [each.vector for each in run(model.embed(["a", "b"]))] == [(1, 2), (3, 4)]
    assert model.embedded == ["a", "b"]
    with pytest.raises(AgentExecutionError, match="0 vectors left for 1"):
        run(model.embed(["c"]))


def test_the_recorder_keeps_a_run(
    scripted_model: Callable[..., ScriptedModel], event_recorder: EventRecorder
) -> None:
    stream = Agent(scripted_model("Hello.")).stream("hi")
    for event in stream:
        event_recorder.events.append(event)
    assert event_recorder.types[0] == "stream.start"
    assert event_recorder.types[-1] == "stream.end"
    assert event_recorder.result().output == "Hello."


# -- the isolated host ----------------------------------------------------------------------------------


def acme() -> types.ModuleType:
    module = types.ModuleType("acme_conformance_plugin")
    module.lamella_api = "1.0"  # type: ignore[attr-defined]

    @lamella.hookimpl
    def lamella_provider() -> ProviderSpec:
        return ProviderSpec(
            id="acme", summary="Acme", factory=lambda model, **_: ScriptedModel(f"I am {model}.")
        )

    module.lamella_provider = lamella_provider  # type: ignore[attr-defined]
    return module


@pytest.fixture
def forgotten() -> object:
    yield
    sys.modules.pop("acme_conformance_plugin", None)


@pytest.mark.usefixtures("forgotten")
def test_the_host_sees_only_what_is_installed_in_it(lamella_host: IsolatedHost) -> None:
    assert lamella_host.host.records() == ()
    lamella_host.install(acme(), kind="provider", name="acme")
    assert [record.name for record in lamella_host.host.records()] == ["acme"]
    with lamella_host.project({"model": "acme:one"}) as project:
        assert current_project() is project
        assert get_model("acme:one").complete_sync("Who?").content == "I am one."
        with pytest.raises(ConfigError):
            get_model("openai:gpt-5-nano")


def test_a_broken_plugin_is_an_error_here(lamella_host: IsolatedHost) -> None:
    lamella_host.install("there_is_no_such_module_of_acme", kind="provider", name="acme")
    with pytest.raises(PluginError, match="acme"):
        lamella_host.host.provider("acme")


def test_an_unknown_kind_is_refused(lamella_host: IsolatedHost) -> None:
    with pytest.raises(ValueError, match="provider, content"):
        lamella_host.install("x", kind="providers", name="x")


# -- the server -----------------------------------------------------------------------------------------


def test_the_server_answers_as_told(loopback_server: LoopbackServer) -> None:
    loopback_server.answers = [Answer.json({"a": 1}, x_mine="2"), Answer.events({"b": 2}, "[DONE]")]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{loopback_server.url}/one", data=b'{"q": 3}') as first:
        assert (json.load(first), first.headers["x-mine"]) == ({"a": 1}, "2")
    with opener.open(loopback_server.origin) as second:
        assert second.read() == b'data: {"b": 2}\n\ndata: [DONE]\n\n'
    assert [(each.method, each.path) for each in loopback_server.requests] == [
        ("POST", "/v1/one"),
        ("GET", "/"),
    ]
    assert loopback_server.requests[0].body == {"q": 3}
    assert loopback_server.connections == 2


@pytest.mark.parametrize(("then", "says"), [("drop", b""), ("reset", None)])
def test_the_server_breaks_off(loopback_server: LoopbackServer, then: str, says: bytes | None) -> None:
    loopback_server.answers = [Answer.stream(b"half", then=then)]  # type: ignore[arg-type]
    with socket.create_connection(("127.0.0.1", int(loopback_server.origin.rpartition(":")[2]))) as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        received = b""
        try:
            while piece := client.recv(1000):
                received += piece
            ended: bytes | None = b""
        except ConnectionResetError:
            ended = None
    assert ended == says
    assert received.endswith(b"4\r\nhalf\r\n")


def test_every_public_name_is_there() -> None:
    import lamella_testing

    for name in lamella_testing.__all__:
        assert getattr(lamella_testing, name)
    assert set(lamella_testing.__all__) <= set(dir(lamella_testing))
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        lamella_testing.Nothing  # noqa: B018
    assert issubclass(LamellaError, Exception)
