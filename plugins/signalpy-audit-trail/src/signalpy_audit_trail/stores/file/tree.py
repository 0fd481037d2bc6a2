"""The Merkle tree of a trail in a folder: one file a level, each a row of hashes that only grows.

Everything in it follows from the leaves. It is written after they are durable and synced only for a checkpoint, so a
crash may leave it behind the log, torn between two levels, or, if the machine lost power, damaged where it was not
synced. All of that is mended from the leaves; only a tree that is *ahead* of the log cannot come about, unless the log
was cut.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from signalpy_audit_trail.merkle import HASH_SIZE, Edge, leaf_hash, node_hash, root_at
from signalpy_audit_trail.private import make_folder, open_private, sync_folder
from signalpy_audit_trail.store import LogRolledBack, StoreDamaged

T = TypeVar("T")
LeavesFrom: TypeAlias = Callable[[int, int], Iterable[tuple[int, bytes]]]
"""Gives positions and leaves, from a position to before another."""

_STEP: Final = 8192
"""Leaves that are hashed between two writes when the tree is caught up."""


class TreeReader:
    """The nodes of the tree, for reading; any number at a time, without holding up a writer."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._levels: list[int] = []

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({str(self._folder)!r}, size={self.size()})>"

    def size(self) -> int:
        """How many leaves the tree covers."""
        try:
            return (self._folder / _name(0)).stat().st_size // HASH_SIZE
        except FileNotFoundError:
            return 0

    def node(self, level: int, index: int) -> bytes:
        """The complete node of a level (0: leaves) at an index.

        :raises StoreDamaged: it is not there.
        """
        return self.nodes(level, index, index + 1)

    def nodes(self, level: int, start: int, stop: int) -> bytes:
        """The complete nodes of a level from an index to before another, in one piece.

        :raises StoreDamaged: one of them is not there.
        """
        wanted = (stop - start) * HASH_SIZE
        try:
            found = os.pread(self._descriptor(level), wanted, start * HASH_SIZE) if wanted else b""
        except FileNotFoundError:
            found = b""
        if len(found) != wanted:
            missing, path = start + len(found) // HASH_SIZE, self._folder / _name(level)
            raise StoreDamaged(f"{path}: node {missing} of the tree is missing; restore it from a copy", path=path)
        return found

    def root(self, size: int) -> bytes:
        """The root of the tree over the first ``size`` leaves."""
        return root_at(size, self.node)

    def close(self) -> None:
        """Closes the files; harmless when done twice."""
        while self._levels:
            os.close(self._levels.pop())

    def _descriptor(self, level: int) -> int:
        while len(self._levels) <= level:
            self._levels.append(self._open(len(self._levels)))
        return self._levels[level]

    def _open(self, level: int) -> int:
        return os.open(self._folder / _name(level), os.O_RDONLY | os.O_CLOEXEC)


class TreeWriter(TreeReader):
    """The tree, for the writer whose turn it is."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._edge: Edge | None = None

    def open(self, leaves_from: LeavesFrom, size: int, *, trusted: int | None = None) -> None:
        """Brings the tree up to a log of ``size`` leaves.

        :param leaves_from: gives the leaves from a position on.
        :param trusted: after a crash, how many leaves the tree covered when it was last synced; the rest is made anew.
        :raises LogRolledBack: the tree covers more leaves than the log has.
        """
        make_folder(self._folder, like_parent=True)
        covered = self.size()
        if covered > size:
            raise LogRolledBack(
                f"{self._folder.parent}: expected at least {covered} records, which the tree covers, found {size};"
                " restore the trail, or begin another",
                path=self._folder.parent,
                expected=covered,
                found=size,
            )
        self._mend(covered if trusted is None else min(covered, trusted))
        self.catch_up(leaves_from, size)

    def catch_up(self, leaves_from: LeavesFrom, size: int) -> None:
        """Adds what others appended, or what a failure left out."""
        covered = self.size()
        if self._edge is None or self._edge.size != covered:
            self._edge = Edge.read(covered, self.node)
        if covered < size:
            for batch in _batches(leaf for _, leaf in leaves_from(covered, size)):
                self.append(batch)

    def append(self, leaves: Sequence[bytes]) -> None:
        """Adds leaves that are durable.

        The lowest level, which says how many leaves the tree covers, is written last: what it covers is always whole.

        :raises OSError: the tree could not be written; it is caught up in a later turn.
        """
        if self._edge is None:
            self._edge = Edge.read(self.size(), self.node)
        edge, self._edge = self._edge, None
        start = edge.size
        levels = edge.extend([leaf_hash(leaf) for leaf in leaves])
        for level in reversed(range(len(levels))):
            _write(self._descriptor(level), b"".join(levels[level]), (start >> level) * HASH_SIZE)
        self._edge = edge

    def head(self) -> tuple[int, bytes]:
        """Size and root."""
        edge = self._edge if self._edge is not None else Edge.read(self.size(), self.node)
        return edge.size, edge.root()

    def sync(self) -> None:
        """Makes the tree durable as far as it is written."""
        for level in range(max(self.size().bit_length(), 1)):
            os.fsync(self._descriptor(level))
        sync_folder(self._folder)

    def _open(self, level: int) -> int:
        return open_private(self._folder / _name(level), os.O_RDWR | os.O_CREAT)

    def _mend(self, size: int) -> None:
        """Makes all levels those of a tree of ``size`` leaves: cuts what is beyond, makes what is missing above."""
        self._edge = None
        on_disk = sum(1 for path in self._folder.iterdir() if path.name.isdecimal())
        for level in range(max(on_disk, size.bit_length())):
            descriptor, wanted = self._descriptor(level), size >> level
            there = min(os.fstat(descriptor).st_size // HASH_SIZE, wanted)
            os.ftruncate(descriptor, there * HASH_SIZE)
            for indexes in _batches(range(there, wanted)):
                made = [node_hash(self.node(level - 1, 2 * at), self.node(level - 1, 2 * at + 1)) for at in indexes]
                _write(descriptor, b"".join(made), indexes[0] * HASH_SIZE)


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, _STEP)):
        yield batch


def _name(level: int) -> str:
    return f"{level:02d}"


def _write(descriptor: int, data: bytes, offset: int) -> None:
    while data:
        written = os.pwrite(descriptor, data, offset)
        data, offset = data[written:], offset + written
