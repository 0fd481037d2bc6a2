"""The ledger: where the book is kept. The contract that every ledger meets, and the one in memory."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Protocol

from signalpy_accounts.announcement import Announcement
from signalpy_accounts.book import Account, Accounts, Change
from signalpy_accounts.errors import Rejected
from signalpy_accounts.money import Currency


class Ledger(Protocol):
    """Keeps accounts and, in the same stroke, the announcements of what happened to them.

    An announcement is there exactly if its change is, from the commit on until ``published`` is told of it. Methods
    may be called concurrently; each takes effect as a whole or raises and changes nothing. All raise ``LedgerError``
    when the store fails.
    """

    async def commit(self, change: Change, announcement: Announcement) -> Accounts:
        """Applies the change and keeps its announcement; returns the accounts concerned, as they became.

        :raises Rejected: if the rules refuse it.
        """

    async def revert(self, change: Change, announcement: Announcement) -> bool:
        """Undoes a change that nobody has heard of; ``False`` if what followed stands in the way."""

    async def published(self, announcement: Announcement) -> None:
        """Forgets an announcement that was published."""

    async def adopt(self) -> list[Announcement]:
        """What ledgers that are gone have left unpublished, oldest first; from now on it is due from this one."""

    async def accounts(self) -> Accounts:
        """All accounts, also the closed ones, by name."""

    async def account(self, name: str) -> Account | None:
        """One account, ``None`` if it was never opened."""

    async def close(self) -> None:
        """Gives up what the ledger holds; it is not used afterwards."""


class MemoryLedger:
    """A ledger that ends with its process. No method yields in the middle, so that each is one stroke."""

    def __init__(self, currency: Currency, initial: Mapping[str, Decimal]) -> None:
        self._currency = currency
        self._accounts = {name: Account(balance) for name, balance in initial.items()}
        self._unpublished: set[str] = set()

    async def commit(self, change: Change, announcement: Announcement) -> Accounts:
        """See ``Ledger``."""
        after = change.apply(self._accounts, self._currency)
        self._accounts.update(after)
        self._unpublished.add(announcement.id)
        return after

    async def revert(self, change: Change, announcement: Announcement) -> bool:
        """See ``Ledger``."""
        if announcement.id not in self._unpublished:
            return False
        try:
            before = change.undo(self._accounts, self._currency)
        except Rejected:
            return False
        self._accounts.update(before)
        self._unpublished.discard(announcement.id)
        return True

    async def published(self, announcement: Announcement) -> None:
        """See ``Ledger``."""
        self._unpublished.discard(announcement.id)

    async def adopt(self) -> list[Announcement]:
        """See ``Ledger``: what was in memory left nothing."""
        return []

    async def accounts(self) -> Accounts:
        """See ``Ledger``."""
        return dict(self._accounts)

    async def account(self, name: str) -> Account | None:
        """See ``Ledger``."""
        return self._accounts.get(name)

    async def close(self) -> None:
        """See ``Ledger``: nothing is held."""
