"""Import strings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pytest

from lamella.errors import ConfigError, PluginError
from lamella.plugins import resolve_import_string
from lamella.plugins.protocols import PriceHook
from lamella.usage import Cost, TokenUsage


def test_the_object_and_its_attributes() -> None:
    assert resolve_import_string("pathlib:Path") is Path
    assert resolve_import_string("pathlib:Path.home") == Path.home


@pytest.mark.parametrize("value", ["pathlib", "pathlib:", ":Path", ""])
def test_a_malformed_string_is_refused(value: str) -> None:
    with pytest.raises(PluginError, match="must be 'module:object'"):
        resolve_import_string(value)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import no_such_sdk", "No module named 'no_such_sdk'; install what is missing: pip install my-dist"),
        ("raise SystemExit(3)", "cannot be imported: SystemExit: 3"),
        ("1 / 0", "cannot be imported: ZeroDivisionError"),
        ("", "does not exist"),
    ],
)
def test_what_cannot_be_imported_is_a_typed_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, words: str
) -> None:
    (tmp_path / "site_import_string.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "site_import_string", raising=False)
    try:
        with pytest.raises(PluginError, match=words) as failed:
            resolve_import_string("site_import_string:thing", distribution="my-dist")
    finally:
        __import__("sys").modules.pop("site_import_string", None)
    assert failed.value.cause is not None


def test_typed_errors_and_interrupts_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, error in [("ConfigError", ConfigError), ("KeyboardInterrupt", KeyboardInterrupt)]:
        code = f"from lamella.errors import *\nraise {name}('x')\n"
        (tmp_path / f"site_raises_{name}.py").write_text(code, encoding="utf-8")
        with pytest.raises(error):
            resolve_import_string(f"site_raises_{name}:thing")


def test_a_full_implementation_fits_its_protocol() -> None:
    def lamella_price(
        usage: TokenUsage,
        model: str,
        provider: str | None,
        at: datetime | None,
        context: Mapping[str, str] | None,
    ) -> Cost | None:
        return None

    checked: PriceHook = lamella_price
    assert checked(usage=TokenUsage(), model="m", provider=None, at=None, context=None) is None
