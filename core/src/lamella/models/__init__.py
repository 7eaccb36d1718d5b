"""Models: what is asked, what answers, and how a provider over HTTP is put together."""

from __future__ import annotations

from lamella.models.capabilities import Capabilities
from lamella.models.completion import Completion, fold_response
from lamella.models.content import encode_content
from lamella.models.counting import TokenCount
from lamella.models.estimate import estimate_tokens
from lamella.models.exporting import export_tools
from lamella.models.fallback import fallback
from lamella.models.frames import NDJSONFrames, SSEFrames
from lamella.models.http import WireModel
from lamella.models.inputs import Input, parse_input
from lamella.models.model import Embedding, Model
from lamella.models.options import RequestOptions
from lamella.models.plan import Plan, PlanEntry, Problem
from lamella.models.registry import get_model, split_model_name
from lamella.models.report import EncodeReport
from lamella.models.request import ModelRequest, OutputSchema
from lamella.models.retry import RetryPolicy
from lamella.models.status import parse_retry_after, status_error
from lamella.models.wire import Decoder, Encoder, Transport

__all__ = [
    "Capabilities",
    "Completion",
    "Decoder",
    "Embedding",
    "EncodeReport",
    "Encoder",
    "Input",
    "Model",
    "ModelRequest",
    "NDJSONFrames",
    "OutputSchema",
    "Plan",
    "PlanEntry",
    "Problem",
    "RequestOptions",
    "RetryPolicy",
    "SSEFrames",
    "TokenCount",
    "Transport",
    "WireModel",
    "encode_content",
    "estimate_tokens",
    "export_tools",
    "fallback",
    "fold_response",
    "get_model",
    "parse_input",
    "split_model_name",
    "status_error",
    "parse_retry_after",
]
