"""Card numbers are found by form, issuer and check digit, wherever they stand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalpy_audit_trail.privacy.detect import is_card_number, luhn, may_hold, scrubbed

CARDS = [
    "4111111111111111",
    "4222222222222",
    "4000000000000000006",
    "5555555555554444",
    "2221000000000009",
    "378282246310005",
    "6011111111111117",
    "30569309025904",
    "3530111333300000",
    "6200000000000005",
    "6759649826438453",
]
GONE = "[redacted]"


@pytest.mark.parametrize("card", CARDS)
def test_the_numbers_of_every_issuer_are_found(card: str) -> None:
    """Test numbers that the issuers publish."""
    assert is_card_number(card)
    assert GONE == scrubbed(card, GONE)
    assert GONE == scrubbed(int(card), GONE)


@pytest.mark.parametrize(
    "text", ["4111111111111112", "1234567890123456", "1767225600000000", "411111111111", "0" * 16, "9" * 16, "2" * 16]
)
def test_what_only_looks_like_one_stays(text: str) -> None:
    """A wrong check digit, a number of no issuer, a time in microseconds, too few digits."""
    assert text == scrubbed(text, GONE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("card 4111 1111 1111 1111 was declined", "card [redacted] was declined"),
        ("4111-1111-1111-1111, 5555555555554444", "[redacted], [redacted]"),
        ("visa4111111111111111x", "visa[redacted]x"),
        ("2024 4111 1111 1111 1111 0107", "2024 [redacted] 0107"),
        ("41111111111111110", "41111111111111110"),
        ("٤١١١١١١١١١١١١١١١", "٤١١١١١١١١١١١١١١١"),
    ],
)
def test_only_the_number_goes(text: str, expected: str) -> None:
    """What stands around it stays, also other digits in groups of their own."""
    assert expected == scrubbed(text, GONE)


def test_it_is_found_in_every_kind_of_value() -> None:
    """Keys, elements, numbers, however deep; keys that become the same are told apart."""
    value: Any = {
        "4111111111111111": 1,
        "5555555555554444": [{"n": 4111111111111111}, 4111111111111111.0, True, None, 1.5],
        "ok": "fine",
    }
    assert {GONE: 1, f"{GONE}#2": [{"n": GONE}, GONE, True, None, 1.5], "ok": "fine"} == scrubbed(value, GONE)


@given(st.text("0123456789 -.x", max_size=60), st.sampled_from(CARDS), st.text("xyz !", min_size=1, max_size=5))
def test_a_number_apart_from_other_digits_is_always_found(before: str, card: str, apart: str) -> None:
    """Whatever stands around it, apart by something that is no digit and joins none."""
    text = f"{before}{apart.replace(' ', 'x')}{card}{apart.replace(' ', 'x')}{before}"
    assert may_hold(text)
    assert card not in str(scrubbed(text, GONE))


@given(st.integers(0, 10**15))
def test_the_check_digit_is_that_of_luhn(number: int) -> None:
    """Of the ten last digits exactly one is right."""
    assert 1 == sum(luhn(f"{number}{digit}") for digit in range(10))


@given(
    st.recursive(
        st.integers() | st.text("0123456789 "), lambda inner: st.lists(inner) | st.dictionaries(st.text("45 1"), inner)
    )
)
def test_the_quick_look_misses_nothing(value: Any) -> None:
    """What it passes over, the slow one leaves alone."""
    assert may_hold(value) or value == scrubbed(value, GONE)
