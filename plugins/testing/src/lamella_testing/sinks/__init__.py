"""``SinkConformance``: subclass it, and pytest says what your sink or run store still lacks."""

from __future__ import annotations

from lamella_testing.sinks.agents import AgentContract
from lamella_testing.sinks.base import SinkBase
from lamella_testing.sinks.claims import ClaimContract
from lamella_testing.sinks.contents import ContentsContract
from lamella_testing.sinks.failing import FailureContract
from lamella_testing.sinks.keeping import KeepingBase
from lamella_testing.sinks.kills import KillContract
from lamella_testing.sinks.lifecycles import LifecycleContract
from lamella_testing.sinks.lists import ListContract
from lamella_testing.sinks.plugins import PluginContract
from lamella_testing.sinks.protocol import ProtocolContract
from lamella_testing.sinks.secrets import SecretContract
from lamella_testing.sinks.stores import StoreContract

__all__ = ["SinkConformance"]


class SinkConformance(
    PluginContract,
    ProtocolContract,
    LifecycleContract,
    ContentsContract,
    AgentContract,
    FailureContract,
    StoreContract,
    ListContract,
    ClaimContract,
    KillContract,
    SecretContract,
    KeepingBase,
    SinkBase,
):
    """What every sink must pass, and every run store.

    ::

        class TestAcme(SinkConformance):
            plugin = "acme"
            settings = {"path": "runs"}

            def make_sink(self):
                return AcmeStore(self.folder)

            def recipe(self):  # a run store: the same storage again, also in another process
                return functools.partial(AcmeStore, self.folder)

    A test that fails says what to do. A test that is skipped names what the sink is not, or what the author could give.
    What can be given are the attributes of :class:`~lamella_testing.sinks.base.SinkBase`.
    """
