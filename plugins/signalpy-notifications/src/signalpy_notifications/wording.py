"""What the receiver of a transfer is told. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, TypeGuard

from signalpy_notifications.errors import MalformedTransfer

LARGEST: Final = 10**15
"""Amounts from here on are taken for a mistake; a float does not tell their cents any more."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A message to a user, as it is sent and kept."""

    user: str
    message: str

    @property
    def title(self) -> str:
        """A subject line; always one line, whatever the user is called."""
        return f"Notification for {' '.join(self.user.split())}"

    def __str__(self) -> str:
        return f"{self.user}: {self.message}"


def of_transfer(data: Any) -> Notice:
    """The notice to whoever received a transfer.

    :param data: the payload of ``account.transfer``, which anybody may publish: names "from" and "to", number "amount".
    :raises MalformedTransfer: naming the key that is missing or odd, but no value.
    """
    if not isinstance(data, Mapping):
        raise MalformedTransfer(f"account.transfer: expected a mapping, found {type(data).__name__}", field=None)
    sender, receiver = _name(data, "from"), _name(data, "to")
    return Notice(receiver, f"You received ${_amount(data):.2f} from {sender}")


def _name(data: Mapping[str, Any], key: str) -> str:
    name = data.get(key)
    if not isinstance(name, str) or not name.strip():
        raise MalformedTransfer(f"account.transfer: expected a name as {key!r}, found {_found(data, key)}", field=key)
    return name


def _amount(data: Mapping[str, Any]) -> int | float | Decimal:
    amount = data.get("amount")
    if not _is_sum(amount):
        told = f"account.transfer: expected a number above 0 as 'amount', found {_found(data, 'amount')}"
        raise MalformedTransfer(told, field="amount")
    return amount


def _is_sum(amount: object) -> TypeGuard[int | float | Decimal]:
    if isinstance(amount, bool) or not isinstance(amount, int | float | Decimal):
        return False
    if (
        isinstance(amount, Decimal) and not amount.is_finite()
    ):  # other than a float's, a Decimal's NaN raises when compared
        return False
    return 0 < amount < LARGEST


def _found(data: Mapping[str, Any], key: str) -> str:
    return f"an unfit value of type {type(data[key]).__name__}" if key in data else "none"
