"""The plugin of the middleware ``fetch``: light, and does nothing where a project does not switch it on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lamella

if TYPE_CHECKING:
    from lamella.models import Model

__all__ = ["lamella_api", "lamella_wrap_model"]

lamella_api = "1.0"


# Innermost: what wraps a model otherwise need not show the model's wire.
@lamella.hookimpl(trylast=True)
def lamella_wrap_model(model: Model) -> Model | None:
    """The model with its media fetched where its wire takes bytes only; ``None`` for wires unknown."""
    from lamella.config import current_project
    from lamella_fetch.model import wrapped
    from lamella_fetch.settings import FetchSettings

    given = current_project().plugin_settings("plugin", "fetch", settings=FetchSettings)
    return wrapped(model, FetchSettings(**given))
