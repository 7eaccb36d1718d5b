"""From configuration alone, to a real OTLP receiver on loopback, and to none."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("opentelemetry.proto")
pytest.importorskip("opentelemetry.exporter.otlp.proto.http")

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

pytestmark = pytest.mark.slow

PROGRAM = """
    from lamella import Agent, tool
    from lamella_sim import ChatSim

    @tool
    def add(a: int, b: int) -> int:
        "Add two numbers."
        return a + b

    agent = Agent(ChatSim(), name="adder", tools=[add])
    assert agent.run("What is 2 + 3?").status == "completed"
"""


class Receiver:
    """An OTLP receiver: 15 lines of HTTP, and the vendor's own protobuf."""

    def __init__(self, status: int = 200) -> None:
        self.spans: list[Span] = []
        self.metrics: set[str] = set()
        self.services: set[str] = set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if status == 200:
                    receiver.take(self.path, body)
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def take(self, path: str, body: bytes) -> None:
        if path == "/v1/traces":
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                named = {item.key: item.value.string_value for item in resource.resource.attributes}
                self.services.add(named["service.name"])
                for scope in resource.scope_spans:
                    self.spans += scope.spans
        elif path == "/v1/metrics":
            for measured in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                self.metrics |= {metric.name for scope in measured.scope_metrics for metric in scope.metrics}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


def play(
    folder: Path, program: str = PROGRAM, config: str = "[sink.otel]\n", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a program in a project; its environment has no variable of OpenTelemetry but these."""
    (folder / "lamella.toml").write_text(config)
    kept = {
        name: value for name, value in os.environ.items() if not name.upper().startswith(("OTEL_", "HTTP"))
    }
    return subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", textwrap.dedent(program)],
        cwd=folder,
        env={**kept, "NO_PROXY": "127.0.0.1", **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_f_x26_a_project_sends_its_runs_to_a_collector(receiver: Receiver, tmp_path: Path) -> None:
    """F-X26: two lines of configuration and OTel's variables, no code: the tree arrives, as protobuf."""
    done = play(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, OTEL_SERVICE_NAME="shop")
    assert (done.returncode, done.stderr) == (0, "")
    names = {span.span_id: span.name for span in receiver.spans}
    assert sorted((span.name, names.get(span.parent_span_id, "")) for span in receiver.spans) == [
        ("chat demo", "invoke_agent adder"),
        ("chat demo", "invoke_agent adder"),
        ("execute_tool add", "invoke_agent adder"),
        ("invoke_agent adder", ""),
    ]
    assert len({span.trace_id for span in receiver.spans}) == 1
    (tool,) = (span for span in receiver.spans if span.name == "execute_tool add")
    attributes = {item.key: item.value.string_value for item in tool.attributes}
    assert attributes["gen_ai.tool.name"] == "add"
    assert receiver.services == {"shop"}
    assert receiver.metrics == {
        "gen_ai.client.operation.duration",
        "gen_ai.client.operation.time_to_first_chunk",
        "gen_ai.client.token.usage",
        "gen_ai.execute_tool.duration",
        "gen_ai.invoke_agent.duration",
    }


def test_settings_come_from_the_project(receiver: Receiver, tmp_path: Path) -> None:
    config = "[sink.otel]\ncontent = true\nmetrics = false\n"
    done = play(tmp_path, config=config, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url)
    assert (done.returncode, done.stderr) == (0, "")
    (run,) = (span for span in receiver.spans if span.name == "invoke_agent adder")
    attributes = {item.key: item.value.string_value for item in run.attributes}
    assert "What is 2 + 3?" in attributes["gen_ai.input.messages"]
    assert receiver.services == {"lamella"}
    assert not receiver.metrics


def test_a_run_is_sent_before_it_returns(receiver: Receiver, tmp_path: Path) -> None:
    """A process that is killed right after a run has told of it."""
    program = textwrap.dedent(PROGRAM) + "import os; os._exit(0)"
    done = play(tmp_path, program, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url)
    assert done.returncode == 0
    assert len(receiver.spans) == 4


def test_an_unreachable_collector_is_reported_once_and_keeps_nobody(tmp_path: Path) -> None:
    program = textwrap.dedent(PROGRAM) + textwrap.dedent(
        """
        import time
        begun = time.perf_counter()
        for _ in range(20):
            agent.run("What is 2 + 3?")
        print(time.perf_counter() - begun)
        """
    )
    begun = time.perf_counter()
    done = play(tmp_path, program, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 5  # the exporter would wait 10 s for each
    assert time.perf_counter() - begun < 20
    assert len(done.stderr.splitlines()) == 1, done.stderr
    line = done.stderr
    assert "the sink 'otel' cannot send what it makes to http://127.0.0.1:9/v1/" in line
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in line


def test_a_collector_that_refuses_is_reported_once(tmp_path: Path) -> None:
    refusing = Receiver(status=403)
    try:
        done = play(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=refusing.url)
    finally:
        refusing.close()
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert "403" in line


def test_a_collector_that_hangs_keeps_a_run_for_a_second_once(tmp_path: Path) -> None:
    import socket

    program = textwrap.dedent(PROGRAM) + textwrap.dedent(
        """
        import os, time
        begun = time.perf_counter()
        for _ in range(10):
            agent.run("What is 2 + 3?")
        print(time.perf_counter() - begun, flush=True)
        os._exit(0)
        """
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        done = play(tmp_path, program, OTEL_EXPORTER_OTLP_ENDPOINT=url)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 3  # the first run has waited its second


def test_without_the_sdk_it_says_what_to_install(tmp_path: Path) -> None:
    program = "import sys; sys.modules['opentelemetry.sdk'] = None\n" + textwrap.dedent(PROGRAM) * 2
    done = play(tmp_path, program)
    assert done.returncode == 0, done.stderr
    (line,) = done.stderr.splitlines()
    assert "pip install 'lamella-otel[sdk]'" in line


def test_without_the_exporter_it_says_what_to_install(tmp_path: Path) -> None:
    program = "import sys; sys.modules['opentelemetry.exporter.otlp.proto.http'] = None\n" + textwrap.dedent(
        PROGRAM
    )
    done = play(tmp_path, program)
    assert done.returncode == 0, done.stderr
    assert "pip install 'lamella-otel[sdk]'" in done.stderr


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"OTEL_TRACES_EXPORTER": "jaeger"}, "OTEL_TRACES_EXPORTER='jaeger'"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "carrier-pigeon"}, "carrier-pigeon"),
    ],
)
def test_variables_that_ask_for_what_there_is_not(
    tmp_path: Path, variables: dict[str, str], said: str
) -> None:
    done = play(tmp_path, **variables)
    assert done.returncode == 0  # the run is not concerned
    assert said in done.stderr
    assert "ConfigError" in done.stderr


def test_exporters_may_be_switched_off(receiver: Receiver, tmp_path: Path) -> None:
    done = play(
        tmp_path,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        OTEL_TRACES_EXPORTER="console",
        OTEL_METRICS_EXPORTER="none",
    )
    assert done.returncode == 0
    assert '"name": "invoke_agent adder"' in done.stdout
    assert not receiver.spans
    assert not receiver.metrics


def test_sdk_disabled(receiver: Receiver, tmp_path: Path) -> None:
    done = play(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, OTEL_SDK_DISABLED="true")
    assert (done.returncode, done.stderr) == (0, "")
    assert not receiver.spans


def test_what_the_program_has_set_up_is_used(tmp_path: Path) -> None:
    """The sink makes no second pipeline where there is one."""
    program = """
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
        trace.set_tracer_provider(provider)
    """
    done = play(tmp_path, textwrap.dedent(program) + textwrap.dedent(PROGRAM))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count('"name": "chat demo"') == 2
