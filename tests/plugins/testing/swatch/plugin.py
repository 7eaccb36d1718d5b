from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import lamella

lamella_api = "1.0"


@lamella.hookimpl
def lamella_content_types() -> Sequence[lamella.ContentSpec]:
    return [
        lamella.ContentSpec(
            id="swatch",
            summary="colours",
            content_class="swatch.content:Swatch",
            dialects=("openai.chat", "anthropic.messages", "acme.chat"),
        )
    ]


@lamella.hookimpl
def lamella_encode_content(content: lamella.MediaContent, dialect: str) -> Mapping[str, Any] | None:
    from swatch.encode import encode

    return encode(content, dialect)
