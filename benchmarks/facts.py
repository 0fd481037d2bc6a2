"""The events that are published, the same in every run: transfers mostly, a few failed, over thirty days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

PEOPLE: Final = 1_000
ALICE: Final = 100
"""One in so many is hers."""
ACCOUNTS: Final = 10_000
BEGIN: Final = datetime(2100, 1, 1, tzinfo=UTC)
"""Later than any run, whose first records say when it began: times ascend as they do in a trail that grew by itself."""
DAYS: Final = 30
LAST_DAY: Final = BEGIN + timedelta(days=DAYS - 1)
TRANSFER: Final = "account.transfer"
_TYPES: Final = (TRANSFER, TRANSFER, TRANSFER, "account.opened", "order.placed")
_FAILED: Final = 101
"""One in so many fails: a prime, so that it falls on every type and person."""

Fact = tuple[str, dict[str, Any], dict[str, Any]]


def facts(total: int) -> Callable[[int], Fact]:
    """Type, data and keywords of the event of a number below ``total``; their times ascend over `DAYS`."""
    step = timedelta(days=DAYS) / max(total, 1)

    def fact(number: int) -> Fact:
        giver, taker = number * 31 % ACCOUNTS, number * 17 % ACCOUNTS
        data = {
            "from": f"account:{giver}",
            "to": f"account:{taker}",
            "amount": number % 5_000,
            "currency": "EUR",
            "reference": f"invoice {number:07}",
        }
        keywords: dict[str, Any] = {
            "actor": f"person-{number * 7919 % PEOPLE}" if number % ALICE else "alice",
            "subject": (f"account:{giver}", f"account:{taker}"),
            "occurred_at": BEGIN + step * number,
        }
        if number % _FAILED == 0:
            keywords |= {"outcome": "failure", "error": "insufficient funds"}
        return _TYPES[number // ALICE % len(_TYPES)], data, keywords

    return fact
