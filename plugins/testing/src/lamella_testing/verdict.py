"""How a conformance test fails: with one sentence for the author, and no traceback of the kit."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, NoReturn, TypeVar

import pytest

__all__ = ["fail", "require", "run", "skip"]

T = TypeVar("T")


def fail(message: str) -> NoReturn:
    """Fail the test: ``message`` says what is missing and what to do."""
    # Without what was caught on the way: the message has what matters of it.
    raise pytest.fail.Exception(message, pytrace=False) from None


def require(holds: object, message: str) -> None:
    """Fail unless ``holds``."""
    if not holds:
        fail(message)


def skip(reason: str) -> NoReturn:
    """Skip the test: ``reason`` names what is not declared or not given."""
    pytest.skip(reason)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run the asynchronous part of a test, in a loop of its own: no plugin for it is needed."""
    return asyncio.run(coroutine)
