"""The source of a swap: the answers of each vendor as bytes, read by its own decoder into a history.

Every vendor makes the same conversation: a question with an image; an answer with reasoning, server-side work and
citations where the vendor has them, and three calls at once; their outputs (JSON, a failure, text with an image);
an answer that follows a schema. So each history carries that vendor's real kinds of state.

All state has a canary in it: ``canary_{vendor}_back_{what}`` is to go back to its issuer, ``canary_{vendor}_stay_{what}``
is what no request takes (ids of responses, citations on wires that only give them).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeAlias

import attrs
from swap.targets import Target, target

from lamella.content import TextBlock, ToolCallBlock, ToolOutputBlock
from lamella.messages import Message
from lamella.models import ModelRequest, OutputSchema
from lamella.models.completion import fold_response
from lamella.models.frames import DONE
from lamella.tools import Tool, tool
from lamella_image import ImageContent

__all__ = ["ANSWER", "FAILURE", "PNG", "SOURCES", "Source", "canaries", "request_of", "source"]

Json: TypeAlias = Any

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAIAQMAAAD+wSzIAAAABlBMVEX///+/v7+jQ3Y5AAAADklEQVQI12P4AIX8EAgALgAD/aNpbtEAAAAASUVORK5CYII="
)
ANSWER = '{"warmest": "Paris", "celsius": 21}'
FAILURE = "no station answers in Rome"
SAID = "Paris is in France."
CITIES = ("Paris", "Rome", "Nice")
SCHEMA = {
    "type": "object",
    "properties": {"warmest": {"type": "string"}, "celsius": {"type": "integer"}},
    "required": ["warmest", "celsius"],
    "additionalProperties": False,
}


@tool
def weather(city: str) -> str:
    """Say what the weather is in a city."""
    return city


TOOLS: tuple[Tool, ...] = (weather,)


@attrs.frozen(eq=False)
class Source:
    """A wire on which a conversation is made.

    :param turns: the parts of each answer as the wire has them, and as they must go back.
    :param stream: writes an answer's parts as the bytes of a stream.
    :param returned: the parts of the assistant in a payload, answer by answer.
    """

    name: str
    turns: tuple[Json, Json]
    stream: Callable[[Json], bytes] = attrs.field(repr=False)
    returned: Callable[[Json], list[Json]] = attrs.field(repr=False)

    @property
    def target(self) -> Target:
        """The same wire to write on."""
        return target(self.name)


def canaries(text: str, kind: str = "") -> set[str]:
    """The canaries in a text: ``back``, ``stay``, or all."""
    return {
        found for found in re.findall(r"canary_[a-z]+_[a-z]+_\w+", text) if not kind or f"_{kind}_" in found
    }


def request_of(messages: Sequence[Message], **fields: Any) -> ModelRequest:
    """The request that goes on with a history: tools and a schema."""
    given: dict[str, Any] = {
        "system_instruction": "Be brief.",
        "tools": TOOLS,
        "output_schema": OutputSchema(schema=SCHEMA, name="answer"),
    }
    return ModelRequest(messages=tuple(messages), **{**given, **fields})


@cache
def history(name: str) -> tuple[Message, ...]:
    """The conversation that a vendor made, up to the next question."""
    made = source(name)
    first, second = (decoded(made, turn) for turn in made.turns)
    ids = [block.call_id for block in first.content if isinstance(block, ToolCallBlock)]
    image = ImageContent.from_bytes(PNG, "image/png")
    outputs = (
        ToolOutputBlock(call_id=ids[0], name="weather", output={"celsius": 21}),
        ToolOutputBlock(call_id=ids[1], name="weather", output=FAILURE, is_error=True),
        ToolOutputBlock(call_id=ids[2], name="weather", output=(TextBlock(text="A map:"), image)),
    )
    asked = Message.user(["Where is it warmest? Look at the map.", image])
    return (asked, first, Message.user(outputs), second, Message.user("And tomorrow?"))


def decoded(made: Source, turn: Json) -> Message:
    """An answer, read from its bytes by the vendor's decoder."""
    model = made.target.make()
    decoder, frames = model.decoder(), model.frames()
    events: list[Any] = []
    for frame in [*frames.feed(made.stream(turn)), *frames.end()]:
        if frame != DONE:
            events.extend(decoder.feed(json.loads(frame)))
    events.extend(decoder.finish())
    message = fold_response(events).message
    assert message is not None
    return message


def sse(chunks: Sequence[Json], *, named: bool = False, done: bool = False) -> bytes:
    """Chunks as server-sent events."""
    lines = [f"event: {chunk['type']}\n" if named else "" for chunk in chunks]
    texts = [f"{line}data: {json.dumps(chunk)}\n\n" for line, chunk in zip(lines, chunks, strict=True)]
    return "".join([*texts, "data: [DONE]\n\n" if done else ""]).encode()


# -- openai.responses -----------------------------------------------------------------------------


def _responses() -> Source:
    note = {
        "type": "url_citation",
        "url": "https://fr.example/canary_responses_back_note",
        "title": "France",
        "start_index": 0,
        "end_index": 5,
    }
    said = {"type": "output_text", "text": SAID, "annotations": [note]}
    answer = {"type": "output_text", "text": ANSWER, "annotations": []}

    def thought(name: str) -> Json:
        return {
            "type": "reasoning",
            "id": f"rs_canary_responses_back_{name}",
            "summary": [{"type": "summary_text", "text": f"canary_responses_back_summary{name}"}],
            "encrypted_content": f"gAAA_canary_responses_back_encrypted{name}",
        }

    def message(part: Json, name: str) -> Json:
        return {
            "type": "message",
            "role": "assistant",
            "id": f"msg_canary_responses_back_{name}",
            "status": "completed",
            "content": [part],
        }

    search = {
        "type": "web_search_call",
        "id": "ws_canary_responses_back_search",
        "status": "completed",
        "action": {"type": "search", "query": "where is Paris", "queries": ["where is Paris"]},
    }
    calls = [
        {
            "type": "function_call",
            "call_id": f"call_resp{city}",
            "name": "weather",
            "arguments": json.dumps({"city": city}),
            "id": f"fc_canary_responses_back_{city}",
            "status": "completed",
        }
        for city in CITIES
    ]
    turns = (
        [thought("one"), search, message(said, "said"), *calls],
        [thought("two"), message(answer, "answer")],
    )
    return Source("openai.responses", turns, _responses_stream, _responses_returned)


def _responses_stream(items: Json) -> bytes:
    response = {
        "id": "resp_canary_responses_stay_id",
        "object": "response",
        "model": "gpt-5-nano",
        "store": False,
    }
    chunks: list[Json] = [
        {"type": "response.created", "response": {**response, "status": "in_progress", "output": []}}
    ]
    for index, item in enumerate(items):
        chunks.append({"type": "response.output_item.added", "output_index": index, "item": item})
        chunks.append({"type": "response.output_item.done", "output_index": index, "item": item})
    ended = {**response, "status": "completed", "output": items}
    return sse([*chunks, {"type": "response.completed", "response": ended}], named=True)


def _responses_returned(payload: Json) -> list[Json]:
    own = ("reasoning", "web_search_call", "function_call")
    found: list[Json] = [[]]
    for item in payload["input"]:
        if item.get("type") in own or item.get("role") == "assistant":
            found[-1].append(item)
        elif found[-1]:
            found.append([])
    return [turn for turn in found if turn]


# -- openai.chat ----------------------------------------------------------------------------------


def _chat() -> Source:
    first = {
        "role": "assistant",
        "content": None,  # what it said is spoken
        "audio": {"id": "audio_canary_chat_back_audio"},
        "tool_calls": [
            {
                "id": f"call_chat{city}",
                "type": "function",
                "function": {"name": "weather", "arguments": json.dumps({"city": city})},
            }
            for city in CITIES
        ],
    }
    return Source(
        "openai.chat", (first, {"role": "assistant", "content": ANSWER}), _chat_stream, _chat_returned
    )


def _chat_stream(message: Json) -> bytes:
    calls = [{"index": index, **call} for index, call in enumerate(message.get("tool_calls", ()))]
    deltas: list[Json] = [{"role": "assistant", "content": message["content"]}]
    if "audio" in message:
        heard = {**message["audio"], "data": "AAAA", "expires_at": 1, "transcript": SAID}
        found = {
            "url": "https://fr.example/canary_chat_stay_note",
            "title": "F",
            "start_index": 0,
            "end_index": 5,
        }
        deltas.append({"audio": heard, "annotations": [{"type": "url_citation", "url_citation": found}]})
    deltas += [{"tool_calls": [call]} for call in calls]
    base = {"id": "chatcmpl-canary_chat_stay_id", "object": "chat.completion.chunk", "model": "gpt-5-nano"}
    chunks = [{**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    reason = "tool_calls" if calls else "stop"
    end = {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
    return sse([*chunks, end], done=True)


def _chat_returned(payload: Json) -> list[Json]:
    return [message for message in payload["messages"] if message["role"] == "assistant"]


# -- anthropic.messages ---------------------------------------------------------------------------


def _anthropic() -> Source:
    citation = {
        "type": "web_search_result_location",
        "url": "https://fr.example/",
        "title": "France",
        "encrypted_index": "canary_anthropic_back_index",
        "cited_text": "Paris is the capital of France.",
    }
    use = "srvtoolu_canary_anthropic_back_use"
    found = {
        "type": "web_search_result",
        "url": "https://fr.example/",
        "title": "France",
        "encrypted_content": "canary_anthropic_back_found",
        "page_age": None,
    }

    def thought(name: str) -> Json:
        return {
            "type": "thinking",
            "thinking": f"canary_anthropic_back_thought{name}",
            "signature": f"canary_anthropic_back_signature{name}",
        }

    first = [
        thought("one"),
        {"type": "redacted_thinking", "data": "canary_anthropic_back_redacted"},
        {"type": "server_tool_use", "id": use, "name": "web_search", "input": {"query": "where is Paris"}},
        {"type": "web_search_tool_result", "tool_use_id": use, "content": [found]},
        {"type": "text", "text": SAID, "citations": [citation]},
        *(
            {"type": "tool_use", "id": f"toolu_{city}", "name": "weather", "input": {"city": city}}
            for city in CITIES
        ),
    ]
    second = [thought("two"), {"type": "text", "text": ANSWER}]
    return Source("anthropic.messages", (first, second), _anthropic_stream, _anthropic_returned)


def _anthropic_stream(items: Json) -> bytes:
    message: Json = {
        "id": "msg_canary_anthropic_stay_id",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [],
        "stop_reason": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    chunks: list[Json] = [{"type": "message_start", "message": message}]
    for index, item in enumerate(items):
        begun, deltas = _anthropic_pieces(item)
        chunks.append({"type": "content_block_start", "index": index, "content_block": begun})
        chunks += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        chunks.append({"type": "content_block_stop", "index": index})
    stop = "tool_use" if items[-1]["type"] == "tool_use" else "end_turn"
    end = {"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": 2}}
    return sse([*chunks, end, {"type": "message_stop"}], named=True)


def _anthropic_pieces(item: Json) -> tuple[Json, list[Json]]:
    """What a block begins with, and the deltas that complete it."""
    if item["type"] == "text":
        notes = [{"type": "citations_delta", "citation": note} for note in item.get("citations", ())]
        return {"type": "text", "text": ""}, [*notes, {"type": "text_delta", "text": item["text"]}]
    if item["type"] == "thinking":
        thought = {"type": "thinking_delta", "thinking": item["thinking"]}
        signed = {"type": "signature_delta", "signature": item["signature"]}
        return {"type": "thinking", "thinking": "", "signature": ""}, [thought, signed]
    if "input" in item:
        return {**item, "input": {}}, [
            {"type": "input_json_delta", "partial_json": json.dumps(item["input"])}
        ]
    return item, []


def _anthropic_returned(payload: Json) -> list[Json]:
    return [message["content"] for message in payload["messages"] if message["role"] == "assistant"]


# -- mistral.chat ---------------------------------------------------------------------------------


def _mistral() -> Source:
    def thought(name: str) -> Json:
        return {
            "type": "thinking",
            "thinking": [{"type": "text", "text": f"canary_mistral_back_thought{name}"}],
            "signature": f"canary_mistral_back_signature{name}",
            "closed": True,
        }

    first = {
        "role": "assistant",
        "content": [
            thought("one"),
            {"type": "text", "text": SAID},
            {"type": "reference", "reference_ids": ["canary_mistral_back_reference"]},
        ],
        "tool_calls": [
            {
                "id": f"{city:0<9}",
                "type": "function",
                "function": {"name": "weather", "arguments": json.dumps({"city": city})},
            }
            for city in CITIES
        ],
    }
    second = {"role": "assistant", "content": [thought("two"), {"type": "text", "text": ANSWER}]}
    return Source("mistral.chat", (first, second), _mistral_stream, _chat_returned)


def _mistral_stream(message: Json) -> bytes:
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": [chunk]} for chunk in message["content"]]
    if "tool_calls" in message:
        deltas.append({"tool_calls": [{**call, "index": n} for n, call in enumerate(message["tool_calls"])]})
    base = {
        "id": "canary_mistral_stay_id",
        "object": "chat.completion.chunk",
        "model": "mistral-small-latest",
    }
    chunks = [{**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    reason = "tool_calls" if "tool_calls" in message else "stop"
    end = {**base, "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": reason}]}
    return sse([*chunks, end], done=True)


# -- gemini ---------------------------------------------------------------------------------------


def _gemini() -> Source:
    first = [
        {"text": "canary_gemini_back_thoughtone", "thought": True},
        {"executableCode": {"language": "PYTHON", "code": "print('canary_gemini_back_code')"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "canary_gemini_back_result\n"}},
        {"text": SAID, "thoughtSignature": _padded("canary_gemini_back_signaturetext")},
        *(
            {
                "functionCall": {"id": f"gem_{city}", "name": "weather", "args": {"city": city}},
                **({} if place else {"thoughtSignature": _padded("canary_gemini_back_signaturecall")}),
            }
            for place, city in enumerate(CITIES)
        ),
    ]
    second = [
        {"text": "canary_gemini_back_thoughttwo", "thought": True},
        {"text": ANSWER, "thoughtSignature": _padded("canary_gemini_back_signatureanswer")},
    ]
    return Source("gemini", (first, second), _gemini_stream, _gemini_returned)


def _padded(text: str) -> str:
    """Base64, as signatures are on this wire."""
    return text + "x" * (-len(text) % 4)


def _gemini_stream(parts: Json) -> bytes:
    base = {"responseId": "canary_gemini_stay_id", "modelVersion": "gemini-3-flash-preview"}
    chunks: list[Json] = [
        {**base, "candidates": [{"content": {"role": "model", "parts": [part]}}]} for part in parts
    ]
    grounding = {"webSearchQueries": ["canary_gemini_stay_grounding"]}
    end = {"finishReason": "STOP", "groundingMetadata": grounding}
    return sse([*chunks, {**base, "candidates": [end]}])


def _gemini_returned(payload: Json) -> list[Json]:
    return [content["parts"] for content in payload["contents"] if content["role"] == "model"]


# -- gemini.interactions --------------------------------------------------------------------------


def _interactions() -> Source:
    note = {
        "type": "url_citation",
        "url": "https://fr.example/canary_interactions_back_note",
        "title": "France",
        "start_index": 0,
        "end_index": 5,
    }
    search = {
        "type": "google_search_call",
        "id": "canary_interactions_back_search",
        "signature": _padded("canary_interactions_back_signaturesearch"),
        "arguments": {"queries": ["where is Paris"]},
    }
    found = {
        "type": "google_search_result",
        "call_id": "canary_interactions_back_search",
        "signature": _padded("canary_interactions_back_signaturefound"),
        "result": [{"search_suggestions": "<b>Paris</b>"}],
        "is_error": False,
    }

    def thought(name: str) -> Json:
        return {
            "type": "thought",
            "signature": _padded(f"canary_interactions_back_signature{name}"),
            "summary": [{"type": "text", "text": f"canary_interactions_back_thought{name}"}],
        }

    calls = [
        {
            "type": "function_call",
            "id": f"int_{city}",
            "name": "weather",
            "arguments": {"city": city},
        }
        for city in CITIES
    ]
    said = {"type": "model_output", "content": [{"type": "text", "text": SAID, "annotations": [note]}]}
    answer = {"type": "model_output", "content": [{"type": "text", "text": ANSWER}]}
    turns = ([thought("one"), search, found, said, *calls], [thought("two"), answer])
    return Source("gemini.interactions", turns, _interactions_stream, _interactions_returned)


def _interactions_stream(steps: Json) -> bytes:
    facts = {"id": "canary_interactions_stay_id", "object": "interaction", "model": "gemini-3-flash-preview"}
    chunks: list[Json] = [
        {"event_type": "interaction.created", "interaction": {**facts, "status": "in_progress"}}
    ]
    for index, step in enumerate(steps):
        chunks.append({"event_type": "step.start", "index": index, "step": step})
        chunks.append({"event_type": "step.stop", "index": index})
    status = "requires_action" if steps[-1]["type"] == "function_call" else "completed"
    end = {"event_type": "interaction.completed", "interaction": {**facts, "status": status}}
    return sse([*chunks, end], done=True)


def _interactions_returned(payload: Json) -> list[Json]:
    found: list[Json] = [[]]
    for step in payload["input"]:
        if step["type"] not in ("user_input", "function_result"):
            found[-1].append(step)
        elif found[-1]:
            found.append([])
    return [turn for turn in found if turn]


# -- ollama ---------------------------------------------------------------------------------------


def _ollama() -> Source:
    first = {
        "role": "assistant",
        "content": SAID,
        "thinking": "canary_ollama_back_thoughtone",
        "tool_calls": [
            {
                "id": f"call_local{city}",
                "function": {"name": "weather", "arguments": {"city": city}, "index": place},
            }
            for place, city in enumerate(CITIES)
        ],
    }
    second = {"role": "assistant", "content": ANSWER, "thinking": "canary_ollama_back_thoughttwo"}
    return Source("ollama", (first, second), _ollama_stream, _chat_returned)


def _ollama_stream(message: Json) -> bytes:
    base = {"model": "qwen3:4b", "created_at": "canary_ollama_stay_created"}
    pieces: list[Json] = [{"content": "", "thinking": message["thinking"]}, {"content": message["content"]}]
    if "tool_calls" in message:
        pieces.append({"content": "", "tool_calls": message["tool_calls"]})
    lines = [{**base, "message": {"role": "assistant", **piece}, "done": False} for piece in pieces]
    end = {
        **base,
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 1,
        "eval_count": 1,
    }
    return b"".join(json.dumps(line).encode() + b"\n" for line in [*lines, end])


SOURCES: tuple[Source, ...] = (
    _responses(),
    _chat(),
    _anthropic(),
    _mistral(),
    _gemini(),
    _interactions(),
    _ollama(),
)
"""In the order of the tables."""


def source(name: str) -> Source:
    """The source on this wire."""
    return next(each for each in SOURCES if each.name == name)
