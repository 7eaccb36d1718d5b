"""``Conversation``: what an agent and a user have said to each other so far, and what is said next.

Memory belongs to the conversation: the agent has none, and any number of conversations may share it.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any, Generic, Self

from lamella._frozen import as_tuple
from lamella.agent.base import BaseAgent
from lamella.config import current_project
from lamella.content import Block
from lamella.errors import AgentExecutionError, AgentInputError
from lamella.fold import fold
from lamella.history import repair_history, require_history
from lamella.memory.stream import ConversationStream
from lamella.messages import Message
from lamella.runs import Out_co, RunResult
from lamella.specs import RunStore

__all__ = ["Conversation"]


class Conversation(Generic[Out_co]):
    """A conversation with an agent; it remembers what was said.

    One send at a time: a second one, while the first is not answered, is refused. A send that fails or is cancelled
    leaves the conversation as it was, unless tools have run: what they gave stays, so that no effect is forgotten
    or had twice. ``retry`` goes on from there. (Of layers, whose tools are their parts', nothing stays.)

    :param agent: an ``Agent``, or layers.
    :param id: under which it is found again, a new one unless given.
    :param store: where its runs are stored, such as ``JSONLStore``, and found again. With an ``id`` that the store
        knows the conversation goes on. Or the name of a store in the project's configuration; name the one that
        the project has switched on, or it gets each run twice. Without a store it lives as long as this object.
    :param messages: what was said before.
    :raises AgentInputError: no agent, an empty id, a store that is none, or a history with open tool calls.
    """

    def __init__(
        self,
        agent: BaseAgent[Out_co],
        *,
        id: str | None = None,
        store: RunStore | str | None = None,
        messages: Sequence[Message] = (),
    ) -> None:
        if not isinstance(agent, BaseAgent):
            raise AgentInputError(f"a Conversation needs an agent, got {type(agent).__name__}")
        named: object = id
        if named is not None and (not isinstance(named, str) or not named):
            raise AgentInputError(f"the id of a conversation must be a text that is not empty, got {id!r}")
        require_history(messages)
        self.agent = agent
        self.id = uuid.uuid4().hex if id is None else id
        self.store, self._sinks = _store_of(agent, store)
        self._messages: tuple[Message, ...] = as_tuple(messages)
        self._failed: Message | None = None
        self._unanswered = False
        self._loaded = store is None or id is None or bool(messages)
        self._busy = threading.Lock()

    def __repr__(self) -> str:
        return f"Conversation({self.agent.name or type(self.agent).__name__!r}, id={self.id!r}, {len(self._messages)} messages)"

    @property
    def messages(self) -> tuple[Message, ...]:
        """What was said so far; of a stored conversation once it is loaded, which the first send does."""
        return self._messages

    # -- saying something -------------------------------------------------------------------------

    async def asend(
        self,
        content: str | Block | Sequence[Block | str] | Message,
        runtime_context: Mapping[str, Any] | None = None,
    ) -> RunResult[Out_co]:
        """Say something and get the answer.

        :param content: text, blocks, or a user message.
        :param runtime_context: as in ``Agent.run``.
        :raises LamellaError: the run failed; see the class for what stays.
        :raises AgentExecutionError: the conversation is answering something else.
        """
        return await _collect(self.astream(content, runtime_context))

    def send(
        self,
        content: str | Block | Sequence[Block | str] | Message,
        runtime_context: Mapping[str, Any] | None = None,
    ) -> RunResult[Out_co]:
        """:meth:`asend` for synchronous code; also works where a loop is running."""
        from lamella.sync import run

        return run(self.asend(content, runtime_context))

    def astream(
        self,
        content: str | Block | Sequence[Block | str] | Message,
        runtime_context: Mapping[str, Any] | None = None,
    ) -> ConversationStream[Out_co]:
        """Say something and get the events of the answer as they come. Nothing is said before the first is asked for."""
        return ConversationStream(self, _user_message(content), runtime_context)

    async def aretry(self, runtime_context: Mapping[str, Any] | None = None) -> RunResult[Out_co]:
        """Go on after a send that failed: what tools gave is not asked for again.

        :raises AgentInputError: the last send did not fail.
        """
        return await _collect(ConversationStream(self, None, runtime_context))

    def retry(self, runtime_context: Mapping[str, Any] | None = None) -> RunResult[Out_co]:
        """:meth:`aretry` for synchronous code."""
        from lamella.sync import run

        return run(self.aretry(runtime_context))

    # -- what was said ----------------------------------------------------------------------------

    async def aload(self) -> Self:
        """Read what the store has of this conversation, unless that was done; the first send does it too."""
        if self._loaded or self.store is None:
            return self
        for summary in await self.store.list():
            if summary.conversation == self.id:
                self._take(fold(await self.store.load(summary.run_id)))
                break
        self._loaded = True
        return self

    def load(self) -> Self:
        """:meth:`aload` for synchronous code."""
        from lamella.sync import run

        return run(self.aload())

    def fork(self, id: str | None = None) -> Conversation[Out_co]:
        """A conversation of its own that has heard the same so far.

        :raises AgentInputError: this one is not read from its store yet.
        """
        if not self._loaded:
            raise AgentInputError(
                f"conversation {self.id} is not read from its store yet; load() it before fork()"
            )
        twin = Conversation(self.agent, id=id)
        twin.store, twin._sinks = self.store, self._sinks
        twin._messages, twin._failed, twin._unanswered = self._messages, self._failed, self._unanswered
        return twin

    # -- the bookkeeping --------------------------------------------------------------------------

    def _begin(self) -> None:
        if not self._busy.acquire(blocking=False):
            raise AgentExecutionError(
                f"conversation {self.id} is answering something else; wait for that, close its stream, or go on in a "
                "fork()",
                context={"conversation": self.id},
            )

    def _end(self) -> None:
        self._busy.release()

    def _asked(self, said: Message | None) -> tuple[Message, ...]:
        """The input of the next run."""
        if said is not None:
            return (*self._messages, said)
        if self._failed is not None:
            return (*self._messages, self._failed)
        if not self._unanswered:
            raise AgentInputError(
                f"conversation {self.id}: the last send did not fail, there is nothing to retry"
            )
        return self._messages

    def _take(self, result: RunResult[Any]) -> None:
        """Remember a run that ended."""
        if result.status == "completed":
            self._messages = tuple(repair_history(result.history))
            self._failed, self._unanswered = None, False
            return
        before, said = _split(result.input)
        done = [index for index, message in enumerate(result.messages) if message.tool_outputs]
        if done:
            self._messages = tuple(repair_history((*result.input, *result.messages[: done[-1] + 1])))
            self._failed, self._unanswered = None, True
        else:
            self._messages, self._failed, self._unanswered = before, said, said is None


def _store_of(
    agent: BaseAgent[Any], store: RunStore | str | None
) -> tuple[RunStore | None, tuple[RunStore, ...]]:
    """The store, and it again where it is to be a sink: one that the project has switched on is one already."""
    if store is None:
        return None, ()
    on = False
    made: object = store
    if isinstance(store, str):
        project = agent.project or current_project()
        made, on = project.build_sink(store), store in project.enabled_sinks()
    if not isinstance(made, RunStore):
        raise AgentInputError(
            f"a Conversation needs a run store (open, write, close, load, list), got {type(made).__name__}"
        )
    return made, () if on else (made,)


def _user_message(content: Any) -> Message:
    if not isinstance(content, Message):
        return Message.user(content)
    if content.role != "user" or content.tool_outputs:
        raise AgentInputError(
            f"what is sent in a conversation is said by the user, got a {content.role} message"
            + (" with outputs of tools" if content.tool_outputs else "")
        )
    return content


def _split(given: tuple[Message, ...]) -> tuple[tuple[Message, ...], Message | None]:
    """A run's input as what was before, and what was said; ``None`` where it went on after outputs of tools."""
    if given and given[-1].role == "user" and not given[-1].tool_outputs:
        return given[:-1], given[-1]
    return given, None


async def _collect(stream: ConversationStream[Out_co]) -> RunResult[Out_co]:
    async with aclosing(stream):
        async for _ in stream:
            pass
    return stream.result
