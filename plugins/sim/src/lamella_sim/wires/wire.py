"""What a wire is: it reads a vendor's request and writes a reply in that vendor's form. Pure, without I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, TypeAlias, runtime_checkable

import attrs

from lamella.models import ModelRequest
from lamella_sim.reply import Reply
from lamella_sim.steps import Delay, Error

__all__ = [
    "Asked",
    "BadRequest",
    "ChecksHeaders",
    "LimitsMedia",
    "OfferedTool",
    "Pause",
    "Piece",
    "Wire",
    "pauses",
]


@attrs.frozen
class Pause:
    """Nothing is sent for so many seconds; ``None`` is until the client leaves or the server stops."""

    seconds: float | None


Piece: TypeAlias = bytes | Pause
"""A part of a response body as it is written to the socket, or a silence."""


class BadRequest(Exception):
    """A request that the vendor would refuse, mostly with 400: what is wrong, and with which parameter."""

    def __init__(
        self, message: str, *, param: str | None = None, code: str | None = None, status: int = 400
    ) -> None:
        super().__init__(message)
        self.message, self.param, self.code, self.status = message, param, code, status


@attrs.frozen(kw_only=True)
class OfferedTool:
    """A tool as a wire describes it: all that the model's side sees of one."""

    name: str
    description: str = ""
    input_schema: Mapping[str, Any] = attrs.field(factory=dict)
    strict: bool = False

    def wire_schema(self) -> tuple[Mapping[str, Any], bool]:
        """The schema as it was sent, and its strict flag."""
        return self.input_schema, self.strict


@attrs.frozen(kw_only=True)
class Asked:
    """A request as it was read: the canonical form, and what only the wire knows of it."""

    model: str
    request: ModelRequest
    streaming: bool = False
    include_usage: bool = False
    payload: Mapping[str, Any] = attrs.field(factory=dict, repr=False)


class Wire(Protocol):
    """One vendor's protocol. Add a module with such a class and enter it in ``WIRES``."""

    name: str
    """The dialect, such as ``openai.responses``."""

    path: str
    """Where requests are posted; ``{name}`` parts are allowed."""

    base_path: str
    """What a vendor's SDK is given as base URL, behind the host."""

    media_type: str
    """The content type of a stream."""

    unparsable: str
    """What the vendor says to a body that is no JSON object."""

    makes: Mapping[str, int | None]
    """The kinds of media that a reply may hold, and how many of each; ``None`` is any number."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers the vendor sends with every reply."""

    def key(self, headers: Mapping[str, str]) -> str | None:
        """The key a request carries: headers (names in lower case), and the parameters of its query.

        :raises BadRequest: there is none, and the vendor says so in a way of its own.
        """

    def read(self, payload: Mapping[str, Any], path: str) -> Asked:
        """The request of a body; ``path`` is the URL's path, with its query behind ``?``.

        :raises BadRequest: the vendor would refuse it.
        """

    def whole(self, reply: Reply, asked: Asked) -> Mapping[str, Any]:
        """The body of an unstreamed reply."""

    def stream(self, reply: Reply, asked: Asked) -> Iterator[Piece]:
        """The body of a streamed reply, one piece for each chunk."""

    def error_body(self, error: Error) -> Mapping[str, Any]:
        """The body of an error status."""

    def error_chunks(self, error: Error) -> Iterator[bytes]:
        """An error in the middle of a stream."""

    def malformed_chunk(self) -> bytes:
        """A chunk that is well framed and is not JSON."""

    def refused(self, problem: BadRequest) -> Mapping[str, Any]:
        """The body for a refused request, whose status is ``problem.status``."""


@runtime_checkable
class ChecksHeaders(Protocol):
    """A wire whose vendor reads headers besides the key: which are required, and what they make of a body."""

    def check_headers(self, headers: Mapping[str, str], payload: Mapping[str, Any]) -> None:
        """Called before ``read``; header names are in lower case.

        :raises BadRequest: the vendor would refuse it.
        """


@runtime_checkable
class LimitsMedia(Protocol):
    """A wire whose vendor limits how large a request and its media may be."""

    def check_limits(self, asked: Asked, size: int) -> None:
        """Called after ``read``, unless the server was told to take any size.

        :param size: bytes of the body.
        :raises BadRequest: the vendor would refuse it.
        """


def pauses(reply: Reply) -> Iterator[Pause]:
    """The delays of a reply that is sent in one piece."""
    return (Pause(step.seconds) for step in reply.steps if isinstance(step, Delay))
