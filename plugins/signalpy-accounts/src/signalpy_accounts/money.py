"""Money: exact amounts of one currency, from what callers write to what JSON carries.

Inside, an amount is a ``Decimal`` with exactly the currency's decimals. Every operation is exact or raises: the
context of the calling thread, which anybody may have changed, plays no part.
"""

from __future__ import annotations

import decimal
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, TypeAlias

from signalpy_accounts.errors import Rejected

Number: TypeAlias = int | float | str | Decimal

DIGITS: Final = 15
"""Most digits of an amount: so many survive the way through an IEEE 754 double (``DBL_DIG``), and so through JSON."""

_EXACT: Final = decimal.Context(prec=2 * DIGITS, traps=[decimal.InvalidOperation, decimal.Inexact])
_LONGEST_TEXT: Final = 64


@dataclass(frozen=True, slots=True)
class Currency:
    """How amounts are written.

    :param decimals: digits after the point, 0 to 8.
    """

    decimals: int = 2

    @property
    def quantum(self) -> Decimal:
        """The smallest amount above nothing, e.g. ``0.01``."""
        return Decimal((0, (1,), -self.decimals))

    @property
    def limit(self) -> Decimal:
        """The largest amount, and the largest balance: ``DIGITS`` nines."""
        return Decimal((0, (9,) * DIGITS, -self.decimals))

    @property
    def zero(self) -> Decimal:
        """Nothing, e.g. ``0.00``."""
        return Decimal((0, (0,), -self.decimals))

    def amount(self, value: Number) -> Decimal:
        """The exact amount that ``value`` means; a float means what it prints as, so that ``0.1`` is a tenth.

        :raises Rejected: for what is no finite number, has too many decimals, or is beyond ``limit``.
        """
        exact = self._decimal(value)
        if not exact.is_finite():
            raise Rejected(f"Amount must be a finite number, found {exact}")
        if exact.copy_abs() > self.limit:
            raise self._too_large()
        try:
            amount = exact.quantize(self.quantum, context=_EXACT)
        except (decimal.Inexact, decimal.InvalidOperation):
            raise Rejected(f"Amount may have {self.decimals} decimals, found {_shown(exact)}") from None
        return amount or self.zero

    def positive(self, value: Number) -> Decimal:
        """An amount that can be moved.

        :raises Rejected: also for zero and less.
        """
        amount = self.amount(value)
        if amount <= 0:
            raise Rejected(f"Amount must be more than 0, found {amount}")
        return amount

    def units(self, amount: Decimal) -> int:
        """The amount as a whole number of its smallest unit, e.g. cents."""
        return int(amount.scaleb(self.decimals, context=_EXACT))

    def from_units(self, units: int) -> Decimal:
        """The inverse of :meth:`units`."""
        return Decimal(units).scaleb(-self.decimals, context=_EXACT)

    def _decimal(self, value: Any) -> Decimal:
        if isinstance(value, Decimal):
            return value
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise Rejected(f"Amount must be a number, found {type(value).__name__}")
        if isinstance(value, float):
            return Decimal(float.__repr__(value))
        if isinstance(value, str):
            return _from_text(value)
        if abs(value) > 10**DIGITS:  # a Decimal of a million digits takes seconds to make; this comparison does not
            raise self._too_large()
        return Decimal(int(value))

    def _too_large(self) -> Rejected:
        return Rejected(f"Amount is too large: at most {self.limit}")


def plus(left: Decimal, right: Decimal) -> Decimal:
    """The exact sum of two amounts."""
    return _EXACT.add(left, right)


def minus(left: Decimal, right: Decimal) -> Decimal:
    """The exact difference of two amounts."""
    return _EXACT.subtract(left, right)


def to_json(amount: Decimal) -> float:
    """The JSON number that prints as this amount (at most ``DIGITS`` digits)."""
    return float(amount)


def _from_text(text: str) -> Decimal:
    # Decimal also reads "1_000" and the digits of every script: fine for a programmer, not for a sum of money.
    if text.isascii() and "_" not in text and len(text) <= _LONGEST_TEXT:
        try:
            return Decimal(text)
        except decimal.InvalidOperation:
            pass
    raise Rejected('Amount must be a number, e.g. 150 or "150.00", found a text that is none')


def _shown(number: Decimal) -> str:
    text = str(number)
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"
