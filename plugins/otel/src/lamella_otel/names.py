"""The names that spans, attributes and metrics have: those of the GenAI semantic conventions, and Lamella's own.

The conventions are in development and live in open-telemetry/semantic-conventions-genai. The constants of the
package ``opentelemetry-semantic-conventions`` are deprecated for them, so the names stand here.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

__all__ = ["finish_reason", "provider_name"]

# -- operations -----------------------------------------------------------------------------------

CHAT: Final = "chat"
INVOKE_AGENT: Final = "invoke_agent"
INVOKE_WORKFLOW: Final = "invoke_workflow"
EXECUTE_TOOL: Final = "execute_tool"

# -- attributes -----------------------------------------------------------------------------------

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
CONVERSATION: Final = "gen_ai.conversation.id"
AGENT: Final = "gen_ai.agent.name"
WORKFLOW: Final = "gen_ai.workflow.name"
OUTPUT_TYPE: Final = "gen_ai.output.type"
ERROR_TYPE: Final = "error.type"

REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_STREAM: Final = "gen_ai.request.stream"

RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_MODEL: Final = "gen_ai.response.model"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"

INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
TOKEN_TYPE: Final = "gen_ai.token.type"

TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_TYPE: Final = "gen_ai.tool.type"
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
TOOL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_RESULT: Final = "gen_ai.tool.call.result"
TRANSFER_TARGET: Final = "gen_ai.transfer.target.name"
TRANSFER_MODE: Final = "gen_ai.transfer.mode"

INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
SYSTEM: Final = "gen_ai.system_instructions"

RUN_ID: Final = "lamella.run_id"
PATH: Final = "lamella.path"
ATTEMPT: Final = "lamella.attempt"
CACHED: Final = "lamella.cached"
COST: Final = "lamella.cost"
RESUMED: Final = "lamella.resumed"
UNKNOWN_CALLS: Final = "lamella.unknown_calls"
FORKED_FROM: Final = "lamella.forked_from"
FORKED_AT: Final = "lamella.forked_at"

# -- values ---------------------------------------------------------------------------------------

INTERRUPTED: Final = "run.interrupted"
"""``error.type`` of a run whose events stop without a terminal one."""

TOOL_ERROR: Final = "tool_error"
"""``error.type`` of a tool that answered with an error; the convention's word where there is no better one."""

_PROVIDERS: Final = MappingProxyType(
    {
        "openai-chat": "openai",
        "mistral": "mistral_ai",
        "gemini": "gcp.gemini",
        "gemini-interactions": "gcp.gemini",
        "vertex": "gcp.vertex_ai",
        "xai": "x_ai",
        "moonshot": "moonshot_ai",
        "bedrock": "aws.bedrock",
        "azure": "azure.ai.openai",
        "azure-openai": "azure.ai.openai",
        "watsonx": "ibm.watsonx.ai",
    }
)

_FINISH: Final = MappingProxyType(
    {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "max_tokens": "length",
        "tool_use": "tool_call",
        "refusal": "content_filter",
    }
)


def provider_name(provider: str) -> str:
    """The convention's word for a provider; one that it has no word for keeps its name."""
    return _PROVIDERS.get(provider, provider)


def finish_reason(stop_reason: str) -> str:
    """The convention's word for a stop reason."""
    return _FINISH.get(stop_reason, stop_reason)
