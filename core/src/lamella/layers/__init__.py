"""Layers: agents put together, each of which is an agent again.

They run, stream, nest and are tools like any agent. A layer needs no model; agents inside that have none use
the layer's (``model=…``), else that of who calls.
"""

from __future__ import annotations

from lamella.layers.binding import Bound, bind, binder, partial_binder
from lamella.layers.chain import Chain, chain
from lamella.layers.committee import committee, majority
from lamella.layers.extracting import Extractor, conversation, question_and_answers, says_last
from lamella.layers.function import FunctionAgent
from lamella.layers.handoff import Handoffs, handoffs
from lamella.layers.layer import Composite, Layer
from lamella.layers.parallel import Parallel, parallel
from lamella.layers.parts import AgentLike, as_agent
from lamella.layers.route import Route, route
from lamella.layers.stage import OnError, Stage
from lamella.layers.static import Static, static

__all__ = [
    "AgentLike",
    "Bound",
    "Chain",
    "Composite",
    "Extractor",
    "FunctionAgent",
    "Handoffs",
    "Layer",
    "OnError",
    "Parallel",
    "Route",
    "Stage",
    "Static",
    "as_agent",
    "bind",
    "binder",
    "chain",
    "committee",
    "conversation",
    "handoffs",
    "majority",
    "parallel",
    "partial_binder",
    "question_and_answers",
    "route",
    "says_last",
    "static",
]
