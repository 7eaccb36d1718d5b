"""Transplant: a vendor's opaque state goes back to that vendor, and to nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from lamella.content import (
    MediaContent,
    OpaqueContent,
    ReasoningBlock,
    TextBlock,
    ToolCallBlock,
    ToolOutputBlock,
)
from lamella.errors import AgentSerializationError, UnsupportedContentError
from lamella.messages import Message
from lamella.models import Model, ModelRequest
from lamella.usage import TokenUsage
from lamella_testing.guards import NetworkUsed
from lamella_testing.provider.canned import unsent
from lamella_testing.provider.exchange import ask
from lamella_testing.provider.requests import MEDIA, kit_tools, of_history
from lamella_testing.provider.samples import Sample
from lamella_testing.provider.writing import Writing
from lamella_testing.verdict import require, run, skip

__all__ = ["TransplantContract"]

_CANARY: Final = "canary-of-another-vendor"

_VENDORS: Final = ("conformance-vendor", "openai", "anthropic", "gemini", "mistral", "ollama")


class TransplantContract(Writing):
    """What holds when a history of another vendor is continued here, and when an own one is."""

    def test_foreign_state_is_never_sent(self) -> None:
        """No signature, encrypted text, item id or raw item of another vendor is in what is sent."""
        for vendor in self._foreign():
            text = self.written(_foreign_history(vendor, self._tools()))
            place = text.find(_CANARY)
            require(
                place < 0,
                f"opaque state of {vendor!r} is sent: …{text[max(0, place - 80) : place + 80]}…; send signatures and "
                "opaque state only where block.issued_to(issuer) and block.opaque_for(issuer) say so",
            )

    def test_what_is_visible_crosses(self) -> None:
        """Text, calls and outputs of another vendor's history arrive."""
        for vendor in self._foreign():
            text = self.written(_foreign_history(vendor, self._tools()))
            marks = ["visible-text", *(["visible-argument", "visible-output"] if self._tools() else [])]
            for mark in marks:
                require(mark in text, f"{mark!r} of a history of {vendor!r} is not sent")

    def test_foreign_state_is_reported(self) -> None:
        """What is left out is in the loss report, by message and block."""
        model = self.wire_model()
        for vendor in self._foreign():
            losses = self.losses(model, _foreign_history(vendor, self._tools()))
            places = {(loss.message, loss.block) for loss in losses if loss.kind == "dropped"}
            for block, what in ((0, "reasoning"), (1, "redacted reasoning"), (2, "server-side work")):
                require(
                    (1, block) in places,
                    f"{what} of {vendor!r} is left out without a word; call report.drop(reason) inside "
                    "`with report.at(message_index, block_index, block, role)`",
                )

    def test_strict_mode_refuses_foreign_state(self) -> None:
        """``transplant="strict"`` refuses instead of leaving out, before anything is sent."""
        model = self.wire_model()
        for vendor in self._foreign():
            request = ModelRequest.of(_foreign_history(vendor, self._tools()), transplant="strict")
            error = run(_refusal(model, request))
            require(
                isinstance(error, AgentSerializationError),
                f"strict mode does not refuse reasoning of {vendor!r} "
                f"({'it is sent' if error is None else f'{type(error).__name__}: {error}'}); "
                "use report.drop(reason), which does",
            )

    def test_foreign_files_are_refused(self) -> None:
        """A file id of another vendor is refused by name, before anything is sent."""
        model = self.make_model()
        kinds = sorted(kind for kind in MEDIA if kind in model.capabilities.inputs)
        if not kinds:
            skip("no media input is declared")
        for kind in kinds:
            for vendor in self._foreign():
                self._refuses_file(model, MEDIA[kind](file_id=_CANARY, provider=vendor), kind, vendor)

    def test_own_state_is_replayed(self, sample: Sample) -> None:
        """Signatures and other opaque state of an answer are in the next request, byte for byte."""
        completion = self.exchange(sample).completion
        model = self.wire_model()
        if completion is None or completion.message is None:
            skip(f"the sample {sample.name!r} gives no message")
        signed = [
            block.signature
            for block in completion.message.content
            if isinstance(block, ReasoningBlock) and block.signature and block.provider == model.issuer
        ]
        wanted = [*sample.state, *signed]
        if not wanted:
            skip(f"the sample {sample.name!r} has no opaque state: give state=(…)")
        text = self.written(_continued(self.request_of(sample), completion.message))
        for state in wanted:
            require(
                state in text,
                f"{sample.name}: the state {state!r:.80} is not sent back to {model.issuer!r}, who issued it; keep it "
                "in signature or opaque[issuer] and write it again",
            )

    def test_own_reasoning_names_its_issuer(self, sample: Sample) -> None:
        """Reasoning with a signature or state says whose it is."""
        completion = self.exchange(sample).completion
        issuer = self.wire_model().issuer
        blocks = () if completion is None or completion.message is None else completion.message.content
        for block in blocks:
            signed = isinstance(block, ReasoningBlock) and (block.signature or block.redacted)
            require(
                not signed or getattr(block, "provider", None) == issuer,
                f"{sample.name}: signed reasoning has provider={getattr(block, 'provider', None)!r}; give "
                f"provider={issuer!r} (the model's issuer), or it would be sent to anybody",
            )
            require(
                set(block.opaque) <= {issuer},
                f"{sample.name}: a {getattr(block, 'type', 'block')} has opaque state under {sorted(block.opaque)}; put it "
                f"under {issuer!r} (the model's issuer)",
            )

    # -- how -------------------------------------------------------------------------------------------

    def _foreign(self) -> list[str]:
        model = self.make_model()
        return [vendor for vendor in _VENDORS if vendor not in (model.issuer, model.provider)]

    def _tools(self) -> bool:
        return self.make_model().capabilities.tools

    def _refuses_file(self, model: Model, file: MediaContent, kind: str, vendor: str) -> None:
        error = run(_refusal(model, of_history([Message.user(["What is it?", file])])))
        require(
            isinstance(error, UnsupportedContentError),
            f"a {kind} file id of {vendor!r} is not refused with UnsupportedContentError "
            f"({'it is sent' if error is None else f'{type(error).__name__}: {error}'}); check content.provider",
        )


async def _refusal(model: Model, request: ModelRequest) -> Exception | None:
    try:
        with unsent(model):
            return (await ask(model, request)).error
    except NetworkUsed:
        return None
    finally:
        await model.aclose()


def _continued(request: ModelRequest, answer: Message) -> ModelRequest:
    outputs = [
        ToolOutputBlock(call_id=call.call_id, name=call.name, output="5") for call in answer.tool_calls
    ]
    following = Message.user(outputs) if outputs else Message.user("Go on.")
    tools = request.tools or (kit_tools() if outputs else ())
    return of_history((*request.messages, answer, following), tools=tools)


def _state(vendor: str) -> dict[str, Any]:
    """Opaque state in the shapes that vendors have: whoever reads it without asking whose it is sends it."""
    item = {"id": _CANARY, "type": "reasoning", "encrypted_content": _CANARY, "signature": _CANARY}
    return {
        vendor: {
            "item": item,
            "id": _CANARY,
            "signature": _CANARY,
            "thought_signature": _CANARY,
            "chat": {"fields": [_CANARY], "raw": {"reasoning_details": _CANARY}, "call": {"extra": _CANARY}},
            "responses": {"item": item, "id": _CANARY},
        }
    }


def _foreign_history(vendor: str, tools: bool) -> ModelRequest:
    """A conversation with ``vendor``: message 1 begins with reasoning, redacted reasoning and server-side work."""
    state = _state(vendor)
    answer = Message(
        role="assistant",
        content=tuple(_foreign_blocks(vendor, state, tools)),
        usage=TokenUsage(input_tokens=1, raw={"id": _CANARY}),
        raw={"id": _CANARY},
        meta={"note": _CANARY},
    )
    output = ToolOutputBlock(call_id="call_foreign_1", name="add", output="visible-output", opaque=state)
    messages = [
        Message.user([TextBlock(text="Hello.", opaque=state)]),
        answer,
        *([Message.user(output)] if tools else []),
        Message.user("Go on."),
    ]
    return of_history(messages, tools=kit_tools() if tools else ())


def _foreign_blocks(vendor: str, state: dict[str, Any], tools: bool) -> Iterator[Any]:
    yield ReasoningBlock(
        text="thought",
        signature=_CANARY,
        reasoning_id=_CANARY,
        provider=vendor,
        provider_meta={"data": _CANARY},
        opaque=state,
    )
    yield ReasoningBlock(signature=_CANARY, redacted=True, provider=vendor, opaque=state)
    item = {"id": _CANARY, "type": "web_search_call", "action": {"query": _CANARY}}
    yield OpaqueContent(type=f"{vendor}.web_search_call", provider=vendor, data={"item": item, "api": "chat"})
    annotation = {"type": "citation", "encrypted_index": _CANARY, "file_id": _CANARY}
    yield TextBlock(text="visible-text", annotations=(annotation,), opaque=state)
    if tools:
        arguments = '{"a": 1, "b": 2, "c": "visible-argument"}'
        yield ToolCallBlock(call_id="call_foreign_1", name="add", arguments_json=arguments, opaque=state)
