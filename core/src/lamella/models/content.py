"""Media on its way to a wire: the plugins are asked, and nobody's answer is a refusal."""

from __future__ import annotations

from lamella._frozen import Wire
from lamella.content import Block, MediaContent
from lamella.errors import UnsupportedContentError

__all__ = ["encode_content"]


def encode_content(content: Block, dialect: str) -> dict[str, Wire]:
    """The form of a media block in ``dialect``, as the first plugin that knows it says.

    :raises UnsupportedContentError: no plugin knows it; before any network.
    """
    kind = getattr(content, "type", type(content).__name__)
    if isinstance(content, MediaContent):
        from lamella.config import current_project

        encoded = current_project().host.hooks.encode_content(content, dialect)
        if encoded is not None:
            return dict(encoded)
    raise UnsupportedContentError(
        f"{kind} content has no form in {dialect}; "
        f"install or write a plugin that answers lamella_encode_content for it, or leave it out",
        context={"content": kind, "dialect": dialect},
    )
