"""Media on its way to a wire: the plugins are asked, and nobody's answer is a refusal."""

from __future__ import annotations

from lamella._frozen import Wire
from lamella.content import Block, MediaContent, ToolOutputBlock
from lamella.errors import UnsupportedContentError
from lamella.models.takers import advice, takers

__all__ = ["encode_content", "say_who_takes_it"]


def encode_content(content: Block, dialect: str) -> dict[str, Wire]:
    """The form of a media block in ``dialect``, as the first plugin that knows it says.

    :raises UnsupportedContentError: no plugin knows it; before any network. It names the installed
        providers that could take it.
    """
    kind = getattr(content, "type", type(content).__name__)
    reason: str | None = None
    facts = {"content": kind, "dialect": dialect}
    if isinstance(content, MediaContent):
        from lamella.config import current_project

        facts["mime_type"] = content.mime_type
        try:
            encoded = current_project().host.hooks.encode_content(content, dialect)
        except UnsupportedContentError as refusal:
            reason, facts = refusal.message, {**facts, **refusal.context}
        else:
            if encoded is not None:
                return dict(encoded)
    error = UnsupportedContentError(reason or _reason(content, kind, dialect), context=facts)
    say_who_takes_it(error, content)
    raise error


def _reason(content: Block, kind: str, dialect: str) -> str:
    what = f"{kind} content"
    if isinstance(content, MediaContent):
        how = (
            "by URL" if content.url is not None else "as bytes" if content.data is not None else "by file id"
        )
        what = f"{what} ({content.mime_type}, {how})"
    return (
        f"{what} has no form in {dialect}; install or write a plugin that answers lamella_encode_content for it, "
        "give it in another form, or leave it out"
    )


def say_who_takes_it(error: UnsupportedContentError, item: Block) -> None:
    """Add to a refusal which installed providers take the media of ``item``, once."""
    if "providers" in error.context:
        return
    parts = item.parts or () if isinstance(item, ToolOutputBlock) else (item,)
    media = [part for part in parts if isinstance(part, MediaContent)]
    if not media:
        return
    if len(kinds := {part.type for part in media}) == 1:
        error.context.setdefault("content", kinds.pop())  # a provider's own refusal says it too
    found = set(takers(media[0])).intersection(*(takers(part) for part in media[1:]))
    names = tuple(sorted(found))
    error.context["providers"] = list(names)
    error.message = f"{error.message}; {advice(names)}"
    error.args = (error.message,)
