"""Amounts: what callers write, what it means, and what is refused."""

import decimal
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalpy_accounts.errors import Rejected
from signalpy_accounts.money import DIGITS, Currency, Number, minus, plus, to_json

CENTS = Currency(2)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (150, "150.00"),
        (150.0, "150.00"),
        (0.1, "0.10"),
        (1e3, "1000.00"),
        ("150", "150.00"),
        ("150.5", "150.50"),
        ("1e2", "100.00"),
        ("+7", "7.00"),
        (Decimal("0.010"), "0.01"),
        (Decimal("-0.00"), "0.00"),
        (-3, "-3.00"),
    ],
)
def test_a_number_means_what_it_prints_as(given: Number, expected: str) -> None:
    """An int, float, text or Decimal becomes the exact amount that a reader sees."""
    amount = CENTS.amount(given)
    assert expected == str(amount)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (float("nan"), "finite"),
        (float("-inf"), "finite"),
        ("Infinity", "finite"),
        (Decimal("sNaN"), "finite"),
        (0.001, "2 decimals"),
        (0.1 + 0.2, "2 decimals"),
        ("1e-9999999", "2 decimals"),
        (Decimal("10.005"), "2 decimals"),
        (10**400, "too large"),
        (1e300, "too large"),
        ("1e999999", "too large"),
        (-(10**20), "too large"),
        ("", "a text that is none"),
        ("ten", "a text that is none"),
        ("1_000", "a text that is none"),
        ("\u0661\u0665\u0660", "a text that is none"),
        ("0x10", "a text that is none"),
        ("1" * 5000, "a text that is none"),
        ("1e99999999999999999999", "a text that is none"),
    ],
)
def test_what_is_no_sum_of_money_is_rejected(given: Number, told: str) -> None:
    """Non-finite, over-precise, absurdly large and unreadable numbers are refused, each with its reason."""
    with pytest.raises(Rejected, match=told) as refusal:
        CENTS.amount(given)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 150


@pytest.mark.parametrize("given", [True, False, None, [], b"1"])
def test_only_numbers_are_amounts(given: object) -> None:
    """A bool is no amount, although Python counts it as an int."""
    with pytest.raises(Rejected, match=type(given).__name__):
        CENTS.amount(given)  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [0, -0.0, "0.00", -1, Decimal("-0.01")])
def test_only_more_than_nothing_can_be_moved(given: Number) -> None:
    """Zero and negative amounts cannot be moved."""
    with pytest.raises(Rejected, match="more than 0"):
        CENTS.positive(given)


def test_the_limit_itself_is_an_amount() -> None:
    """The largest amount is accepted, one unit more is not."""
    assert CENTS.limit == CENTS.amount(CENTS.limit)
    with pytest.raises(Rejected):
        CENTS.amount(plus(CENTS.limit, CENTS.quantum))


def test_the_context_of_the_caller_plays_no_part() -> None:
    """Amounts stay exact where the thread's own decimal context would round them."""
    with decimal.localcontext(prec=2):
        assert Decimal("123456.79") == plus(CENTS.amount("123456.78"), CENTS.amount("0.01"))
        assert 12345678 == CENTS.units(CENTS.amount("123456.78"))


units = st.integers(-(10**DIGITS) + 1, 10**DIGITS - 1)
currencies = st.integers(0, 8).map(Currency)


@given(currencies, units)
def test_units_and_amounts_are_the_same_number(currency: Currency, count: int) -> None:
    """Every amount survives the way through whole units, and has exactly the currency's decimals."""
    amount = currency.from_units(count)
    assert count == currency.units(amount)
    assert str(amount) == str(currency.amount(amount)) or not amount


@given(currencies, units)
def test_json_carries_every_amount_exactly(currency: Currency, count: int) -> None:
    """Every amount survives the way through a JSON number."""
    amount = currency.from_units(count)
    assert amount == currency.amount(json.loads(json.dumps(to_json(amount))))


@given(currencies, units, units)
def test_sums_are_exact(currency: Currency, left: int, right: int) -> None:
    """Adding and subtracting amounts is adding and subtracting units."""
    total = plus(currency.from_units(left), currency.from_units(right))
    assert currency.from_units(left + right) == total
    assert currency.from_units(left) == minus(total, currency.from_units(right))


@given(st.floats() | st.decimals() | st.text(max_size=80) | st.integers())
def test_anything_is_an_amount_or_rejected(given: Number) -> None:
    """No number and no text ever leads to another error, or to an amount beyond the limit."""
    try:
        amount = CENTS.amount(given)
    except Rejected:
        return
    assert abs(amount) <= CENTS.limit
    assert str(amount) == str(amount.quantize(CENTS.quantum))
