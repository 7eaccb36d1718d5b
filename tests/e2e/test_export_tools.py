"""F-X12: tools in the form of each wire, without a key."""

from __future__ import annotations

from typing import Any

import pytest
from swap.targets import TARGETS, Target

from lamella import Agent, AgentInputError, get_model, tool
from lamella.models import ModelRequest, export_tools


@tool
def weather(city: str, days: int = 1) -> str:
    """Say what the weather is in a city."""
    return f"{city} {days}"


@pytest.mark.parametrize("to", TARGETS, ids=[to.name for to in TARGETS])
def test_f_x12_tools_export_themselves_in_each_dialect(to: Target) -> None:
    model = to.make()
    exported = export_tools([weather, Agent(name="helper")], model)
    request: Any = ModelRequest.of("?", tools=(weather, Agent(name="helper").as_tool()))
    assert exported == model.encode(request)["tools"]
    assert "weather" in str(exported)
    assert "Say what the weather is in a city." in str(exported)
    assert export_tools([], model) == []


def test_f_x12_by_the_name_of_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    (exported,) = export_tools([weather], "anthropic")
    assert (exported["name"], sorted(exported["input_schema"]["properties"])) == ("weather", ["city", "days"])
    with pytest.raises(AgentInputError, match="sim:demo has no wire"):
        export_tools([weather], get_model("sim:demo"))
