"""``read`` and ``write``: every form behind two functions."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from lamella import AgentInputError, AgentRun, AgentSerializationError, Message
from lamella._json import loads
from lamella.models.request import TransplantMode
from lamella_transcripts.formats import FORMATS, find
from lamella_transcripts.node import Node
from lamella_transcripts.reading import ReadReport
from lamella_transcripts.transcript import Transcript, Written
from lamella_transcripts.writing import Report

__all__ = ["read", "write"]


def read(form: str, data: Any, *, issuer: str | None = None) -> Transcript:
    """Read a conversation of another system. Pure: nothing is fetched, no file is read.

    :param form: one of :func:`formats`.
    :param data: its JSON as Python values or as text, or the system's own objects.
    :param issuer: whose signatures, ids and reasoning these are, where it is not the form's own vendor:
        ``deepseek`` for a list of ``openai.chat`` messages from there.
    :raises AgentSerializationError: the document is malformed; ``context["path"]`` is the place.
    """
    reader, _ = find(form)
    node = Node(loads(data) if isinstance(data, str | bytes) else plain(data))
    report = ReadReport(issuer or FORMATS[form])
    try:
        found = reader(node, report, issuer or FORMATS[form])
    except AgentInputError as error:
        where = "the document" if report.message is None else f"message {report.message}"
        raise AgentSerializationError(
            f"{form}: {where}: {error.message}", context={"message": report.message}, cause=error
        ) from error
    return Transcript(
        messages=tuple(found.messages), losses=tuple(report.losses), usage=found.usage, run=found.run
    )


def write(
    form: str,
    messages: Iterable[Message] | AgentRun,
    *,
    mode: TransplantMode = "degrade",
    issuer: str | None = None,
) -> Written:
    """Write a conversation for another system. Pure, and needs none of the other system's packages.

    :param form: one of :func:`formats`.
    :param messages: the messages, or a tree of runs for the form ``lasagna``.
    :param mode: ``strict`` raises where anything that a model reads would be lost.
    :param issuer: whose signatures, ids and reasoning may be written, where it is not the form's own vendor.
    :raises AgentSerializationError: strict mode, and something would be lost.
    """
    _, writer = find(form)
    api = "chat" if form == "openai.chat" else None
    report = Report(form, issuer or FORMATS[form], mode, api)
    if isinstance(messages, AgentRun):
        if form != "lasagna":
            raise AgentInputError(f"{form} has no form for a tree of runs; give messages, or use 'lasagna'")
        from lamella_transcripts.forms.lasagna_runs import write_run

        return Written(data=write_run(messages, report), losses=tuple(report.losses))
    return Written(data=writer(tuple(messages), report), losses=tuple(report.losses))


def plain(value: Any) -> Any:
    """Another system's objects as plain values: models of pydantic and dataclasses as dicts."""
    if isinstance(value, str | bytes | int | float | None):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if callable(dump := getattr(value, "model_dump", None)):
        return plain(dump())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"__class__": type(value).__name__, **fields}
    if attrs.has(type(value)):
        raise AgentSerializationError(
            f"{type(value).__name__} is Lamella's own; read takes another system's data"
        )
    raise AgentSerializationError(f"a {type(value).__name__} is no JSON; give dicts, lists and texts")
