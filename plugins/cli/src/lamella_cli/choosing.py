"""Which model answers when nobody said: the project's, else that of the first provider with a key, else the simulator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from lamella.errors import ConfigError, PluginError

if TYPE_CHECKING:
    from lamella.config import Project
    from lamella.specs import ProviderSpec

__all__ = ["SIMULATOR", "Choice", "choose_model"]

SIMULATOR: Final = "sim:demo"

_SIMULATED: Final = (
    "this is the offline simulator (sim): no model answers. For a real one install its provider "
    "(pip install lamella-openai), set its key (OPENAI_API_KEY) and name it: lamella run -m openai:gpt-5-nano …"
)


@attrs.frozen
class Choice:
    """A model's name, and what the user should know about how it was chosen."""

    name: str
    notice: str | None = None


def choose_model(asked: str | None, project: Project) -> Choice:
    """The model to ask.

    :param asked: the name from the command line, which wins.
    """
    name = asked or project.model
    found = Choice(name) if name else _first_with_key(project) or Choice(SIMULATOR)
    return attrs.evolve(found, notice=_SIMULATED) if found.name.partition(":")[0] == "sim" else found


def _first_with_key(project: Project) -> Choice | None:
    for record in project.host.records():
        if record.kind != "provider" or not record.usable:
            continue
        try:
            spec = project.host.provider(record.name)
        except (PluginError, ConfigError):  # broken: the host has said so, the next one may do
            if project.strict_plugins:
                raise
            continue
        variable = _set_variable(spec, project)
        if variable is not None and spec.default_model is not None:
            name = f"{spec.id}:{spec.default_model}"
            return Choice(name, f"using {name}, because {variable} is set; choose with -m")
    return None


def _set_variable(spec: ProviderSpec, project: Project) -> str | None:
    return next((variable for variable in spec.env if project.env(variable)), None)
