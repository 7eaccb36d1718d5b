"""What a user's type checker must see of structured output. Checked by mypy --strict, never run."""

from __future__ import annotations

from typing import Any, Literal, TypedDict, assert_type

import attrs

from lamella import Agent, Model, RunResult, get_model
from lamella.agent import aextract, ask, extract
from lamella.models.structured import Partial, StructuredAnswer, StructuredModel


@attrs.frozen
class Person:
    name: str
    age: int


class Place(TypedDict):
    city: str


Mood = Literal["good", "bad"]
model: Model = get_model("sim:demo")

person = Agent(model, output_type=Person)
assert_type(person, Agent[Person])
assert_type(person.run("hi"), RunResult[Person])
assert_type(person.run("hi").value, Person)
assert_type(person.stream("hi").result.value, Person)
assert_type(Agent(model, output_type=list[Person]).run("hi").value, list[Person])
assert_type(Agent(model, output_type=Person | Place).run("hi").value, Person | Place)
assert_type(Agent(model, output_type=Mood).run("hi").value, Literal["good", "bad"])
assert_type(Agent(model).run("hi").value, Any)
assert_type(model.with_structured_output(Person), StructuredModel[Person])
assert_type(model.with_structured_output(Person | None).complete_sync("hi"), Person | None)
assert_type(model.with_structured_output(dict[str, int]).complete_sync("hi"), dict[str, int])
assert_type(ask("hi"), str)
assert_type(extract("hi", Place), Place)


def plain(agent: Agent) -> RunResult:
    """A bare ``Agent`` is one of any type."""
    return agent.run("hi")


assert_type(plain(person).output, str)


async def asynchronously() -> None:
    assert_type((await person.arun("hi")).value, Person)
    assert_type((await person.astream("hi").__anext__()).output, str)
    assert_type(await aextract("hi", Person), Person)
    structured = model.with_structured_output(Person)
    assert_type(await structured.complete("hi"), Person)
    assert_type(await structured.answer("hi"), StructuredAnswer[Person])
    async for partial in structured.stream("hi"):
        assert_type(partial, Partial[Person])
        assert_type(partial.value, Person | None)


schema: dict[str, Any] = {"type": "object"}
assert_type(model.with_structured_output(schema).complete_sync("hi"), Any)
assert_type(extract("hi", schema), Any)
assert_type(next(person.stream("hi").partials()), Partial[Person])
