"""CPU for a loop of ten tool turns, unstreamed: a bare loop, Lamella's agent, the raw SDK."""

from __future__ import annotations

import asyncio
import json
import sys
import time

TURNS = 10
REPEATS = 20
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
    "additionalProperties": False,
}


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def chat_tools() -> list[dict[str, object]]:
    return [
        {
            "type": "function",
            "function": {"name": "add", "description": "Add two numbers.", "parameters": SCHEMA},
        }
    ]


def responses_tools() -> list[dict[str, object]]:
    return [
        {
            "type": "function",
            "name": "add",
            "description": "Add two numbers.",
            "parameters": SCHEMA,
            "strict": False,
        }
    ]


async def bare(wire: str, port: str) -> None:
    import httpx2
    import orjson

    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}/v1") as client:

        async def post(path: str, body: object) -> dict[str, object]:
            answer = await client.post(
                path, content=orjson.dumps(body), headers={"content-type": "application/json"}
            )
            return orjson.loads(answer.content)

        for _ in range(REPEATS):
            await (bare_responses(post) if wire == "responses" else bare_chat(post))


async def bare_chat(post: object) -> None:
    messages: list[object] = [{"role": "user", "content": "go"}]
    while True:
        body = await post("/chat/completions", {"model": "m", "messages": messages, "tools": chat_tools()})  # type: ignore[operator]
        message = body["choices"][0]["message"]
        if not message.get("tool_calls"):
            return
        messages.append(message)
        for call in message["tool_calls"]:
            output = str(add(**json.loads(call["function"]["arguments"])))
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": output})


async def bare_responses(post: object) -> None:
    items: list[object] = [{"role": "user", "content": "go"}]
    while True:
        body = await post("/responses", {"model": "m", "input": items, "tools": responses_tools()})  # type: ignore[operator]
        calls = [item for item in body["output"] if item["type"] == "function_call"]
        if not calls:
            return
        items.extend(body["output"])
        for call in calls:
            items.append(
                {
                    "type": "function_call_output",
                    "call_id": call["call_id"],
                    "output": str(add(**json.loads(call["arguments"]))),
                }
            )


async def sdk(wire: str, port: str) -> None:
    from openai import AsyncOpenAI

    async with AsyncOpenAI(api_key="k", base_url=f"http://127.0.0.1:{port}/v1") as client:
        for _ in range(REPEATS):
            await (sdk_responses(client) if wire == "responses" else sdk_chat(client))


async def sdk_chat(client: object) -> None:
    messages: list[object] = [{"role": "user", "content": "go"}]
    while True:
        answer = await client.chat.completions.create(model="m", messages=messages, tools=chat_tools())  # type: ignore[attr-defined]
        message = answer.choices[0].message
        if not message.tool_calls:
            return
        messages.append(message)
        for call in message.tool_calls:
            messages.append(
                {
                    "role": "tool",
                    "tool_call_id": call.id,
                    "content": str(add(**json.loads(call.function.arguments))),
                }
            )


async def sdk_responses(client: object) -> None:
    items: list[object] = [{"role": "user", "content": "go"}]
    while True:
        answer = await client.responses.create(model="m", input=items, tools=responses_tools())  # type: ignore[attr-defined]
        calls = [item for item in answer.output if item.type == "function_call"]
        if not calls:
            return
        items += answer.output
        for call in calls:
            items.append(
                {
                    "type": "function_call_output",
                    "call_id": call.call_id,
                    "output": str(add(**json.loads(call.arguments))),
                }
            )


async def lamella(wire: str, port: str) -> None:
    from lamella import Agent, Project, Tool
    from lamella_openai import ChatOpenAI, ChatOpenAICompletions

    async def aadd(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    kind = ChatOpenAI if wire == "responses" else ChatOpenAICompletions
    async with kind(model="gpt-bench", api_key="k", base_url=f"http://127.0.0.1:{port}/v1") as model:
        agent = Agent(
            model, tools=[Tool(coroutine=aadd, name="add")], streaming=False, project=Project.bare()
        )
        for _ in range(REPEATS):
            result = await agent.arun("go")
            assert len(result.new_items) == 2 * TURNS + 1


async def client(name: str, wire: str, port: str) -> float:
    call = {"bare": bare, "lamella": lamella, "sdk": sdk}[name]
    await call(wire, port)
    begin = time.process_time()
    await call(wire, port)
    return (time.process_time() - begin) / REPEATS * 1e3


if __name__ == "__main__":
    if len(sys.argv) == 4:
        print(json.dumps({"cpu": asyncio.run(client(*sys.argv[1:]))}))
    else:
        from rounds import measure

        measure(
            "turns.py",
            ["chat", "responses"],
            ["bare", "lamella", "sdk"],
            words=10,
            turns=TURNS,
            unit=f"ms per {TURNS} turns",
        )
