"""CPU per streamed chunk: a bare loop, Lamella's agent (loop, envelope and fold included), the raw SDK."""

from __future__ import annotations

import asyncio
import json
import sys
import time

WORDS = 3000
REPEATS = 4


async def bare(wire: str, port: str) -> None:
    import httpx2
    import orjson

    path, body = request(wire)
    async with (
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}/v1") as client,
        client.stream("POST", path, json=body) as answer,
    ):
        text = []
        async for line in answer.aiter_lines():
            if line.startswith("data: ") and line != "data: [DONE]":
                chunk = orjson.loads(line[6:])
                if wire == "responses":
                    if chunk["type"] == "response.output_text.delta":
                        text.append(chunk["delta"])
                elif chunk["choices"]:
                    text.append(chunk["choices"][0]["delta"].get("content") or "")
    assert len("".join(text)) > WORDS


async def sdk(wire: str, port: str) -> None:
    from openai import AsyncOpenAI

    path, body = request(wire)
    text = []
    async with AsyncOpenAI(api_key="k", base_url=f"http://127.0.0.1:{port}/v1") as client:
        if wire == "responses":
            async for event in await client.responses.create(**body):
                if event.type == "response.output_text.delta":
                    text.append(event.delta)
        else:
            async for chunk in await client.chat.completions.create(**body):
                if chunk.choices:
                    text.append(chunk.choices[0].delta.content or "")
    assert len("".join(text)) > WORDS


async def lamella(wire: str, port: str) -> None:
    from lamella import Agent, Project
    from lamella_openai import ChatOpenAI, ChatOpenAICompletions

    kind = ChatOpenAI if wire == "responses" else ChatOpenAICompletions
    text = []
    async with kind(model="gpt-bench", api_key="k", base_url=f"http://127.0.0.1:{port}/v1") as model:
        async for event in Agent(model, project=Project.bare()).astream("hi"):
            if event.type == "message.output.delta":
                text.append(event.event.delta)
    assert len("".join(text)) > WORDS


def request(wire: str) -> tuple[str, dict[str, object]]:
    if wire == "responses":
        return "/responses", {"model": "gpt-bench", "input": "hi", "stream": True}
    return "/chat/completions", {
        "model": "gpt-bench",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def client(name: str, wire: str, port: str) -> float:
    call = {"bare": bare, "lamella": lamella, "sdk": sdk}[name]
    await call(wire, port)
    begin = time.process_time()
    for _ in range(REPEATS):
        await call(wire, port)
    return (time.process_time() - begin) / REPEATS / WORDS * 1e6


if __name__ == "__main__":
    if len(sys.argv) == 4:
        print(json.dumps({"cpu": asyncio.run(client(*sys.argv[1:]))}))
    else:
        from rounds import measure

        measure(
            "streaming.py",
            ["chat", "responses"],
            ["bare", "lamella", "sdk"],
            words=WORDS,
            turns=0,
            unit="µs per chunk",
        )
