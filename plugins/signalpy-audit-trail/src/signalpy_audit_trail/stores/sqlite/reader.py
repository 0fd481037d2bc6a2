"""A trail in a SQLite database, open for reading."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from signalpy_audit_trail.index import WHOLE, Index, answers, check_index, compare_index, parts_in, parts_of
from signalpy_audit_trail.private import may_write
from signalpy_audit_trail.query import Filters
from signalpy_audit_trail.store import IndexState, StoreBusy, StoreError, WriteFailed
from signalpy_audit_trail.stores.place import cache_path, url_of
from signalpy_audit_trail.stores.sqlite.failures import of_medium
from signalpy_audit_trail.stores.sqlite.layout import Layout
from signalpy_audit_trail.stores.sqlite.log import SqliteLog
from signalpy_audit_trail.stores.sqlite.pen import Pen
from signalpy_audit_trail.stores.sqlite.reading import Reading
from signalpy_audit_trail.stores.sqlite.tables import Tables

T = TypeVar("T")
_log = logging.getLogger("signalpy.audit_trail.sqlite")
_WAIT: Final = 30.0
"""Seconds to wait for writers when the tables of searching are made anew."""


class _UnfitError(Exception):
    """The tables of searching cannot answer. It never leaves this module."""


class SqliteReader:
    """`signalpy_audit_trail.store.StoreReader` of a trail in a SQLite database.

    :param index: where to keep what searching derives, if not in the trail.
    """

    def __init__(self, path: Path, *, index: Path | None = None) -> None:
        self._layout = Layout(path)
        self._reading = Reading(self._layout)
        self.url = url_of("sqlite", path)
        try:
            self.origin = self._reading.ask(Tables.origin)
        except BaseException:
            self._reading.close()
            raise
        self._log = SqliteLog(self._reading, self.origin)
        self._chosen = index
        self._elsewhere: Index | None = None

    def __repr__(self) -> str:
        return f"<SqliteReader({self.url!r})>"

    def size(self) -> int:
        """Return the number of leaves that are there now."""
        return self._log.size()

    def leaves(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
        """Yield positions and leaves."""
        return self._log.leaves(start, stop)

    def tree_size(self) -> int:
        """Return how many leaves the tree covers: all, since it is kept with them."""
        return self._log.size()

    def nodes(self, level: int, start: int, stop: int) -> bytes:
        """Return complete nodes of a level of the kept tree."""
        return self._reading.ask(lambda tables: tables.nodes(level, start, stop))

    def torn(self) -> int:
        """Return 0: what a crash leaves in SQLite's write-ahead log is whole or does not count."""
        return 0

    def checkpoint(self) -> str | None:
        """Return the last signed head that is kept here, if there is one."""
        return self._reading.ask(Tables.checkpoint)

    def search(self, filters: Filters, *, head: int, after: int | None, descending: bool, limit: int) -> list[bytes]:
        """Return the leaves that pass."""

        def find(tables: Tables) -> list[bytes]:
            asked = partial(answers.find, filters=filters, head=head, after=after, descending=descending, limit=limit)
            return [tables.leaf(seq) for seq, *_ in _fitting(tables, head, asked)]

        def find_elsewhere(index: Index) -> list[bytes]:
            return index.search(filters, head=head, after=after, descending=descending, limit=limit)

        return self._answer(find, find_elsewhere)

    def count(self, filters: Filters, by: str, *, head: int) -> Mapping[str | None, int]:
        """Count the leaves that pass."""
        asked = partial(answers.count, filters=filters, by=by, head=head)
        return self._answer(
            lambda tables: _fitting(tables, head, asked), lambda index: index.count(filters, by, head=head)
        )

    def reindex(self) -> int:
        """Throw away what searching derived and derive it anew; return how many records it knows."""
        head = self.size()
        if self._in_place():
            self._bring_up(anew=True)
        else:
            self._other_index().rebuild(head)
        return head

    def check_index(self) -> IndexState:
        """Compare what searching derived with the leaves."""
        return self.check_index_part(WHOLE, lambda _: None)

    @property
    def index_place(self) -> str | None:
        """The place of the index, if one was given."""
        return None if self._chosen is None else str(self._chosen)

    def index_parts(self, count: int) -> Sequence[str]:
        """Return the parts in which several processes compare what searching derived."""
        if self._chosen is not None:
            return parts_of(self._chosen, count)
        try:
            return self._reading.ask(lambda tables: parts_in(tables.connection, count))
        except StoreError:
            return [WHOLE]  # why it cannot be read is found by who compares it

    def check_index_part(self, part: str, told: Callable[[int], None]) -> IndexState:
        """Compare one part of what searching derived with the leaves."""
        if self._chosen is not None:
            return check_index(self._chosen, self.origin, self._log.leaves, part, told, placed=False)
        return self._reading.ask(partial(_compared, part=part, told=told))

    def close(self) -> None:
        """Close everything; harmless when done twice."""
        if self._elsewhere is not None:
            self._elsewhere.close()
        self._reading.close()

    def _answer(self, here: Callable[[Tables], T], elsewhere: Callable[[Index], T]) -> T:
        """Ask the tables in the database, brought up or made anew where that is needed and possible; else an index."""
        if self._chosen is None:
            try:
                return self._reading.ask(here)
            except _UnfitError as unfit:
                reason = str(unfit)
            for anew in (False, True) if self._in_place() else ():
                try:
                    self._bring_up(anew=anew)
                    return self._reading.ask(here)
                except (_UnfitError, StoreBusy, WriteFailed) as error:
                    reason = str(error)
            _log.warning("%s: searching does without the tables in it: %s", self._layout.database, reason)
        return elsewhere(self._other_index())

    def _in_place(self) -> bool:
        path = self._layout.database
        return self._chosen is None and may_write(path) and may_write(path.parent)

    def _bring_up(self, *, anew: bool) -> None:
        """Bring the tables of searching up to the leaves, in turns with the writers.

        :raises StoreError: it cannot be done.
        """
        pen = Pen(self._layout, wait=_WAIT)
        try:
            more = True
            while more:
                with pen.turn():
                    more = pen.bring_up(anew=anew)
                anew = False
        finally:
            pen.close()

    def _other_index(self) -> Index:
        if self._elsewhere is None:
            path = self._chosen or cache_path(self.origin)
            if self._chosen is None:
                with suppress(OSError):
                    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._elsewhere = Index(self._log, path, chosen=self._chosen is not None)
        return self._elsewhere


def _fitting(tables: Tables, head: int, question: Callable[[sqlite3.Connection], T]) -> T:
    """Ask the tables of searching.

    :raises _UnfitError: they do not know every leaf below ``head``, or others that are not there, or are damaged.
    """
    try:
        known = answers.known(tables.connection)
        if not head <= known <= tables.size():
            raise _UnfitError(f"they know {known} records")
        return question(tables.connection)
    except (sqlite3.Error, TypeError) as error:
        if isinstance(error, sqlite3.Error) and of_medium(error):
            raise
        raise _UnfitError(str(error)) from error


def _compared(tables: Tables, part: str, told: Callable[[int], None]) -> IndexState:
    size = tables.size()
    return compare_index(tables.connection, lambda start, stop: tables.every(start, min(stop, size)), part, told)
