"""Call ids: valid ones stay, others are mapped the same way each time, and no two meet."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from lamella import TextBlock
from lamella.models import EncodeReport
from lamella.providers import CallIds

NINE = r"[a-zA-Z0-9]{9}"


def ids(report: EncodeReport | None = None) -> CallIds:
    return CallIds(report or EncodeReport(provider="p", dialect="d", mode="strict"), valid=NINE, length=9)


@given(
    st.lists(st.one_of(st.text(max_size=12), st.from_regex(NINE, fullmatch=True)), unique=True, max_size=30)
)
def test_the_mapping_is_valid_stable_and_one_to_one(given_ids: list[str]) -> None:
    mapped = ids()
    sent = [mapped(call_id) for call_id in given_ids]
    assert all(re.fullmatch(NINE, call_id) for call_id in sent)
    assert len(set(sent)) == len(given_ids)
    assert [mapped(call_id) for call_id in given_ids] == sent
    again = ids()
    assert [again(call_id) for call_id in given_ids] == sent


def test_a_valid_id_that_is_taken_is_mapped_too() -> None:
    taken = ids()("call_foreign")
    both = ids()
    assert both("call_foreign") == taken
    assert both(taken) != taken


def test_a_stand_in_is_reported_and_loses_nothing() -> None:
    report = EncodeReport(provider="p", dialect="d")
    with report.at(2, 1, TextBlock(text="x"), "assistant"):
        sent = ids(report)("call_foreign")
    (loss,) = report.losses
    assert (loss.kind, loss.lossless, loss.message, loss.block) == ("rewritten", True, 2, 1)
    assert sent in loss.reason
    assert "call_foreign" in loss.reason
    valid = EncodeReport(provider="p", dialect="d")
    assert ids(valid)("abcDEF123") == "abcDEF123"
    assert valid.losses == []
