"""``export_tools``: tools in the form of a wire, for programs that talk to a vendor themselves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lamella._frozen import Wire
from lamella.errors import AgentInputError
from lamella.messages import Message
from lamella.models.http import WireModel
from lamella.models.model import Model
from lamella.models.registry import unkeyed_model
from lamella.models.request import ModelRequest
from lamella.tools import as_tools

__all__ = ["export_tools"]


def export_tools(tools: Iterable[Any], model: Model | str) -> list[dict[str, Wire]]:
    """Tools as a model's provider writes them into a request: ``export_tools([f], "anthropic")``.

    Nothing is sent, and no key is needed. What the wire cannot say of a schema is left out of it, as in a request;
    ``portability`` tells what.

    :param tools: tools, functions, agents.
    :param model: a model over HTTP, or a name for ``get_model``.
    :raises AgentInputError: something that is no tool, or a model without a wire.
    """
    known = unkeyed_model(model) if isinstance(model, str) else model
    if not isinstance(known, WireModel):
        raise AgentInputError(f"{known.provider}:{known.model} has no wire that tools could be written for")
    made = as_tools(tools)
    if not made:
        return []
    request = ModelRequest(messages=(Message.user("?"),), tools=made)
    return [dict(tool) for tool in known.encode(request)["tools"]]
