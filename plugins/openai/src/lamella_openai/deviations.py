"""``Deviations``: where a server that speaks Chat Completions differs from OpenAI's, as data.

The encoder reads them; nothing asks for a provider's name. They are set on a model, or by a row of
``lamella-gateways``, or in the configuration: ``[provider.mylab]``, ``deviations = { strict_tools = false }``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from lamella.errors import AgentInputError
from lamella.providers import flag, one_of, text

__all__ = ["TOOL_CHOICES", "Deviations", "as_changes"]

TOOL_CHOICES: Final = ("auto", "none", "required", "function")
"""The forms of ``tool_choice``; ``function`` is the object that names a tool."""

STRUCTURED_OUTPUTS: Final = ("json_schema", "json_object", "none")


def _words(value: Any) -> Any:
    """A set of words; anything else is left for the validator."""
    several = isinstance(value, Iterable) and not isinstance(value, str | Mapping)
    return frozenset(value) if several and all(isinstance(item, str) for item in value) else value


def _choices(owner: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, frozenset) or not {"auto"} <= value <= set(TOOL_CHOICES):
        shown = sorted(value) if isinstance(value, frozenset) else value
        raise AgentInputError(
            f'Deviations.{field.name} must be a list of {", ".join(TOOL_CHOICES)} with "auto" in it, got {shown!r:.80}'
        )


def _kinds(owner: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and not isinstance(value, frozenset):
        raise AgentInputError(f"Deviations.{field.name} must be a list of content types, got {value!r:.80}")


@attrs.frozen(kw_only=True)
class Deviations:
    """What a server takes. The defaults are OpenAI itself.

    :param tools: tools at all. A request with tools, or a history with calls, is refused without.
    :param tool_choice: the forms of ``tool_choice`` that are taken: ``auto``, ``none``, ``required``,
        ``function``. Where another form says the same, it is sent instead; else the request is refused.
    :param parallel_tool_calls: the flag of this name; without it several calls may come at once.
    :param strict_tools: ``strict`` in a tool's definition.
    :param structured_output: how a schema is asked for. ``json_object``: JSON mode, and the schema in the
        system message, which nothing enforces; ``none``: schemas are refused.
    :param stream_usage: ``stream_options``, by which a stream is asked for its usage.
    :param plain_text_content: content of a user that is only text must be a text, not a list of parts.
    :param inputs: the kinds of content taken, such as ``["text", "image"]``; ``None`` for whatever a
        content plugin has a form for.
    :param reasoning_replay: the server's own reasoning in the history; it is left out without.
    :param reasoning_field: the field of an assistant's message for reasoning that the caller gives. What
        a server sent goes back under the name it came by.
    :param reasoning_with_calls: a message with calls must have the reasoning field. A blank is sent where
        there is no reasoning, as in a history of another vendor.
    :param embeddings: ``POST /embeddings``.
    :param list_models: ``GET /models``.
    """

    tools: bool = attrs.field(default=True, validator=flag)
    tool_choice: frozenset[str] = attrs.field(
        default=frozenset(TOOL_CHOICES), converter=_words, validator=_choices
    )
    parallel_tool_calls: bool = attrs.field(default=True, validator=flag)
    strict_tools: bool = attrs.field(default=True, validator=flag)
    structured_output: str = attrs.field(default="json_schema", validator=one_of(*STRUCTURED_OUTPUTS))
    stream_usage: bool = attrs.field(default=True, validator=flag)
    plain_text_content: bool = attrs.field(default=False, validator=flag)
    inputs: frozenset[str] | None = attrs.field(default=None, converter=_words, validator=_kinds)
    reasoning_replay: bool = attrs.field(default=True, validator=flag)
    reasoning_field: str = attrs.field(default="reasoning_content", validator=text)
    reasoning_with_calls: bool = attrs.field(default=False, validator=flag)
    embeddings: bool = attrs.field(default=True, validator=flag)
    list_models: bool = attrs.field(default=True, validator=flag)

    def changed(self, changes: Mapping[str, Any] | None) -> Deviations:
        """These deviations with some changed.

        :raises AgentInputError: there is none of that name, or it cannot have that value.
        """
        return attrs.evolve(self, **_checked(changes)) if changes else self


def as_changes(value: Deviations | Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What a setting changes, as a table of plain values: that of a table, or all of a ``Deviations``.

    :raises AgentInputError: as :meth:`Deviations.changed`, or it is neither.
    """
    if value is None:
        return None
    if isinstance(value, Deviations):
        return {name: _plain(item) for name, item in attrs.asdict(value).items()}
    if not isinstance(value, Mapping):
        raise AgentInputError(f"deviations must be a table or Deviations, got {value!r:.80}")
    changes = _checked(value)
    Deviations(**changes)
    return {name: _plain(item) for name, item in changes.items()}


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else value


def _checked(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes by field name; dashes and underscores are equal."""
    known = [field.name for field in attrs.fields(Deviations)]
    found = {str(name).replace("-", "_"): value for name, value in changes.items()}
    for name in found:
        if name not in known:
            raise AgentInputError(f"there is no deviation {name!r}{_suggestion(name, known)}")
    return found


def _suggestion(name: str, known: list[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{hint} (there are: {', '.join(known)})"
