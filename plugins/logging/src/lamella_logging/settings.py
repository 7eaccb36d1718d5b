"""The settings of the ``logging`` sink, as they stand in a project's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import attrs

__all__ = ["DEFAULT_LOGGER", "Level", "LoggingSettings"]

Level: TypeAlias = Literal["debug", "info", "warning", "error", "critical"]

DEFAULT_LOGGER = "lamella.runs"


@attrs.frozen(kw_only=True)
class LoggingSettings:
    """What is logged, and where; the fields are the arguments of ``LoggingSink``."""

    logger: str = DEFAULT_LOGGER
    """The name of the logger. Its handlers and its level are the program's business."""

    level: Level = "info"
    """The least level of a record; what is below is not made."""

    levels: Mapping[str, str] = attrs.Factory(dict)
    """The levels of single event types, such as ``{"tool.start" = "info", "response.done" = "off"}``."""

    content: bool = False
    """Whether prompts, arguments, outputs and answers are in the records, too."""

    width: int = 500
    """Characters that are kept of each content; 0 keeps all."""
