"""Memory: conversations that remember, and histories that stay within what a model can read."""

from __future__ import annotations

from lamella.memory.conversation import Conversation
from lamella.memory.model import MemoryModel, with_memory
from lamella.memory.strategies import Strategy, keep_messages, keep_tokens, keep_turns
from lamella.memory.stream import ConversationStream
from lamella.memory.summary import Summarizer
from lamella.memory.window import ContextOverflow, GuardedModel, context_guard

__all__ = [
    "ContextOverflow",
    "Conversation",
    "ConversationStream",
    "GuardedModel",
    "MemoryModel",
    "Strategy",
    "Summarizer",
    "context_guard",
    "keep_messages",
    "keep_tokens",
    "keep_turns",
    "with_memory",
]
