"""Agents: a face, a loop, its limits, and the sinks that watch it."""

from __future__ import annotations

from lamella.agent.agent import Agent
from lamella.agent.base import BaseAgent
from lamella.agent.functional import AgentFunction, Emit
from lamella.agent.journal import Journal
from lamella.agent.named import get_agent
from lamella.agent.oneliners import aask, aextract, ask, extract
from lamella.agent.stream import AgentStream, SyncAgentStream

__all__ = [
    "Agent",
    "AgentFunction",
    "AgentStream",
    "BaseAgent",
    "Emit",
    "Journal",
    "SyncAgentStream",
    "aask",
    "aextract",
    "ask",
    "extract",
    "get_agent",
]
