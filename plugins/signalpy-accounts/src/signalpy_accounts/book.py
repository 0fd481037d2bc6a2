"""The book: accounts and the changes that can happen to them. Pure: ledgers apply these and add no rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Final, Protocol, TypeAlias

from signalpy_accounts.errors import Rejected
from signalpy_accounts.money import Currency, minus, plus, to_json

LONGEST_NAME: Final = 128


@dataclass(frozen=True, slots=True)
class Account:
    """One account; a closed one is kept, empty, so that its name stays known."""

    balance: Decimal
    open: bool = True


Accounts: TypeAlias = Mapping[str, Account]


class Change(Protocol):
    """Something that can happen to a few accounts, and the event that tells of it.

    ``apply`` and ``undo`` take the accounts named by ``names`` as they are (unknown ones are absent) and return them
    as they become; both raise ``Rejected`` and change nothing themselves.
    """

    event_type: ClassVar[str]

    @property
    def names(self) -> tuple[str, ...]:
        """The accounts that it concerns; the subjects of its event."""

    @property
    def data(self) -> dict[str, Any]:
        """The payload of its event; amounts are JSON numbers."""

    def apply(self, accounts: Accounts, currency: Currency) -> dict[str, Account]:
        """The accounts after it.

        :raises Rejected: if the rules refuse it.
        """

    def undo(self, accounts: Accounts, currency: Currency) -> dict[str, Account]:
        """The accounts as if it had not happened.

        :raises Rejected: if what happened since then stands in the way.
        """


@dataclass(frozen=True, slots=True)
class Transfer:
    """Moves a positive ``amount`` from ``source`` to ``target``."""

    source: str
    target: str
    amount: Decimal

    event_type: ClassVar[str] = "account.transfer"

    @property
    def names(self) -> tuple[str, ...]:
        """Who pays, who receives."""
        return (self.source, self.target)

    @property
    def data(self) -> dict[str, Any]:
        """``{"from": …, "to": …, "amount": …}``."""
        return {"from": self.source, "to": self.target, "amount": to_json(self.amount)}

    def apply(self, accounts: Accounts, currency: Currency) -> dict[str, Account]:
        """See ``Change``."""
        source, target = usable(accounts, self.source), usable(accounts, self.target)
        if self.source == self.target:
            raise Rejected(f"Cannot transfer from {shown(self.source)} to itself: name two accounts")
        if source.balance < self.amount:
            raise Rejected("Insufficient funds")
        received = plus(target.balance, self.amount)
        if received > currency.limit:
            raise Rejected(f"Account {shown(self.target)} cannot hold that much: at most {currency.limit}")
        return {self.source: Account(minus(source.balance, self.amount)), self.target: Account(received)}

    def undo(self, accounts: Accounts, currency: Currency) -> dict[str, Account]:
        """See ``Change``: the way back, if the money is still there."""
        return Transfer(self.target, self.source, self.amount).apply(accounts, currency)


@dataclass(frozen=True, slots=True)
class Opening:
    """Opens ``account``, new or closed before, with ``initial`` in it."""

    account: str
    initial: Decimal

    event_type: ClassVar[str] = "account.opened"

    @property
    def names(self) -> tuple[str, ...]:
        """The one account."""
        return (self.account,)

    @property
    def data(self) -> dict[str, Any]:
        """``{"account": …, "balance": …}``."""
        return {"account": self.account, "balance": to_json(self.initial)}

    def apply(self, accounts: Accounts, currency: Currency) -> dict[str, Account]:
        """See ``Change``."""
        check_name(self.account)
        known = accounts.get(self.account)
        if known is not None and known.open:
            raise Rejected(f"Account {shown(self.account)} is open already")
        if self.initial < 0:
            raise Rejected(f"Initial balance must be 0 or more, found {self.initial}")
        return {self.account: Account(self.initial)}

    def undo(self, accounts: Accounts, currency: Currency) -> dict[str, Account]:
        """See ``Change``: closed again, if nothing went in or out."""
        if accounts.get(self.account) != Account(self.initial):
            raise Rejected(f"Account {shown(self.account)} was used since it was opened")
        return {self.account: Account(currency.zero, open=False)}


@dataclass(frozen=True, slots=True)
class Closing:
    """Closes an empty ``account``."""

    account: str

    event_type: ClassVar[str] = "account.closed"

    @property
    def names(self) -> tuple[str, ...]:
        """The one account."""
        return (self.account,)

    @property
    def data(self) -> dict[str, Any]:
        """``{"account": …}``."""
        return {"account": self.account}

    def apply(self, accounts: Accounts, currency: Currency) -> dict[str, Account]:
        """See ``Change``."""
        balance = usable(accounts, self.account).balance
        if balance:
            raise Rejected(f"Account {shown(self.account)} is not empty: transfer its {balance} first")
        return {self.account: Account(currency.zero, open=False)}

    def undo(self, accounts: Accounts, currency: Currency) -> dict[str, Account]:
        """See ``Change``: opened again, if it is still closed."""
        return Opening(self.account, currency.zero).apply(accounts, currency)


def usable(accounts: Accounts, name: str) -> Account:
    """The open account of this name.

    :raises Rejected: if it is unknown or closed.
    """
    account = accounts.get(name)
    if account is None:
        raise Rejected(f"Unknown account {shown(name)}")
    if not account.open:
        raise Rejected(f"Account {shown(name)} is closed")
    return account


def is_name(name: str) -> bool:
    """Whether this is how an account's name is written; nothing else is ever looked up or stored."""
    return 1 <= len(name) <= LONGEST_NAME and name.isprintable() and name == name.strip()


def check_name(name: str) -> None:
    """Whether an account may have this name.

    ``error`` is refused: a mapping of balances that has this key would read as a failure.

    :raises Rejected: if it may not.
    """
    if not is_name(name):
        expected = f"1 to {LONGEST_NAME} printable characters without space around them"
        raise Rejected(f"An account's name has {expected}, found {shown(name)}")
    if name == "error":
        raise Rejected("An account cannot be named 'error': choose another name")


def balances(accounts: Accounts) -> dict[str, float]:
    """What the open accounts hold, as JSON numbers."""
    return {name: to_json(account.balance) for name, account in accounts.items() if account.open}


def made(after: Accounts) -> dict[str, Any]:
    """The result of a change, for whoever asked for it: ``{"ok": True, "balances": {…}}`` of the accounts concerned."""
    return {"ok": True, "balances": balances(after)}


def shown(name: str) -> str:
    """A name for a message: quoted, on one line, of bounded length."""
    return repr(name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…")
