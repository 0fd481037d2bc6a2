"""The right edge of a growing tree: all the state that growing it needs, one hash a level at the most."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from signalpy_audit_trail.merkle.hashing import EMPTY, node_hash


class Edge:
    """A tree of ``size`` leaves, of which only the complete subtrees on the right edge are kept.

    Level 0 holds the leaves' hashes, and a node of level ``k`` stands over ``2**k`` leaves. A node is made once, when
    all its leaves are there, and never changes: levels can be kept in files that only grow.
    """

    def __init__(self, size: int = 0, peaks: dict[int, bytes] | None = None) -> None:
        """:param peaks: by level, the root of each complete subtree that ``size`` leaves make, one for each bit set."""
        self.size = size
        self._peaks = dict(peaks or {})
        if {level for level in range(size.bit_length()) if size >> level & 1} != set(self._peaks):
            raise ValueError(f"a tree of {size} leaves has other peaks than those of levels {sorted(self._peaks)}")

    @classmethod
    def read(cls, size: int, node: Callable[[int, int], bytes]) -> Edge:
        """The edge of a tree whose nodes are kept.

        :param node: gives the node of a level at an index.
        """
        levels = [level for level in range(size.bit_length()) if size >> level & 1]
        return cls(size, {level: node(level, (size >> level) - 1) for level in levels})

    def extend(self, leaves: Sequence[bytes]) -> list[list[bytes]]:
        """Adds leaves, given by their hashes.

        :returns: the nodes that are complete now and were not before, by level from 0 up, each in order.
        """
        made: list[list[bytes]] = []
        new, level = list(leaves), 0
        self.size += len(new)
        while new:
            made.append(new)
            left = self._peaks.pop(level, None)
            row = new if left is None else [left, *new]
            if len(row) % 2:
                self._peaks[level] = row[-1]
            new = [node_hash(row[at], row[at + 1]) for at in range(0, len(row) - 1, 2)]
            level += 1
        return made

    def root(self) -> bytes:
        """The tree's root hash."""
        root: bytes | None = None
        for level in sorted(self._peaks):
            peak = self._peaks[level]
            root = peak if root is None else node_hash(peak, root)
        return EMPTY if root is None else root

    def copy(self) -> Edge:
        """An edge of its own in the same state."""
        return Edge(self.size, self._peaks)
