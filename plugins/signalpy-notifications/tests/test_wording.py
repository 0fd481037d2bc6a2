"""What receivers are told, and payloads that tell too little."""

from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalpy_notifications.errors import MalformedTransfer
from signalpy_notifications.wording import Notice, of_transfer


@pytest.mark.parametrize(
    ("amount", "told"),
    [(150.0, "$150.00"), (75, "$75.00"), (Decimal("0.10"), "$0.10"), (1234567.891, "$1234567.89")],
)
def test_a_receiver_is_told_how_much_and_from_whom(amount: Any, told: str) -> None:
    """Any number is written with two decimals."""
    notice = of_transfer(MappingProxyType({"from": "alice", "to": "bob", "amount": amount, "more": 1}))
    assert f"bob: You received {told} from alice" == str(notice)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"to": None}, "to"),
        ({"to": "  "}, "to"),
        ({"to": 7}, "to"),
        ({"from": ["alice"]}, "from"),
        ({"amount": "150"}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": None}, "amount"),
        ({"amount": float("nan")}, "amount"),
        ({"amount": float("inf")}, "amount"),
        ({"amount": Decimal("sNaN")}, "amount"),
        ({"amount": -1}, "amount"),
        ({"amount": 0}, "amount"),
        ({"amount": 10**400}, "amount"),
    ],
)
def test_an_odd_payload_is_refused_by_the_key_and_without_the_value(change: dict[str, Any], field: str) -> None:
    """A third party's odd value is named by its key and its type only."""
    data = {"from": "alice", "to": "bob", "amount": 150.0} | change
    with pytest.raises(MalformedTransfer, match=type(data[field]).__name__) as error:
        of_transfer(data)
    assert field == error.value.field


@pytest.mark.parametrize("field", ["from", "to", "amount"])
def test_a_missing_key_is_named(field: str) -> None:
    """A payload that lacks a key says which."""
    data = {"from": "alice", "to": "bob", "amount": 150.0}
    del data[field]
    with pytest.raises(MalformedTransfer, match=rf"'{field}', found none"):
        of_transfer(data)


@pytest.mark.parametrize("data", [None, [], "text", 7])
def test_a_payload_that_is_no_mapping_is_refused(data: Any) -> None:
    """Something else than a mapping is refused as a whole."""
    with pytest.raises(MalformedTransfer, match="expected a mapping"):
        of_transfer(data)


@given(st.dictionaries(st.sampled_from(["from", "to", "amount"]), st.from_type(type).flatmap(st.from_type) | st.none()))
def test_any_payload_is_worded_or_malformed(data: dict[str, Any]) -> None:
    """No payload whatever leads to another error."""
    try:
        notice = of_transfer(data)
    except MalformedTransfer:
        return
    assert "You received $" in notice.message


def test_a_title_is_one_line() -> None:
    """A name with line breaks cannot add header lines to an e-mail."""
    assert "Notification for bob Bcc: eve@example.com" == Notice("bob\r\nBcc: eve@example.com", "hi").title
