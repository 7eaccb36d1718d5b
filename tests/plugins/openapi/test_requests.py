"""What goes over the wire: styles of parameters, bodies, credentials; by small documents of our own."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from lamella import ConfigError

ARRAY = {"type": "array", "items": {}}
OBJECT = {"type": "object"}
SECRET = "secret-0123456789"


def get(path: str, *parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {path: {"get": {"operationId": "op", "parameters": list(parameters), **more}}}


def post(
    media: str, schema: Any, *, encoding: Any = None, required: bool = True, **more: Any
) -> dict[str, Any]:
    described = {"schema": schema, **({"encoding": encoding} if encoding else {})}
    body = {"required": required, "content": {media: described}}
    return {"/x": {"post": {"operationId": "op", "requestBody": body, **more}}}


@pytest.fixture
def ask(open_tools: Any, recorder: Any, document: Any) -> Any:
    """Calls the one operation of some paths, and gives the request that came."""

    async def asked(paths: dict[str, Any], arguments: dict[str, Any], **settings: Any) -> Any:
        more = settings.pop("more", {})
        settings.setdefault("base_url", f"{recorder.url}/base/")
        async with open_tools(document(paths, **more), **settings) as opened:
            await opened.call("op", **arguments)
        return recorder.sent[-1]

    return asked


# The tables of the specification, "Style Examples".
LIST, TABLE = ["blue", "black", "brown"], {"R": 100, "G": 200, "B": 150}


@pytest.mark.parametrize(
    ("style", "explode", "value", "wire"),
    [
        ("simple", False, "blue", "blue"),
        ("simple", False, LIST, "blue,black,brown"),
        ("simple", False, TABLE, "R,100,G,200,B,150"),
        ("simple", True, TABLE, "R=100,G=200,B=150"),
        ("label", False, "blue", ".blue"),
        ("label", False, LIST, ".blue,black,brown"),
        ("label", True, LIST, ".blue.black.brown"),
        ("label", False, TABLE, ".R,100,G,200,B,150"),
        ("label", True, TABLE, ".R=100.G=200.B=150"),
        ("matrix", False, "blue", ";color=blue"),
        ("matrix", False, LIST, ";color=blue,black,brown"),
        ("matrix", True, LIST, ";color=blue;color=black;color=brown"),
        ("matrix", False, TABLE, ";color=R,100,G,200,B,150"),
        ("matrix", True, TABLE, ";R=100;G=200;B=150"),
    ],
)
async def test_styles_of_paths(ask: Any, style: str, explode: bool, value: Any, wire: str) -> None:
    parameter = {
        "name": "color",
        "in": "path",
        "required": True,
        "style": style,
        "explode": explode,
        "schema": {},
    }
    sent = await ask(get("/p/{color}/end", parameter), {"color": value})
    assert sent.target == f"/base/p/{wire}/end"


@pytest.mark.parametrize(
    ("style", "explode", "value", "wire"),
    [
        ("form", True, "blue", "color=blue"),
        ("form", True, LIST, "color=blue&color=black&color=brown"),
        ("form", False, LIST, "color=blue,black,brown"),
        ("form", True, TABLE, "R=100&G=200&B=150"),
        ("form", False, TABLE, "color=R,100,G,200,B,150"),
        ("spaceDelimited", False, LIST, "color=blue%20black%20brown"),
        ("pipeDelimited", False, LIST, "color=blue%7Cblack%7Cbrown"),
        ("deepObject", True, TABLE, "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150"),
        (
            "deepObject",
            True,
            {"a": {"b": [1, 2]}},
            "color%5Ba%5D%5Bb%5D%5B0%5D=1&color%5Ba%5D%5Bb%5D%5B1%5D=2",
        ),
        ("form", True, True, "color=true"),
        ("form", True, "a&b=c d+é%#?/", "color=a%26b%3Dc%20d%2B%C3%A9%25%23%3F%2F"),
        ("form", True, 1.5, "color=1.5"),
        ("form", True, [], ""),
        ("form", True, [{"a": 1}], "color=%7B%22a%22%3A1%7D"),
    ],
)
async def test_styles_of_queries(ask: Any, style: str, explode: bool, value: Any, wire: str) -> None:
    parameter = {"name": "color", "in": "query", "style": style, "explode": explode, "schema": {}}
    sent = await ask(get("/p", parameter), {"color": value})
    assert sent.query == wire


async def test_reserved_characters_that_may_stay_still_end_nothing(ask: Any) -> None:
    parameter = {"name": "q", "in": "query", "allowReserved": True, "schema": {}}
    sent = await ask(get("/p", parameter), {"q": "a/b:c?d&e=f+g#h%i"})
    assert sent.target == "/base/p?q=a/b:c?d%26e%3Df%2Bg%23h%25i"


async def test_parameters_with_content_are_json(ask: Any) -> None:
    parameter = {"name": "filter", "in": "query", "content": {"application/json": {"schema": OBJECT}}}
    sent = await ask(get("/p", parameter), {"filter": {"a": [1]}})
    assert sent.query == "filter=%7B%22a%22%3A%20%5B1%5D%7D"


async def test_headers_and_cookies(ask: Any, open_tools: Any, document: Any) -> None:
    paths = get(
        "/p",
        {"name": "X-List", "in": "header", "schema": {}},
        {"name": "c", "in": "cookie", "schema": {}},
        *(
            {"name": name, "in": "header", "schema": {}}
            for name in ("Authorization", "Accept", "Host", "Content-Type")
        ),
    )
    sent = await ask(paths, {"X-List": [1, "b"], "c": "a;b=1"})
    assert (sent.headers["x-list"], sent.headers["cookie"]) == ("1,b", "c=a%3Bb%3D1")
    async with open_tools(document(paths)) as opened:
        assert list(opened.schema("op")["properties"]) == ["X-List", "c"]
        for value in ("a\r\nX-Evil: 1", "a\nb", "ü", "\x00"):
            assert "printable ASCII" in await opened.refused("op", **{"X-List": value})


async def test_names_of_arguments_are_legal_and_names_on_the_wire_are_the_documents(ask: Any) -> None:
    paths = get(
        "/p",
        *(
            {"name": name, "in": "query", "schema": {}}
            for name in ("filter[name]", "$top", "ids[]", "é" * 70)
        ),
    )
    sent = await ask(paths, {"filter_name": "x", "top": 1, "ids": [1, 2]})
    assert sent.query == "filter%5Bname%5D=x&%24top=1&ids%5B%5D=1&ids%5B%5D=2"


async def test_a_query_in_the_path_is_kept(ask: Any) -> None:
    sent = await ask(
        get("/p/{id}?beta=true#here", {"name": "q", "in": "query", "schema": {}}), {"id": "a?b", "q": 1}
    )
    assert sent.target == "/base/p/a%3Fb?beta=true&q=1"


async def test_fixed_parameters_and_headers_are_hidden(ask: Any, open_tools: Any, document: Any) -> None:
    paths = get(
        "/{tenant}/p",
        {"name": "api-version", "in": "query", "required": True, "schema": {}},
        {"name": "X-Team", "in": "header", "schema": {}},
    )
    settings = {"parameters": {"tenant": "acme", "api-version": "7"}, "headers": {"x-team": "red"}}
    sent = await ask(paths, {}, **settings)
    assert (sent.target, sent.headers["x-team"]) == ("/base/acme/p?api-version=7", "red")
    async with open_tools(document(paths), **settings) as opened:
        assert opened.schema("op")["properties"] == {}
        assert "unexpected" in await opened.refused("op", tenant="other")
    with pytest.raises(ConfigError, match="did you mean 'tenant'"):
        async with open_tools(document(paths), parameters={"tenan": 1}):
            raise AssertionError


# -- bodies -----------------------------------------------------------------------------------------


async def test_json_bodies(ask: Any) -> None:
    sent = await ask(post("application/json", ARRAY), {"body": ["é", None]})
    assert (sent.body, sent.headers["content-type"]) == ('["é",null]'.encode(), "application/json")
    sent = await ask(post("application/merge-patch+json", {"type": ["object", "null"]}), {"body": None})
    assert (sent.body, sent.headers["content-type"]) == (b"null", "application/merge-patch+json")
    plain = {"type": "object", "properties": {"a": {}, "b": {}}}
    assert (await ask(post("application/json", plain), {})).body == b"{}"
    assert (await ask(post("application/json", plain, required=False), {})).body == b""
    assert (await ask(post("*/*", plain), {"a": 1})).headers["content-type"] == "application/json"


async def test_forms_with_styles(ask: Any) -> None:
    schema = {"type": "object", "properties": {"a": {}, "b": {}, "c": {}, "d": {}, "none": {}}}
    encoding = {"b": {"style": "deepObject", "explode": True}, "c": {"style": "form", "explode": False}}
    value = {"a": {"x": 1}, "b": {"x": {"y": [1]}}, "c": [1, 2], "d": "&=", "none": None}
    sent = await ask(post("application/x-www-form-urlencoded", schema, encoding=encoding), value)
    assert sent.body == b"a=%7B%22x%22%3A%201%7D&b%5Bx%5D%5By%5D%5B0%5D=1&c=1,2&d=%26%3D"


async def test_multipart_parts_have_their_types(ask: Any) -> None:
    schema = {
        "type": "object",
        "properties": {
            "meta": {"type": "object"},
            "file": {"type": "string", "contentMediaType": "image/png"},
            "old": {"type": "string", "format": "binary"},
            "n": {"type": "integer"},
        },
    }
    value = {"meta": {"a": 1}, "file": {"base64": "AAE="}, "old": {"text": "t"}, "n": 5}
    sent = await ask(
        post("multipart/form-data", schema, encoding={"file": {"contentType": "image/png, image/gif"}}), value
    )
    assert sent.headers["content-type"].startswith("multipart/form-data; boundary=")
    for line in (
        b'name="meta"\r\nContent-Type: application/json\r\n\r\n{"a":1}',
        b'name="file"; filename="file"\r\nContent-Type: image/png\r\n\r\n\x00\x01',
        b'name="old"; filename="old"\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nt',
        b'name="n"\r\n\r\n5',
    ):
        assert line in sent.body


async def test_text_and_bytes(ask: Any) -> None:
    sent = await ask(post("text/csv", {"type": "string"}), {"body": "a,é"})
    assert (sent.body, sent.headers["content-type"]) == ("a,é".encode(), "text/csv")
    assert (await ask(post("application/xml", OBJECT), {"body": "<a/>"})).body == b"<a/>"
    encoded = base64.b64encode(bytes(range(256))).decode()
    sent = await ask(
        post("application/octet-stream", {"type": "string", "format": "binary"}),
        {"body": {"base64": encoded}},
    )
    assert (sent.body, sent.headers["content-type"]) == (bytes(range(256)), "application/octet-stream")
    assert (await ask(post("image/png", {}), {"body": {"text": "x"}})).headers["content-type"] == "image/png"


async def test_json_is_taken_where_there_is_a_choice(ask: Any) -> None:
    content = {
        "text/plain": {},
        "multipart/form-data": {},
        "application/x+json": {},
        "application/json": {"schema": ARRAY},
    }
    paths = {"/x": {"post": {"operationId": "op", "requestBody": {"content": content}}}}
    assert (await ask(paths, {"body": [1]})).headers["content-type"] == "application/json"


# -- security ---------------------------------------------------------------------------------------

SCHEMES = {
    "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
    "ask": {"type": "apiKey", "in": "query", "name": "key"},
    "crumb": {"type": "apiKey", "in": "cookie", "name": "sid"},
    "basic": {"type": "http", "scheme": "basic"},
    "token": {"type": "http", "scheme": "Bearer"},
    "oidc": {"type": "openIdConnect", "openIdConnectUrl": "https://x.example"},
    "oauth": {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "/token", "scopes": {}}}},
    "odd": {"type": "mutualTLS"},
}


def secured(*ways: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"more": {"components": {"securitySchemes": SCHEMES}, "security": list(ways), **more}}


@pytest.mark.parametrize(
    ("scheme", "secret", "header", "value"),
    [
        ("key", SECRET, "x-key", SECRET),
        ("crumb", SECRET, "cookie", f"sid={SECRET}"),
        (
            "basic",
            {"username": "me", "password": SECRET},
            "authorization",
            "Basic bWU6c2VjcmV0LTAxMjM0NTY3ODk=",
        ),
        ("basic", f"me:{SECRET}", "authorization", "Basic bWU6c2VjcmV0LTAxMjM0NTY3ODk="),
        ("token", SECRET, "authorization", f"Bearer {SECRET}"),
        ("token", f"Bearer {SECRET}", "authorization", f"Bearer {SECRET}"),
        ("oidc", f"{SECRET}\n", "authorization", f"Bearer {SECRET}"),
        ("oauth", SECRET, "authorization", f"Bearer {SECRET}"),
    ],
)
async def test_schemes(ask: Any, scheme: str, secret: Any, header: str, value: str) -> None:
    sent = await ask(get("/p"), {}, security={scheme: secret}, **secured({scheme: []}))
    assert sent.headers[header] == value


async def test_the_first_way_that_is_configured(ask: Any) -> None:
    ways: list[dict[str, Any]] = [{"key": []}, {"ask": [], "crumb": []}, {}]
    sent = await ask(get("/p"), {}, security={"ask": SECRET, "crumb": "abc"}, **secured(*ways))
    assert (sent.query, sent.headers["cookie"]) == (f"key={SECRET}", "sid=abc")
    sent = await ask(get("/p"), {}, **secured(*ways))
    assert "cookie" not in sent.headers
    sent = await ask(get("/p", security=[]), {}, security={"key": SECRET}, **secured(*ways))
    assert "x-key" not in sent.headers


async def test_a_document_that_never_says_where_security_is_needed(ask: Any) -> None:
    more = {"more": {"components": {"securitySchemes": SCHEMES}}}
    assert (await ask(get("/p"), {}, security={"key": SECRET}, **more)).headers["x-key"] == SECRET
    assert "x-key" not in (await ask(get("/p"), {}, **more)).headers


async def test_parameters_that_are_credentials_are_hidden(open_tools: Any, document: Any) -> None:
    paths = get(
        "/p",
        {"name": "x-key", "in": "header", "schema": {}},
        {"name": "key", "in": "query", "required": True, "schema": {}},
    )
    async with open_tools(document(paths, **secured()["more"])) as opened:
        assert opened.schema("op")["properties"] == {}


@pytest.mark.parametrize(
    ("security", "says"),
    [
        ({"odd": SECRET}, "'mutualTLS', which the tool source does not know"),
        ({"key": ""}, "security.key is empty"),
        ({"key": "a\r\nb"}, "control characters"),
        ({"key": {"username": "a"}}, "must be a text, or a table with client_id"),
        ({"basic": {"username": "a"}}, "username and password"),
        ({"key": 5}, "must be a text"),
    ],
)
async def test_secrets_that_do_not_fit(open_tools: Any, document: Any, security: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as raised:
        async with open_tools(document(get("/p"), **secured()["more"]), security=security):
            raise AssertionError
    assert SECRET not in str(raised.value)


async def test_client_credentials(open_tools: Any, document: Any, recorder: Any) -> None:
    secret = {"client_id": "me", "client_secret": SECRET, "scope": "a b"}
    recorder.answers += [
        (200, {}, json.dumps({"access_token": "token-one", "expires_in": 3600}).encode()),
        (200, {}, b'{"echo": "token-one"}'),
        (401, {}, b"{}"),
        (200, {}, json.dumps({"access_token": "token-two"}).encode()),
        (200, {}, b'["token-two"]'),
    ]
    described = document(get("/p"), **secured({"oauth": ["a"]})["more"])
    async with open_tools(described, recorder.url, security={"oauth": secret}) as opened:
        assert await opened.call("op") == {"echo": "***"}
        assert await opened.call("op") == ["***"]
        ways = [(sent.method, sent.target) for sent in recorder.sent]
        assert ways == [("POST", "/token"), ("GET", "/p"), ("GET", "/p"), ("POST", "/token"), ("GET", "/p")]
        assert recorder.sent[0].body == b"grant_type=client_credentials&scope=a+b"
        assert recorder.sent[0].headers["authorization"] == "Basic bWU6c2VjcmV0LTAxMjM0NTY3ODk="
        assert recorder.sent[-1].headers["authorization"] == "Bearer token-two"
    recorder.answers += [(400, {}, SECRET.encode())]
    async with open_tools(described, recorder.url, security={"oauth": secret}) as opened:
        assert "no token for the security scheme 'oauth'" in (said := await opened.refused("op"))
        assert SECRET not in said


async def test_a_secret_goes_to_no_server_that_only_the_document_names(
    open_tools: Any, document: Any
) -> None:
    schemes = {
        "o": {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "https://evil.example/t"}}}
    }
    described = document(get("/p"), components={"securitySchemes": schemes}, security=[{"o": []}])
    secret = {"o": {"client_id": "me", "client_secret": SECRET}}
    with pytest.raises(ConfigError, match=r"sent to evil.example; say where: token_urls"):
        async with open_tools(described, security=secret):
            raise AssertionError
    async with open_tools(described, security=secret, token_urls={"o": "https://evil.example/t"}) as opened:
        assert set(opened.tools) == {"op"}


async def test_servers_cannot_set_cookies_for_later_calls(
    ask: Any, open_tools: Any, document: Any, recorder: Any
) -> None:
    recorder.answers.append((200, {"set-cookie": "sid=1"}, b"{}"))
    async with open_tools(document(get("/p")), recorder.url) as opened:
        await opened.call("op")
        await opened.call("op")
    assert "cookie" not in recorder.sent[-1].headers


async def test_a_version_in_a_header_is_no_secret(open_tools: Any, document: Any, recorder: Any) -> None:
    recorder.answers.append((200, {}, b'{"version": "2026-11-21", "token": "abc-123-def"}'))
    headers = {"Api-Version": "2026-11-21", "Authorization": "Token abc-123-def"}
    async with open_tools(document(get("/p")), recorder.url, headers=headers) as opened:
        assert await opened.call("op") == {"version": "2026-11-21", "token": "***"}


async def test_servers_of_the_document_change_nothing(ask: Any) -> None:
    paths = {
        "/p": {
            "servers": [{"url": "https://evil.example"}],
            "get": {"operationId": "op", "servers": [{"url": "//evil"}]},
        }
    }
    assert (await ask(paths, {}, more={"servers": [{"url": "https://evil.example"}]})).target == "/base/p"
