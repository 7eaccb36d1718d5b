"""``Gateway``: the plugin that a row is. It imports nothing of OpenAI's plugin before a model is built."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

import lamella
from lamella_gateways.rows import Row, rows

if TYPE_CHECKING:
    from lamella_openai import ChatOpenAICompletions

__all__ = ["Gateway", "gateway"]


@attrs.frozen(eq=False)
class Gateway:
    """One gateway as a plugin: what its entry point names."""

    lamella_api: ClassVar[str] = "1.0"

    row: Row

    @lamella.hookimpl
    def lamella_provider(self) -> lamella.ProviderSpec:
        """The provider of the row."""
        return lamella.ProviderSpec(
            id=self.row.id,
            summary=self.row.summary,
            factory=self.build,
            settings="lamella_openai.settings:ChatSettings",
            dialect="openai.chat",
            env=self.row.env,
            default_model=self.row.default_model,
        )

    def build(self, model: str, **settings: Any) -> ChatOpenAICompletions:
        """A model behind the gateway, with settings as for ``openai-chat``.

        :raises AgentInputError: an unknown setting, or a value it cannot have.
        :raises AuthenticationError: no key is given or found.
        """
        from lamella_gateways.model import model_class

        return model_class(self.row)(model, **settings)


def gateway(name: str) -> Gateway:
    """The gateway of an id, or of an entry point's attribute, which has underscores for dashes.

    :raises KeyError: there is no such row.
    """
    return _gateways()[name.replace("-", "_")]


@functools.cache
def _gateways() -> dict[str, Gateway]:
    return {row.id.replace("-", "_"): Gateway(row) for row in rows().values()}
