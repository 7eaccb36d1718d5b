"""LangChain: chat models with the same tools bound, one list of messages.

requires: langchain langchain-openai langchain-anthropic langchain-google-genai langchain-mistralai
"""

from __future__ import annotations

from typing import Any

import conversation as said
import peer
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return said.TOOL_RESULT


def model(vendor: peer.Vendor) -> Any:
    match vendor.wire:
        case "anthropic":
            from langchain_anthropic import ChatAnthropic

            chosen: Any = ChatAnthropic(model=vendor.model, base_url=vendor.url, api_key=vendor.key)
        case "openai-chat" | "openai-responses":
            from langchain_openai import ChatOpenAI

            responses = vendor.wire == "openai-responses"
            chosen = ChatOpenAI(
                model=vendor.model, base_url=vendor.url, api_key=vendor.key, use_responses_api=responses
            )
        case "gemini":
            from langchain_google_genai import ChatGoogleGenerativeAI

            chosen = ChatGoogleGenerativeAI(
                model=vendor.model, base_url=vendor.url, google_api_key=vendor.key
            )
        case _:
            from langchain_mistralai import ChatMistralAI

            chosen = ChatMistralAI(model_name=vendor.model, endpoint=vendor.url, api_key=vendor.key)
    return chosen.bind_tools([weather])


def start(source: peer.Vendor) -> list[Any]:
    chosen = model(source)
    image = {"type": "image", "base64": said.PNG_BASE64, "mime_type": "image/png"}
    messages = [SystemMessage(said.SYSTEM), HumanMessage([{"type": "text", "text": said.QUESTION}, image])]
    answer = chosen.invoke(messages)
    messages.append(answer)
    for call in answer.tool_calls:
        failed = call["args"]["city"] == "Oslo"
        output, status = (said.TOOL_ERROR, "error") if failed else (said.TOOL_RESULT, "success")
        messages.append(ToolMessage(output, tool_call_id=call["id"], name="weather", status=status))
    return [*messages, chosen.invoke(messages)]


def go_on(history: list[Any], target: peer.Vendor) -> None:
    model(target).invoke([*history, HumanMessage(said.SECOND_QUESTION)])


if __name__ == "__main__":
    distributions = ["openai", "anthropic", "google-genai", "mistralai"]
    peer.main(start, go_on, ["langchain-core", *(f"langchain-{name}" for name in distributions)])
