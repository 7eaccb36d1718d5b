"""Security schemes: which credentials an operation is called with. They come from the project, never from the model."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import attrs

from lamella_openapi.document import Document, LeadsNowhere
from lamella_openapi.notes import Notes
from lamella_openapi.operations import Operation
from lamella_openapi.problems import bad_setting, nearest
from lamella_openapi.tokens import ClientCredentials

__all__ = ["Credential", "Scheme", "Security"]

Place: TypeAlias = Literal["header", "query", "cookie"]

_PLACES: Final[tuple[Place, ...]] = ("header", "query", "cookie")


@attrs.frozen(kw_only=True)
class Credential:
    """Where a secret goes, and the secret: a text, or what gets a token."""

    location: Place
    name: str
    value: str | ClientCredentials = attrs.field(repr=False)
    before: str = ""

    @property
    def secrets(self) -> tuple[str, ...]:
        """All texts that must be shown nowhere."""
        if not isinstance(self.value, str):
            return self.value.secrets
        return (self.value, self.value.rpartition(" ")[2])


@attrs.frozen(kw_only=True)
class Scheme:
    """A scheme of the document: ``kind`` in words, and where its secret goes."""

    name: str
    kind: str
    location: Place | None = None
    parameter: str = ""
    before: str = ""
    token_url: str | None = None
    basic: bool = False


class Security:
    """The schemes of a document, and the credentials that the project has set for some of them.

    :raises ConfigError: a scheme is set that the document does not have, or a value does not fit.
    """

    def __init__(
        self,
        document: Document,
        configured: Mapping[str, Any],
        *,
        base_url: str,
        token_urls: Mapping[str, str],
        anonymous: bool,
        notes: Notes,
    ) -> None:
        self._notes = notes
        self._anonymous = anonymous
        self.schemes = _schemes(document, notes)
        for name in (*configured, *token_urls):
            if name not in self.schemes:
                raise bad_setting(
                    f"the document has no security scheme {name!r}{nearest(name, self.schemes)}"
                )
        self._credentials = {
            name: _credential(self.schemes[name], value, base_url, token_urls.get(name))
            for name, value in configured.items()
        }

    @property
    def credentials(self) -> tuple[Credential, ...]:
        """All that are set."""
        return tuple(self._credentials.values())

    def hidden(self) -> set[tuple[str, str]]:
        """Place and name of the parameters that are credentials: no model sees or sets one."""
        return {
            (scheme.location, scheme.parameter.lower() if scheme.location == "header" else scheme.parameter)
            for scheme in self.schemes.values()
            if scheme.location is not None
        }

    def check(self, operations: Iterable[Operation]) -> None:
        """Make sure that every operation can be called.

        :raises ConfigError: secrets are missing; says which, and for what.
        """
        missing = [operation for operation in operations if self._chosen(operation) is None]
        if not missing or self._anonymous:
            return
        wanted = missing[0].security or ()
        names = list(dict.fromkeys(name for entry in wanted for name in entry))
        others = f" and {len(missing) - 1} other operations need" if len(missing) > 1 else " needs"
        ways = " or ".join(" with ".join(self._described(name) for name in entry) for entry in wanted)
        example = ", ".join(f'{name} = {{ env = "…" }}' for name in list(wanted[0])[:2]) if names else ""
        raise bad_setting(
            f"{missing[0].label}{others} the security scheme {ways}, for which no secret is set; set it: "
            f'security = {{ {example} }} (in code security={{"{names[0] if names else ""}": …}}), or anonymous = true '
            "to call without"
        )

    def credentials_for(self, operation: Operation) -> Sequence[Credential]:
        """What the operation is called with."""
        return self._chosen(operation) or ()

    def _chosen(self, operation: Operation) -> Sequence[Credential] | None:
        """The first way whose secrets are all there; ``None`` where there is none, and one is needed."""
        if operation.security is None:
            if self._credentials:
                self._notes.add(
                    "the document does not say which operations need security; all get what is set"
                )
            return self.credentials
        ways = [entry for entry in operation.security if entry]
        for way in ways:
            if all(name in self._credentials for name in way):
                return [self._credentials[name] for name in way]
        return () if len(ways) < len(operation.security) or not ways else None

    def _described(self, name: str) -> str:
        scheme = self.schemes.get(name)
        return (
            f"{name!r} (which the document does not describe)"
            if scheme is None
            else f"{name!r} ({scheme.kind})"
        )


def _schemes(document: Document, notes: Notes) -> dict[str, Scheme]:
    components = document.root.get("components")
    given = components.get("securitySchemes") if isinstance(components, dict) else None
    found = {}
    for name, entry in (given if isinstance(given, dict) else {}).items():
        try:
            entry, _ = document.follow(entry, document.location)
        except LeadsNowhere as error:
            notes.add(f"the security scheme {name!r} is left out: {error}")
            continue
        if isinstance(entry, dict):
            found[name] = _scheme(name, entry)
    return found


def _scheme(name: str, entry: Mapping[str, Any]) -> Scheme:
    kind = str(entry.get("type", "")).lower()
    place = next((place for place in _PLACES if place == entry.get("in")), None)
    if kind == "apikey" and place is not None and isinstance(entry.get("name"), str):
        parameter = entry["name"]
        return Scheme(name=name, kind=f"API key in {place} {parameter}", location=place, parameter=parameter)
    bearer: dict[str, Any] = {"location": "header", "parameter": "Authorization", "before": "Bearer "}
    way = str(entry.get("scheme", "")).lower()
    if kind == "http" and way == "basic":
        return Scheme(
            name=name, kind="HTTP basic: username and password", **{**bearer, "before": "Basic "}, basic=True
        )
    if kind == "http" and way not in ("", "bearer"):
        return Scheme(name=name, kind=f"HTTP {way}", **{**bearer, "before": f"{entry['scheme']} "})
    if kind == "http":
        return Scheme(name=name, kind="HTTP bearer token", **bearer)
    if kind == "oauth2":
        flows = entry.get("flows")
        flow = flows.get("clientCredentials") if isinstance(flows, dict) else None
        url = flow.get("tokenUrl") if isinstance(flow, dict) else None
        how = "OAuth 2: a token, or client_id and client_secret" if url else "OAuth 2: a token"
        return Scheme(name=name, kind=how, **bearer, token_url=url if isinstance(url, str) else None)
    if kind == "openidconnect":
        return Scheme(name=name, kind="OpenID Connect: a token", **bearer)
    return Scheme(name=name, kind=f"{entry.get('type')!r}, which the tool source does not know")


def _credential(scheme: Scheme, value: Any, base_url: str, token_url: str | None) -> Credential:
    if scheme.location is None:
        raise bad_setting(
            f"the security scheme {scheme.name!r} is {scheme.kind}; take it out of security, use headers"
        )
    if isinstance(value, Mapping):
        value = _from_table(scheme, dict(value), base_url, token_url)
    elif scheme.basic and isinstance(value, str):
        value = base64.b64encode(_checked(scheme, value).encode()).decode("ascii")
    if isinstance(value, str):
        value = _checked(scheme, value)
        before = "" if value.lower().startswith(scheme.before.lower()) else scheme.before
        return Credential(location=scheme.location, name=scheme.parameter, value=value, before=before)
    if not isinstance(value, ClientCredentials):
        raise bad_setting(f"security.{scheme.name} must be a text or a table, got {type(value).__name__}")
    return Credential(location=scheme.location, name=scheme.parameter, value=value, before=scheme.before)


def _from_table(scheme: Scheme, table: dict[str, Any], base_url: str, token_url: str | None) -> Any:
    keys = set(table)
    if scheme.basic and keys == {"username", "password"}:
        pair = f"{_checked(scheme, table['username'])}:{_checked(scheme, table['password'])}"
        return base64.b64encode(pair.encode()).decode("ascii")
    if {"client_id", "client_secret"} <= keys <= {"client_id", "client_secret", "scope"}:
        return ClientCredentials.made(
            scheme.name,
            token_url=token_url,
            documented=scheme.token_url,
            base_url=base_url,
            **{key: _checked(scheme, value) for key, value in table.items()},
        )
    takes = "username and password" if scheme.basic else "client_id, client_secret and scope"
    raise bad_setting(
        f"security.{scheme.name} must be a text, or a table with {takes}; got {', '.join(sorted(keys))}"
    )


def _checked(scheme: Scheme, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise bad_setting(f"the secret of security.{scheme.name} is empty, or no text")
    if any(ord(char) < 32 or ord(char) == 127 for char in value.strip()):
        raise bad_setting(
            f"the secret of security.{scheme.name} holds line breaks or other control characters"
        )
    return value.strip()
