"""Configuration: files, layers with provenance, and the project made of them.

Later layers win: defaults < user file < project file < ``.env`` < environment < code.
"""

from __future__ import annotations

from lamella.config.aliases import ProviderAlias
from lamella.config.current import content_class, current_project, forget_projects, use_project
from lamella.config.dotenv import parse_dotenv
from lamella.config.entries import AgentConfig, ToolConfig
from lamella.config.layers import Layer, Mention
from lamella.config.project import Project, Provenance

__all__ = [
    "AgentConfig",
    "Layer",
    "Mention",
    "Project",
    "Provenance",
    "ProviderAlias",
    "ToolConfig",
    "content_class",
    "current_project",
    "forget_projects",
    "parse_dotenv",
    "use_project",
]
