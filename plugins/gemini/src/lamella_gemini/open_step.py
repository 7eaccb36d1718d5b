"""A step of an interaction while it arrives: its beginning, and the deltas that fill it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from lamella._json import parse_object
from lamella.errors import AgentParsingError
from lamella.events import Event
from lamella.providers import Wire
from lamella_gemini.media_interactions import joined_audio
from lamella_gemini.replay_interactions import MEDIA

__all__ = ["OpenStep", "Shown", "as_step"]

Shown: TypeAlias = tuple[Literal["text", "summary", "arguments"], str]
"""A piece that can be shown: what it is of, and its text."""

_NOTES: Final = ("text_annotation_delta", "text_annotation")
_IMPLIED: Final = {
    "text": "model_output",
    **dict.fromkeys(_NOTES, "model_output"),
    **dict.fromkeys(MEDIA, "model_output"),
    "thought_summary": "thought",
    "thought_signature": "thought",
    "arguments_delta": "function_call",
}
"""The type of step that a delta is of, where no event began one."""


def as_step(item: Mapping[str, Wire]) -> dict[str, Wire]:
    """A step; until May 2026 text and media stood where steps stand now."""
    if item.get("type") == "text" or item.get("type") in MEDIA:
        return {"type": "model_output", "content": [dict(item)]}
    return dict(item)


class OpenStep:
    """One step.

    :param step: its beginning, or all of it.
    :param begun: whether an event began it; else the next event of another step ends it.
    """

    def __init__(self, step: Mapping[str, Wire], *, begun: bool = True) -> None:
        self.begun = begun
        self.closed = False
        self.waiting: list[Event] = []
        self._step = dict(step)
        self._arguments: list[str] = []
        self._text: list[str] | None = None
        self._mixed = False
        self._thought: list[str] | None = None
        self._content = _tables(self._step, "content")
        self._summary = _tables(self._step, "summary")

    @classmethod
    def implied(cls, delta: Mapping[str, Wire]) -> OpenStep:
        """A step that no event began."""
        kind = str(delta.get("type"))
        return cls({"type": _IMPLIED.get(kind, kind)}, begun=False)

    @property
    def type(self) -> str:
        """What kind of step it is."""
        return str(self._step.get("type"))

    def call(self, new_id: Any) -> tuple[str, str]:
        """The id and the name of a call; ``new_id`` makes an id where the server gave none."""
        if not self._step.get("id"):
            self._step["id"] = new_id()
        return str(self._step["id"]), str(self._step.get("name") or "")

    def beginning(self) -> list[Shown]:
        """What can be shown of the beginning."""
        texts: list[Shown] = [("text", part["text"]) for part in self._content if _says(part)]
        return texts + [("summary", part["text"]) for part in self._summary if _says(part)]

    # -- deltas -----------------------------------------------------------------------------------

    def take(self, delta: Mapping[str, Wire]) -> Shown | bool:
        """Take a delta: what of it can be shown, else whether it was understood."""
        kind = delta.get("type")
        if kind == "text":
            return self._add_text(delta)
        if kind in _NOTES:
            return self._add_notes(delta.get("annotations"))
        if kind in MEDIA:
            self._settle()
            self._content.append(dict(delta))
            self._mixed = True
            return True
        if kind == "thought_summary":
            return self._add_summary(delta.get("content"))
        if kind == "thought_signature":
            return self._sign(delta)
        if kind == "arguments_delta":
            return self._add_arguments(delta)
        return self._merge(delta) if kind == self.type else False

    def _add_text(self, delta: Mapping[str, Wire]) -> Shown | bool:
        text = delta.get("text")
        if not isinstance(text, str):
            return False
        self._text_pieces().append(text)
        if len(delta) > 2:
            self._content[-1].update({key: delta[key] for key in delta if key not in ("type", "text")})
        # Blocks come when their step is complete: a second text's pieces would be taken for the first one's.
        return ("text", text) if text and not self._mixed else True

    def _text_pieces(self) -> list[str]:
        if self._text is None:
            last = self._content[-1] if self._content else {}
            if last.get("type") != "text":
                last = {"type": "text"}
                self._content.append(last)
            said = last.get("text")
            self._text = [said] if isinstance(said, str) else []
        return self._text

    def _add_notes(self, notes: Wire) -> bool:
        if not isinstance(notes, list | tuple):
            return notes is None
        texts = [part for part in self._content if part.get("type") == "text"]
        if not texts:
            self._text_pieces()
        part = texts[-1] if texts else self._content[-1]
        part.setdefault("annotations", []).extend(notes)
        return True

    def _add_summary(self, part: Wire) -> Shown | bool:
        """A piece of a summary; neighbouring plain texts are pieces of one."""
        if not isinstance(part, Mapping):
            return part is None
        if not _is_plain(part):
            self._settle()
            self._summary.append(dict(part))
        else:
            if self._thought is None:
                self._thought = []
                if not self._summary or not _is_plain(self._summary[-1]):
                    self._summary.append({"type": "text", "text": ""})
                self._thought.append(self._summary[-1]["text"])
            self._thought.append(part["text"])
        return ("summary", part["text"]) if _says(part) else True

    def _sign(self, delta: Mapping[str, Wire]) -> bool:
        if delta.get("signature"):
            self._step["signature"] = delta["signature"]
        return True

    def _add_arguments(self, delta: Mapping[str, Wire]) -> Shown | bool:
        piece = delta.get("arguments")
        if isinstance(piece, Mapping):
            return self._merge(delta)
        for key, value in delta.items():
            if key not in ("type", "arguments") and value:
                self._step[key] = value
        if not isinstance(piece, str) or not piece:
            return piece is None or piece == ""
        self._arguments.append(piece)
        return ("arguments", piece)

    def _merge(self, delta: Mapping[str, Wire]) -> bool:
        for key, value in delta.items():
            if key != "type":
                self._step[key] = _merged(key, self._step.get(key), value)
        return True

    # -- the end ----------------------------------------------------------------------------------

    @property
    def arguments_text(self) -> str:
        """The arguments as the pieces spell them, empty when there were no pieces."""
        return "".join(self._arguments)

    def finished(self) -> dict[str, Wire]:
        """The step with all that came of it."""
        self._settle()
        step = self._step
        if self._content:
            step["content"] = joined_audio(self._content)
        if self._summary:
            step["summary"] = self._summary
        if self._arguments and step.get("type") != "function_call":
            read = parse_object(self.arguments_text)
            step["arguments"] = self.arguments_text if read is None else read
        return step

    def _settle(self) -> None:
        if self._text is not None:
            self._content[-1]["text"] = "".join(self._text)
            self._text = None
        if self._thought is not None:
            self._summary[-1]["text"] = "".join(self._thought)
            self._thought = None


def _tables(step: Mapping[str, Wire], name: str) -> list[dict[str, Wire]]:
    """The parts of a step, ours to change."""
    parts = step.get(name)
    if parts is None:
        return []
    if not isinstance(parts, list | tuple) or not all(isinstance(part, Mapping) for part in parts):
        raise AgentParsingError(
            f"the {name} of a {step.get('type')} step must be a list of objects: {parts!r:.200}"
        )
    owned = [dict(part) for part in parts]
    for part in owned:
        if isinstance(part.get("annotations"), list | tuple):
            part["annotations"] = list(part["annotations"])
    return owned


def _says(part: Mapping[str, Wire]) -> bool:
    return part.get("type", "text") == "text" and isinstance(part.get("text"), str) and part["text"] != ""


def _is_plain(part: Mapping[str, Wire]) -> bool:
    return set(part) == {"type", "text"} and part["type"] == "text" and isinstance(part["text"], str)


def _merged(key: str, known: Wire, given: Wire) -> Wire:
    if isinstance(known, Mapping) and isinstance(given, Mapping):
        return {**known, **given}
    if isinstance(known, list | tuple) and isinstance(given, list | tuple):
        return [*known, *given]
    if key == "result" and isinstance(known, str) and isinstance(given, str):
        return known + given
    return known if known and given in (None, "") else given
