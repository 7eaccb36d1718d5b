"""The pytest plugin: fixtures. It imports nothing but pytest until one of them is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lamella_testing.fakes import Reply, ScriptedModel
    from lamella_testing.hosts import IsolatedHost
    from lamella_testing.recording import EventRecorder
    from lamella_testing.server import LoopbackServer

__all__ = ["event_recorder", "lamella_host", "lamella_project", "loopback_server", "scripted_model"]


@pytest.fixture
def lamella_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of an empty project, as the current folder.

    The environment has no Lamella variable, no key, no base URL and no proxy in it, and the user's
    configuration is out of reach. Write a ``lamella.toml`` there and call
    :func:`lamella.config.forget_projects` to have a configuration.
    """
    from lamella_testing.project import empty_project

    with empty_project(tmp_path, monkeypatch) as folder:
        yield folder


@pytest.fixture
def lamella_host(lamella_project: Path) -> IsolatedHost:
    """A plugin host that sees no installed plugin: only what is put in with ``install``."""
    from lamella_testing.hosts import IsolatedHost

    return IsolatedHost()


@pytest.fixture
def scripted_model() -> Callable[..., ScriptedModel]:
    """Makes a model that plays the given replies and records its requests: ``scripted_model("Hello.")``."""

    def make(*replies: Reply) -> ScriptedModel:
        from lamella_testing.fakes import ScriptedModel

        return ScriptedModel(*replies)

    return make


@pytest.fixture
def event_recorder() -> EventRecorder:
    """A sink that keeps the events it gets."""
    from lamella_testing.recording import EventRecorder

    return EventRecorder()


@pytest.fixture
def loopback_server() -> Iterator[LoopbackServer]:
    """An HTTP server on loopback that answers as it is told."""
    from lamella_testing.server import LoopbackServer

    with LoopbackServer() as server:
        yield server
