"""Errors: whatever is asked, only Lamella's own errors leave."""

from __future__ import annotations

from typing import ClassVar

from lamella.content import MediaContent, OpaqueContent
from lamella.errors import LamellaError, UnsupportedContentError
from lamella.messages import Message
from lamella.models import Model, ModelRequest, WireModel
from lamella_testing.guards import NetworkUsed
from lamella_testing.provider.base import ConformanceBase
from lamella_testing.provider.canned import unsent
from lamella_testing.provider.exchange import Exchange, ask
from lamella_testing.provider.requests import ONCE, SCHEMA, asking, kit_tools, media, of_history
from lamella_testing.verdict import require, run

__all__ = ["ErrorContract"]


class _Unheard(MediaContent):
    type: ClassVar[str] = "conformance-unheard"


class ErrorContract(ConformanceBase):
    """What holds of every failure."""

    def test_only_lamella_errors_leave(self) -> None:
        """A request that is unusual is answered, or fails with a ``LamellaError``."""
        for what, request in _odd_requests().items():
            error = run(self._odd(request)).error
            require(
                error is None or isinstance(error, LamellaError),
                f"{what}: stream() raised {type(error).__name__}: {error}; raise LamellaError subclasses only, such as "
                "InvalidRequestError or AgentParsingError(…, cause=error)",
            )

    def test_unknown_content_is_refused(self) -> None:
        """Content that nobody can write is refused by name, and never left out in silence."""
        block = _Unheard(data=b"?")
        error = run(_unsent(self.make_model(), of_history([Message.user(["What is it?", block])])))
        require(
            isinstance(error, UnsupportedContentError),
            "content of an unknown type is not refused with UnsupportedContentError "
            f"({'it is taken' if error is None else f'{type(error).__name__}: {error}'}); call "
            "lamella.models.encode_content(block, dialect), which does, or raise it yourself",
        )

    async def _odd(self, request: ModelRequest) -> Exchange:
        model = self.make_model()
        try:
            if isinstance(model, WireModel) and not any(each.streamed for each in self.samples):
                return await _only_encoded(model, request)
            with self.answering(model):
                return await ask(model, request)
        finally:
            await model.aclose()


async def _only_encoded(model: WireModel, request: ModelRequest) -> Exchange:
    try:
        model.encode(request)
    except Exception as error:
        return Exchange(name="", request=request, events=(), error=error)
    return Exchange(name="", request=request, events=())


async def _unsent(model: Model, request: ModelRequest) -> Exception | None:
    try:
        with unsent(model):
            return (await ask(model, request)).error
    except NetworkUsed:
        return None
    finally:
        await model.aclose()


def _odd_requests() -> dict[str, ModelRequest]:
    user = Message.user("hi")
    unknown = OpaqueContent(type="conformance.unknown", data={"a": 1})
    return {
        "a tool_choice that names no tool": asking("hi", tools=kit_tools(), tool_choice="no_such_tool"),
        "tools": asking("hi", tools=kit_tools()),
        "a schema": asking("hi", output_schema=SCHEMA),
        "native messages": ModelRequest.of([{"conformance": ["odd"]}], options=ONCE),
        "an empty text": of_history([user, Message.assistant(""), user]),
        "blank text": asking("   "),
        "no user message": of_history([Message.assistant("hi")]),
        "only a system message": of_history([Message.system("hi")]),
        "unknown content": of_history([Message.user(["hi", unknown])]),
        "media of the assistant": of_history([user, Message.assistant(["hi", media("image")]), user]),
        "unusual characters": asking("a lone surrogate \ud83d, a zero \x00, a line separator \u2028"),
        "strict mode": asking("hi", transplant="strict"),
    }
