"""How one request is sent: headers and query are checked, secrets are not shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamella import AgentInputError, RequestOptions


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "b\r\nX-Injected: c"},
        {"X-A": "b\nc"},
        {"X-A\r\nX-B": "c"},
        {"X A": "b"},
        {"": "b"},
        {"X-A": "b\0"},
        {"X-A": "snow \u2603"},
        {"X-A": 3},
        {3: "a"},
    ],
)
def test_f_x14_header_injection_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(AgentInputError, match="headers"):
        RequestOptions(headers=headers)


@given(st.text(max_size=20))
def test_f_x14_no_header_value_that_passes_holds_a_line_break(value: str) -> None:
    try:
        sent = RequestOptions(headers={"X-A": value}).headers["X-A"]
    except AgentInputError:
        return
    assert not set(sent) & set("\r\n\0")
    sent.encode("latin-1")


def test_values_are_in_no_repr_and_in_no_error() -> None:
    options = RequestOptions(headers={"Authorization": "Bearer hush"}, query={"key": "hush"})
    assert "hush" not in repr(options)
    assert "Authorization" in repr(options)
    with pytest.raises(AgentInputError) as caught:
        RequestOptions(headers={"Authorization": "Bearer hush\n"})
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("fields", [{"timeout": 0}, {"timeout": True}, {"timeout": float("nan")}, {"max_retries": -1},
                                    {"max_retries": 1.5}, {"query": {"a": 1}}, {"query": "a=b"}])  # fmt: skip
def test_bad_values_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(AgentInputError):
        RequestOptions(**fields)  # type: ignore[arg-type]
