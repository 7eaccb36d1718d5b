"""``ProviderConformance``: subclass it, and pytest says what your provider still lacks."""

from __future__ import annotations

from lamella_testing.provider.answers import AnswerContract
from lamella_testing.provider.base import ConformanceBase
from lamella_testing.provider.capabilities import CapabilityContract
from lamella_testing.provider.encoding import EncodingContract
from lamella_testing.provider.endpoints import EndpointContract
from lamella_testing.provider.errors import ErrorContract
from lamella_testing.provider.events import EventContract
from lamella_testing.provider.http import HttpContract
from lamella_testing.provider.samples import Sample
from lamella_testing.provider.secrets import SecretContract
from lamella_testing.provider.transplant import TransplantContract
from lamella_testing.provider.usage import UsageContract
from lamella_testing.provider.wire import WireContract

__all__ = ["ProviderConformance", "Sample"]


class ProviderConformance(
    EventContract,
    AnswerContract,
    UsageContract,
    CapabilityContract,
    EndpointContract,
    EncodingContract,
    TransplantContract,
    SecretContract,
    ErrorContract,
    WireContract,
    HttpContract,
    ConformanceBase,
):
    """What every provider must pass.

    ::

        class TestAcme(ProviderConformance):
            secret = "acme-secret-key"
            samples = (Sample(name="text", streamed=b"…", whole=b"…", text="Hello."),)

            def make_model(self, base_url=None):
                return ChatAcme(api_key=self.secret, base_url=base_url)

    A test that fails says what to do. A test that is skipped names the capability that is not declared,
    or what the author could give. The hooks and their defaults are the attributes of
    :class:`~lamella_testing.provider.base.ConformanceBase`.
    """
