"""Typed hook calls, one implementation at a time, so that a failure has a name and an owner.

Guards and middleware fail closed: when one raises, or what is switched on cannot load, the call is a
``PluginError``. What only informs (prices, model lists, commands) is left out with a warning instead.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

import attrs

from lamella.errors import LamellaError, PluginError, UnsupportedContentError
from lamella.plugins.kinds import Key
from lamella.plugins.states import PluginRecord
from lamella.specs import CommandSpec, Executor, Guardrail, ModelInfo
from lamella.usage import Cost

if TYPE_CHECKING:
    from lamella._frozen import Wire
    from lamella.config import Project
    from lamella.content import MediaContent
    from lamella.models import Model
    from lamella.plugins.host import PluginHost
    from lamella.tools import Tool
    from lamella.usage import TokenUsage

__all__ = ["Hooks", "Implementation"]

T = TypeVar("T")
Item = TypeVar("Item")
Wrapped = TypeVar("Wrapped")

_logger = logging.getLogger("lamella.plugins")


@attrs.frozen(kw_only=True)
class Implementation:
    """One plugin's implementation of one hook, and whose it is."""

    hook: str
    function: Callable[..., object]
    arguments: tuple[str, ...]
    owner: PluginRecord
    rank: int = 0

    def __call__(self, **values: object) -> object:
        """Call it with those of the hook's arguments that it takes."""
        return self.function(**{name: values[name] for name in self.arguments if name in values})

    def failed(self, error: BaseException) -> PluginError:
        """The error of a call that raised."""
        text = " ".join(str(error).split())
        return PluginError(
            f"{self.hook} of {self.owner.title} failed: {type(error).__name__}: {text}",
            cause=error,
            context=self._context(),
        )

    def returned(self, value: object, wanted: str) -> PluginError:
        """The error of a call that returned the wrong thing."""
        return PluginError(
            f"{self.hook} of {self.owner.title} must return {wanted} or None, got {type(value).__name__}",
            context=self._context(),
        )

    def _context(self) -> dict[str, str | None]:
        owner = self.owner
        return {"hook": self.hook, "distribution": owner.distribution, "version": owner.version}


class Hooks:
    """The hooks of one host."""

    def __init__(self, host: PluginHost) -> None:
        self._host = host

    # -- asked by what the program uses -------------------------------------------------------------

    def encode_content(self, content: MediaContent, dialect: str) -> Mapping[str, Wire] | None:
        """A media block in a wire's form, ``None`` when no plugin knows how.

        Asked in this order, until one answers: the content plugin of its type, the provider plugin that
        the dialect is named after, the other content plugins, what is switched on.

        :raises UnsupportedContentError: none has a form for it, and one said why.
        :raises PluginError: a plugin failed, or answered with something else than a mapping.
        """
        keys = self._encoders(content.type, dialect.partition(".")[0])
        refusal: UnsupportedContentError | None = None
        for implementation in self._host.implementations("lamella_encode_content", keys):
            try:
                encoded = _closed(implementation, content=content, dialect=dialect)
            except UnsupportedContentError as error:
                refusal = refusal or error  # another plugin may lift it
                continue
            if isinstance(encoded, Mapping):
                return encoded
            if encoded is not None:
                raise implementation.returned(encoded, "a mapping")
        if refusal is not None:
            raise refusal
        return None

    def price(
        self,
        usage: TokenUsage,
        model: str,
        provider: str | None = None,
        *,
        at: datetime | None = None,
        context: Mapping[str, str] | None = None,
    ) -> Cost | None:
        """What a usage costs, by the first that knows: what is switched on, then the provider's own plugin.

        The prices are those of now, or of the time ``at``: then only plugins that take a time are asked.
        """
        own = self._usable([("provider", provider)] if provider else [])
        told = {"usage": usage, "model": model, "provider": provider, "at": at, "context": context}
        for implementation in self._asked("lamella_price", own):
            if at is not None and "at" not in implementation.arguments:
                continue
            cost = self._isolated(implementation, Cost, "a Cost", **told)
            if cost is not None:
                return cost
        return None

    def model_info(self, provider: str) -> list[ModelInfo]:
        """Models of a provider beyond those in its spec: from its own plugin, and from what is switched on."""
        found: list[ModelInfo] = []
        for implementation in self._asked("lamella_model_info", self._usable([("provider", provider)])):
            found.extend(self._isolated_list(implementation, ModelInfo, provider=provider))
        return found

    def cli(self) -> list[CommandSpec]:
        """The commands of the usable plugins of the group ``lamella.plugins``; of two with one name the first."""
        found: dict[str, CommandSpec] = {}
        keys: list[Key] = [("plugin", name) for name in self._host.names("plugin")]
        for implementation in self._host.implementations("lamella_cli", self._usable(keys)):
            for command in self._isolated_list(implementation, CommandSpec):
                if found.setdefault(command.name, command) is not command:
                    _logger.warning(
                        "%s: the command %r exists already; it is left out",
                        implementation.owner.title,
                        command.name,
                    )
        return list(found.values())

    # -- act unasked, where switched on -------------------------------------------------------------

    def wrap_model(self, model: Model) -> Model:
        """The model in the middleware of every plugin that is switched on, the first outermost.

        :raises PluginError: a plugin cannot load, failed, or returned no model.
        """
        return self._wrap("lamella_wrap_model", "model", model, "stream")

    def wrap_tool(self, tool: Tool) -> Tool:
        """The tool in the middleware of every plugin that is switched on, the first outermost.

        :raises PluginError: a plugin cannot load, failed, or returned no tool.
        """
        return self._wrap("lamella_wrap_tool", "tool", tool, "input_schema")

    def guardrails(self) -> tuple[Guardrail, ...]:
        """The guardrails that are switched on.

        :raises PluginError: a plugin cannot load, failed, or returned no guardrail.
        """
        found: list[Guardrail] = []
        for implementation in self._guards("lamella_guardrail"):
            guardrail = _closed(implementation)
            if isinstance(guardrail, Guardrail):
                found.append(guardrail)
            elif guardrail is not None:
                raise implementation.returned(guardrail, "a Guardrail")
        return tuple(found)

    def executor(self) -> Executor | None:
        """The first executor that is switched on, ``None`` to run tools directly.

        :raises PluginError: a plugin cannot load, failed, or returned no executor.
        """
        for implementation in self._guards("lamella_executor"):
            executor = _closed(implementation)
            if isinstance(executor, Executor):
                return executor
            if executor is not None:
                raise implementation.returned(executor, "an Executor")
        return None

    def configure(self, project: Project) -> None:
        """Tell what is switched on that the project's configuration is complete."""
        for implementation in self._host.ambient("lamella_configure"):
            self._isolated(implementation, type(None), "nothing", project=project)

    # -- inside -------------------------------------------------------------------------------------

    def _encoders(self, content_type: str, provider: str) -> Iterator[Key]:
        others: list[Key] = [("content", name) for name in self._host.names("content")]
        yield from self._usable([("content", content_type), ("provider", provider), *others])
        yield from self._host.catalog.switched_on()

    def _usable(self, keys: Iterable[Key]) -> list[Key]:
        """Those of the keys that are installed and may be used."""
        known = self._host.catalog.entries()
        return [key for key in keys if key in known and self._host.record(*key).usable]

    def _asked(self, hook: str, own: Iterable[Key]) -> Iterator[Implementation]:
        keys = [*self._host.catalog.switched_on(), *own]
        return self._host.implementations(hook, keys)

    def _guards(self, hook: str) -> list[Implementation]:
        self._host.require_switched_on()
        return self._host.ambient(hook)

    def _wrap(self, hook: str, argument: str, thing: Wrapped, attribute: str) -> Wrapped:
        # The first in order ends up outermost, so it is applied last.
        for implementation in reversed(self._guards(hook)):
            wrapped = _closed(implementation, **{argument: thing})
            if wrapped is None:
                continue
            if not hasattr(wrapped, attribute):
                raise implementation.returned(wrapped, f"a {argument.capitalize()}")
            thing = wrapped  # type: ignore[assignment]  # the attribute is what tells: wrappers need no base class
        return thing

    def _isolated(
        self, implementation: Implementation, wanted: type[T], name: str, **values: object
    ) -> T | None:
        """Call what only informs: a failure is a warning and no answer, unless the host is strict."""
        try:
            result = _closed(implementation, **values)
            if result is None or isinstance(result, wanted):
                return result
            raise implementation.returned(result, name)
        except LamellaError as error:
            if self._host.strict:
                raise
            _logger.warning("%s", error)
            _logger.debug("traceback", exc_info=error.cause or error)
            return None

    def _isolated_list(
        self, implementation: Implementation, wanted: type[Item], **values: object
    ) -> list[Item]:
        name = f"a sequence of {wanted.__name__}"
        result = self._isolated(implementation, object, name, **values)
        if result is None:
            return []
        items: Sequence[object] = result if isinstance(result, Sequence) else [result]
        good = [item for item in items if isinstance(item, wanted)]
        wrong = [item for item in items if not isinstance(item, wanted)]
        if wrong or not isinstance(result, Sequence):
            error = implementation.returned(wrong[0] if wrong else result, name)
            if self._host.strict:
                raise error
            _logger.warning("%s", error)
        return good


def _closed(implementation: Implementation, **values: object) -> object:
    """Call what must not fail in silence."""
    try:
        return implementation(**values)
    except KeyboardInterrupt:
        raise
    except LamellaError as error:
        if implementation.hook == "lamella_encode_content":
            raise  # a refusal in the plugin's own typed words
        raise implementation.failed(error) from error
    except BaseException as error:
        raise implementation.failed(error) from error
