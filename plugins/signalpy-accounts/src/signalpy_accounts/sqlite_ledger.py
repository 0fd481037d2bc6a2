"""The durable ledger: a change, its announcement and nothing else in one SQLite transaction, off the event loop."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import ParamSpec, TypeVar

from signalpy_accounts.announcement import Announcement
from signalpy_accounts.book import Account, Accounts, Change, is_name
from signalpy_accounts.database import Database
from signalpy_accounts.errors import LedgerError, Rejected
from signalpy_accounts.money import Currency
from signalpy_accounts.owners import Owner

P = ParamSpec("P")
T = TypeVar("T")


class SqliteLedger:
    """A ledger in a file that several processes of one host may have open at once. Made by :meth:`open`.

    One thread of its own does all its work, one piece after the other, so that the event loop never waits for a disk.
    A piece that has begun is finished, also when whoever waits for it is cancelled.
    """

    def __init__(self, database: Database, owner: Owner, currency: Currency, thread: ThreadPoolExecutor) -> None:
        self._database = database
        self._owner = owner
        self._currency = currency
        self._thread = thread

    @classmethod
    async def open(
        cls, path: Path, currency: Currency, initial: Mapping[str, Decimal], *, busy_timeout: float = 5.0
    ) -> SqliteLedger:
        """Opens the file, or makes and seeds it; see ``Database``.

        :raises LedgerError: if it is no ledger of this currency, or cannot be opened.
        """
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="signalpy-accounts")

        def begin() -> SqliteLedger:
            database = Database(path, currency, initial, busy_timeout=busy_timeout)
            try:
                return cls(database, Owner(path), currency, thread)
            except OSError as error:
                database.close()
                told = f"{path} cannot be used: no lock can be made beside it: {error.strerror}"
                raise LedgerError(told, database=path) from error

        try:
            return await asyncio.get_running_loop().run_in_executor(thread, begin)
        except BaseException:
            thread.shutdown(wait=False)
            raise

    async def commit(self, change: Change, announcement: Announcement) -> Accounts:
        """See ``Ledger``."""
        return await self._run(self._commit, change, announcement)

    async def revert(self, change: Change, announcement: Announcement) -> bool:
        """See ``Ledger``."""
        return await self._run(self._revert, change, announcement)

    async def published(self, announcement: Announcement) -> None:
        """See ``Ledger``."""
        await self._run(self._forget, announcement)

    async def adopt(self) -> list[Announcement]:
        """See ``Ledger``."""
        return await self._run(self._adopt)

    async def accounts(self) -> Accounts:
        """See ``Ledger``."""
        return await self._run(self._all)

    async def account(self, name: str) -> Account | None:
        """See ``Ledger``."""
        return (await self._run(self._named, (name,))).get(name)

    async def close(self) -> None:
        """See ``Ledger``."""
        await self._run(self._close)
        self._thread.shutdown(wait=False)

    async def _run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(*args, **kwargs))

    def _commit(self, change: Change, announcement: Announcement) -> Accounts:
        with self._database.transaction() as connection:
            after = change.apply(self._load(connection, change.names), self._currency)
            self._store(connection, after)
            row = (announcement.id, self._owner.token, announcement.to_json())
            connection.execute("INSERT INTO outbox (id, owner, announcement) VALUES (?, ?, ?)", row)
        return after

    def _revert(self, change: Change, announcement: Announcement) -> bool:
        try:
            with self._database.transaction() as connection:
                if not connection.execute("DELETE FROM outbox WHERE id = ?", (announcement.id,)).rowcount:
                    return False
                self._store(connection, change.undo(self._load(connection, change.names), self._currency))
        except Rejected:
            return False
        return True

    def _forget(self, announcement: Announcement) -> None:
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM outbox WHERE id = ?", (announcement.id,))

    def _adopt(self) -> list[Announcement]:
        with self._database.transaction() as connection:
            rows = connection.execute("SELECT position, owner, announcement FROM outbox ORDER BY position").fetchall()
            with self._owner.gone(owner for _, owner, _ in rows) as tokens:
                left = [(position, text) for position, owner, text in rows if owner in tokens]
                taken = [(self._owner.token, position) for position, _ in left]
                connection.executemany("UPDATE outbox SET owner = ? WHERE position = ?", taken)
        return [Announcement.from_json(text) for _, text in left]

    def _all(self) -> Accounts:
        with self._database.reading() as connection:
            return self._accounts(connection.execute("SELECT name, balance, open FROM account"))

    def _named(self, names: tuple[str, ...]) -> Accounts:
        with self._database.reading() as connection:
            return self._load(connection, names)

    def _load(self, connection: sqlite3.Connection, names: tuple[str, ...]) -> Accounts:
        found: dict[str, Account] = {}
        query = "SELECT name, balance, open FROM account WHERE name = ?"
        for name in filter(is_name, names):
            found |= self._accounts(connection.execute(query, (name,)))
        return found

    def _accounts(self, rows: sqlite3.Cursor) -> dict[str, Account]:
        return {name: Account(self._currency.from_units(units), bool(is_open)) for name, units, is_open in rows}

    def _store(self, connection: sqlite3.Connection, accounts: Accounts) -> None:
        rows = [(name, self._currency.units(account.balance), account.open) for name, account in accounts.items()]
        connection.executemany("INSERT OR REPLACE INTO account (name, balance, open) VALUES (?, ?, ?)", rows)

    def _close(self) -> None:
        try:
            self._owner.close()
        finally:
            self._database.close()
