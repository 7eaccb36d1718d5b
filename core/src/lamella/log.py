"""``AgentLogger``: exceptions as structured log records."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from lamella.errors import ErrorCode, LamellaError, ToolError

__all__ = ["AgentLogger"]


class AgentLogger:
    """Logs exceptions through :mod:`logging` with a payload that says what they are.

    :param name: the name of the logger.
    """

    def __init__(self, name: str = "lamella") -> None:
        self.name = name
        self._logger = logging.getLogger(name)

    def log_exception(
        self,
        exc: BaseException,
        context: Mapping[str, Any] | None = None,
        level: int = logging.ERROR,
        include_traceback: bool = False,
    ) -> dict[str, Any]:
        """Log ``"[{error_code}] {message}"`` with the payload as ``extra={"lamella_error": …}``.

        :param context: facts of the call site; they override those of the exception.
        :returns: the payload: ``error_type``, ``message``, ``error_code``, ``retryable``, ``context``,
            and with a cause ``cause_type`` and ``cause_message``. An exception that is not Lamella's has
            the code ``unknown`` and is not retryable.
        """
        payload = _payload(exc, context or {})
        self._logger.log(
            level,
            "[%s] %s",
            payload["error_code"],
            payload["message"],
            exc_info=exc if include_traceback else None,
            extra={"lamella_error": payload},
        )
        return payload


def _payload(exc: BaseException, context: Mapping[str, Any]) -> dict[str, Any]:
    ours = exc if isinstance(exc, LamellaError) else None
    payload: dict[str, Any] = {
        "error_type": type(exc).__name__,
        "message": str(exc),
        "error_code": (ErrorCode.UNKNOWN if ours is None else ours.error_code).value,
        "retryable": ours is not None and ours.retryable,
        "context": {**({} if ours is None else ours.context), **context},
    }
    cause = exc.__cause__ if ours is None or ours.cause is None else ours.cause
    if cause is not None:
        payload["cause_type"] = type(cause).__name__
        said = exc.cause_message if isinstance(exc, ToolError) else None
        payload["cause_message"] = str(cause) if said is None else said
    return payload
