"""The API key: held so that no repr, dump or error shows it."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["Key", "scrub_error", "to_key"]

_SHOWN: Final = "***"


class Key:
    """An API key. ``reveal`` is the only way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The key itself."""
        return self._value

    def scrub(self, text: str) -> str:
        """``text`` without the key."""
        return text.replace(self._value, _SHOWN) if self._value else text

    def __repr__(self) -> str:
        return _SHOWN

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("an API key is not pickled; build the model where it is used")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


def to_key(value: str | Key | None) -> Key | None:
    """A key from a text; anything else is left for the validator to refuse."""
    return Key(value) if isinstance(value, str) else value


def scrub_error(error: BaseException, key: Key) -> None:
    """Take the key out of what an exception says, and out of its causes: servers echo it."""
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        current = pending.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        current.args = tuple(_scrubbed(argument, key) for argument in current.args)
        for name in ("message", "body"):
            if name in getattr(current, "__dict__", {}):
                setattr(current, name, _scrubbed(getattr(current, name), key))
        pending += [current.__cause__, current.__context__]


def _scrubbed(value: Any, key: Key) -> Any:
    if isinstance(value, str):
        return key.scrub(value)
    if isinstance(value, dict):
        return {name: _scrubbed(item, key) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([_scrubbed(item, key) for item in value])
    return value
