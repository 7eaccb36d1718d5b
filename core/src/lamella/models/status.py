"""From an HTTP status to the error of the tree, for every provider."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from lamella.errors import (
    APIStatusError,
    AuthenticationError,
    InvalidRequestError,
    RateLimitError,
    ServerError,
)

__all__ = ["parse_retry_after", "status_error"]


def status_error(
    status: int | None,
    message: str,
    *,
    headers: Mapping[str, str] | None = None,
    context: Mapping[str, Any] | None = None,
    cause: BaseException | None = None,
    retryable: bool | None = None,
) -> APIStatusError:
    """The error for an HTTP status; ``None`` is an error that came inside a stream.

    :param headers: read for ``Retry-After`` and ``retry-after-ms``; names in any case.
    :param retryable: overrides what the status says.
    """
    return _class_of(status)(
        message,
        status_code=status,
        context=context,
        cause=cause,
        retryable=retryable,
        retry_after=parse_retry_after(headers or {}),
    )


def _class_of(status: int | None) -> type[APIStatusError]:
    if status in (400, 422):
        return InvalidRequestError
    if status in (401, 403):
        return AuthenticationError
    if status == 429:
        return RateLimitError
    if status is not None and status >= 500:
        return ServerError
    return APIStatusError


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: ``retry-after-ms``, else ``Retry-After`` as seconds or HTTP date, else ``None``."""
    lowered = {name.lower(): value for name, value in headers.items()}
    millis = _number(lowered.get("retry-after-ms"))
    if millis is not None:
        return millis / 1000
    value = lowered.get("retry-after")
    seconds = _number(value)
    if seconds is not None or value is None:
        return seconds
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - time.time())


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else None
    except ValueError:
        return None
    return number if number is not None and 0 <= number < float("inf") else None
