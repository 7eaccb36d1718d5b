"""The plugin module: light, and nothing but the contribution."""

from __future__ import annotations

import lamella
from lamella.specs import ModelInfo, ProviderSpec

__all__ = ["lamella_api", "lamella_provider"]

lamella_api = "1.0"


@lamella.hookimpl
def lamella_provider() -> ProviderSpec:
    """The provider ``sim``: offline, without key."""
    return ProviderSpec(
        id="sim",
        summary="offline simulator: scripted or rule-based answers, no model behind it",
        factory="lamella_sim.model:ChatSim",
        settings="lamella_sim.settings:SimSettings",
        default_model="demo",
        offline=True,
        models=(
            ModelInfo(formal_name="demo", display_name="Simulator: script, or rules without one"),
            ModelInfo(formal_name="echo", display_name="Simulator: repeats the prompt"),
            ModelInfo(formal_name="script", display_name="Simulator: plays a script"),
        ),
    )
