"""Whatever a model sends: the request stays below the base URL and in its headers, or there is a typed error."""

from __future__ import annotations

import contextlib
import json
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx2
from hypothesis import given, settings
from hypothesis import strategies as st

from lamella.errors import AgentToolCallError, ConfigError
from lamella_openapi.document import Document
from lamella_openapi.layout import Values
from lamella_openapi.operations import Body, Operation, Parameter
from lamella_openapi.reading import parse
from lamella_openapi.request import Prepared, prepare

BASE = "http://127.0.0.1:9/base"
DOCUMENT = Document("", {"": {"openapi": "3.1.0"}})

TRICKS = st.sampled_from(
    [
        "..",
        ".",
        "/",
        "\\",
        "%2e",
        "%2F",
        "?",
        "#",
        "&",
        "=",
        ";",
        "\r\n",
        "\x00",
        "@",
        "//",
        ":",
        "é",
        "\ud800",
    ]
)
TEXTS = st.one_of(st.text(max_size=8), st.lists(TRICKS, max_size=5).map("".join))
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)

STYLES = {"path": ("simple", "label", "matrix"), "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"), "header": ("simple",), "cookie": ("form",)}  # fmt: skip


@st.composite
def parameters(draw: st.DrawFn, location: str, name: str) -> Parameter:
    return Parameter(
        name=name,
        location=location,
        required=draw(st.booleans()),
        style=draw(st.sampled_from(STYLES[location])),
        explode=draw(st.booleans()),
        allow_reserved=draw(st.booleans()),
        media=draw(st.sampled_from([None, None, "application/json"])),
    )


def prepared(operation: Operation, values: Values, slashes: Any = ()) -> Prepared | None:
    try:
        return prepare(operation, values, DOCUMENT, slashes)
    except AgentToolCallError:
        return None


@settings(max_examples=150, deadline=None)
@given(parameters("path", "id"), VALUES, st.booleans())
def test_a_path_keeps_its_place(parameter: Parameter, value: Any, slashes: bool) -> None:
    operation = Operation(method="GET", path="/pets/{id}/end", parameters=(parameter,))
    made = prepared(operation, Values(parameters=((parameter, value),)), {"id"} if slashes else ())
    if made is None:
        return
    url = httpx2.URL(made.target(BASE))
    target = url.raw_path.decode("ascii")
    assert (url.host, url.port, url.fragment, url.query) == ("127.0.0.1", 9, "", b"")
    for _ in range(3):
        assert target.startswith("/base/pets/")
        assert target.endswith("/end")
        assert not {".", ".."} & set(target.replace("\\", "/").split("/"))
        assert slashes or target.count("/") == 4
        target = unquote(target)


@settings(max_examples=80, deadline=None)
@given(
    parameters("query", "q"), parameters("header", "X-H"), parameters("cookie", "c"), VALUES, VALUES, VALUES
)
def test_queries_headers_and_cookies_end_nothing(
    query: Parameter, header: Parameter, cookie: Parameter, one: Any, two: Any, three: Any
) -> None:
    operation = Operation(method="GET", path="/p", parameters=(query, header, cookie))
    for parameter, value in ((query, one), (header, two), (cookie, three)):
        made = prepared(operation, Values(parameters=((parameter, value),)))
        if made is None:
            continue
        split = urlsplit(made.target(BASE))
        assert (split.netloc, split.path, split.fragment) == ("127.0.0.1:9", "/base/p", "")
        assert str(httpx2.URL(made.target(BASE))).startswith(f"{BASE}/p")
        for _, text in made.headers:
            assert text.isascii()
            assert text.isprintable()
        for name, text in made.cookies:
            assert not set(name + text) & set(' ;\r\n"')


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(
        [
            "application/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "text/plain",
            "image/png",
            "*/*",
        ]
    ),
    VALUES,
    st.dictionaries(
        st.sampled_from("ab"), st.fixed_dictionaries({"style": st.sampled_from(STYLES["query"])}), max_size=2
    ),
)
def test_bodies_are_written_or_refused(media: str, value: Any, encoding: Any) -> None:
    schema = {"properties": {"a": {"type": "string", "format": "binary"}}}
    operation = Operation(method="POST", path="/p", body=Body(media=media, schema=schema, encoding=encoding))
    made = prepared(operation, Values(body=value))
    if made is None or made.content is None:
        return
    if media == "application/json":
        assert json.loads(made.content.data or b"") == value
    for _, (_, data, _) in made.content.parts or ():
        assert isinstance(data, bytes)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_a_document_or_a_typed_error(data: bytes) -> None:
    with contextlib.suppress(ConfigError):
        assert parse(data, "x") is None or json.dumps(parse(data, "x"))


WORDS = st.sampled_from(["type", "properties", "items", "required", "enum", "allOf", "nullable", "$ref", "minimum", "exclusiveMinimum", "pattern", "default", "discriminator", "additionalProperties", "readOnly", "format"])  # fmt: skip
SCHEMAS = st.recursive(
    st.one_of(
        SCALARS, st.sampled_from(["string", "object", "#/components/schemas/A", "#/components/schemas/B"])
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.sampled_from(["a", "b"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=80, deadline=None)
@given(
    SCHEMAS,
    SCHEMAS,
    st.sampled_from(["3.0.0", "3.1.0"]),
    st.sampled_from(["application/json", "multipart/form-data"]),
)
def test_any_schema_becomes_a_legal_one(first: Any, second: Any, version: str, media: str) -> None:
    import jsonschema  # type: ignore[import-untyped]  # ships no types

    from lamella_openapi.catalog import Catalog
    from lamella_openapi.notes import Notes
    from lamella_openapi.selection import Choice

    root = {
        "openapi": version,
        "paths": {"/x": {"post": {"parameters": [{"name": "q", "in": "query", "schema": second}], "requestBody": {"content": {media: {"schema": first}}}}}},
        "components": {"schemas": {"A": first, "B": second}},
    }  # fmt: skip
    catalog = Catalog(Document("", {"": root}), Notes(), most_name=48, most_description=100)
    (entry,) = catalog.entries(Choice())
    schema = json.loads(json.dumps(entry.layout.schema))
    jsonschema.Draft202012Validator.check_schema(schema)
    for reference in _references(schema):
        assert reference.removeprefix("#/$defs/") in schema["$defs"]


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        skipped = ("default", "enum", "const", "discriminator")
        return own + [
            found for key, item in node.items() if key not in skipped for found in _references(item)
        ]
    return [found for item in node for found in _references(item)] if isinstance(node, list) else []
