"""What is said about tools and their sources, in words and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from lamella._frozen import thaw
from lamella.plugins.names import canonical
from lamella_cli.plugin_facts import state_words

if TYPE_CHECKING:
    from lamella.config import Project
    from lamella.tools import Tool

__all__ = ["source_facts", "source_of", "tool_facts", "tool_lines"]


def source_facts(project: Project) -> list[dict[str, Any]]:
    """The configured tables, then the installed sources, by name. Imports no plugin.

    :raises ConfigError: a table is wrong.
    """
    tables = [
        {"name": name, "source": config.source, "where": config.where, **_state(project, config.source)}
        for name, config in sorted(project.tools.items())
    ]
    configured = set(map(canonical, project.tools))
    installed = [
        {"name": name, "source": name, "where": None, **_state(project, name)}
        for name in project.host.names("tool_source")
        if canonical(name) not in configured
    ]
    return [*tables, *installed]


def _state(project: Project, source: str) -> dict[str, Any]:
    if source not in project.host.names("tool_source"):
        reason = f"no tool source {source!r} is installed; pip install lamella-{source}"
        return {
            "state": "missing",
            "usable": False,
            "from": None,
            "reason": reason,
            "words": f"missing: {reason}",
        }
    record = project.host.record("tool_source", source)
    return {
        "state": record.state.value,
        "usable": record.usable,
        "from": record.origin,
        "reason": record.reason,
        "words": state_words(record),
    }


def source_of(name: str, project: Project) -> str:
    """Where the tools of a name come from, in words."""
    for known, config in project.tools.items():
        if canonical(known) == canonical(name):
            return f"{config.source}, configured as {known} in {config.where}"
    if name in project.host.names("tool_source"):
        return f"{name}, of {project.host.record('tool_source', name).origin}"
    return f"python, {name}"


def tool_facts(tool: Tool, source: str) -> dict[str, Any]:
    """A tool as JSON."""
    rule = tool.requires_approval
    return {
        "name": tool.name,
        "description": tool.description,
        "source": source,
        "approval": "depends on the arguments"
        if callable(rule)
        else ("required" if rule else "not required"),
        "timeout": tool.timeout,
        "sequential": tool.sequential,
        "input_schema": thaw(tool.input_schema),
        "output_schema": None if tool.output_schema is None else thaw(tool.output_schema),
    }


def tool_lines(facts: dict[str, Any]) -> Iterator[str]:
    """A tool for people: its facts, and its arguments one to a line."""
    yield click.style(facts["name"], bold=True)
    if facts["description"]:
        yield from (f"  {line}".rstrip() for line in facts["description"].splitlines())
    yield f"  source     {facts['source']}"
    yield f"  approval   {facts['approval']}"
    yield f"  timeout    {'none' if facts['timeout'] is None else format(facts['timeout'], 'g') + ' s'}"
    schema = facts["input_schema"]
    required = schema.get("required", ())
    for name, said in schema.get("properties", {}).items():
        said = said if isinstance(said, dict) else {}
        words = [_type(said), "required" if name in required else _default(said), said.get("description", "")]
        yield f"  {name}: {', '.join(word for word in words if word)}"


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(map(repr, schema["enum"]))
    kind = schema.get("type")
    if kind is None and "anyOf" in schema:
        return " | ".join(_type(option) for option in schema["anyOf"])
    if kind == "array" and isinstance(schema.get("items"), dict):
        return f"list of {_type(schema['items'])}"
    return " | ".join(kind) if isinstance(kind, list) else str(kind or "any JSON")


def _default(schema: dict[str, Any]) -> str:
    return f"default {schema['default']!r}" if "default" in schema else ""
