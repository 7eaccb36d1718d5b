"""Finds personal data in text: patterns propose, checksums and number plans decide."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Literal, TypeAlias, get_args

import attrs

from lamella_guardrails.reading import readable

__all__ = ["KINDS", "PiiKind", "PiiMatch", "find_pii"]

PiiKind: TypeAlias = Literal["email", "phone", "ssn", "card", "iban", "ip"]

KINDS: Final[tuple[PiiKind, ...]] = get_args(PiiKind)

_Span: TypeAlias = tuple[int, int]

_EMAIL: Final = re.compile(
    r"(?<![\w.+-])[\w.!#$%&'*+/=?^`{|}~-]{1,64}@(?:\w(?:[\w-]{0,61}\w)?\.){1,8}[^\W\d_][\w-]{1,62}"
)
_SSN: Final = re.compile(r"(?<![\d-])\d{3}([- ])\d{2}\1\d{4}(?![\d-])")
_DIGITS: Final = re.compile(r"(?<!\d)\d(?:[ -]?\d){11,}")
_IBAN: Final = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]){11,30}")
_IPV4: Final = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?!\.?\d)")
_IPV6: Final = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]{2,39}(?:(?<=:)(?:\d{1,3}\.){3}\d{1,3})?(?![\w:]|\.\d)")


@attrs.frozen
class PiiMatch:
    """Where personal data is in a text: ``text[start:end]``."""

    kind: PiiKind
    start: int
    end: int


def find_pii(text: str, kinds: Iterable[PiiKind] = KINDS, region: str | None = None) -> list[PiiMatch]:
    """All matches, in order, none overlapping.

    :param region: the country (``US``) of phone numbers that are written without ``+``; without it, only
        international ones are found.
    """
    seen, places = readable(text)
    wanted = set(kinds)

    def phones(text: str) -> Iterator[_Span]:
        return _phones(text, region)

    searches: dict[PiiKind, Callable[[str], Iterator[_Span]]] = {**_SEARCHES, "phone": phones}
    found: list[PiiMatch] = []
    taken = bytearray(len(seen))
    for kind, search in searches.items():
        for start, end in search(seen) if kind in wanted else ():
            if not any(taken[start:end]):
                taken[start:end] = b"\x01" * (end - start)
                found.append(PiiMatch(kind, places[start], places[end - 1] + 1))
    return sorted(found, key=lambda match: match.start)


def _emails(text: str) -> Iterator[_Span]:
    return (match.span() for match in _EMAIL.finditer(text))


def _ssns(text: str) -> Iterator[_Span]:
    from stdnum.us import ssn

    return (match.span() for match in _SSN.finditer(text) if ssn.is_valid(match.group().replace(" ", "-")))


def _cards(text: str) -> Iterator[_Span]:
    from stdnum import luhn

    for match in _DIGITS.finditer(text):
        digits = [place for place in range(*match.span()) if text[place].isdigit()]
        first = 0
        while first + 12 <= len(digits):
            last = next(
                (
                    end
                    for end in _ends(text, digits, first)
                    if luhn.is_valid(_number(text, digits, first, end))
                ),
                0,
            )
            if last:
                yield digits[first], digits[last - 1] + 1
            # Numbers may follow on one another, with a sign between.
            first = max(last, first + 1)
            while first < len(digits) and digits[first] == digits[first - 1] + 1:
                first += 1


def _number(text: str, digits: Sequence[int], first: int, end: int) -> str:
    return "".join(text[place] for place in digits[first:end])


def _ends(text: str, digits: Sequence[int], first: int) -> Iterator[int]:
    """Where a card's number may end that begins at a digit, longest first: not amid other digits."""
    for end in range(min(first + 19, len(digits)), first + 11, -1):
        amid = end < len(digits) and digits[end] == digits[end - 1] + 1
        if not amid and _issued(_number(text, digits, first, end)):
            yield end


def _issued(digits: str) -> bool:
    """Whether a network issues numbers that begin and are as long as this."""
    count, two, four = len(digits), int(digits[:2]), int(digits[:4])
    if digits[0] == "4":  # Visa
        return count in (13, 16, 19)
    if 51 <= two <= 55 or 2221 <= four <= 2720:  # Mastercard
        return count == 16
    if two in (34, 37):  # American Express
        return count == 15
    if two in (30, 36, 38, 39):  # Diners Club
        return 14 <= count <= 19
    return (two in (35, 62, 64, 65) or four == 6011 or digits[0] in "56") and 12 <= count <= 19


def _ibans(text: str) -> Iterator[_Span]:
    from stdnum import iban

    for match in _IBAN.finditer(text):
        # Words may follow without a sign between: the longest valid beginning counts.
        for end in range(match.end(), match.start() + 14, -1):
            after = text[end : end + 1]
            if not after.isalnum() and iban.is_valid(text[match.start() : end], check_country=False):
                yield match.start(), end
                break


def _addresses(text: str) -> Iterator[_Span]:
    for match in (*_IPV6.finditer(text), *_IPV4.finditer(text)):
        if _is_address(match.group()):
            yield match.span()


def _is_address(text: str) -> bool:
    # "a::b" is an address by the letter, and C++ in most texts.
    if ":" in text and not any(character.isdigit() for character in text):
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _phones(text: str, region: str | None) -> Iterator[_Span]:
    from phonenumbers import Leniency, PhoneNumberMatcher

    # The library gives up after 65,535 candidates unless it is told not to.
    found = PhoneNumberMatcher(text, region, leniency=Leniency.VALID, max_tries=len(text) + 1)
    return ((match.start, match.end) for match in found)


# What is surer comes first: of two that overlap it stays.
_SEARCHES: Final[dict[PiiKind, Callable[[str], Iterator[_Span]]]] = {
    "email": _emails,
    "iban": _ibans,
    "card": _cards,
    "ssn": _ssns,
    "ip": _addresses,
}
