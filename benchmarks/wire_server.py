"""A loopback server that answers the OpenAI wires from prepared bytes, as fast as a server can."""

from __future__ import annotations

import asyncio
import json
import sys


def sse(*chunks: object) -> bytes:
    return b"".join(
        b"data: " + (c if isinstance(c, bytes) else json.dumps(c).encode()) + b"\n\n" for c in chunks
    )


def chat_stream(words: int) -> list[bytes]:
    head = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-bench",
        "service_tier": "default",
        "system_fingerprint": "fp_1",
    }
    out = [
        sse(
            {
                **head,
                "choices": [
                    {
                        "index": 0,
                        "delta": {"role": "assistant", "content": "", "refusal": None},
                        "logprobs": None,
                        "finish_reason": None,
                    }
                ],
                "usage": None,
                "obfuscation": "x",
            }
        )
    ]
    out += [
        sse(
            {
                **head,
                "choices": [
                    {"index": 0, "delta": {"content": f" word{i}"}, "logprobs": None, "finish_reason": None}
                ],
                "usage": None,
                "obfuscation": "abcdefgh",
            }
        )
        for i in range(words)
    ]
    out.append(
        sse(
            {
                **head,
                "choices": [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}],
                "usage": None,
            }
        )
    )
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": words,
        "total_tokens": 10 + words,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
    out.append(sse({**head, "choices": [], "usage": usage}, b"[DONE]"))
    return out


def responses_stream(words: int) -> list[bytes]:
    number = iter(range(10**9))

    def event(kind: str, **fields: object) -> bytes:
        body = {"type": kind, "sequence_number": next(number), **fields}
        return f"event: {kind}\n".encode() + sse(body)

    base = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "gpt-bench",
        "output": [],
        "status": "in_progress",
        "tools": [],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "temperature": 1.0,
        "top_p": 1.0,
        "usage": None,
    }
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    text = "".join(f" word{i}" for i in range(words))
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    done = {**item, "status": "completed", "content": [part]}
    usage = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": words,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 10 + words,
    }
    out = [
        event("response.created", response=base),
        event("response.in_progress", response=base),
        event("response.output_item.added", output_index=0, item=item),
        event("response.content_part.added", **place, part={**part, "text": ""}),
    ]
    out += [
        event("response.output_text.delta", **place, delta=f" word{i}", logprobs=[], obfuscation="abcdefgh")
        for i in range(words)
    ]
    out += [
        event("response.output_text.done", **place, text=text, logprobs=[]),
        event("response.content_part.done", **place, part=part),
        event("response.output_item.done", output_index=0, item=done),
        event(
            "response.completed", response={**base, "status": "completed", "output": [done], "usage": usage}
        ),
    ]
    return out


def chat_call(turn: int) -> bytes:
    call = {
        "id": f"call_{turn}",
        "type": "function",
        "function": {"name": "add", "arguments": '{"a": 1, "b": 2}'},
    }
    message = {"role": "assistant", "content": None, "refusal": None, "tool_calls": [call]}
    return chat_body(message, "tool_calls")


def chat_body(message: dict[str, object], reason: str) -> bytes:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt-bench",
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reason}],
            "usage": usage,
        }
    ).encode()


def responses_body(item: dict[str, object]) -> bytes:
    usage = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 15,
    }
    return json.dumps(
        {
            "id": "resp_1",
            "object": "response",
            "created_at": 1,
            "model": "gpt-bench",
            "status": "completed",
            "error": None,
            "incomplete_details": None,
            "output": [item],
            "tools": [],
            "tool_choice": "auto",
            "parallel_tool_calls": True,
            "usage": usage,
        }
    ).encode()


class Server:
    """Streams, or plays ``turns`` tool turns and an answer, by what the request asks for."""

    def __init__(self, words: int, turns: int) -> None:
        self.chat, self.responses, self.turns = chat_stream(words), responses_stream(words), turns

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(
                    next(
                        line.split(b":")[1]
                        for line in head.lower().split(b"\r\n")
                        if line.startswith(b"content-length")
                    )
                )
                request = json.loads(await reader.readexactly(length))
                await self.answer(b"/responses" in head.split(b"\r\n")[0], request, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def answer(self, responses: bool, request: dict[str, object], writer: asyncio.StreamWriter) -> None:
        if request.get("stream"):
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            )
            for piece in self.responses if responses else self.chat:
                writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                await writer.drain()
            writer.write(b"0\r\n\r\n")
        else:
            body = self.turn(responses, request)
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
                % (len(body), body)
            )
        await writer.drain()

    def turn(self, responses: bool, request: dict[str, object]) -> bytes:
        if responses:
            done = sum(
                1
                for item in request["input"]
                if isinstance(item, dict) and item.get("type") == "function_call_output"
            )  # type: ignore[attr-defined]
            if done < self.turns:
                return responses_body(
                    {
                        "id": f"fc_{done}",
                        "type": "function_call",
                        "status": "completed",
                        "call_id": f"call_{done}",
                        "name": "add",
                        "arguments": '{"a": 1, "b": 2}',
                    }
                )
            return responses_body(
                {
                    "id": "msg_1",
                    "type": "message",
                    "role": "assistant",
                    "status": "completed",
                    "content": [{"type": "output_text", "text": "3", "annotations": []}],
                }
            )
        done = sum(1 for message in request["messages"] if message["role"] == "tool")  # type: ignore[attr-defined]
        return (
            chat_call(done)
            if done < self.turns
            else chat_body({"role": "assistant", "content": "3", "refusal": None}, "stop")
        )


async def main() -> None:
    words, turns = int(sys.argv[1]), int(sys.argv[2])
    server = await asyncio.start_server(Server(words, turns).serve, "127.0.0.1", 0, limit=2**24)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
