"""What writers share: the report of what is not written, complete by construction.

A writer says which fields of a block it wrote; whatever else the block holds is reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from lamella import AgentSerializationError, Loss, Message, TokenUsage
from lamella._frozen import thaw
from lamella._json import dumps
from lamella.content import Block, MediaContent, OpaqueContent, ReasoningBlock, ToolCallBlock, ToolOutputBlock
from lamella.models import EncodeReport
from lamella.models.request import TransplantMode
from lamella.usage import BUCKETS
from lamella_transcripts.patches import ISSUER, shape_of

__all__ = ["Report", "state_of"]

_FACTS: Final = ("meta", "raw", "alt")
"""Fields of blocks that nobody sends."""


class Report(EncodeReport):
    """The losses of one writing.

    :param form: the form that is written.
    :param issuer: whose state may be written.
    :param api: which of the issuer's two APIs, as opaque blocks say it.
    """

    def __init__(
        self, form: str, issuer: str, mode: TransplantMode = "degrade", api: str | None = None
    ) -> None:
        super().__init__(provider=issuer, dialect=form, mode=mode)
        self.form = form
        self.issuer = issuer
        self.api = api

    def unsaid(self, block: Block, *said: str, issuer: str | None = None) -> None:
        """Report whatever a block holds beside the fields ``said``.

        :param issuer: whose state was written with it.
        """
        known = {"type", "extra", "opaque", *said}
        for field in attrs.fields(type(block)):
            name = field.name.removeprefix("_")
            if field.init and name not in known and name not in _FACTS:
                self._unsaid_field(block, field, name)
        for owner in (*block.opaque, *(["extra"] if block.extra else [])):
            if owner not in (issuer, ISSUER):
                what = f"state of {owner}" if owner != "extra" else "unknown fields"
                self.rewrite(f"written without the {what}")
        self._foreign_shape(block.opaque)

    def _unsaid_field(self, block: Block, field: Any, name: str) -> None:
        value = getattr(block, name)
        default = field.default
        if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # a class to the runtime
            default = default.factory(block) if default.takes_self else default.factory()
        if value is not None and value != default and value not in ((), {}):
            self.rewrite(f"written without its {name}: {self.form} has no place for it")

    def _foreign_shape(self, state: Mapping[str, Any]) -> None:
        if names := self._foreign(state):
            self.rewrite(f"written without {names}")

    def _foreign(self, state: Mapping[str, Any]) -> str | None:
        """What else another form said, by name; ``None`` where it said nothing more."""
        found = state.get(ISSUER)
        if not isinstance(found, Mapping) or found.get("form") == self.form:
            return None
        names = sorted({name for key in ("patch", "calls") for name in _names(found.get(key) or {})})
        return f"the {', '.join(names)} of {found.get('form')}" if names else None

    def facts(self, index: int, message: Message, *said: str) -> None:
        """Report what a message records about itself and the form does not.

        These are reported and never refused: no model reads them.
        """
        for name in ("usage", "raw", "meta", "extra"):
            value: Any = getattr(message, name)
            if name == "meta":
                value = {key: item for key, item in value.items() if key != ISSUER}
            if name not in said and value:
                reason = f"{self.form} has no place for a message's {name}"
                self.losses.append(Loss(kind="dropped", what=name, reason=reason, message=index))
        if names := self._foreign(message.meta):
            reason = f"written without {names}"
            self.losses.append(Loss(kind="rewritten", what="message", reason=reason, message=index))

    def buckets(self, index: int, usage: TokenUsage, *said: str) -> None:
        """Report the counts that are not among those that the form has."""
        counts = {name: getattr(usage, name) for name in (*BUCKETS, "total_tokens") if name not in said}
        if gone := [name for name, count in counts.items() if count]:
            reason = f"{self.form} has no place for {', '.join(gone)}"
            self.losses.append(Loss(kind="rewritten", what="usage", reason=reason, message=index))

    # -- blocks that several forms write alike ------------------------------------------------------

    def arguments(self, block: ToolCallBlock, malformed: str) -> dict[str, Any]:
        """A call's arguments as an object; text that is none under the key ``malformed``."""
        if block.arguments is None:
            self.rewrite(
                f"its arguments are no JSON object; their text is under {malformed!r}", lossless=True
            )
            return {malformed: block.arguments_json}
        if dumps(block.arguments) != block.arguments_json:
            self.rewrite("its arguments are written as an object, without their spelling", lossless=True)
        plain: dict[str, Any] = thaw(block.arguments)
        return plain

    def output_text(self, block: ToolOutputBlock) -> str:
        """An output as text; media in it are lost."""
        if block.parts is not None:
            kinds = sorted({str(getattr(part, "type", "")) for part in block.parts} - {"text"})
            if kinds:
                self.rewrite(f"written without the {', '.join(kinds)} in it: {self.form} takes text here")
            else:
                self.rewrite("its parts are written as one text", lossless=True)
        elif not isinstance(block.output, str):
            self.rewrite("its JSON is written as text", lossless=True)
        return block.text

    def own_work(self, block: Block) -> dict[str, Any] | None:
        """A foreign item that belongs to this form, verbatim; ``None`` and a loss for another's."""
        if isinstance(block, OpaqueContent) and block.provider == self.issuer:
            item = block.data.get("item")
            if isinstance(item, Mapping) and block.data.get("api") == self.api:
                self.unsaid(block, "data", "provider", issuer=self.issuer)
                made: dict[str, Any] = thaw(item)
                return made
        owner = f" of {block.provider}" if isinstance(block, OpaqueContent) and block.provider else ""
        kind = getattr(block, "type", type(block).__name__)
        self.drop(f"{kind}{owner} has no form in {self.form}")
        return None

    def own_file(self, block: MediaContent) -> bool:
        """Whether a file id may be written; a loss where it is another provider's."""
        if block.file_id is None or block.provider in (None, self.issuer):
            return True
        self.drop(f"it is a file at {block.provider}, which {self.issuer} cannot read")
        return False

    def vouched(self, block: ReasoningBlock) -> None:
        """Report reasoning that was nobody's and is the issuer's once it is written."""
        if block.provider is None:
            self.rewrite(f"it was nobody's, and reads as {self.issuer}'s now", lossless=True)

    def hint(self, block: MediaContent) -> None:
        """Report the type of media that are written by their address alone, where it is not the usual one."""
        if block.data is not None:
            return
        usual = type(block).default_mime_type
        if block.url is not None and block.url.lower().startswith(("http://", "https://")):
            usual = type(block).from_url(block.url).mime_type
        if block.mime_type != usual:
            self.rewrite(
                f"written without its type, {block.mime_type}: it is there by address", lossless=True
            )

    def shape(self, state: Mapping[str, Any]) -> Mapping[str, Any]:
        """The shape that a block or a message had in this form."""
        return shape_of(state, self.form)


def _names(patch: Mapping[str, Any]) -> set[str]:
    """The fields that a patch sets to something."""
    inner = [name for each in patch.get("in", {}).values() for name in _names(each)]
    return {*(name for name, value in patch.get("set", {}).items() if value), *inner}


def state_of(block: Block, issuer: str, key: str) -> Mapping[str, Any] | None:
    """What an API of an issuer keeps at a block, ``None`` where it is not its own."""
    state = block.opaque_for(issuer)
    found = state.get(key) if isinstance(state, Mapping) else None
    if found is not None and not isinstance(found, Mapping):
        raise AgentSerializationError(f"the state of {issuer} at a {type(block).__name__} is no object")
    return found
