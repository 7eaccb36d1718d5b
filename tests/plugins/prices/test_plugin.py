"""The plugin ``prices``: where a project switches it on, and what importing it brings."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest

import lamella_prices
from lamella import Project, TokenUsage, use_project
from lamella.models import Plan
from lamella.models.counting import TokenCount
from lamella_prices.plugin import lamella_price

USAGE = TokenUsage(input_tokens=1_000_000, output_tokens=1_000_000)
ROOT = Path(__file__).parents[3]


def test_f_use08_a_project_that_switches_it_on_knows_the_prices() -> None:
    """F-USE08: bundled data, offline; the source tells."""
    with use_project(Project.load(overrides={"plugins.prices": True}, environ={})):
        cost = USAGE.cost("gpt-4o-mini-2024-07-18", "openai")
        assert cost.priced
        assert float(cost.amount) == USAGE.cost_usd("openai:gpt-4o-mini") == 0.75
        assert cost.source.startswith("genai-prices ")
        unknown = USAGE.cost("unheard-of", "openai")
        assert (float(unknown.amount), unknown.priced, unknown.source) == (4.0, False, "fallback")


def test_installing_it_changes_nothing() -> None:
    with use_project(Project.load(overrides={}, environ={})):
        cost = USAGE.cost("gpt-4o-mini", "openai")
    assert not cost.priced


def test_f_use08_prices_of_the_project_come_first() -> None:
    overrides = {"plugins.prices": True, "prices": {"gpt-4o": [5, 15]}}
    with use_project(Project.load(overrides=overrides, environ={})):
        assert USAGE.cost("gpt-4o-2024-08-06", "openai").amount == 20
        assert USAGE.cost("gpt-4.1", "openai").amount == 10


def test_a_plan_knows_its_worst_case() -> None:
    """Of one request, so that the prices of long requests are the right ones."""
    plan = Plan(
        provider="anthropic",
        model="claude-sonnet-4-5",
        input_tokens=TokenCount(tokens=300_000, estimated=True),
        max_output_tokens=1000,
    )
    with use_project(Project.load(overrides={"plugins.prices": True}, environ={})):
        cost = plan.worst_case_cost
    assert cost is not None
    assert float(cost.amount) == pytest.approx(1.8225)


def test_the_hook_is_the_price_of_now() -> None:
    cost = lamella_price(USAGE, "gpt-4o-mini", "openai")
    assert cost == lamella_prices.price(USAGE, "gpt-4o-mini", "openai")
    assert lamella_price(USAGE, "unheard-of", None) is None


def test_importing_it_loads_no_price_data() -> None:
    code = (
        "import sys, lamella_prices, lamella_prices.plugin\n"
        "lamella_prices.plugin.lamella_cli()\n"
        "from lamella_prices import price, price_row, spending, Spending, Spent\n"
        "heavy = {'genai_prices', 'pydantic', 'pydantic_core', 'httpx2', 'click', 'lamella_cli'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_pricing_opens_no_connection() -> None:
    code = (
        "import socket\n"
        "def refuse(*_, **__): raise AssertionError('a connection')\n"
        "socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse\n"
        "from lamella import TokenUsage\n"
        "from lamella_prices import price\n"
        "print(price(TokenUsage(input_tokens=1), 'gpt-4o', 'openai').priced)\n"
        "import threading\n"
        "print(threading.active_count())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "1"]


def test_the_public_names_are_there() -> None:
    assert sorted(lamella_prices.__all__) == dir(lamella_prices)
    for name in lamella_prices.__all__:
        assert getattr(lamella_prices, name).__module__.startswith("lamella_prices.")
    with pytest.raises(AttributeError, match="no attribute 'cost'"):
        _ = lamella_prices.cost


def test_the_dependencies_have_lower_bounds_and_no_caps() -> None:
    declared = tomllib.loads((ROOT / "plugins/prices/pyproject.toml").read_text(encoding="utf-8"))
    wanted = declared["project"]["dependencies"]
    assert [re.match(r"[a-z-]+>=[0-9.]+$", each) is not None for each in wanted] == [True] * len(wanted)
    assert set(wanted) <= set(requires("lamella-prices") or ())
