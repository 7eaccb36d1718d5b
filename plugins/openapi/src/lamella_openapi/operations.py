"""The operations of a document, as they stand there, with references followed and faults mended."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from lamella_openapi.document import Document, LeadsNowhere
from lamella_openapi.media import best_media
from lamella_openapi.notes import Notes

__all__ = ["Body", "Operation", "Parameter", "read_operations"]

_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
_STYLES: Final = {
    "path": ("simple", "label", "matrix"),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "header": ("simple",),
    "cookie": ("form", "cookie"),
}
"""The styles of a place, the usual one first."""

PLACEHOLDER: Final = re.compile(r"\{([^{}]+)\}")


@attrs.frozen(kw_only=True)
class Parameter:
    """A parameter. ``schema`` stands in the file ``base``; ``media`` is set for those that are text of a media type."""

    name: str
    location: str
    required: bool = False
    description: str = ""
    schema: Any = attrs.field(factory=dict)
    base: str = ""
    style: str = "form"
    explode: bool = True
    allow_reserved: bool = False
    media: str | None = None


@attrs.frozen(kw_only=True)
class Body:
    """A request body, in the form that is sent."""

    media: str
    required: bool = False
    description: str = ""
    schema: Any = attrs.field(factory=dict)
    base: str = ""
    encoding: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Operation:
    """An operation. ``security`` is ``None`` where the document says nothing at all."""

    method: str
    path: str
    operation_id: str | None = None
    summary: str = ""
    description: str = ""
    deprecated: bool = False
    tags: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    security: tuple[Mapping[str, Any], ...] | None = None

    @property
    def label(self) -> str:
        """Method and path, for messages."""
        return f"{self.method} {self.path}"


def read_operations(document: Document, notes: Notes) -> Iterator[Operation]:
    """Every operation, in the order of the document. What cannot be called is left out with a note."""
    for path, item in document.root.get("paths", {}).items():
        if path.startswith("x-"):
            continue
        try:
            item, base = document.follow(item, document.location)
        except LeadsNowhere as error:
            notes.add(f"the path {path} is left out: {error}")
            continue
        if not isinstance(item, dict):
            notes.add(f"the path {path} is left out: it is no mapping")
            continue
        if not path.startswith("/"):
            notes.add(f"the path {path!r} should begin with a slash")
            path = f"/{path}"
        if "#" in path:
            path = path.partition("#")[0]  # some keep paths of equal text apart so
        for method, found in _methods(item):
            if not isinstance(found, dict):
                notes.add(f"{method} {path} is left out: it is no mapping")
                continue
            yield _Reader(document, notes, method, path).read(item, found, base)


def _methods(item: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for word, value in item.items():
        if word.lower() in _METHODS:
            yield word.upper(), value
    more = item.get("additionalOperations")
    for word, value in (more if isinstance(more, dict) else {}).items():
        if re.fullmatch(r"[A-Za-z]+", word):
            yield word, value


@attrs.frozen
class _Reader:
    document: Document
    notes: Notes
    method: str
    path: str

    def read(self, item: Mapping[str, Any], found: Mapping[str, Any], base: str) -> Operation:
        security = found.get("security", self.document.root.get("security"))
        tags = found.get("tags")
        return Operation(
            method=self.method,
            path=self.path,
            operation_id=_text(found.get("operationId")) or None,
            summary=_text(found.get("summary")) or _text(item.get("summary")),
            description=_text(found.get("description")) or _text(item.get("description")),
            deprecated=found.get("deprecated") is True,
            tags=tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
            parameters=self._parameters(item, found, base),
            body=self._body(found.get("requestBody"), base),
            security=tuple(entry for entry in security if isinstance(entry, dict))
            if isinstance(security, list)
            else None,
        )

    def _note(self, what: str) -> None:
        self.notes.add(f"{self.method} {self.path}: {what}")

    # -- parameters ---------------------------------------------------------------------------------

    def _parameters(
        self, item: Mapping[str, Any], found: Mapping[str, Any], base: str
    ) -> tuple[Parameter, ...]:
        made: dict[tuple[str, str], Parameter] = {}
        for given in (item.get("parameters"), found.get("parameters")):
            for entry in given if isinstance(given, list) else ():
                parameter = self._parameter(entry, base)
                if parameter is not None:
                    made[parameter.location, parameter.name] = parameter
        placeholders = list(dict.fromkeys(PLACEHOLDER.findall(self.path.partition("?")[0])))
        for location, name in list(made):
            if location == "path" and name not in placeholders:
                self._note(f"the path has no {{{name}}}; the parameter is left out")
                del made[location, name]
        for name in placeholders:
            if ("path", name) not in made:
                self._note(f"{{{name}}} is described nowhere; it is taken for a text")
                made["path", name] = Parameter(
                    name=name,
                    location="path",
                    required=True,
                    schema={"type": "string"},
                    style="simple",
                    explode=False,
                )
        return tuple(made.values())

    def _parameter(self, entry: Any, base: str) -> Parameter | None:
        try:
            given, base = self.document.follow(entry, base)
        except LeadsNowhere as error:
            self._note(f"a parameter is left out: {error}")
            return None
        location = given.get("in") if isinstance(given, dict) else None
        if not isinstance(given, dict) or not isinstance(given.get("name"), str) or location not in _STYLES:
            self._note(f"a parameter is left out: it has no name, or is in {location!r}")
            return None
        media, schema = self._described(given)
        style = self._style(given, location)
        explode = given.get("explode")
        return Parameter(
            name=given["name"],
            location=location,
            required=given.get("required") is True or location == "path",
            description=_text(given.get("description")),
            schema=schema,
            base=base,
            style=style,
            explode=explode if isinstance(explode, bool) else style in ("form", "cookie", "deepObject"),
            allow_reserved=given.get("allowReserved") is True,
            media=media,
        )

    def _described(self, given: Mapping[str, Any]) -> tuple[str | None, Any]:
        content = given.get("content")
        if isinstance(content, dict) and content:
            media, described = next(iter(content.items()))
            return media, described.get("schema", {}) if isinstance(described, dict) else {}
        if "schema" in given:
            return None, given["schema"]
        if "type" in given:  # as in version 2
            self._note(f"the parameter {given['name']} has its type beside the schema")
            return None, {
                word: given[word] for word in ("type", "enum", "items", "default", "format") if word in given
            }
        return None, {}

    def _style(self, given: Mapping[str, Any], location: str) -> str:
        style = given.get("style")
        known = _STYLES[location]
        if style is not None and style not in known:
            self._note(
                f"the parameter {given['name']} in {location} cannot have style {style!r}; taken for {known[0]}"
            )
        return style if style in known else known[0]

    # -- bodies -------------------------------------------------------------------------------------

    def _body(self, entry: Any, base: str) -> Body | None:
        if entry is None:
            return None
        try:
            given, base = self.document.follow(entry, base)
        except LeadsNowhere as error:
            self._note(f"the body is taken for any JSON: {error}")
            return Body(media="application/json")
        content = given.get("content") if isinstance(given, dict) else None
        if not isinstance(content, dict) or not content:
            self._note("the body has no content; it is left out")
            return None
        media = best_media(content)
        described = content[media] if isinstance(content[media], dict) else {}
        encoding = described.get("encoding")
        return Body(
            media=media,
            required=given.get("required") is True,
            description=_text(given.get("description")),
            schema=described.get("schema", {}),
            base=base,
            encoding=encoding if isinstance(encoding, dict) else {},
        )


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
