"""Large public documents, where they are at hand: ``LAMELLA_OPENAPI_DOCUMENTS`` names folders or files of them.

No copy of one is kept here; their oddities are in the small documents of the other tests.
"""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # ships no types
import pytest

from lamella_openapi import OpenAPIToolSource


def documents() -> list[Path]:
    given = filter(None, os.environ.get("LAMELLA_OPENAPI_DOCUMENTS", "").split(os.pathsep))
    found: list[Path] = []
    for place in map(Path, given):
        found += sorted(place.glob("**/*.[jy][sam]*l*")) if place.is_dir() else [place]
        found += sorted(place.glob("**/*.json")) if place.is_dir() else []
    return sorted({path.resolve() for path in found if path.suffix in (".json", ".yaml", ".yml")})


@pytest.mark.skipif(not documents(), reason="LAMELLA_OPENAPI_DOCUMENTS names no documents")
@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
async def test_every_operation_becomes_a_tool_quickly(path: Path) -> None:
    source = OpenAPIToolSource(document=path, base_url="http://127.0.0.1:9", anonymous=True)
    begun = time.process_time()
    tools = await source.open()
    seconds = time.process_time() - begun
    await source.close()
    assert len(tools) == _operations(path)
    assert len({tool.name for tool in tools}) == len(tools)
    assert seconds < 20
    done: set[str] = set()
    for tool in tools:
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,48}", tool.name)
        schema = json.loads(json.dumps(tool.input_schema))
        assert all(re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", key) for key in schema["properties"])
        definitions = schema.pop("$defs", {})
        for reference in _references(schema) + [
            ref for body in definitions.values() for ref in _references(body)
        ]:
            assert reference.removeprefix("#/$defs/") in definitions
        new = {name + json.dumps(body): body for name, body in definitions.items()}
        fresh = [body for key, body in new.items() if key not in done]
        done |= new.keys()
        for part in (schema, *fresh):
            jsonschema.Draft202012Validator.check_schema(part)


def _references(node: Any) -> list[str]:
    return re.findall(r'"\$ref": "(#[^"]*)"', json.dumps(node))


def _operations(path: Path) -> int:
    import yaml

    text = path.read_text(encoding="utf-8")
    try:
        root = json.loads(text)
    except ValueError:
        root = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    methods = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
    return sum(method in methods for item in root["paths"].values() for method in item)
