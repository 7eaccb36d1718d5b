"""Google's error objects and the errors of the tree."""

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
from lamella_gemini.errors import reported_error, status_failure


def failure(code: int, **error: Any) -> APIStatusError:
    body = json.dumps({"error": {"code": code, **error}}).encode()
    made = status_failure(code, {}, body)
    assert isinstance(made, APIStatusError)
    return made


@pytest.mark.parametrize(
    ("status", "word", "kind", "retryable"),
    [
        (400, "INVALID_ARGUMENT", InvalidRequestError, False),
        (400, "FAILED_PRECONDITION", InvalidRequestError, False),
        (401, "UNAUTHENTICATED", AuthenticationError, False),
        (403, "PERMISSION_DENIED", AuthenticationError, False),
        (404, "NOT_FOUND", APIStatusError, False),
        (429, "RESOURCE_EXHAUSTED", RateLimitError, True),
        (499, "CANCELLED", APIStatusError, False),
        (500, "INTERNAL", ServerError, True),
        (501, "UNIMPLEMENTED", ServerError, False),
        (503, "UNAVAILABLE", ServerError, True),
        (504, "DEADLINE_EXCEEDED", ServerError, True),
    ],
)
def test_f_n40_statuses(status: int, word: str, kind: type[APIStatusError], retryable: bool) -> None:
    """F-N40, F-PRV02: the class, the status and whether to try again; in mid-stream too."""
    made = failure(status, status=word, message="no")
    assert type(made) is kind
    assert made.retryable is retryable
    assert made.status_code == status
    assert made.context == {"code": status, "status": word}
    assert "no" in made.message
    for facts in (
        {"code": status, "message": "no"},
        {"status": word, "message": "no"},
        {"code": word.lower()},
    ):
        inside = reported_error(facts, where="the stream")
        assert type(inside) is kind
        assert isinstance(inside, APIStatusError)
        assert inside.status_code is None


def test_a_wrong_key_is_a_400() -> None:
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
    made = failure(400, status="INVALID_ARGUMENT", message="API key not valid.", details=[info])
    assert type(made) is AuthenticationError
    assert made.status_code == 400
    assert made.context["reason"] == "API_KEY_INVALID"
    assert not made.retryable


def quota(quota_id: str) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": quota_id}]}


def test_f_x05_the_wait_is_in_the_details() -> None:
    """F-X05: RetryInfo says how long; there is no header."""
    details = [
        quota("RequestsPerMinutePerProject"),
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "37.5s"},
    ]
    made = failure(429, status="RESOURCE_EXHAUSTED", message="slow down", details=details)
    assert made.retry_after == 37.5
    assert made.retryable
    assert made.context["quotas"] == ["RequestsPerMinutePerProject"]
    header = status_failure(503, {"Retry-After": "3"}, b"{}")
    assert header.retry_after == 3


@pytest.mark.parametrize(
    "error",
    [
        {"details": [quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier")]},
        {"message": "Quota exceeded for metric: free_tier_requests, limit: 0, model: x"},
    ],
)
def test_quotas_that_waiting_does_not_mend(error: dict[str, Any]) -> None:
    made = failure(429, status="RESOURCE_EXHAUSTED", **error)
    assert type(made) is RateLimitError
    assert not made.retryable


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b'"x"', b'{"error": "x"}', b'{"error": {"details": 1, "code": []}}', b"[[1]]"],
)
def test_bodies_of_no_form(body: bytes) -> None:
    made = status_failure(502, {}, body)
    assert type(made) is ServerError
    assert "HTTP 502" in made.message


def test_a_list_of_one_error() -> None:
    body = json.dumps([{"error": {"code": 404, "message": "no such model", "status": "NOT_FOUND"}}])
    assert "no such model" in status_failure(404, {}, body.encode()).message


def test_reports_of_no_form() -> None:
    assert type(reported_error("broken", where="it")) is APIStatusError
    assert "broken" in str(reported_error("broken", where="it"))
    assert "without a message" in str(reported_error({}, where="it"))
