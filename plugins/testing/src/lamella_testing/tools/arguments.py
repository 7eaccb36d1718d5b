"""Arguments: what the schema does not take never reaches the source."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from lamella.tools import Tool
from lamella_testing.tools.base import ToolSourceBase
from lamella_testing.tools.samples import ToolCall
from lamella_testing.verdict import require, skip

__all__ = ["ArgumentContract"]


class ArgumentContract(ToolSourceBase):
    """What holds of the arguments."""

    def test_arguments_are_declared(self) -> None:
        """A model can only give what the schema names."""
        calls = self.some_calls()

        async def declared() -> None:
            async with self.opened() as (_, tools):
                for call in (*calls, *self.failing_calls, *self.slow_calls):
                    if call.tool not in tools:
                        continue  # test_calls_give_what_they_should says it
                    schema: Mapping[str, Any] = tools[call.tool].input_schema
                    hidden = [name for name in call.arguments if name not in schema.get("properties", {})]
                    require(
                        not hidden or schema.get("additionalProperties") or "properties" not in schema,
                        f"{call}: the schema has no {', '.join(map(repr, hidden))}; declare it in properties",
                    )
                    require(
                        not call.arguments
                        or schema.get("properties")
                        or "$ref" in schema
                        or "anyOf" in schema,
                        f"{call}: the schema of {call.tool} names no argument; give it properties, so that a model "
                        "knows what to give",
                    )

        self.play(declared)

    def test_bad_arguments_do_not_reach_the_source(self) -> None:
        """They are refused with a typed error, and the function is not called."""
        self.some_calls()

        async def refused() -> None:
            reached: list[str] = []
            async with self.opened() as (_, tools):
                bad = [*self.bad_calls, *self._made(tools)]
                if not bad:
                    skip("no argument is required or has a type: give bad_calls")
                watched = {name: _watched(tool, reached) for name, tool in tools.items()}
                for call, done in zip(bad, await self.one_by_one(watched, bad), strict=True):
                    require(
                        done.is_error and not reached,
                        f"{call} does not fit, and reaches the source; say in the schema what it takes (type, "
                        "required, enum)",
                    )

        self.play(refused)

    def _made(self, tools: Mapping[str, Tool]) -> Iterator[ToolCall]:
        """Bad calls, made of the good ones: an argument that is required left out, one of another type."""
        for call in self.calls:
            if call.tool not in tools:
                continue
            schema: Mapping[str, Any] = tools[call.tool].input_schema
            for name in schema.get("required", ()):
                if name in call.arguments:
                    yield ToolCall(
                        call.tool, {key: value for key, value in call.arguments.items() if key != name}
                    )
            for name, said in schema.get("properties", {}).items():
                kind = said.get("type") if isinstance(said, Mapping) else None
                if isinstance(kind, str) and name in call.arguments:
                    wrong: Any = ["no object"] if kind == "object" else {"conformance": [1]}
                    yield ToolCall(call.tool, {**call.arguments, name: wrong})


def _watched(tool: Tool, reached: list[str]) -> Tool:
    """The tool, with a function in the place of its own that says that it was called."""

    async def spy(**arguments: Any) -> str:
        reached.append(tool.name)
        return "reached"

    main = tool.func if tool.func is not None else tool.coroutine
    assert main is not None
    return attrs.evolve(tool, func=None, coroutine=functools.update_wrapper(spy, main))
