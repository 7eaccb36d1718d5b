"""``ToolSourceConformance``: subclass it, and pytest says what your tool source still lacks."""

from __future__ import annotations

from lamella_testing.tools.arguments import ArgumentContract
from lamella_testing.tools.base import ToolSourceBase
from lamella_testing.tools.calls import CallContract
from lamella_testing.tools.changes import ChangeContract
from lamella_testing.tools.lifetimes import LifetimeContract
from lamella_testing.tools.plugins import PluginContract
from lamella_testing.tools.protocol import ProtocolContract
from lamella_testing.tools.running import RunContract
from lamella_testing.tools.schemas import SchemaContract
from lamella_testing.tools.secrets import SecretContract

__all__ = ["ToolSourceConformance"]


class ToolSourceConformance(
    PluginContract,
    ProtocolContract,
    SchemaContract,
    LifetimeContract,
    CallContract,
    ArgumentContract,
    RunContract,
    ChangeContract,
    SecretContract,
    ToolSourceBase,
):
    """What every tool source must pass.

    ::

        class TestShop(ToolSourceConformance):
            plugin = "shop"
            settings = {"database": "shop.db"}
            calls = (ToolCall("price", {"item": "apple"}, output=2.5),)
            failing_calls = (ToolCall("price", {"item": "nothing"}),)

            def make_source(self):
                return ShopTools(database="shop.db")

    A test that fails says what to do. A test that is skipped names what the source does not have, or what the author
    could give. What can be given are the attributes of :class:`~lamella_testing.tools.base.ToolSourceBase`.
    """
