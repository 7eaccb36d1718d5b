"""Capabilities are honest: what is declared works, and what is not is refused with a typed error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from lamella.errors import InvalidRequestError, LamellaError, UnsupportedContentError
from lamella.events import MessageOutputDelta, MessageOutputDone, ReasoningDelta, ReasoningDone
from lamella.messages import Message
from lamella.models import Capabilities, Model, ModelRequest, WireModel
from lamella_testing.guards import NetworkUsed
from lamella_testing.provider.base import REFUSALS, ConformanceBase
from lamella_testing.provider.canned import unsent
from lamella_testing.provider.exchange import Exchange, ask
from lamella_testing.provider.requests import MEDIA, ONCE, SCHEMA, asking, kit_tools, media, of_history
from lamella_testing.verdict import fail, require, run, skip

__all__ = ["CapabilityContract"]


class CapabilityContract(ConformanceBase):
    """What a model declares, it does; what it does not declare, it refuses."""

    def test_the_model_says_what_it_is(self) -> None:
        """``provider``, ``model``, ``issuer`` and ``capabilities`` are there before anything is asked."""
        model = self.make_model()
        for name in ("provider", "model", "issuer"):
            value = getattr(model, name)
            require(
                isinstance(value, str) and value and value != "custom",
                f"{name} is {value!r}; set it on the class: runs, prices and opaque state go by it",
            )
        require(
            isinstance(model.capabilities, Capabilities),
            f"capabilities is {type(model.capabilities).__name__}; return a lamella.Capabilities",
        )

    def test_tools(self) -> None:
        """Tools are taken, or refused."""
        request = asking(self.prompt("tool"), tools=kit_tools())
        if not self.make_model().capabilities.tools:
            self._refuses("tools", request)
        else:
            self._takes("tools", request)

    def test_forced_tools(self) -> None:
        """``tool_choice="required"`` and a tool's name give a call, or are refused."""
        can = self.make_model().capabilities
        for choice in ("required", "add"):
            request = asking(self.prompt("tool"), tools=kit_tools(), tool_choice=choice)
            if not can.forced_tools or not can.tools:
                self._refuses("forced_tools", request)
                continue
            found = self._takes("forced_tools", request)
            if found is None or (done := found.completion) is None:
                continue
            names = [call.name for call in done.tool_calls]
            require(
                names and (choice == "required" or set(names) == {choice}),
                f"tool_choice={choice!r} gave the calls {names}; pass tools and tool_choice on, or declare "
                "Capabilities(forced_tools=False)",
            )

    def test_parallel_tools(self) -> None:
        """Several calls in one response come from models that declare ``parallel_tools`` only."""
        can = self.make_model().capabilities
        calls = {each.name: len(done.tool_calls) for each, done in self.answers()}
        if can.tools and can.parallel_tools:
            if max(calls.values()) < 2:
                skip("parallel_tools is declared, but no answer has two calls: give a sample that has")
            return
        several = [name for name, count in calls.items() if count > 1]
        require(
            not several,
            f"the answers to {', '.join(several)} have several calls; declare Capabilities(parallel_tools=True)",
        )

    def test_structured_output(self) -> None:
        """A schema is followed, or refused."""
        request = asking(self.prompt("structured"), output_schema=SCHEMA)
        if not self.make_model().capabilities.structured_output:
            self._refuses("structured_output", request)
            return
        found = self._takes("structured_output", request)
        if found is not None and (done := found.completion) is not None:
            answer = _parsed(done.content)
            require(
                isinstance(answer, Mapping) and set(SCHEMA.schema["required"]) <= set(answer),
                f"the answer {done.content!r:.200} does not follow the schema; pass output_schema on, or declare "
                "Capabilities(structured_output=False)",
            )

    def test_native_input(self) -> None:
        """A provider's own messages are passed on as they are, or refused."""
        request = ModelRequest.of([{"role": "user", "content": "visible-native"}], options=ONCE)
        model = self.make_model()
        if not model.capabilities.native_input:
            self._refuses("native_input", request)
        elif isinstance(model, WireModel):
            require(
                "visible-native" in str(model.encode(request)),
                "native_input is declared, but native messages are not in the payload; put request.native first",
            )
        else:
            skip("native_input is declared; the kit does not know its form")

    @pytest.mark.parametrize("kind", sorted(MEDIA))
    def test_media_inputs(self, kind: str) -> None:
        """Media of a declared kind are encoded; others are refused before anything is sent."""
        model = self.make_model()
        request = of_history([Message.user(["What is this?", media(kind)])])
        if kind not in model.capabilities.inputs:
            error = self._refuses(f"{kind} input", request)
            require(
                isinstance(error, UnsupportedContentError),
                f"undeclared {kind} content is refused with {type(error).__name__}; raise UnsupportedContentError",
            )
        elif isinstance(model, WireModel):
            _check_media(model, request, kind)
        else:
            self._takes(f"{kind} input", request)

    def test_reasoning_is_declared(self) -> None:
        """Reasoning comes from models that declare it."""
        declared = self.make_model().capabilities.reasoning
        for each, _ in self.answers():
            found = next(each.of(ReasoningDelta, ReasoningDone), None)
            require(
                declared or found is None,
                f"{each.name}: the model reasons, but does not declare it; declare Capabilities(reasoning=True)",
            )

    def test_streaming(self) -> None:
        """A model that declares ``streaming`` sends text as it comes."""
        if not self.make_model().capabilities.streaming:
            skip("streaming is not declared")
        for each, done in self.answers():
            at_once = each.sample is not None and each.sample.streamed is None
            if at_once or not done.content or not any(each.of(MessageOutputDone)):
                continue
            require(
                any(each.of(MessageOutputDelta)),
                f"{each.name}: the text came without message.output.delta; yield MessageOutputDelta(delta=…) for "
                "each piece, or declare Capabilities(streaming=False)",
            )

    # -- how -------------------------------------------------------------------------------------------

    def _takes(self, what: str, request: ModelRequest) -> Exchange | None:
        """The answer of a model that is no ``WireModel``; of one, only that the request can be written."""
        model = self.make_model()
        if isinstance(model, WireModel):
            try:
                model.encode(request)
            except LamellaError as error:
                fail(f"{what} is declared, but the request is refused: {type(error).__name__}: {error}")
            return None
        found = run(_asked(model, request))
        if found.error is not None:
            fail(f"{what} is declared, but stream() raises {type(found.error).__name__}: {found.error}")
        return found

    def _refuses(self, what: str, request: ModelRequest) -> Exception:
        model = self.make_model()
        before = len(self.sent(model) or ())
        try:
            found = run(_asked_unsent(model, request))
        except NetworkUsed:
            fail(f"{what} is not declared, but such a request is sent; refuse it before anything is sent")
        error = found.error
        require(
            error is not None,
            f"{what} is not declared, but stream() takes such a request and leaves it out in silence. Refuse it "
            "(check(request) says what is not declared; raise lamella.InvalidRequestError, for media "
            "lamella.UnsupportedContentError), or declare and support it",
        )
        require(
            isinstance(error, REFUSALS),
            f"{what} is not declared, and such a request fails with {type(error).__name__}: {error}; "
            "raise lamella.InvalidRequestError or lamella.UnsupportedContentError",
        )
        require(
            len(self.sent(model) or ()) == before,
            f"{what} is not declared, and the refusal comes after something was sent; refuse it before",
        )
        return error or InvalidRequestError(what)


async def _asked(model: Model, request: ModelRequest) -> Exchange:
    try:
        return await ask(model, request)
    finally:
        await model.aclose()


async def _asked_unsent(model: Model, request: ModelRequest) -> Exchange:
    try:
        with unsent(model):
            return await ask(model, request)
    finally:
        await model.aclose()


def _check_media(model: WireModel, request: ModelRequest, kind: str) -> None:
    from lamella.config import current_project

    try:
        payload = model.encode(request)
    except UnsupportedContentError as error:
        if ("content", kind) not in {(each.kind, each.name) for each in current_project().host.records()}:
            skip(
                f"{kind} input is declared; no content plugin for it is installed: pip install lamella-{kind}"
            )
        fail(f"{kind} input is declared, but its encoding is refused: {error}")
    block = request.messages[0].content[1]
    require(
        getattr(block, "base64_data", "") in str(payload),
        f"{kind} input is declared, but its bytes are not in the payload; call "
        "lamella.models.encode_content(block, dialect) for media blocks",
    )


def _parsed(text: str) -> Any:
    from lamella._json import parse_object

    return parse_object(text)
