"""Settings: strict from files, read from the text of the environment, and secrets that do not travel."""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import attrs
import pytest

from lamella import secret
from lamella.errors import ConfigError, PluginError
from lamella.plugins import Setting, build_settings
from lamella.plugins.settings import plain


class Colour(Enum):
    RED = "red"


@attrs.frozen(kw_only=True)
class Retry:
    max_tries: int = 3
    wait: float = 1.0


@attrs.frozen(kw_only=True)
class Settings:
    text: str = ""
    count: int = 0
    ratio: float = 0.0
    flag: bool = False
    maybe: int | None = None
    either: int | str = 0
    names: list[str] = attrs.field(factory=list)
    pair: tuple[int, int] = (0, 0)
    many: Sequence[int] = ()
    table: Mapping[str, int] = attrs.field(factory=dict)
    choice: Literal["a", "b"] = "a"
    colour: Colour = Colour.RED
    path: Path | None = None
    price: Decimal = Decimal(0)
    retry: Retry = Retry()
    anything: Any = None
    base_url: str | None = None
    api_key: str | None = secret(default=None)
    headers: Mapping[str, str] = secret(factory=dict)
    _private: int = 1
    not_given: int = attrs.field(default=0, init=False)


def from_file(**table: Any) -> dict[str, Any]:
    return build(settled(table, "file", "/p/lamella.toml"))


def from_environment(**table: Any) -> dict[str, Any]:
    return build(settled(table, "environment", "environment variable LAMELLA__X"))


def settled(table: Mapping[str, Any], source: Any, where: str) -> dict[str, Any]:
    return {key: Setting(value, source, where, source) for key, value in table.items()}


def build(table: Mapping[str, Any], **options: Any) -> dict[str, Any]:
    return build_settings(Settings, table, where="provider.acme", **options)


# -- files: strict ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("text", "x", "x"),
        ("count", 3, 3),
        ("ratio", 1, 1.0),
        ("ratio", 0.5, 0.5),
        ("flag", True, True),
        ("maybe", 3, 3),
        ("either", 3, 3),
        ("either", "3", "3"),
        ("names", ["a"], ["a"]),
        ("pair", [1, 2], (1, 2)),
        ("many", [1, 2], (1, 2)),
        ("table", {"a": 1}, {"a": 1}),
        ("choice", "b", "b"),
        ("colour", "red", Colour.RED),
        ("price", 0.1, Decimal("0.1")),
        ("retry", {"max_tries": 5}, Retry(max_tries=5)),
        ("anything", [1, "x"], [1, "x"]),
        ("private", 2, 2),
    ],
)
def test_values_of_a_file_are_taken_as_they_are(key: str, value: Any, expected: Any) -> None:
    built = from_file(**{key: value})
    assert built == {key: expected}
    assert type(built[key]) is type(expected)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("text", 3, "expected a text, got 3"),
        ("count", "3", "expected a whole number, got '3'"),
        ("count", 1.9, "expected a whole number, got 1.9"),
        ("count", True, "expected a whole number, got True"),
        ("ratio", "0.5", "expected a number, got '0.5'"),
        ("flag", 1, "expected true or false, got 1"),
        ("maybe", "3", "expected a whole number, got '3'"),
        ("either", [1], r"expected int or str, got \[1\]"),
        ("names", "abc", "expected a list, got 'abc'"),
        ("names", ["a", 3], "expected a text, got 3"),
        ("pair", [1], "expected 2 values, got 1"),
        ("table", 3, "expected a table"),
        ("table", {"a": "x"}, "expected a whole number"),
        ("choice", "c", "c not in literal"),
        ("path", 3, "expected a path, got 3"),
        ("price", "dear", "expected a number, got 'dear'"),
        ("retry", {"max_tries": "5"}, "expected a whole number"),
        ("retry", {"tries": 5}, "unknown tries"),
    ],
)
def test_nothing_is_coerced_in_a_file(key: str, value: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=f"(?i)^/p/lamella.toml: .*{words}.*provider.acme.{key}"):
        from_file(**{key: value})


# -- the environment: texts -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("text", "3", "3"),
        ("count", "3", 3),
        ("ratio", "0.5", 0.5),
        ("flag", "1", True),
        ("flag", "No", False),
        ("maybe", "3", 3),
        ("either", "3", 3),
        ("either", "x", "x"),
        ("names", "a, b", ["a", "b"]),
        ("names", '["a,b"]', ["a,b"]),
        ("many", "1,2", (1, 2)),
        ("table", '{"a": 1}', {"a": 1}),
        ("choice", "b", "b"),
        ("colour", "red", Colour.RED),
        ("price", "0.1", Decimal("0.1")),
        ("retry", '{"max_tries": 5}', Retry(max_tries=5)),
        ("api_key", "sk-1", "sk-1"),
    ],
)
def test_texts_of_the_environment_are_read_as_the_type_asks(key: str, value: str, expected: Any) -> None:
    built = from_environment(**{key: value})
    assert built == {key: expected}
    assert type(built[key]) is type(expected)


@pytest.mark.parametrize(
    ("key", "value"),
    [("count", "many"), ("ratio", "x"), ("flag", "maybe"), ("maybe", "x"), ("table", "{"), ("choice", "c")],
)
def test_a_text_that_cannot_be_read_names_the_variable(key: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"^environment variable LAMELLA__X: .*provider.acme.{key}"):
        from_environment(**{key: value})


def test_tables_may_come_from_several_layers() -> None:
    table = {
        "retry": {
            "max-tries": Setting(5, "file", "/p/lamella.toml"),
            "wait": Setting("0.5", "environment", "variable"),
        },
        "table": {"a": Setting("1", "environment", "variable"), "b": 2},
    }
    assert build(table) == {"retry": Retry(max_tries=5, wait=0.5), "table": {"a": 1, "b": 2}}


# -- keys -------------------------------------------------------------------------------------------


def test_f_plg03_an_unknown_key_is_an_error_with_file_key_and_suggestion() -> None:
    with pytest.raises(ConfigError) as unknown:
        from_file(**{"base-ulr": "x"})
    assert str(unknown.value).startswith(
        "/p/lamella.toml: provider.acme has no setting 'base-ulr'; did you mean 'base_url'?"
    )
    with pytest.raises(ConfigError, match="has no setting 'not_given'"):
        from_file(not_given=1)


def test_dashes_and_underscores_in_keys_are_equal() -> None:
    assert from_file(**{"base-url": "x"}) == {"base_url": "x"}


def test_a_plugin_without_settings_takes_none() -> None:
    assert build_settings(None, {}, where="sink.x") == {}
    with pytest.raises(ConfigError, match=r"f\.toml: sink\.x takes no settings, but level is set"):
        build_settings(None, settled({"level": 1}, "file", "f.toml"), where="sink.x")


def test_the_class_may_be_an_import_string_and_must_be_an_attrs_class() -> None:
    module = types.ModuleType("site_settings")
    module.Settings = Settings  # type: ignore[attr-defined]
    sys.modules["site_settings"] = module
    try:
        assert build_settings("site_settings:Settings", {"count": 1}, where="x") == {"count": 1}
        with pytest.raises(PluginError, match="does not exist"):
            build_settings("site_settings:Nothing", {}, where="x")
    finally:
        del sys.modules["site_settings"]
    with pytest.raises(PluginError, match="must be an attrs class"):
        build_settings(int, {}, where="x")
    with pytest.raises(PluginError, match="must be 'module:object'"):
        build_settings("site_settings", {}, where="x")


def test_a_type_that_cannot_be_resolved_is_the_plugins_fault() -> None:
    cls = type("Bad", (), {"__annotations__": {"a": "Nowhere"}, "a": None})
    cls = attrs.frozen(cls)
    with pytest.raises(PluginError, match="cannot be resolved"):
        build_settings(cls, {"a": 1}, where="x")


@attrs.frozen(kw_only=True)
class Strict:
    command: str
    level: int = attrs.field(default=1, validator=attrs.validators.le(3))
    key: str = secret(default="", validator=attrs.validators.max_len(5))
    name: str = ""

    def __attrs_post_init__(self) -> None:
        if self.name == self.key != "":
            raise ValueError(f"the key is the name: {self.key}")


def test_required_settings_must_be_there_when_the_thing_is_built() -> None:
    assert build_settings(Strict, {"level": 9}, where="x") == {"level": 9}, "the rest may come from code"
    with pytest.raises(ConfigError, match="x needs command, which nothing sets"):
        build_settings(Strict, {"level": 2}, where="x", complete=True)


def test_the_validators_of_the_class_judge() -> None:
    table = settled({"command": "run", "level": 9}, "file", "f.toml")
    with pytest.raises(ConfigError, match=r"^f\.toml: x: 'level' must be <= 3: 9"):
        build_settings(Strict, table, where="x")


# -- paths ------------------------------------------------------------------------------------------


def test_relative_paths_are_below_the_projects_root(tmp_path: Path) -> None:
    assert build({"path": "logs"}, root=tmp_path) == {"path": tmp_path / "logs"}
    assert build({"path": "/abs"}, root=tmp_path) == {"path": Path("/abs")}
    assert build({"path": "logs"}) == {"path": Path("logs")}
    assert build({"path": Path("~")}) == {"path": Path.home()}


# -- secrets ----------------------------------------------------------------------------------------


def test_f_plg01_a_literal_in_a_secret_field_of_a_file_is_an_error_that_does_not_show_it() -> None:
    with pytest.raises(ConfigError) as refused:
        from_file(api_key="sk-very-secret")
    assert str(refused.value).startswith("/p/lamella.toml: provider.acme.api_key is a secret")
    assert '{ env = "NAME" }' in str(refused.value)
    assert "sk-very-secret" not in repr(refused.value) + str(refused.value.__cause__)
    with pytest.raises(ConfigError, match=r"headers.Authorization is a secret"):
        from_file(headers={"Authorization": "Bearer sk-very-secret"})


def test_references_are_resolved_when_the_settings_are_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text("sk-file\n", encoding="utf-8")
    env = {"ACME_KEY": "sk-env"}.get
    stored = types.SimpleNamespace(get_password=lambda service, name: f"{service}|{name}")
    monkeypatch.setitem(sys.modules, "keyring", stored)
    for reference, expected in [
        ({"env": "ACME_KEY"}, "sk-env"),
        ({"file": "key"}, "sk-file"),
        ({"keyring": "acme.com/me"}, "acme.com|me"),
    ]:
        table = settled({"api_key": reference}, "file", "f.toml")
        assert build(table, env=env, root=tmp_path) == {"api_key": expected}
    headers = settled({"headers": {"Authorization": {"env": "ACME_KEY"}}}, "file", "f.toml")
    assert build(headers, env=env) == {"headers": {"Authorization": "sk-env"}}


def test_a_reference_to_nothing_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    for reference, words in [
        ({"env": "LAMELLA_NO_SUCH"}, "environment variable LAMELLA_NO_SUCH is not set"),
        ({"file": "/no/such/file"}, "file /no/such/file cannot be read"),
        ({"keyring": "me"}, 'a keyring reference is "SERVICE/NAME"'),
        ({"keyring": "acme/me"}, "pip install keyring"),
    ]:
        with pytest.raises(ConfigError, match=f"^/p/lamella.toml: provider.acme.api_key: .*{words}"):
            from_file(api_key=reference)


def test_a_keyring_without_the_secret_or_that_fails_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(service: str, name: str) -> str:
        raise RuntimeError("locked")

    for get_password, words in [
        (lambda *_: None, "keyring set acme me"),
        (locked, "the keyring failed: locked"),
    ]:
        monkeypatch.setitem(sys.modules, "keyring", types.SimpleNamespace(get_password=get_password))
        with pytest.raises(ConfigError, match=words):
            from_file(api_key={"keyring": "acme/me"})


def test_literals_from_code_and_environment_are_fine() -> None:
    assert build({"api_key": "sk-code"}) == {"api_key": "sk-code"}
    assert build({"headers": {"A": "b"}}) == {"headers": {"A": "b"}}
    assert from_environment(api_key="sk-env") == {"api_key": "sk-env"}


def test_f_n27_a_secret_is_in_no_repr_and_no_error() -> None:
    assert "sk-1" not in repr(Settings(api_key="sk-1"))
    assert "sk-1" not in repr(Setting("sk-1", "environment", "variable"))
    for table in ({"command": "x", "key": "sk-very-secret"}, {"command": "x", "key": "sk-1", "name": "sk-1"}):
        with pytest.raises(ConfigError) as refused:
            build_settings(Strict, table, where="x")
        seen = "".join(map(repr, (refused.value, refused.value.cause, refused.value.__cause__)))
        assert table["key"] not in seen
        assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_plain_takes_the_layers_off() -> None:
    assert plain({"a": Setting(1), "b": {"c": Setting([2])}, "d": 3}) == {"a": 1, "b": {"c": [2]}, "d": 3}
