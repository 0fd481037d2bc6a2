"""Which keys a log says are erased: its ``erasure`` records, which are what an erasure is committed by."""

from __future__ import annotations

import threading
from typing import Any, Final

import msgspec

from signalpy_audit_trail.query import Filters
from signalpy_audit_trail.record import ERASURE
from signalpy_audit_trail.store import StoreReader

_PAGE: Final = 1000
_FILTERS: Final = Filters(kind=ERASURE)


class Erasures:
    """The keys that are named by the erasure records of a log, for any thread; read as far as the log has grown.

    :param start: the position from which on they are of interest.
    """

    def __init__(self, reader: StoreReader, start: int = 0) -> None:
        self._reader = reader
        self._next = start
        self._keys: set[str] = set()
        self._mutex = threading.Lock()

    def __repr__(self) -> str:
        return f"<Erasures({len(self._keys)} keys, up to {self._next})>"

    @property
    def read_to(self) -> int:
        """How many records of the log it knows."""
        return self._next

    def keys(self) -> set[str]:
        """The ids of the keys named so far.

        :raises StoreError: the log cannot be read.
        """
        with self._mutex:
            head = self._reader.size()
            while self._next < head:
                after = self._next - 1 if self._next else None
                found = self._reader.search(_FILTERS, head=head, after=after, descending=False, limit=_PAGE)
                for leaf in found:
                    self._keys.update(_named(leaf))
                self._next = head if len(found) < _PAGE else _seq(found[-1]) + 1
            return self._keys


class _Data(msgspec.Struct):
    keys: list[str] = []


class _Record(msgspec.Struct):
    seq: int
    data: Any = None


def _named(leaf: bytes) -> list[str]:
    try:
        return msgspec.convert(msgspec.json.decode(leaf, type=_Record).data, _Data).keys
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return []  # damaged since; what it named is destroyed, or cannot be known


def _seq(leaf: bytes) -> int:
    return msgspec.json.decode(leaf, type=_Record).seq
