"""The offline simulator, held to the conformance kit."""

from __future__ import annotations

import pytest

from lamella.models import Model, ModelRequest
from lamella_sim import ChatSim, Text, ToolCall, Turn
from lamella_testing import ProviderConformance


class Sim(ProviderConformance):
    """The simulator sends nothing anywhere: it answers by the text, whatever else it is given."""

    def test_unknown_content_is_refused(self) -> None:
        pytest.skip("the simulator looks at no media, and takes any")

    def test_foreign_files_are_refused(self) -> None:
        pytest.skip("the simulator looks at no media, and takes any")


def _two_calls(request: ModelRequest) -> Turn:
    """Two calls of the first tool there is, or a text."""
    call = ToolCall("add", {"a": 2, "b": 3})
    return Turn(steps=[call, call] if request.tools else [Text("Hello.")])


class TestSim(Sim):
    def make_model(self, base_url: str | None = None) -> Model:
        return ChatSim()


class TestSimEcho(Sim):
    def make_model(self, base_url: str | None = None) -> Model:
        return ChatSim("echo")


class TestSimScript(Sim):
    def make_model(self, base_url: str | None = None) -> Model:
        return ChatSim("script", script=_two_calls)

    def test_structured_output(self) -> None:
        pytest.skip("the script gives no structured answer")
