"""Reading documents: versions, references, sloppiness, selection, names."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # ships no types
import pytest

from lamella import ConfigError
from lamella_openapi import OpenAPIToolSource


def body(schema: Any, media: str = "application/json", **more: Any) -> dict[str, Any]:
    return {
        "/x": {
            "post": {
                "operationId": "op",
                "requestBody": {"required": True, "content": {media: {"schema": schema}}},
                **more,
            }
        }
    }


async def opened(document: Any, **settings: Any) -> OpenAPIToolSource:
    settings.setdefault("base_url", "http://127.0.0.1:9")
    source = OpenAPIToolSource(document=document, **settings)
    source.tools = {tool.name: tool for tool in await source.open()}  # type: ignore[attr-defined]
    await source.close()
    return source


async def translated(schema: Any, document: Any, version: str = "3.0.3", schemas: Any = None) -> Any:
    """A schema as it is in the tool, under ``body``; the whole is checked to be legal."""
    made = document(
        body({"type": "array", "items": schema}), version=version, components={"schemas": schemas or {}}
    )
    source: Any = await opened(made)
    whole = source.tools["op"].input_schema
    jsonschema.Draft202012Validator.check_schema(json.loads(json.dumps(whole)))
    return whole["properties"]["body"]["items"], whole.get("$defs", {}), source.notes


# -- schemas ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "string", "nullable": True, "enum": ["a"]}, {"type": ["string", "null"], "enum": ["a", None]}),
        ({"nullable": True, "allOf": [{"type": "string"}]}, {"anyOf": [{"allOf": [{"type": "string"}]}, {"type": "null"}]}),
        ({"$ref": "#/components/schemas/A", "nullable": True}, {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}]}),
        ({"$ref": "#/components/schemas/A", "type": "object"}, {"$ref": "#/$defs/A"}),
        ({"nullable": True}, {}),
        ({"type": "integer", "minimum": 1, "exclusiveMinimum": True}, {"type": "integer", "exclusiveMinimum": 1}),
        ({"type": "integer", "minimum": 1, "exclusiveMinimum": False}, {"type": "integer", "minimum": 1}),
        ({"type": "integer", "maximum": 1, "exclusiveMaximum": True}, {"type": "integer", "exclusiveMaximum": 1}),
        ({"type": "string", "example": "x", "xml": {}, "externalDocs": {}, "x-a": 1, "title": "T"}, {"type": "string"}),
        ({"anyOf": [{"type": "string"}, {"not": {"type": "null"}}]}, {"anyOf": [{"type": "string"}, {"not": {"type": "null"}}]}),
        ({"type": "object", "additionalProperties": {"nullable": True, "type": "string"}},
         {"type": "object", "additionalProperties": {"type": ["string", "null"]}}),
    ],
)  # fmt: skip
async def test_the_words_of_3_0(document: Any, old: Any, new: Any) -> None:
    made, _, notes = await translated(old, document, schemas={"A": {"type": "string"}})
    assert made == new
    assert not notes


@pytest.mark.parametrize(
    ("sloppy", "mended"),
    [
        ({"type": "int"}, {"type": "integer"}),
        ({"type": "any"}, {}),
        ({"type": "string", "pattern": r"^\p{L}+$"}, {"type": "string"}),
        ({"type": "string", "minLength": "1", "maxLength": -1}, {"type": "string"}),
        ({"type": "object", "properties": {"a": {"required": True}}, "required": "a"},
         {"type": "object", "properties": {"a": {}}}),
        ({"type": "object", "properties": None, "enum": []}, {"type": "object"}),
        ({"type": "array", "items": [{"type": "string"}]}, {"type": "array", "prefixItems": [{"type": "string"}]}),
        ({"multipleOf": 0, "allOf": [], "oneOf": {}}, {}),
        ({"$ref": "#/components/schemas/Missing"}, {}),
        ({"$ref": "#/components/schemas/Circle"}, {}),
        ({"not": "text"}, {}),
        ({"$dynamicRef": "#x", "if": 5}, {}),
    ],
)  # fmt: skip
async def test_what_is_no_json_schema_is_mended_and_noted(document: Any, sloppy: Any, mended: Any) -> None:
    circle = {"Circle": {"$ref": "#/components/schemas/Circle"}}
    made, _, notes = await translated(sloppy, document, schemas=circle)
    assert made == mended
    assert notes or "prefixItems" in made


async def test_the_words_of_3_1(document: Any) -> None:
    schema = {
        "type": ["string", "null"],
        "const": "a",
        "examples": ["a"],
        "exclusiveMinimum": 1,
        "contentEncoding": "base64",
    }
    made, _, notes = await translated(schema, document, "3.1.1")
    assert made == {
        "type": ["string", "null"],
        "const": "a",
        "exclusiveMinimum": 1,
        "contentEncoding": "base64",
    }
    made, _, _ = await translated({"$ref": "#/components/schemas/A", "description": "d", "minLength": 2}, document, "3.1.0",
                                  {"A": {"type": "string"}})  # fmt: skip
    assert made == {"$ref": "#/$defs/A", "description": "d", "minLength": 2}
    assert not notes


async def test_recursive_schemas_are_definitions(document: Any) -> None:
    schemas = {
        "Tree": {"type": "object", "properties": {"left": {"$ref": "#/components/schemas/Tree"}, "leaf": {"$ref": "#/components/schemas/Leaf"}}},
        "Leaf": {"type": "object", "properties": {"tree": {"$ref": "#/components/schemas/Tree"}}},
        "Unused": {"type": "string"},
    }  # fmt: skip
    made, definitions, _ = await translated({"$ref": "#/components/schemas/Tree"}, document, schemas=schemas)
    assert made == {"$ref": "#/$defs/Tree"}
    assert set(definitions) == {"Tree", "Leaf"}


async def test_discriminators_are_kept(document: Any) -> None:
    union = {
        "oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}],
        "discriminator": {"propertyName": "kind", "mapping": {"c": "#/components/schemas/Cat", "d": "Dog"}},
    }
    schemas = {"Cat": {"type": "object"}, "Dog": {"type": "object"}}
    made, definitions, _ = await translated(union, document, schemas=schemas)
    assert made["discriminator"] == {
        "propertyName": "kind",
        "mapping": {"c": "#/$defs/Cat", "d": "#/$defs/Dog"},
    }
    assert made["oneOf"] == [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}]
    assert set(definitions) == {"Cat", "Dog"}


async def test_read_only_properties_are_not_sent(document: Any) -> None:
    schemas = {
        "Base": {"type": "object", "properties": {"id": {"type": "string", "readOnly": True}, "at": {"$ref": "#/components/schemas/Time"}}},
        "Time": {"type": "string", "readOnly": True},
    }  # fmt: skip
    schema = {
        "allOf": [
            {"$ref": "#/components/schemas/Base"},
            {"required": ["id", "name"], "properties": {"name": {}}},
        ]
    }
    made, definitions, _ = await translated(schema, document, schemas=schemas)
    assert made["allOf"][1]["required"] == ["name"]
    assert definitions["Base"]["properties"] == {}


async def test_a_huge_schema_is_bounded(document: Any) -> None:
    deep: Any = {"type": "string"}
    for _ in range(150):
        deep = {"type": "array", "items": deep}
    _, _, notes = await translated(deep, document)
    assert any("too large" in note for note in notes)


# -- layout -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "flat"),
    [
        ({"type": "object", "properties": {"a": {}}}, True),
        ({"properties": {"a": {}}, "additionalProperties": False}, True),
        ({"type": "object", "properties": {"a": {}}, "additionalProperties": True}, False),
        ({"type": "object"}, False),
        ({"type": "object", "properties": {"a": {}}, "nullable": True}, False),
        ({"type": "object", "properties": {"a": {}}, "oneOf": [{"required": ["a"]}]}, False),
        ({"type": "array"}, False),
    ],
)
async def test_which_bodies_are_flat(document: Any, schema: Any, flat: bool) -> None:
    source: Any = await opened(document(body(schema), version="3.0.0"))
    assert list(source.tools["op"].input_schema["properties"]) == (["a"] if flat else ["body"])


async def test_a_body_that_may_be_left_out_but_not_in_part_stays_whole(document: Any) -> None:
    paths = body({"type": "object", "properties": {"a": {}}, "required": ["a"]})
    paths["/x"]["post"]["requestBody"]["required"] = False
    source: Any = await opened(document(paths))
    assert "required" not in source.tools["op"].input_schema


async def test_parameters_of_one_name_are_nested(document: Any) -> None:
    parameters: list[dict[str, Any]] = [
        {"name": "id", "in": place, "schema": {}, "required": place == "path"}
        for place in ("path", "query", "header", "cookie")
    ]
    source: Any = await opened(document({"/{id}": {"get": {"operationId": "op", "parameters": parameters}}}))
    schema = source.tools["op"].input_schema
    assert list(schema["properties"]) == ["path", "query", "headers", "cookies"]
    assert schema["required"] == ["path"]


# -- operations -------------------------------------------------------------------------------------


async def test_faults_of_operations_are_mended_and_noted(
    document: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lamella_openapi")
    paths = {
        "/a/{id}": {
            "get": {
                "parameters": [
                    {"name": "other", "in": "path", "schema": {}},
                    {"in": "query"},
                    {"$ref": "#/no"},
                ]
            }
        },
        "b": {"get": {"parameters": [{"name": "q", "in": "query", "type": "integer"}]}},
        "/c": {"$ref": "#/nowhere"},
        "/d": {"get": None, "post": {"requestBody": {"$ref": "#/nowhere"}}, "put": {"requestBody": {}}},
        "x-more": {},
    }
    source: Any = await opened(document(paths))
    assert set(source.tools) == {"get_a_id", "get_b", "post_d", "put_d"}
    assert source.tools["get_a_id"].input_schema["properties"] == {"id": {"type": "string"}}
    assert source.tools["get_b"].input_schema["properties"] == {"q": {"type": "integer"}}
    assert any("{id} is described nowhere" in note for note in source.notes)
    assert len(source.notes) == 10
    assert "4 tools, with notes" in caplog.text


async def test_names(document: Any) -> None:
    operations = {
        f"/{index}": {"get": {"operationId": name}}
        for index, name in enumerate(["a.b", "a b", "a_b", "y" * 90, "Ünü"])
    }
    source: Any = await opened(document({**operations, "/n": {"get": {}}}))
    names = list(source.tools)
    assert names[:3] == ["a_b", "a_b_2", "a_b_3"]
    assert re.fullmatch(r"y{39}_[0-9a-f]{8}", names[3])
    assert names[4:] == ["n", "get_n"]
    assert any("GET /1 is 'a_b_2'" in note for note in source.notes)
    chosen: Any = await opened(document({**operations, "/n": {"get": {}}}), operations=["a_b"])
    assert list(chosen.tools) == ["a_b_3"]  # the same name, whatever else is chosen


async def test_selection(document: Any) -> None:
    paths = {
        "/pets": {
            "get": {"operationId": "list", "tags": ["pets"]},
            "post": {"operationId": "add", "tags": ["pets", "admin"]},
        },
        "/pets/{id}": {"get": {"operationId": "show", "tags": ["pets"]}},
        "/users[]": {"get": {"operationId": "users"}},
    }

    async def names(**choice: Any) -> list[str]:
        source: Any = await opened(document(paths), **choice)
        return list(source.tools)

    assert await names(operations=["list", "GET /pets/{id}"]) == ["list", "show"]
    assert await names(operations=["* /pets*"]) == ["list", "add", "show"]
    assert await names(tags=["admin"]) == ["add"]
    assert await names(paths=["/users[]"]) == ["users"]
    assert await names(paths=["/pets*"], methods=["get"]) == ["list", "show"]
    assert await names(tags=["pets"], operations=["a*"]) == ["add"]
    for choice, says in (
        ({"operations": ["lisst"]}, "did you mean 'list'"),
        ({"tags": ["pet"]}, "tags names"),
        ({"paths": ["/x"]}, "paths"),
    ):
        with pytest.raises(ConfigError, match=says):
            await names(**choice)


async def test_descriptions_are_bounded(document: Any) -> None:
    operation = {"operationId": "op", "summary": "Sum.", "description": "word " * 500, "deprecated": True}
    source: Any = await opened(document({"/": {"get": operation}}), max_description_chars=50)
    text = source.tools["op"].description
    assert text.startswith("Deprecated. Sum.\n\nword")
    assert (len(text) <= 50, text[-1]) == (True, "…")


async def test_3_2(document: Any) -> None:
    paths = {
        "/": {"query": {"operationId": "find"}, "additionalOperations": {"COPY": {"operationId": "copy"}}}
    }
    source: Any = await opened(document(paths, version="3.2.0"))
    assert list(source.tools) == ["find", "copy"]


# -- where documents come from ----------------------------------------------------------------------

YAML = """
openapi: 3.0.3
info: {title: t, version: 2026-11-21}
paths:
  /on:
    get:
      operationId: no
      parameters:
        - {name: y, in: query, schema: {type: string, enum: [on, off, 2026-11-21, 1e3]}}
      responses:
        200: {description: fine}
"""


async def test_yaml_is_yaml_1_2(tmp_path: Path) -> None:
    file = tmp_path / "api.yaml"
    file.write_text(YAML)
    source: Any = await opened(file)
    assert list(source.tools) == ["no"]
    assert source.tools["no"].input_schema["properties"]["y"]["enum"] == ["on", "off", "2026-11-21", 1000.0]


async def test_files_beside_the_document(tmp_path: Path, document: Any) -> None:
    folder = tmp_path / "api"
    (folder / "parts").mkdir(parents=True)
    (tmp_path / "secret.yaml").write_text("type: string\ndescription: not to be read")
    (folder / "parts" / "pet.yaml").write_text(
        "Pet: {type: object, properties: {owner: {$ref: '../people.json#/Person'}, next: {$ref: '#/Pet'}, out: {$ref: '../../secret.yaml'}}}"
    )
    (folder / "people.json").write_text(
        '{"Person": {"type": "object", "properties": {"pet": {"$ref": "parts/pet.yaml#/Pet"}}}}'
    )
    (folder / "broken.yaml").write_text("{")
    paths = body({"type": "array", "items": {"$ref": "parts/pet.yaml#/Pet"}})
    paths["/y"] = body({"$ref": "broken.yaml"}, operationId="broken")["/x"]
    paths["/z"] = body({"$ref": "http://127.0.0.1:9/x.json"}, operationId="remote")["/x"]
    (folder / "api.json").write_text(json.dumps(document(paths)))
    source: Any = await opened(folder / "api.json")
    schema = source.tools["op"].input_schema
    assert set(schema["$defs"]) == {"Pet", "Person"}
    assert schema["$defs"]["Pet"]["properties"]["out"] == {}
    notes = " ".join(source.notes)
    assert "not in the document's folder" in notes
    assert "neither JSON nor YAML" in notes
    assert "remote_references = true" in notes
    assert "not to be read" not in json.dumps(schema)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "must be a mapping, not empty"),
        ("just text", "must be a mapping, not a text"),
        ("[1]", "must be a mapping, not a list"),
        ('{"swagger": "2.0"}', "npx swagger2openapi"),
        ('{"openapi": "4.0.0"}', "it must be 3.0, 3.1 or 3.2"),
        ('{"openapi": "3.0.0", "paths": []}', "wrong at paths"),
        ("a: [1", "neither JSON nor YAML"),
        ("a: !!python/object/apply:os.system [ls]", "neither JSON nor YAML"),
        ("a: &a [*a]", "in a circle"),
        ("[" * 100_000, "deep"),
        ("openapi: 3.0.0\nx: " + "[" * 500 + "]" * 500, "deep"),
        (
            "a: &a [1,1,1]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\n" + "d: [" + "*c," * 30 + "]",
            "says openapi: None",
        ),
    ],
)
async def test_what_is_no_document(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "api.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=says):
        await opened(file)


async def test_where_there_is_no_document(tmp_path: Path, shop: Any) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        await opened(tmp_path / "none.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        await opened(tmp_path / "bytes.yaml")
    (tmp_path / "large.yaml").write_text(YAML)
    with pytest.raises(ConfigError, match="raise max_document_bytes"):
        await opened(tmp_path / "large.yaml", max_document_bytes=10)
    with pytest.raises(ConfigError, match="the server answered 404"):
        await opened(f"{shop.url}/nothing.json?key=secret")
    with pytest.raises(ConfigError, match="cannot be fetched"):
        await opened("http://127.0.0.1:9/openapi.json")
    with pytest.raises(ConfigError, match="more than 100 bytes"):
        await opened(f"{shop.url}/openapi.json", max_document_bytes=100)
    with pytest.raises(ConfigError, match=r"not there within 0\.1 s"):
        await opened(f"{shop.url}/slow?seconds=5", timeout=0.1)


async def test_remote_references_when_asked(recorder: Any, document: Any) -> None:
    recorder.answers.append((200, {}, b'{"Pet": {"type": "integer"}}'))
    made = document(body({"type": "array", "items": {"$ref": f"{recorder.url}/more.json#/Pet"}}))
    source: Any = await opened(made, remote_references=True)
    assert source.tools["op"].input_schema["$defs"] == {"Pet": {"type": "integer"}}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"base_url": None}, "base_url is not set"),
        ({"base_url": "/v1"}, "absolute"),
        ({"base_url": "ftp://x"}, "absolute"),
        ({"base_url": "http://me:pw@x"}, "must not hold a user"),
        ({"base_url": "http://x/?a"}, "no query"),
        ({"base_url": "http://x:99999"}, "no URL"),
        ({"operations": "one"}, "are lists"),
        ({"headers": {"a b": "x"}}, "no name of a header"),
        ({"headers": {"a": "x\r\ny"}}, "printable"),
        ({"max_result_chars": 0}, "above 0"),
        ({"max_name_chars": 5}, "from 16 to 64"),
    ],
)
def test_settings_that_do_not_fit(settings: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        OpenAPIToolSource(**{"document": "x.json", "base_url": "http://x", **settings})


async def test_the_first_absolute_server(document: Any, recorder: Any) -> None:
    servers = [{"url": "/v1"}, {"url": "{scheme}://127.0.0.1:{port}/v2", "variables": {"scheme": {"default": "http"}, "port": {"default": recorder.url.rpartition(":")[2]}}}]  # fmt: skip
    source = OpenAPIToolSource(document=document({"/p": {"get": {}}}, servers=servers), base_url="document")
    (tool,) = await source.open()
    await tool()
    await source.close()
    assert recorder.sent[-1].target == "/v2/p"
    with pytest.raises(ConfigError, match="no absolute server URL"):
        await opened(document({}, servers=servers[:1]), base_url="document")


async def test_validation_says_what_it_needs(document: Any) -> None:
    try:
        import openapi_spec_validator  # type: ignore[import-not-found,unused-ignore]  # noqa: F401
    except ImportError:
        with pytest.raises(ConfigError, match=r'pip install "lamella-openapi\[validate\]"'):
            await opened(document({}), validate=True)
        return
    await opened(document({}), validate=True)
    with pytest.raises(ConfigError, match="the document is not valid OpenAPI"):
        await opened({"openapi": "3.1.0", "paths": {}}, validate=True)
