"""The tables of searching in the trail's own database: grown with the leaves, or brought up to them, or made anew.

An append adds to them in its own transaction, unless they lag. They lag while they are made anew, or if they could not
take a leaf: the log does not stop for them, and who searches next brings them up to it.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Sequence
from itertools import islice

from signalpy_audit_trail.index import answers
from signalpy_audit_trail.index.rows import Leaves, Terms, insert, make_batch
from signalpy_audit_trail.stores.sqlite.failures import of_medium
from signalpy_audit_trail.stores.sqlite.schema import create_derived, drop_derived
from signalpy_audit_trail.stores.sqlite.tables import Tables

_log = logging.getLogger("signalpy.audit_trail.sqlite")
STEP = 10_000
"""Leaves per transaction when the tables are brought up; more than one batch of a writer, or they might never be."""
_AT_ONCE = 1000
_USES = 100_000
"""Uses of terms that are counted together: one by one they would cost as much as a third of all the rest."""


class NotTakenError(Exception):
    """The tables could not take what was appended. It never leaves the package."""


class Derived:
    """What one connection knows of the tables; each method works within the transaction of its caller."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._terms = Terms()
        self._generation = -1

    def forget(self) -> None:
        """Forget what was remembered of the tables: a transaction was undone."""
        self._terms.forget()

    def grow(self, first: int, leaves: Sequence[bytes]) -> None:
        """Add leaves that were just appended, unless the tables lag.

        :raises NotTakenError: they cannot take them; to be left out when the leaves are appended anew.
        :raises sqlite3.OperationalError: the medium refuses.
        """
        connection = self._tables.connection
        try:
            known = answers.known(connection)
            if known > first:
                self._cut(first)
            if known >= first:
                self._add(first, leaves)
        except sqlite3.Error as error:
            if of_medium(error):
                raise
            raise NotTakenError(str(error)) from error

    @property
    def unsettled(self) -> bool:
        """Whether something was put off."""
        return self._terms.unsettled

    def settle(self) -> None:
        """Write what was put off."""
        self._terms.flush(self._tables.connection)

    def step(self) -> bool:
        """Bring the tables up by some leaves; tell whether more are left."""
        connection = self._tables.connection
        first, size = answers.known(connection), self._tables.size()
        if first > size:
            self.begin_anew()
            first = 0
        stop = min(first + STEP, size)
        leaves = (leaf for _, leaf in self._tables.every(first, stop))
        while first < stop:
            self._add(first, islice(leaves, _AT_ONCE))
            first += _AT_ONCE
        self.settle()
        return stop < size

    def begin_anew(self) -> None:
        """Make the tables anew, empty."""
        drop_derived(self._tables.connection)
        create_derived(self._tables.connection)
        self.forget()

    def _cut(self, size: int) -> None:
        """Take away what nobody has appended; a later record would be taken for it."""
        _log.warning("the tables of searching know records that are not there, from %d on; these are removed", size)
        for table in ("record", "concern"):
            self._tables.connection.execute(f"DELETE FROM {table} WHERE seq >= ?", (size,))  # noqa: S608

    def _add(self, first: int, leaves: Iterable[bytes]) -> None:
        connection = self._tables.connection
        generation = connection.execute("PRAGMA schema_version").fetchone()[0]
        if generation != self._generation:  # another may have made the tables anew, with other numbers
            self.forget()
            self._generation = generation
        insert(connection, make_batch(connection, self._terms, Leaves.numbered(first, leaves)))
        self._terms.flush(connection, least=_USES)
