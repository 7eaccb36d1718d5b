"""The plugin of a defect: importing it imports a library."""

import pytest

from swatch.plugin import lamella_api, lamella_content_types, lamella_encode_content

__all__ = ["lamella_api", "lamella_content_types", "lamella_encode_content"]
assert pytest
