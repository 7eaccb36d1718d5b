"""Gemini's generateContent. Its chunks report the usage each time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import wires

LIBRARY = "httpx2"
BASE = "/v1beta/models/gemini-bench"
ASKED = [{"role": "user", "parts": [{"text": "hi"}]}]
STREAM = (":streamGenerateContent?alt=sse", {"contents": ASKED})
DECLARED = {
    "name": "add",
    "description": wires.ABOUT,
    "parametersJsonSchema": wires.SCHEMA,
}

# -- the server -----------------------------------------------------------------------------------


def answer(part: dict[str, object], made: int, **more: object) -> dict[str, object]:
    usage = {
        "promptTokenCount": 10,
        "candidatesTokenCount": made,
        "totalTokenCount": 10 + made,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 10}],
        "serviceTier": "standard",
    }
    return {
        "candidates": [{"content": {"parts": [part], "role": "model"}, **more, "index": 0}],
        "usageMetadata": usage,
        "modelVersion": "gemini-bench",
        "responseId": "1",
    }


def stream(words: int) -> list[bytes]:
    return [
        *(wires.sse(answer({"text": wires.word(number)}, number + 1)) for number in range(words)),
        wires.sse(answer({"text": ""}, words, finishReason="STOP")),
    ]


def turn(request: Any, turns: int) -> object:
    done = sum("functionResponse" in part for each in request["contents"] for part in each["parts"])
    if done == turns:
        return answer({"text": "3"}, 1, finishReason="STOP")
    call = {"name": "add", "args": {"a": 1, "b": 2}, "id": f"call_{done}"}
    return answer({"functionCall": call, "thoughtSignature": "c2lnbmVk" * 20}, 5, finishReason="STOP")


# -- the clients ----------------------------------------------------------------------------------


async def bare_text(lines: AsyncIterator[str]) -> str:
    from orjson import loads

    text = []
    async for line in lines:
        if line.startswith("data: "):
            text.append(loads(line[6:])["candidates"][0]["content"]["parts"][0]["text"])
    return "".join(text)


async def bare_turns(post: wires.Post) -> None:
    contents: list[object] = [{"role": "user", "parts": [{"text": "go"}]}]
    while True:
        body = await post(
            ":generateContent", {"contents": contents, "tools": [{"functionDeclarations": [DECLARED]}]}
        )
        content = body["candidates"][0]["content"]
        calls = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
        if not calls:
            return
        contents.append(content)
        parts = [
            {
                "functionResponse": {
                    "id": call["id"],
                    "name": "add",
                    "response": {"output": str(wires.add(**call["args"]))},
                }
            }
            for call in calls
        ]
        contents.append({"role": "user", "parts": parts})


@asynccontextmanager
async def sdk(origin: str) -> AsyncIterator[Any]:
    from google.genai import Client
    from google.genai.types import HttpOptions

    client = Client(api_key="k", vertexai=False, http_options=HttpOptions(base_url=origin)).aio
    try:
        yield client.models
    finally:
        await client.aclose()


async def sdk_text(models: Any) -> str:
    text = []
    async for chunk in await models.generate_content_stream(model="gemini-bench", contents="hi"):
        text.append(chunk.candidates[0].content.parts[0].text or "")
    return "".join(text)


async def sdk_turns(models: Any) -> None:
    from google.genai import types

    declared = types.FunctionDeclaration(
        name="add", description=wires.ABOUT, parameters_json_schema=wires.SCHEMA
    )
    config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[declared])])
    contents: list[Any] = [types.Content(role="user", parts=[types.Part(text="go")])]
    while True:
        body = await models.generate_content(model="gemini-bench", contents=contents, config=config)
        content = body.candidates[0].content
        calls = [part.function_call for part in content.parts if part.function_call]
        if not calls:
            return
        contents.append(content)
        parts = [
            types.Part(
                function_response=types.FunctionResponse(
                    id=call.id, name="add", response={"output": str(wires.add(**call.args))}
                )
            )
            for call in calls
        ]
        contents.append(types.Content(role="user", parts=parts))


def model(origin: str) -> Any:
    from lamella_gemini import ChatGemini

    return ChatGemini(model="gemini-bench", api_key="k", base_url=origin)
