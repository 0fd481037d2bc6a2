"""The index of a trail in a folder, brought up to the log in the background."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator

from signalpy_audit_trail.index import Index
from signalpy_audit_trail.store import StoreError
from signalpy_audit_trail.stores.file.layout import Layout
from signalpy_audit_trail.stores.file.reading import FileLog
from signalpy_audit_trail.stores.file.segments import Placed

_log = logging.getLogger("signalpy.audit_trail.file")
_REST = 0.25
"""Seconds that the index waits after an append, so that it does its work in large steps."""
_MANY = 500
"""Records that come in one rest of a log that is busy."""
_BEHIND = 20_000
"""Records that the index may be behind a busy log: a query that comes then has a quarter of a second to do."""
_AFTER_FAILURE = 30.0
_AT_ONCE = 64
_PAUSE = 0.0005


class Indexer:
    """Brings the index up to the log when the log rests, so that a query finds little left to do.

    Deriving an index takes the interpreter from those that append. While they are many it waits, until it is too far
    behind; then it works in small pieces, between which others come to their turn.
    """

    def __init__(self, layout: Layout, origin: str) -> None:
        self._log = _PacedLog(layout, origin)
        self._index = Index(self._log, layout.index, lasting=True)
        self._head = 0
        self._known = 0
        self._pending = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def nudge(self, head: int) -> None:
        """Tell that there are leaves below ``head``."""
        self._head = head
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="audit-trail-index", daemon=True)
            self._thread.start()
        if not self._pending.is_set():
            self._pending.set()

    def close(self) -> None:
        """Stop after the step in hand."""
        self._stopping.set()
        self._pending.set()
        if self._thread is not None:
            self._thread.join()
        self._index.close()
        self._log.close()

    def _run(self) -> None:
        told = ""
        while not self._stopping.is_set():
            self._pending.wait()
            self._log.paced = self._wait_for_rest()
            self._pending.clear()
            try:
                self._advance()
                told = ""
            except (StoreError, OSError, sqlite3.Error) as error:
                if told != str(error):  # once, and not with every attempt
                    _log.warning("the index is not brought up to the log: %s; a query will do it", error)
                told = str(error)
                self._stopping.wait(_AFTER_FAILURE)

    def _wait_for_rest(self) -> bool:
        """Wait until few records come, or too many have come; tell whether the log is busy."""
        while True:
            before = self._head
            if self._stopping.wait(_REST):
                return False
            busy = self._head - before > _MANY
            if not busy or self._head - self._known > _BEHIND:
                return busy

    def _advance(self) -> None:
        head = self._head
        while not self._stopping.is_set():
            if not self._index.advance(head):
                self._known = head
                return


class _PacedLog(FileLog):
    """A log that is read with pauses, in which those that append come to their turn.

    :ivar paced: whether it is.
    """

    paced = False

    def placed(self, seq: int, segment: int, offset: int, stop: int) -> Iterator[Placed]:
        """Yield the leaves from a place to before number ``stop``."""
        for leaf in super().placed(seq, segment, offset, stop):
            if self.paced and leaf.seq % _AT_ONCE == 0:
                time.sleep(_PAUSE)
            yield leaf
