"""Documents in the forms of the wires. Pure: nothing is read or fetched; bytes become base64 exactly once.

Forms and types: OpenAI "File inputs" (Responses ``input_file`` takes many types by bytes, URL and id; the
``file`` part of Chat Completions takes PDF, by bytes and id), Anthropic "PDF support", "Citations" and "Files"
(``document`` with a ``base64`` or ``url`` source for PDF, a ``text`` source for text, a ``file`` source for
both), Mistral "Document QnA" (``document_url``), Gemini "Document understanding" (``inlineData`` and
``fileData``; Markdown is spelled ``text/md`` there), Gemini Interactions (``document`` content, whose types the
vendor's schema lists).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import attrs

from lamella.content import MediaContent
from lamella.errors import AgentInputError, UnsupportedContentError
from lamella_document.kinds import (
    CSV,
    DOCX,
    FORMATS,
    HTML,
    JSON,
    MARKDOWN,
    ODT,
    PDF,
    PLAIN,
    PPTX,
    RTF,
    TEXTS,
    XLSX,
    XML,
    essence,
)
from lamella_document.limits import check_bytes
from lamella_document.names import file_name
from lamella_document.probe import decoded

__all__ = ["TAKEN", "encode_document", "takes"]

Part: TypeAlias = dict[str, Any]


def encode_document(document: MediaContent, dialect: str) -> Part | None:
    """The document as a part of a message on the dialect's wire, ``None`` for a wire not known here.

    :raises UnsupportedContentError: the wire is known and has no form for it: another type, too many bytes,
        a URL where only bytes go, a file id of another provider, text that is not UTF-8, a ``context`` where
        there is no place for it.
    """
    return _WIRES[dialect].write(document) if takes(document, dialect) else None


def takes(document: MediaContent, dialect: str) -> bool:
    """Whether the wire is known, without writing the bytes.

    :raises UnsupportedContentError: it is known and does not take this document.
    """
    if dialect in _WITHOUT:
        raise _refused(document, dialect, "takes no documents", _INSTEAD)
    wire = _WIRES.get(dialect)
    if wire is not None:
        _check(document, dialect, wire)
    return wire is not None


def _check(document: MediaContent, dialect: str, wire: _Wire) -> None:
    kind = essence(document.mime_type)
    if kind not in wire.types:
        raise _refused(document, dialect, f"takes {_listed(wire.types)}", _instead_of(kind))
    if not wire.context and getattr(document, "context", None) is not None:
        raise _refused(document, dialect, "has no place for its context", "put those words into the prompt")
    if document.file_id is not None and document.provider not in (None, wire.issuer):
        why = f"takes no file ids of {document.provider}"
        raise _refused(document, dialect, why, "upload it there too, or send its bytes")
    check_bytes(document, dialect)


# -- the wires ------------------------------------------------------------------------------------


def _openai_chat(document: MediaContent) -> Part:
    if document.url is not None:
        raise _refused(document, "openai.chat", "takes no documents by URL", _FETCH)
    if document.file_id is not None:
        return {"type": "file", "file": {"file_id": document.file_id}}
    return {"type": "file", "file": {"filename": file_name(document), "file_data": document.data_uri}}


def _openai_responses(document: MediaContent) -> Part:
    if document.url is not None:
        return {"type": "input_file", "file_url": document.url}
    if document.file_id is not None:
        return {"type": "input_file", "file_id": document.file_id}
    return {"type": "input_file", "filename": file_name(document), "file_data": document.data_uri}


def _anthropic_messages(document: MediaContent) -> Part:
    block: Part = {"type": "document", "source": _anthropic_source(document)}
    for field in ("title", "context"):
        if (words := getattr(document, field, None)) is not None:
            block[field] = words
    if (citations := getattr(document, "citations", None)) is not None:
        block["citations"] = {"enabled": citations}
    return block


def _anthropic_source(document: MediaContent) -> Part:
    kind = essence(document.mime_type)
    if document.file_id is not None:
        if kind not in (PDF, PLAIN):
            raise _refused(document, "anthropic.messages", "takes PDF and plain text by file id", _SEND)
        return {"type": "file", "file_id": document.file_id}
    if document.url is not None:
        if kind != PDF:
            raise _refused(document, "anthropic.messages", "takes PDF only by URL", _FETCH)
        return {"type": "url", "url": document.url}
    if kind == PDF:
        return {"type": "base64", "media_type": PDF, "data": document.base64_data}
    try:
        return {"type": "text", "media_type": PLAIN, "data": decoded(document)}
    except AgentInputError as error:
        raise _refused(document, "anthropic.messages", "takes text as UTF-8", str(error)) from error


def _mistral_chat(document: MediaContent) -> Part | None:
    if document.file_id is not None:
        return None  # the provider plugin's own form: {"type": "file"}
    address = document.url if document.url is not None else document.data_uri
    name = file_name(document) if document.name or getattr(document, "title", None) else None
    named = {} if name is None else {"document_name": name}
    return {"type": "document_url", "document_url": address, **named}


_GEMINI_SPELLING: Final = {MARKDOWN: "text/md"}


def _gemini(document: MediaContent) -> Part:
    kind = essence(document.mime_type)
    kind = _GEMINI_SPELLING.get(kind, kind)
    if document.data is not None:
        return {"inlineData": {"mimeType": kind, "data": document.base64_data}}
    address = document.url if document.url is not None else document.file_id
    return {"fileData": {"mimeType": kind, "fileUri": address}}


def _gemini_interactions(document: MediaContent) -> Part:
    part: Part = {"type": "document", "mime_type": essence(document.mime_type)}
    if document.data is not None:
        return {**part, "data": document.base64_data}
    return {**part, "uri": document.url if document.url is not None else document.file_id}


@attrs.frozen(kw_only=True)
class _Wire:
    """What a wire takes: the types, whose file ids, whether it has a place for ``context``."""

    types: frozenset[str]
    issuer: str
    write: Callable[[MediaContent], Part | None]
    context: bool = False


_WIRES: Final[dict[str, _Wire]] = {
    "openai.chat": _Wire(types=frozenset({PDF}), issuer="openai", write=_openai_chat),
    "openai.responses": _Wire(
        types=TEXTS | {PDF, DOCX, XLSX, PPTX, ODT}, issuer="openai", write=_openai_responses
    ),
    "anthropic.messages": _Wire(
        types=frozenset({PDF, PLAIN, MARKDOWN, CSV, HTML, XML, JSON}),
        issuer="anthropic",
        write=_anthropic_messages,
        context=True,
    ),
    "mistral.chat": _Wire(types=frozenset({PDF}), issuer="mistral", write=_mistral_chat),
    "gemini": _Wire(
        types=frozenset({PDF, PLAIN, MARKDOWN, CSV, HTML, XML, RTF}), issuer="gemini", write=_gemini
    ),
    "gemini.interactions": _Wire(
        types=frozenset({PDF, CSV, DOCX, XLSX, PPTX, ODT}), issuer="gemini", write=_gemini_interactions
    ),
}

_WITHOUT: Final = frozenset({"ollama"})

TAKEN: Final = {dialect: wire.types for dialect, wire in _WIRES.items()}
"""The MIME types that each wire takes, by dialect."""


# -- why not --------------------------------------------------------------------------------------

_INSTEAD: Final = "send document.text() as text, or document.page_images() as images"
_FETCH: Final = "fetch it yourself, and use from_bytes"
_SEND: Final = "send its bytes"


def _instead_of(kind: str) -> str:
    if kind in TEXTS:
        return "send document.text() as text"
    return "convert it to PDF" if kind in FORMATS else "convert it to PDF or text"


def _listed(types: frozenset[str]) -> str:
    return ", ".join(sorted(FORMATS[kind] for kind in types))


def _refused(document: MediaContent, dialect: str, why: str, instead: str) -> UnsupportedContentError:
    return UnsupportedContentError(
        f"a document of type {document.mime_type} has no form on {dialect}, which {why}; {instead}",
        context={"content_type": document.type, "mime_type": document.mime_type, "dialect": dialect},
    )
