"""A content plugin in a host of its own, and what it contributes there."""

from __future__ import annotations

import itertools
import types
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import attrs

import lamella
from lamella.content import MediaContent
from lamella.errors import LamellaError
from lamella.plugins import PluginHost
from lamella.plugins.facade import Implementation
from lamella.specs import ContentSpec
from lamella_testing.hosts import IsolatedHost
from lamella_testing.verdict import fail

__all__ = ["Installed", "installed"]

_numbers = itertools.count(1)


@attrs.frozen(eq=False)
class Installed:
    """A content type as the host has it. ``module`` is ``None`` for a class without a plugin."""

    isolated: IsolatedHost = attrs.field(repr=False)
    name: str
    module: str | None
    spec: ContentSpec | None = None
    fault: str | None = None
    encoder: Implementation | None = attrs.field(default=None, repr=False)

    @property
    def host(self) -> PluginHost:
        """The host."""
        return self.isolated.host

    @contextmanager
    def project(self) -> Iterator[None]:
        """A project in which this plugin is the only one."""
        with self.isolated.project():
            yield

    def hook(self, content: MediaContent, dialect: str) -> Mapping[str, Any] | None:
        """What the plugin's ``lamella_encode_content`` returns, as it is."""
        if self.encoder is None:
            return None
        answer: Any = self.encoder(content=content, dialect=dialect)
        return answer  # type: ignore[no-any-return]  # of any type: the tests look at it


def installed(plugin: str | types.ModuleType | None, content_class: type[MediaContent] | None) -> Installed:
    """Put a plugin, or a class without one, into a host of its own. A fault is kept, not raised."""
    isolated = IsolatedHost()
    module: str | None
    if isinstance(plugin, str):
        name = plugin
        try:
            module = isolated.adopt(kind="content", name=plugin)
        except ValueError as error:
            fail(f"plugin = {plugin!r}: {error}")
    else:
        found = _plugin_of(content_class) if plugin is None else plugin
        name = _tag_of(found, content_class)
        isolated.install(found, kind="content", name=name)
        module = None if plugin is None else found.__name__
    return _asked(isolated, name, module)


def _asked(isolated: IsolatedHost, name: str, module: str | None) -> Installed:
    host = isolated.host
    try:
        spec = host.content(name)
        implementations = list(host.implementations("lamella_encode_content", [("content", name)]))
    except LamellaError as error:
        return Installed(isolated, name, module, fault=str(error))
    encoder = implementations[0] if implementations else None
    return Installed(isolated, name, module, spec=spec, encoder=encoder)


def _tag_of(module: types.ModuleType, content_class: type[MediaContent] | None) -> str:
    """The name that an entry point of this module must have."""
    contribute = getattr(module, "lamella_content_types", None)
    specs = contribute() if callable(contribute) else ()
    first = specs[0] if isinstance(specs, Sequence) and specs else None
    if isinstance(first, ContentSpec):
        return first.id
    return "content" if content_class is None else content_class.type


def _plugin_of(content_class: type[MediaContent] | None) -> types.ModuleType:
    """The smallest plugin for a class that has none: it names the type, and writes it nowhere."""
    if content_class is None:
        fail('set plugin = "…", the name of your entry point in lamella.content, or content_class = …')

    @lamella.hookimpl
    def lamella_content_types() -> Sequence[ContentSpec]:
        return [ContentSpec(id=content_class.type, summary="-", content_class=content_class)]

    module = types.ModuleType(f"lamella_testing_content_{next(_numbers)}")
    vars(module).update(lamella_api="1.0", lamella_content_types=lamella_content_types)
    return module
