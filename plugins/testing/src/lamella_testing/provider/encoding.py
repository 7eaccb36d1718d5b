"""Encoding: everything of a request is on the wire, in order, and a plan says so before."""

from __future__ import annotations

import copy
import json

from lamella.content import TextBlock, ToolCallBlock, ToolOutputBlock
from lamella.messages import Message
from lamella.models import ModelRequest, WireModel
from lamella_testing.guards import NetworkUsed
from lamella_testing.provider.canned import unsent
from lamella_testing.provider.requests import SCHEMA, answered, asking, kit_tools, of_history
from lamella_testing.provider.writing import Writing, as_text
from lamella_testing.verdict import fail, require, skip

__all__ = ["EncodingContract"]


class EncodingContract(Writing):
    """What holds of what is sent."""

    def test_the_system_instruction_is_sent(self) -> None:
        """The instruction of the request, and a system message of the history."""
        text = self.written(
            of_history(
                [Message.system("visible-system-two"), Message.user("hi")],
                system_instruction="visible-system-one",
            )
        )
        for mark in ("visible-system-one", "visible-system-two"):
            require(
                mark in text, f"{mark!r} is not sent; write request.system_instruction and system messages"
            )

    def test_the_history_is_sent_in_order(self) -> None:
        """Texts of all messages and blocks, in order."""
        history = [
            Message.user("visible-1"),
            Message.assistant([TextBlock(text="visible-2"), TextBlock(text="visible-3")]),
            Message.user(["visible-4", "visible-5"]),
        ]
        text = self.written(of_history(history))
        _require_order(text, [f"visible-{number}" for number in range(1, 6)], "the texts of the history")

    def test_tools_are_sent(self) -> None:
        """Name, description and parameters of every tool."""
        self._need("tools")
        text = self.written(asking("hi", tools=kit_tools()))
        for mark in ("add", "Add two numbers.", "look_up", "conformance_word", "the word to look up"):
            require(
                mark in text,
                f"{mark!r} of a tool is not sent; write tool.name, .description and .wire_schema()",
            )

    def test_a_forced_tool_is_sent(self) -> None:
        """``tool_choice`` changes what is sent."""
        self._need("tools")
        self._need("forced_tools")
        texts = {
            choice: self.written(asking("hi", tools=kit_tools(), tool_choice=choice))
            for choice in ("auto", "required", "look_up")
        }
        require(
            len(set(texts.values())) == len(texts),
            "tool_choice does not change what is sent; write request.tool_choice",
        )

    def test_calls_and_outputs_are_sent_in_order(self) -> None:
        """Parallel calls, then their outputs in call order; ids, arguments and outputs all arrive."""
        self._need("tools")
        turn = answered()
        text = self.written(of_history([Message.user("hi"), turn.call, turn.outputs], tools=kit_tools()))
        _require_order(
            text, ["visible-word", "visible-output-one", "visible-output-two"], "calls and their outputs"
        )
        require(
            "look_up" in text.partition("visible-output-one")[0],
            "the names of the calls are not sent; write call.name",
        )

    def test_json_outputs_are_sent(self) -> None:
        """An output that is JSON arrives as JSON or as its text; an empty output is no reason to fail."""
        self._need("tools")
        tools = kit_tools()
        turn = answered(output={"visible_key": ["visible-value"]})
        text = self.written(of_history([Message.user("hi"), turn.call, turn.outputs], tools=tools))
        require(
            "visible_key" in text and "visible-value" in text, "a JSON output is not sent; write output.text"
        )
        turn = answered(output="")
        self.written(of_history([Message.user("hi"), turn.call, turn.outputs], tools=tools))

    def test_tool_errors_are_marked(self) -> None:
        """An output that is an error is sent as one, or it is reported that the wire cannot say so."""
        self._need("tools")
        requests = [
            of_history([Message.user("hi"), turn.call, turn.outputs], tools=kit_tools())
            for turn in (answered(), answered(error=True))
        ]
        fine, failed = (self.written(request) for request in requests)
        model = self.make_model()
        reported = isinstance(model, WireModel) and any(
            loss.message == 2 for loss in self.losses(model, requests[1])
        )
        require(
            fine != failed or reported,
            "is_error changes nothing in what is sent; write it, or say that the wire has no place for it: "
            "report.rewrite(…, lossless=True)",
        )

    def test_unusual_calls_are_sent_as_they_were(self) -> None:
        """Arguments are replayed character for character, malformed ones included, or the loss is reported."""
        self._need("tools")
        broken = '{"visible-broken": '
        call = Message.assistant(ToolCallBlock(call_id="callCCCC3", name="add", arguments_json=broken))
        output = Message.user(
            [ToolOutputBlock(call_id="callCCCC3", name="add", output="no JSON", is_error=True)]
        )
        request = of_history([Message.user("hi"), call, output], tools=kit_tools())
        text = self.written(request)
        model = self.make_model()
        reported = isinstance(model, WireModel) and any(
            loss.message == 1 for loss in self.losses(model, request)
        )
        require(
            "visible-broken" in text or reported,
            "a call with malformed arguments is sent with other ones; send arguments_json, or report.rewrite(…)",
        )

    def test_the_output_schema_is_sent(self) -> None:
        """The schema that a structured answer must follow."""
        self._need("structured_output")
        text = self.written(asking("hi", output_schema=SCHEMA))
        require(
            "conformance_city" in text and "conformance_count" in text,
            "the output schema is not sent; write request.output_schema",
        )

    def test_extra_is_merged_into_the_payload(self) -> None:
        """``request.extra`` reaches the wire."""
        model = self.wire_model()
        payload = self.encoded(model, asking("hi", extra={"conformance_extra": "visible-extra"}))
        require(
            payload.get("conformance_extra") == "visible-extra",
            "request.extra is not in the payload; merge it last",
        )

    def test_encoding_is_pure(self) -> None:
        """The same request gives the same payload; neither request nor model is changed, and nothing is sent."""
        model = self.wire_model()
        turn = answered()
        tools = model.capabilities.tools
        history = [turn.call, turn.outputs] if tools else [Message.assistant("yes?"), Message.user("go on")]
        request = of_history([Message.user("hi"), *history], tools=kit_tools() if tools else ())
        untouched = copy.deepcopy(request.messages)
        try:
            with unsent(model):
                first = as_text(model.encode(request))
                second = as_text(model.encode(request))
        except NetworkUsed:
            fail("encode() opens the transport; it must be pure")
        require(first == second, "encode() gives another payload the second time; keep no state on the model")
        require(request.messages == untouched, "encode() changed the request; make copies")
        require(json.loads(first) is not None, "the payload is no JSON")

    def test_a_good_request_has_no_problems(self) -> None:
        """``check()`` is empty and ``plan()`` possible for every request that the capabilities allow."""
        model = self.make_model()
        for name, request in self.good_requests(model).items():
            plan = model.plan(request)
            require(
                plan.possible and not model.check(request),
                f"{name}: plan() reports {[each.message for each in plan.problems]} for a request that the "
                "capabilities allow",
            )

    def test_plan_needs_no_network(self) -> None:
        """``plan()`` and ``check()`` open nothing."""
        model = self.make_model()
        try:
            with unsent(model):
                for request in self.good_requests(model).values():
                    model.plan(request)
                    model.check(request)
        except NetworkUsed:
            fail("plan() or check() opens the transport or a connection; say it from the request alone")

    def test_plan_agrees_with_encode(self) -> None:
        """The plan's size is that of the payload, its losses are those that the encoder reports."""
        model = self.wire_model()
        for name, request in self.good_requests(model).items():
            plan, payload = model.plan(request), self.encoded(model, request)
            size = len(
                json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
            )
            require(
                plan.payload_bytes == size,
                f"{name}: the plan says {plan.payload_bytes} bytes, the payload has {size}",
            )
            require(
                list(plan.losses) == self.losses(model, request),
                f"{name}: the losses of plan() are not those of encode()",
            )

    def test_plan_names_what_is_not_declared(self) -> None:
        """``check()`` says what a model cannot do, without raising."""
        model = self.make_model()
        can = model.capabilities
        undeclared: dict[str, ModelRequest] = {}
        if not can.tools:
            undeclared["tools"] = asking("hi", tools=kit_tools())
        if not can.structured_output:
            undeclared["structured_output"] = asking("hi", output_schema=SCHEMA)
        if not undeclared:
            skip("tools and structured_output are declared")
        for what, request in undeclared.items():
            require(
                model.check(request),
                f"{what} is not declared, but check() finds no problem; call super().plan()",
            )

    def _need(self, capability: str) -> None:
        if not getattr(self.make_model().capabilities, capability):
            skip(f"{capability} is not declared")


def _require_order(text: str, marks: list[str], what: str) -> None:
    missing = [mark for mark in marks if mark not in text]
    require(not missing, f"{what}: {', '.join(missing)} is not sent; write every block of every message")
    places = [text.index(mark) for mark in marks]
    require(places == sorted(places), f"{what} are sent in another order than they have; keep the order")
