"""Token counts in disjoint buckets, and errors of the tree for every form of error body."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lamella.errors import (
    APIStatusError,
    AuthenticationError,
    InvalidRequestError,
    RateLimitError,
    ServerError,
)
from lamella_mistral.errors import is_error, reported_error, status_failure
from lamella_mistral.usage import read_usage

Buckets = tuple[int | None, int | None, int | None, int | None, int | None, int | None]


@pytest.mark.parametrize(
    ("raw", "buckets"),
    [
        (
            {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13},
            (10, 3, None, None, None, 13),
        ),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 3,
                "total_tokens": 13,
                "prompt_tokens_details": {"cached_tokens": 8},
            },
            (2, 3, 8, None, None, 13),
        ),
        (
            {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13, "num_cached_tokens": 4},
            (6, 3, 4, None, None, 13),
        ),
        (
            {
                "prompt_tokens": 11,
                "completion_tokens": 15,
                "total_tokens": 401,
                "prompt_tokens_details": {"cached_tokens": 9, "audio_tokens": 375},
            },
            (2, 15, 9, None, 375, 401),
        ),
        (
            {
                "prompt_tokens": 20,
                "completion_tokens": 5,
                "total_tokens": 25,
                "prompt_tokens_details": {"audio_tokens": 12},
                "completion_tokens_details": {"reasoning_tokens": 2},
            },
            (8, 3, None, 2, 12, 25),
        ),
        (
            {"prompt_tokens": 1, "prompt_tokens_details": {"cached_tokens": 9}},
            (0, None, 9, None, None, None),
        ),
        ({"prompt_tokens": "x", "completion_tokens": True, "total_tokens": None}, (None,) * 6),
        ({}, (None,) * 6),
    ],
)
def test_f_n23_buckets_never_overlap(raw: dict[str, Any], buckets: Buckets) -> None:
    """F-N23: audio is beside the prompt, what was cached is in it; unknown is None."""
    usage = read_usage(raw)
    assert usage is not None
    assert (
        usage.input_tokens,
        usage.output_tokens,
        usage.cached_read_tokens,
        usage.reasoning_tokens,
        usage.audio_input_tokens,
        usage.total_tokens,
    ) == buckets
    assert usage.raw == raw


def test_no_usage_is_none() -> None:
    assert read_usage(None) is None
    assert read_usage([1]) is None


def failure(status: int, body: Any, **headers: str) -> APIStatusError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    error = status_failure(status, named, text)
    assert isinstance(error, APIStatusError)
    return error


def error_object(message: Any, kind: str = "invalid_request_error", code: Any = None) -> dict[str, Any]:
    return {"object": "error", "message": message, "type": kind, "param": None, "code": code}


@pytest.mark.parametrize(
    ("status", "body", "cls", "said", "retryable"),
    [
        (
            400,
            error_object("Invalid model: x", "invalid_model", "1500"),
            InvalidRequestError,
            "model: x",
            False,
        ),
        (400, error_object("Prompt too large", code="3051"), InvalidRequestError, "too large", False),
        (401, {"detail": "Unauthorized"}, AuthenticationError, "Unauthorized", False),
        (
            422,
            {"detail": [{"loc": ["body", "n"], "msg": "too big", "type": "t"}]},
            InvalidRequestError,
            "body.n: too big",
            False,
        ),
        (
            422,
            error_object({"detail": [{"loc": ["body", "x"], "msg": "no"}, "odd"]}),
            InvalidRequestError,
            "body.x: no; odd",
            False,
        ),
        (404, {"message": "no Route matched"}, APIStatusError, "no Route", False),
        (429, error_object("Rate limit exceeded", "rate_limited", "1300"), RateLimitError, "limit", True),
        (429, error_object("Pay first", "insufficient_quota"), RateLimitError, "Pay", False),
        (
            500,
            error_object("Service unavailable.", "internal_server_error", "1000"),
            ServerError,
            "Serv",
            True,
        ),
        (503, b"<html>busy</html>", ServerError, "busy", True),
        (502, {"error": {"message": "gateway", "code": 502}}, ServerError, "gateway", True),
        (500, [1, 2], ServerError, "[1, 2]", True),
        (500, b"", ServerError, "no reason given", True),
    ],
)
def test_f_n40_error_bodies(
    status: int, body: Any, cls: type[APIStatusError], said: str, retryable: bool
) -> None:
    """F-N40: 503 is retryable, 404 is not; the status is on the error."""
    error = failure(status, body)
    assert type(error) is cls
    assert said in error.message
    assert error.status_code == status
    assert error.retryable is retryable


def test_f_n40_what_headers_say() -> None:
    """F-N40: ``Retry-After``, the id of the request, code and type."""
    error = failure(
        429, error_object("slow", "rate_limited", "1300"), retry_after="7", mistral_correlation_id="cor-1"
    )
    assert error.retry_after == 7.0
    assert error.context == {"code": "1300", "type": "rate_limited", "request_id": "cor-1"}


@pytest.mark.parametrize(
    ("body", "cls"),
    [
        (error_object("slow", "rate_limited", "1300"), RateLimitError),
        (error_object("full", "service_tier_capacity_exceeded", 3505), RateLimitError),
        (error_object("bad", "invalid_request_error"), InvalidRequestError),
        (error_object("bad", "other", "3210"), InvalidRequestError),
        (error_object("down", "internal_server_error"), ServerError),
        ({**error_object("down", "x"), "raw_status_code": 503}, ServerError),
        ({"error": {"message": "who", "type": "authentication_error"}}, AuthenticationError),
        ({"error": "what"}, APIStatusError),
        ({"detail": "odd"}, APIStatusError),
    ],
)
def test_errors_in_mid_stream(body: dict[str, Any], cls: type[APIStatusError]) -> None:
    assert is_error(body)
    error = reported_error(body, where="the chunk")
    assert type(error) is cls
    assert error.message.startswith("the chunk: ")


def test_chunks_are_no_errors() -> None:
    chunks: list[dict[str, Any]] = [
        {"choices": []},
        {"usage": {}},
        {"choices": [], "error": None},
        {"id": "x"},
    ]
    for chunk in chunks:
        assert not is_error(chunk)
