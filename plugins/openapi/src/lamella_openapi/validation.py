"""All faults of a document at once, by the validator library."""

from __future__ import annotations

from typing import Any, Final

from lamella_openapi.document import Document
from lamella_openapi.problems import bad_setting, shortened

__all__ = ["validate"]

_MOST: Final = 10


def validate(document: Document) -> None:
    """Hold a document to the specification.

    :raises ConfigError: it has faults; the first ten are named with their places. Or the library is missing.
    """
    try:
        spec_validator: Any = __import__("openapi_spec_validator")
    except ImportError as error:
        raise bad_setting(
            'validate = true needs openapi-spec-validator: pip install "lamella-openapi[validate]"', error
        ) from error
    cls = spec_validator.OpenAPIV30SpecValidator
    if not str(document.root["openapi"]).startswith("3.0"):
        cls = spec_validator.OpenAPIV31SpecValidator
    faults = []
    for fault in cls(document.root, base_uri=document.location).iter_errors():
        place = "/".join(map(str, fault.absolute_path)) if hasattr(fault, "absolute_path") else ""
        faults.append(f"{place or 'the document'}: {shortened(str(getattr(fault, 'message', fault)), 200)}")
        if len(faults) == _MOST:
            break
    if faults:
        raise bad_setting(f"the document is not valid OpenAPI: {'; '.join(faults)}")
