"""Shared by all tests: async tests run on asyncio only, the backend of the core."""

from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
