"""What the vendors take, by dialect, as their documentation said in November 2026. Unknown is ``None``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from lamella.content import MediaContent
from lamella.errors import UnsupportedContentError
from lamella_document.kinds import PDF, TEXTS, essence

if TYPE_CHECKING:
    from lamella_document.probe import DocumentInfo

__all__ = ["DocumentLimits", "check_bytes", "check_info", "limits_of"]

_MB: Final = 1 << 20


@attrs.frozen(kw_only=True)
class DocumentLimits:
    """The limits of a wire. A value between MB of 10⁶ and of 2²⁰ bytes is left to the vendor to judge.

    ``bytes`` counts the file, ``sent_bytes`` the whole request, in which a file stands in base64, a third
    larger; ``pages`` are those of a PDF; ``encrypted`` says whether PDFs with encryption are taken;
    ``source`` names the page of the vendor's documentation.
    """

    bytes: int | None = None
    sent_bytes: int | None = None
    pages: int | None = None
    encrypted: bool | None = None
    source: str


_OPENAI: Final = DocumentLimits(
    bytes=50 * _MB,
    source="OpenAI API, guide “File inputs” (developers.openai.com/api/docs/guides/file-inputs)",
)
_GEMINI: Final = DocumentLimits(
    bytes=50 * _MB,
    pages=1000,
    source="Gemini API, “Document understanding” and “File input methods” (ai.google.dev/gemini-api/docs)",
)

_LIMITS: Final[dict[str, DocumentLimits]] = {
    "openai.chat": _OPENAI,
    "openai.responses": _OPENAI,
    "anthropic.messages": DocumentLimits(
        sent_bytes=32 * _MB,
        pages=600,  # 100 for models with a context of 200,000 tokens, which only the vendor can tell here
        encrypted=False,
        source="Claude API, “PDF support” (platform.claude.com/docs/en/build-with-claude/pdf-support)",
    ),
    "mistral.chat": DocumentLimits(
        bytes=50 * _MB,
        pages=1000,
        source="Mistral, “Document QnA”, frequently asked questions (docs.mistral.ai)",
    ),
    "gemini": _GEMINI,
    "gemini.interactions": _GEMINI,
}

_UPLOAD: Final = "split it with document.split(…), or upload it to the vendor and use from_file_id"


def limits_of(dialect: str) -> DocumentLimits | None:
    """The limits of a dialect, ``None`` for one that takes no documents or is not known."""
    return _LIMITS.get(dialect)


def check_bytes(document: MediaContent, dialect: str) -> None:
    """Hold the number of bytes, which costs nothing to know, against the limits of the dialect.

    :raises UnsupportedContentError: there are too many.
    """
    limits, size = _LIMITS.get(dialect), document.size
    if limits is None or size is None:
        return
    if limits.bytes is not None and size > limits.bytes:
        raise _over(document, dialect, f"{size:,} bytes", f"{limits.bytes:,} bytes", limits)
    sent = size if essence(document.mime_type) in TEXTS else (size + 2) // 3 * 4
    if limits.sent_bytes is not None and sent > limits.sent_bytes:
        value = f"{size:,} bytes, {sent:,} as they are sent"
        raise _over(document, dialect, value, f"{limits.sent_bytes:,} bytes for a request", limits)


def check_info(document: MediaContent, info: DocumentInfo, dialect: str) -> None:
    """Hold what a probe found against the limits of the dialect.

    :raises UnsupportedContentError: too many pages, or encrypted where that is refused.
    """
    limits = _LIMITS.get(dialect)
    if limits is None or essence(info.mime_type) != PDF:
        return
    if limits.pages is not None and info.pages is not None and info.pages > limits.pages:
        raise _over(document, dialect, f"{info.pages:,} pages", f"{limits.pages:,} pages", limits)
    if info.encrypted and limits.encrypted is False:
        raise UnsupportedContentError(
            f"this document is encrypted, and {dialect} takes no encrypted PDFs ({limits.source}); "
            "remove the encryption, for example: qpdf --decrypt",
            context=_context(document, dialect),
        )


def _over(
    document: MediaContent, dialect: str, value: str, limit: str, limits: DocumentLimits
) -> UnsupportedContentError:
    return UnsupportedContentError(
        f"this document has {value}, over the limit of {limit} on {dialect} ({limits.source}); {_UPLOAD}",
        context=_context(document, dialect),
    )


def _context(document: MediaContent, dialect: str) -> dict[str, str]:
    return {"content_type": document.type, "mime_type": document.mime_type, "dialect": dialect}
