"""For authors of providers over HTTP: settings, keys, transports and encoding, the parts that all vendors share.

Subclass :class:`ProviderModel` with a settings class, an encoder and a decoder, and
:class:`ProviderTransport` with the vendor's SDK. Nothing here knows a vendor.
"""

from __future__ import annotations

from lamella._frozen import Wire
from lamella.providers.checks import (
    Check,
    flag,
    instance,
    integer,
    number,
    one_of,
    optional,
    refuse_unknown,
    text,
    texts,
)
from lamella.providers.clients import Connection, LoopClients
from lamella.providers.counts import less, read_count, read_table
from lamella.providers.failures import (
    ErrorBody,
    http_failure,
    http_library,
    interrupted,
    read_error_body,
    retry_advice,
    sdk_missing,
)
from lamella.providers.ids import CallIds
from lamella.providers.key import Key, scrub_error, to_key
from lamella.providers.media import MakeMedia, check_file, join_base64, made_media
from lamella.providers.model import ProviderModel, environment
from lamella.providers.payload import merge, options, strict_loss, tool_choice
from lamella.providers.replies import check_texts, embeddings_in_order, read_list, read_object
from lamella.providers.schema import (
    answer_format,
    answer_schema,
    check_text_format,
    flat_schema,
    read_response_format,
)
from lamella.providers.settings import ProviderSettings, own, table, text_list
from lamella.providers.transport import ProviderTransport
from lamella.providers.urls import check_base_url, issuer_of, without_credentials

__all__ = [
    "CallIds",
    "Check",
    "Connection",
    "ErrorBody",
    "Key",
    "LoopClients",
    "MakeMedia",
    "ProviderModel",
    "ProviderSettings",
    "ProviderTransport",
    "Wire",
    "answer_format",
    "answer_schema",
    "check_base_url",
    "check_file",
    "check_text_format",
    "check_texts",
    "embeddings_in_order",
    "environment",
    "flag",
    "flat_schema",
    "http_failure",
    "http_library",
    "instance",
    "integer",
    "interrupted",
    "issuer_of",
    "join_base64",
    "less",
    "made_media",
    "merge",
    "number",
    "one_of",
    "optional",
    "options",
    "own",
    "read_count",
    "read_error_body",
    "read_list",
    "read_object",
    "read_response_format",
    "read_table",
    "refuse_unknown",
    "retry_advice",
    "scrub_error",
    "sdk_missing",
    "strict_loss",
    "table",
    "text",
    "text_list",
    "texts",
    "to_key",
    "tool_choice",
    "without_credentials",
]
