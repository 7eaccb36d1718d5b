"""Shared by all tests: async tests run on asyncio only, the backend of the core; a file answers for what it leaks."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module", autouse=True)
def leaks_are_found_where_they_are_made() -> Iterator[None]:
    """What a file leaves open warns at the end of that file, not in whichever test the collector happens to run in."""
    yield
    gc.collect()
