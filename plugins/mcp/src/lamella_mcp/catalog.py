"""What a server offers besides tools: resources and prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from mcp import types

__all__ = ["MCPPrompt", "MCPPromptArgument", "MCPResource"]


@attrs.frozen(kw_only=True)
class MCPResource:
    """A resource that can be read. ``uri`` of a template has places to fill: ``file:///{name}``."""

    uri: str
    name: str
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None
    size: int | None = None
    template: bool = False


@attrs.frozen(kw_only=True)
class MCPPromptArgument:
    """An argument of a prompt; its value is a text."""

    name: str
    description: str | None = None
    required: bool = False


@attrs.frozen(kw_only=True)
class MCPPrompt:
    """A prompt that the server makes."""

    name: str
    title: str | None = None
    description: str | None = None
    arguments: tuple[MCPPromptArgument, ...] = ()


def resource(found: types.Resource) -> MCPResource:
    """From the SDK's."""
    return MCPResource(
        uri=found.uri,
        name=found.name,
        title=found.title,
        description=found.description,
        mime_type=found.mime_type,
        size=found.size,
    )


def template(found: types.ResourceTemplate) -> MCPResource:
    """From the SDK's."""
    return MCPResource(
        uri=found.uri_template,
        name=found.name,
        title=found.title,
        description=found.description,
        mime_type=found.mime_type,
        template=True,
    )


def prompt(found: types.Prompt) -> MCPPrompt:
    """From the SDK's."""
    return MCPPrompt(
        name=found.name,
        title=found.title,
        description=found.description,
        arguments=tuple(
            MCPPromptArgument(name=a.name, description=a.description, required=bool(a.required))
            for a in found.arguments or ()
        ),
    )
