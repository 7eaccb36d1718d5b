"""The API key: held so that no repr, dump or error shows it."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["Key", "scrub_error", "to_key"]

_SHOWN: Final = "***"
_SHORTEST: Final = 6
"""Placeholders such as ``"none"`` are no secrets, and their letters are in many words."""


class Key:
    """An API key. ``reveal`` is the only way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The key itself."""
        return self._value

    def hide(self, value: Any) -> Any:
        """A text, or JSON, without the key in it."""
        if isinstance(value, str):
            hidden = len(self._value) >= _SHORTEST and self._value in value
            return value.replace(self._value, _SHOWN) if hidden else value
        if isinstance(value, dict):
            return {self.hide(name): self.hide(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)([self.hide(item) for item in value])
        return value

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
        current.args = key.hide(current.args)
        for name, value in list(vars(current).items()):
            if isinstance(value, str | dict | list | tuple):
                setattr(current, name, key.hide(value))
        pending += [current.__cause__, current.__context__]
