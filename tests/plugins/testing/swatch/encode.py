from __future__ import annotations

from typing import Any

from lamella import MediaContent


def encode(content: MediaContent, dialect: str) -> dict[str, Any] | None:
    if content.type != "swatch":
        return None
    if dialect == "openai.chat":
        address = content.data_uri or content.url
        return None if address is None else {"type": "swatch_url", "swatch_url": {"url": address}}
    if dialect == "anthropic.messages":
        block: dict[str, Any] = {"type": "swatch", "source": source(content)}
        title = getattr(content, "title", None) or content.name
        return block if title is None else {**block, "title": title}
    if dialect == "acme.chat":
        return {"swatches": [source(content)]}
    return None


def source(content: MediaContent) -> dict[str, Any]:
    if content.data is not None:
        return {"type": "base64", "data": content.base64_data}
    return (
        {"type": "url", "url": content.url}
        if content.url is not None
        else {"type": "file", "id": content.file_id}
    )
