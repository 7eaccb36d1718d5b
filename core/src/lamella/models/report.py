"""``EncodeReport``: where an encoder stands, and what it could not write.

An encoder walks the history inside ``with report.at(message, block, item):``. An error raised there
gets its place, provider and dialect; when the report *collects* (for a plan) the error is kept and
the walk goes on, otherwise it leaves.
"""

from __future__ import annotations

from typing import Any, Self

from lamella.content import Block, MediaContent, TextBlock
from lamella.errors import AgentSerializationError, UnsupportedContentError
from lamella.losses import Loss, LossKind
from lamella.messages import Message
from lamella.models.content import say_who_takes_it
from lamella.models.request import TransplantMode

__all__ = ["EncodeReport"]


class EncodeReport:
    """Collects the losses and, for a plan, the problems of one encoding."""

    def __init__(
        self,
        *,
        provider: str,
        dialect: str,
        mode: TransplantMode = "degrade",
        collect: bool = False,
    ) -> None:
        self.provider = provider
        self.dialect = dialect
        self.mode = mode
        self.losses: list[Loss] = []
        self.problems: list[AgentSerializationError] = []
        self._collect = collect
        self._message: int | None = None
        self._block: int | None = None
        self._role: str | None = None
        self._what = ""
        self._item: Block | None = None

    def at(self, message: int, block: int, item: Block, role: str) -> Self:
        """Say which block is being written; use as a context manager."""
        self._message, self._block, self._role = message, block, role
        self._what = getattr(item, "type", type(item).__name__)
        self._item = item
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: object) -> bool:
        kept = False
        if error is not None and isinstance(error, AgentSerializationError):
            self._place(error)
            kept = self._collect
            if kept:
                self.problems.append(error)
        self._message = self._block = self._role = self._item = None
        self._what = ""
        return kept

    def problem(self, error: AgentSerializationError) -> None:
        """Raise an error that belongs to no block, or keep it when collecting."""
        error.context.setdefault("provider", self.provider)
        error.context.setdefault("dialect", self.dialect)
        if not self._collect:
            raise error
        self.problems.append(error)

    def drop(self, reason: str, what: str | None = None) -> None:
        """Leave the current block (or option ``what``) out: an entry in the report, an error in strict mode."""
        self._lose("dropped", reason, what)

    def rewrite(self, reason: str, what: str | None = None, *, lossless: bool = False) -> None:
        """Note that the current block (or option ``what``) is sent in another form.

        :param lossless: nothing of it is lost, so that strict mode allows it.
        """
        self._lose("rewritten", reason, what, lossless=lossless)

    def words_of(self, block: Block, message: Message) -> str | None:
        """What to send in place of media of the assistant that the wire does not take back.

        Its ``alt`` text; empty text where the message says the same anyway, such as the transcript of what
        was spoken; ``None`` where there are no words for it, and it must be refused. The report notes it.
        """
        if not isinstance(block, MediaContent) or not block.alt:
            return None
        said = any(isinstance(other, TextBlock) and other.text == block.alt for other in message.content)
        if said:
            self.drop(f"{self.dialect} takes no {block.type} of the assistant; its words are in the message")
            return ""
        self.rewrite(f"sent as its words: {self.dialect} takes no {block.type} of the assistant")
        return block.alt

    def _lose(self, kind: LossKind, reason: str, what: str | None, *, lossless: bool = False) -> None:
        loss = Loss(
            kind=kind,
            what=what or self._what,
            reason=reason,
            message=self._message,
            block=self._block,
            lossless=lossless,
        )
        if self.mode == "strict" and not lossless:
            refused = AgentSerializationError(f"strict mode: {loss.what} would be {kind}: {reason}")
            if self._message is None:
                self.problem(refused)
                return
            raise refused
        self.losses.append(loss)

    def _place(self, error: AgentSerializationError) -> None:
        facts: dict[str, Any] = {
            "provider": self.provider,
            "dialect": self.dialect,
            "message": self._message,
            "block": self._block,
            "role": self._role,
            "block_type": self._what,
        }
        if isinstance(error, UnsupportedContentError) and self._item is not None:
            say_who_takes_it(error, self._item)
        if "message" not in error.context:
            where = f"message {self._message} ({self._role}), block {self._block} ({self._what})"
            error.message = f"{error.message} [{where}, for {self.dialect}]"
            error.args = (error.message,)
        error.context = {**facts, **error.context}
