"""The ledger's file: a SQLite database of a form of its own, and transactions on it. Synchronous; for one thread."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Final

from signalpy_accounts.errors import LedgerBusy, LedgerError
from signalpy_accounts.money import Currency

APPLICATION_ID: Final = 0x53504143
"""Marks a file as a ledger of accounts ("SPAC"), so that no other database is taken for one."""

FORMAT: Final = 1

_SCHEMA: Final = (
    """
    CREATE TABLE account (
        name TEXT PRIMARY KEY,
        balance INTEGER NOT NULL CHECK (typeof(balance) = 'integer' AND balance >= 0),
        open INTEGER NOT NULL CHECK (open IN (0, 1))
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE outbox (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        owner TEXT NOT NULL,
        announcement TEXT NOT NULL
    )
    """,
    "CREATE TABLE currency (decimals INTEGER NOT NULL)",
)


class Database:
    """One connection to a ledger's file. A new file is made, readable by its owner only, and seeded.

    Balances are kept as whole numbers of the smallest unit. Commits are durable (write-ahead log,
    ``synchronous=FULL``).

    :param initial: balances of the accounts that a new file begins with; an existing one keeps its own.
    :param busy_timeout: seconds to wait for other processes.
    :raises LedgerError: if the file is no ledger of this form and currency, or cannot be opened.
    """

    def __init__(self, path: Path, currency: Currency, initial: Mapping[str, Decimal], *, busy_timeout: float) -> None:
        self.path = path
        self._currency = currency
        with self._translated():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._connection = sqlite3.connect(path, timeout=busy_timeout, isolation_level=None)
        try:
            with self.transaction() as connection:
                self._check_or_create(connection, initial)
            with self._translated():
                self._write_ahead(time.monotonic() + busy_timeout)
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction, with the file's write lock from its beginning, so that what it reads cannot change under it.

        :raises LedgerBusy: if others held the lock for too long.
        :raises LedgerError: for any other failure of the file.
        """
        with self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for one query.

        :raises LedgerError: if the file fails.
        """
        with self._translated():
            yield self._connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if _is_busy(error):
                told = f"{self.path} is held by other processes: nothing was changed, try again"
                raise LedgerBusy(told, database=self.path) from error
            raise LedgerError(f"{self.path} cannot be used as a ledger: {error}", database=self.path) from error
        except LedgerError:
            raise
        except OSError as error:
            raise LedgerError(f"{self.path} cannot be opened: {error.strerror}", database=self.path) from error

    def _write_ahead(self, deadline: float) -> None:
        self._connection.execute("PRAGMA synchronous = FULL")
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                # SQLite waits for others before a transaction, but not before a change of the journal's form.
                if not _is_busy(error) or time.monotonic() >= deadline:
                    raise
                time.sleep(0.005)
            else:
                return

    def _check_or_create(self, connection: sqlite3.Connection, initial: Mapping[str, Decimal]) -> None:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if application == 0 and tables == 0:
            self._create(connection, initial)
            return
        (form,) = connection.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION_ID or form != FORMAT:
            found = f"a ledger of format {form}" if application == APPLICATION_ID else "a database of something else"
            told = f"{self.path} is {found}: expected a ledger of format {FORMAT}, or no file"
            raise LedgerError(told, database=self.path)
        (decimals,) = connection.execute("SELECT decimals FROM currency").fetchone()
        if decimals != self._currency.decimals:
            wanted = self._currency.decimals
            told = f"{self.path} keeps {decimals} decimals, not {wanted}: set accounts.decimals = {decimals}"
            raise LedgerError(told, database=self.path)

    def _create(self, connection: sqlite3.Connection, initial: Mapping[str, Decimal]) -> None:
        for statement in _SCHEMA:
            connection.execute(statement)
        connection.execute("INSERT INTO currency VALUES (?)", (self._currency.decimals,))
        rows = [(name, self._currency.units(balance)) for name, balance in initial.items()]
        connection.executemany("INSERT INTO account VALUES (?, ?, 1)", rows)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")


def _is_busy(error: sqlite3.Error) -> bool:
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
