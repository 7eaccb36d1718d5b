"""The plugin ``guardrails``: light, and does nothing where a project does not switch it on."""

from __future__ import annotations

import lamella

__all__ = ["lamella_api", "lamella_guardrail"]

lamella_api = "1.0"


@lamella.hookimpl
def lamella_guardrail() -> lamella.Guardrail:
    """The guardrails that the current project sets up, one after the other.

    :raises ConfigError: it sets up none, or a value that does not fit.
    """
    from lamella.config import current_project
    from lamella_guardrails.settings import GuardrailSettings

    given = current_project().plugin_settings("plugin", "guardrails", settings=GuardrailSettings)
    return GuardrailSettings(**given).chain()
