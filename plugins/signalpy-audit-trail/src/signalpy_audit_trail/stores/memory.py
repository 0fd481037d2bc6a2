"""The store ``memory:``, for tests: a trail that is gone with the process.

``memory:`` is a fresh trail each time; ``memory:NAME`` is the same one for all who name it within the process.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from signalpy_audit_trail.index.rows import search_keys
from signalpy_audit_trail.merkle import Edge, leaf_hash
from signalpy_audit_trail.query import Filters
from signalpy_audit_trail.signing import signed_size
from signalpy_audit_trail.store import (
    Driver,
    IndexState,
    LogRolledBack,
    StoreBusy,
    StoreClosed,
    StoreDamaged,
    StoreForked,
    StoreMissing,
    Unclean,
)
from signalpy_audit_trail.stores import scan


class _Queue:
    """The right to append, given to threads in the order in which they ask."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._held = False

    def acquire(self, wait: float, url: str) -> None:
        """:raises StoreBusy: another writer does not let go within ``wait`` seconds."""
        with self._mutex:
            if not self._held:
                self._held = True
                return
            called = threading.Event()
            self._waiting.append(called)
        if called.wait(wait):
            return
        with self._mutex:
            if called.is_set():
                return
            self._waiting.remove(called)
        message = f"{url}: expected the turn to write within {wait:g} s, but another writer holds it; close that one"
        raise StoreBusy(message, url=url, waited=wait)

    def release(self) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._held = False


class _Trail:
    """What all stores and readers of one trail share. Written by the one whose turn it is, leaves before nodes."""

    def __init__(self, name: str) -> None:
        self.url = f"memory:{name}"
        self.origin = f"signalpy.audit/{secrets.token_hex(16)}"
        self.queue = _Queue()
        self.leaves: list[bytes] = []
        self.levels: list[list[bytes]] = [[]]
        self.edge = Edge()
        self.holders: dict[str, list[int]] = {}
        self.checkpoint: str | None = None

    def append(self, leaves: Sequence[bytes]) -> None:
        for seq, leaf in enumerate(leaves, len(self.leaves)):
            keys = search_keys(leaf)
            for name in {keys.id, keys.duplicate_of} - {None}:
                self.holders.setdefault(str(name), []).append(seq)
        self.leaves.extend(leaves)
        made = self.edge.extend([leaf_hash(leaf) for leaf in leaves])
        self.levels.extend([] for _ in range(len(made) - len(self.levels)))
        for level, nodes in zip(self.levels, made, strict=False):
            level.extend(nodes)


class MemoryStore:
    """`signalpy_audit_trail.store.Store` of a trail in memory.

    :param wait: seconds after which the wait for another writer's turn is given up.
    """

    unclean: Sequence[Unclean] = ()
    """Nothing outlives a writer here."""

    def __init__(self, trail: _Trail, *, wait: float = 5.0) -> None:
        self._trail = trail
        self._wait = wait
        self._process = os.getpid()
        self._closed = False
        self.url = trail.url
        self.origin = trail.origin
        signed = 0 if trail.checkpoint is None else signed_size(trail.checkpoint)
        if signed > self.size:
            message = (
                f"{self.url}: expected at least {signed} records, as its checkpoint says, found {self.size};"
                " begin another trail"
            )
            raise LogRolledBack(message, url=self.url, expected=signed, found=self.size)

    def __repr__(self) -> str:
        return f"<MemoryStore({self.url!r}, size={self.size})>"

    @property
    def size(self) -> int:
        """Number of leaves."""
        return len(self._trail.leaves)

    def settle_unclean(self) -> None:
        """Do nothing."""

    def prepare(self, ids: Sequence[str]) -> None:
        """Do nothing."""

    @contextmanager
    def turn(self) -> Iterator[MemoryTurn]:
        """Wait for the turn of this writer and hold it."""
        if self._process != os.getpid():
            message = f"{self.url} was opened by process {self._process}; a forked process must open it anew"
            raise StoreForked(message, url=self.url, process=self._process)
        if self._closed:
            raise StoreClosed(f"{self.url} is closed; open it anew", url=self.url)
        self._trail.queue.acquire(self._wait, self.url)
        try:
            yield MemoryTurn(self._trail)
        finally:
            self._trail.queue.release()

    def head(self) -> tuple[int, bytes]:
        """Return size and root of the tree; takes a turn."""
        with self.turn():
            return self.size, self._trail.edge.root()

    def keep_checkpoint(self, note: str) -> bool:
        """Keep a signed head, if it is of as many records as the one that is kept, or more; takes a turn."""
        size = signed_size(note)
        with self.turn():
            kept = self._trail.checkpoint
            if kept is not None and signed_size(kept) > size:
                return False
            self._trail.checkpoint = note
        return True

    def reader(self) -> MemoryReader:
        """Return a reader of this trail."""
        return MemoryReader(self._trail)

    def close(self) -> None:
        """Take no more turns; harmless when done twice."""
        self._closed = True


class MemoryTurn:
    """`signalpy_audit_trail.store.Turn` of a trail in memory."""

    def __init__(self, trail: _Trail) -> None:
        self._trail = trail

    @property
    def size(self) -> int:
        """Position of the next leaf."""
        return len(self._trail.leaves)

    def held(self, ids: Iterable[str]) -> Mapping[str, Sequence[tuple[int, bytes]]]:
        """Return the leaves that hold ids."""
        trail = self._trail
        return {
            name: [(seq, trail.leaves[seq]) for seq in trail.holders[name]] for name in ids if name in trail.holders
        }

    def append(self, leaves: Sequence[bytes]) -> None:
        """Append leaves."""
        self._trail.append(leaves)


class MemoryReader:
    """`signalpy_audit_trail.store.StoreReader` of a trail in memory."""

    def __init__(self, trail: _Trail) -> None:
        self._trail = trail
        self.url = trail.url
        self.origin = trail.origin

    def __repr__(self) -> str:
        return f"<MemoryReader({self.url!r}, size={self.size()})>"

    def size(self) -> int:
        """Return the number of leaves."""
        return len(self._trail.leaves)

    def leaves(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
        """Yield positions and leaves."""
        end = self.size() if stop is None else min(stop, self.size())
        for seq in range(max(0, start), end):
            yield seq, self._trail.leaves[seq]

    def tree_size(self) -> int:
        """Return how many leaves the tree covers."""
        return len(self._trail.levels[0])

    def nodes(self, level: int, start: int, stop: int) -> bytes:
        """Return complete nodes of a level of the tree."""
        levels = self._trail.levels
        found = levels[level][start:stop] if level < len(levels) else []
        if len(found) != max(0, stop - start):
            raise StoreDamaged(f"{self.url}: node {start + len(found)} of level {level} is not there", url=self.url)
        return b"".join(found)

    def torn(self) -> int:
        """Return 0: an append is whole or not there."""
        return 0

    def reindex(self) -> int:
        """Return how many records can be searched: all, since nothing is derived for it."""
        return self.size()

    def check_index(self) -> IndexState:
        """Say that there is no index."""
        return IndexState(None)

    def checkpoint(self) -> str | None:
        """Return the last signed head that is kept, if there is one."""
        return self._trail.checkpoint

    def search(self, filters: Filters, *, head: int, after: int | None, descending: bool, limit: int) -> list[bytes]:
        """Return the leaves that pass; every leaf is read for it."""
        return scan.search(self._trail.leaves[:head], filters, after=after, descending=descending, limit=limit)

    def count(self, filters: Filters, by: str, *, head: int) -> Mapping[str | None, int]:
        """Count the leaves that pass; every leaf is read for it."""
        return scan.count(self._trail.leaves[:head], filters, by)

    def close(self) -> None:
        """Do nothing."""


class MemoryDriver:
    """`signalpy_audit_trail.store.Driver` for ``memory:`` and ``memory:NAME``."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._named: dict[str, _Trail] = {}

    def open(self, location: str, *, guest: bool = False, **options: Any) -> MemoryStore:
        """Open the trail of a name, or a fresh one; ``options`` are the keywords of `MemoryStore`."""
        if not location:
            return MemoryStore(_Trail(""), **options)
        with self._mutex:
            trail = self._named.setdefault(location, _Trail(location))
        return MemoryStore(trail, **options)

    def read(self, location: str, *, index: str | None = None) -> MemoryReader:
        """Open the trail of a name for reading."""
        trail = self._named.get(location)
        if trail is None:
            message = f"memory:{location}: there is no trail of this name in this process"
            raise StoreMissing(message, url=f"memory:{location}")
        return MemoryReader(trail)

    def path(self, location: str) -> None:
        """Tell that it is no file."""

    def writable(self, location: str) -> bool:
        """Tell that it may be written."""
        return True

    def forget(self) -> None:
        """In a forked process: begin anew, since what the parent appends from here on does not come here."""
        self._mutex = threading.Lock()
        self._named = {}


_driver = MemoryDriver()
os.register_at_fork(after_in_child=_driver.forget)
driver: Driver = _driver
