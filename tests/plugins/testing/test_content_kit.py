"""A correct content type passes the kit: as a plugin, and as a class without one."""

from __future__ import annotations

import swatch.plugin
from swatch.content import Swatch
from swatch_suites import swatch_suite

TestSwatch = swatch_suite(swatch.plugin)
TestSwatchWithoutPlugin = swatch_suite(None, content_class=Swatch)
