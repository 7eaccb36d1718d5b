"""F-X17: personal data; what is found, what is left, and that looking takes bounded time."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamella import AgentInputError, Verdict
from lamella_guardrails import PiiGuardrail
from lamella_guardrails.detect import KINDS, find_pii

FOUND = {
    "email": [
        ("mail ann@example.com.", "ann@example.com"),
        ("<bob.o'neil+x@mail.example.co.uk>", "bob.o'neil+x@mail.example.co.uk"),
        ("J\u00fcrg: j\u00fcrg@b\u00fccher.ch!", "j\u00fcrg@b\u00fccher.ch"),
        ("a\uff20example.com", "a\uff20example.com"),
    ],
    "phone": [
        ("call (415) 555-2671 now", "(415) 555-2671"),
        ("+41 44 668 18 00", "+41 44 668 18 00"),
        ("650-253-0000", "650-253-0000"),
        ("+49\u00a030\u00a0901820", "+49\u00a030\u00a0901820"),
    ],
    "ssn": [("SSN 536-90-4399.", "536-90-4399"), ("536 90 4399", "536 90 4399"), ("536\u201390\u20134399", "536\u201390\u20134399")],
    "card": [
        ("card 4111 1111 1111 1111 please", "4111 1111 1111 1111"),
        ("4111-1111-1111-1111", "4111-1111-1111-1111"),
        ("378282246310005", "378282246310005"),
        ("5555555555554444,", "5555555555554444"),
        ("12/27 4111 1111 1111 1111 123", "4111 1111 1111 1111"),
        ("7 4111111111111111-7", "4111111111111111"),
        ("\uff14111 1111 1111 1111", "\uff14111 1111 1111 1111"),
        ("4111\u200b1111\u200b1111\u200b1111", "4111\u200b1111\u200b1111\u200b1111"),
    ],
    "iban": [
        ("to CH93 0076 2011 6238 5295 7 AND SOON", "CH93 0076 2011 6238 5295 7"),
        ("de89370400440532013000", "de89370400440532013000"),
    ],
    "ip": [
        ("from 192.168.1.1.", "192.168.1.1"),
        ("2001:db8::8a2e:370:7334", "2001:db8::8a2e:370:7334"),
        ("at ::1, or fe80::1", "::1"),
        ("::ffff:192.0.2.128", "::ffff:192.0.2.128"),
    ],
}  # fmt: skip

LEFT = {
    "email": ["@here", "a@b", "user@localhost", "3 @ 4.00", "git@github"],
    "phone": ["555-1234", "1234567890123456789", "2024-01-01 12:30", "page 415-416"],
    "ssn": ["000-12-3456", "666-11-2222", "900-12-3456", "536-90-43991", "1536-90-4399", "536-90 4399"],
    "card": [
        "4111 1111 1111 1112",
        "1234567890123456",
        "20240101123000",
        "4111 1111 1111",
        "0000000000000000",
    ],
    "iban": ["CH93 0076 2011 6238 5295 8", "AB12CDEF34567890", "THE QUICK BROWN FOX JUMPS"],
    "ip": ["1.2.3", "256.1.1.1", "1.2.3.4.5", "12:30:45", "std::max", "a::b", "dead::beef", "v1.2.3.4.5.6"],
}


@pytest.mark.parametrize(
    ("kind", "text", "match"), [(k, *case) for k, cases in FOUND.items() for case in cases]
)
def test_f_x17_found(kind: Any, text: str, match: str) -> None:
    found = find_pii(text, [kind], region="US")
    assert text[found[0].start : found[0].end] == match
    assert {one.kind for one in found} == {kind}


@pytest.mark.parametrize(("kind", "text"), [(k, text) for k, texts in LEFT.items() for text in texts])
def test_f_x17_left(kind: Any, text: str) -> None:
    assert find_pii(text, [kind], region="US") == []


async def test_f_x17_redacts_on_both_sides() -> None:
    guard = PiiGuardrail(region="US")
    text = (
        "ann@example.com, (415) 555-2671, 536-90-4399, 4111 1111 1111 1111, 10.0.0.1, DE89370400440532013000"
    )
    verdict = Verdict(
        replace="[email], [phone], [ssn], [card], [ip], [iban]", reason="card, email, iban, ip, phone, ssn"
    )
    assert await guard.check_input(text) == verdict
    assert await guard.check_output(text) == verdict
    assert await guard.check_input("nothing") == Verdict()


async def test_f_x17_blocks_and_the_reason_holds_no_data() -> None:
    guard = PiiGuardrail(kinds=["email"], action="block", on="output")  # type: ignore[arg-type]
    assert await guard.check_input("ann@example.com") == Verdict()
    assert await guard.check_output("ann@example.com 4111111111111111") == Verdict(block=True, reason="email")


def test_f_x17_of_two_that_overlap_the_surer_stays() -> None:
    assert PiiGuardrail(region="US").redact("4111111111111111") == "[card]"
    assert PiiGuardrail(region="US").redact("6502530000@example.com") == "[email]"
    assert PiiGuardrail().redact("650-253-0000 and +1 650-253-0000") == "650-253-0000 and [phone]"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kinds": ["name"]}, "'name'"),
        ({"kinds": []}, "got none"),
        ({"action": "drop"}, "must be one of 'redact', 'block'"),
        ({"on": ["tools"]}, '"input", "output" or both'),
        ({"region": "USA"}, "must be a country"),
    ],
)
def test_what_does_not_fit_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(AgentInputError, match=said):
        PiiGuardrail(**settings)


HOSTILE = {
    "letters": "a" * 200_000,
    "at": "a@" * 100_000,
    "dots": "a@" + "b." * 100_000,
    "hyphens": "a@" + "b-" * 100_000,
    "digits": "4" * 200_000,
    "pairs": "4-" * 10_000,
    "colons": "1:" * 30_000,
    "iban": "CH93" * 50_000,
    "numbers": "1.2.3." * 10_000,
    "unicode": "\uff14\u200b" * 50_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_f_x17_hostile_text_takes_bounded_time(text: str) -> None:
    started = time.perf_counter()
    find_pii(text, KINDS, "US")
    assert time.perf_counter() - started < 30


def test_f_x17_the_last_of_many_is_found_too() -> None:
    assert (
        PiiGuardrail(kinds=["phone"], region="US")
        .redact("1 x " * 20_000 + "(415) 555-2671")
        .endswith("[phone]")
    )


@given(st.text(max_size=60), st.text(max_size=60))
def test_f_x17_redaction_keeps_the_rest_and_is_stable(before: str, after: str) -> None:
    guard = PiiGuardrail(kinds=["card"])
    text = f"{before} 4111 1111 1111 1111 {after}"
    made = guard.redact(text)
    assert "4111 1111 1111 1111" not in made
    assert guard.redact(made) == made
    if not any(character.isdigit() for character in before + after):
        assert made == f"{before} [card] {after}"
