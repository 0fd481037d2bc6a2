"""Leaves, nodes and the checkpoint in their tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from sqlite3 import Connection
from typing import Final

from signalpy_audit_trail.index.bulk import insert_rows
from signalpy_audit_trail.merkle import HASH_SIZE, Edge, leaf_hash
from signalpy_audit_trail.store import StoreDamaged

_MOST_BYTES: Final = 4 << 20
_MOST_ROWS: Final = 2000
_LARGE: Final = 1 << 16
"""Bytes of a leaf from which on it is written by itself, since SQLite copies what it is given."""

_NODES: Final = """
WITH RECURSIVE wanted(number) AS (
    SELECT ? UNION ALL SELECT number + 1 FROM wanted WHERE number + 1 < ?
)
SELECT substr(leaf.nodes, ? + 1, ?) FROM wanted
LEFT JOIN leaf ON leaf.seq = ((wanted.number + 1) << ?) - 1 ORDER BY wanted.number
"""


class Tables:
    """The tables of a trail through one connection; each method works within the transaction of its caller.

    :param path: of the database, to be named in errors.
    """

    def __init__(self, connection: Connection, path: Path) -> None:
        self.connection = connection
        self._path = path

    def origin(self) -> str:
        """Return the name that was made once with the log.

        :raises StoreDamaged: it is not there.
        """
        row = self.connection.execute("SELECT origin FROM trail").fetchone()
        if row is None or not isinstance(row[0], str):
            raise self._damaged("the trail has lost its origin")
        return row[0]

    def size(self) -> int:
        """Return the number of leaves, by the last of them."""
        found: int = self.connection.execute("SELECT coalesce(max(seq) + 1, 0) FROM leaf").fetchone()[0]
        return found

    def leaves(self, start: int, stop: int) -> list[tuple[int, bytes]]:
        """Return positions and leaves from ``start`` to before ``stop``, or fewer where these would fill the memory.

        :raises StoreDamaged: a leaf is missing or is not at its place. ``seq`` tells which.
        """
        found: list[tuple[int, bytes]] = []
        held = 0
        wanted = min(stop - start, _MOST_ROWS)
        sql = "SELECT seq, CAST(body AS BLOB) FROM leaf WHERE seq >= ? AND seq < ? ORDER BY seq LIMIT ?"
        cursor = self.connection.execute(sql, (start, stop, wanted))
        for seq, body in cursor:
            expected = start + len(found)
            if seq != expected:
                break
            if not body.startswith(b'{"seq":%d,' % seq):
                raise self._damaged(f"expected record {seq}, found something else at its place", seq)
            found.append((seq, body))
            held += len(body)
            if held >= _MOST_BYTES:
                cursor.close()
                return found
        if len(found) < wanted:
            raise self._damaged(f"record {start + len(found)} is missing", start + len(found))
        return found

    def every(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """Yield positions and leaves from ``start`` to before ``stop``, all within one transaction."""
        while start < stop:
            batch = self.leaves(start, stop)
            yield from batch
            start += len(batch)

    def leaf(self, seq: int) -> bytes:
        """Return one leaf.

        :raises StoreDamaged: it is missing or is not at its place.
        """
        return self.leaves(seq, seq + 1)[0][1]

    def nodes(self, level: int, start: int, stop: int) -> bytes:
        """Return complete nodes of a level in one piece.

        :raises StoreDamaged: one of them is not there.
        """
        if start >= stop:
            return b""
        found: list[bytes] = []
        for (node,) in self.connection.execute(_NODES, (start, stop, level * HASH_SIZE, HASH_SIZE, level)):
            if not isinstance(node, bytes) or len(node) != HASH_SIZE:
                raise self._damaged(f"node {start + len(found)} of level {level} of the tree is missing")
            found.append(node)
        return b"".join(found)

    def edge(self, size: int) -> Edge:
        """Return the right edge of the tree over the first ``size`` leaves.

        :raises StoreDamaged: a node is not there.
        """
        return Edge.read(size, lambda level, index: self.nodes(level, index, index + 1))

    def append(self, leaves: Sequence[bytes], edge: Edge) -> None:
        """Append leaves with the nodes that they complete.

        :param edge: of the tree over the leaves that are there; it grows with them.
        """
        first = edge.size
        made = edge.extend([leaf_hash(leaf) for leaf in leaves])
        rows = list(zip(range(first, first + len(leaves)), _by_leaf(made, first), leaves, strict=True))
        if max(map(len, leaves), default=0) > _LARGE:
            self.connection.executemany("INSERT INTO leaf VALUES (?, ?, ?)", rows)
        else:
            insert_rows(self.connection, "leaf", rows)

    def checkpoint(self) -> str | None:
        """Return the signed head that is kept, if there is one."""
        row = self.connection.execute("SELECT note FROM checkpoint").fetchone()
        return None if row is None else str(row[0])

    def keep_checkpoint(self, size: int, note: str) -> None:
        """Keep a signed head of ``size`` leaves; one that is kept already must not be of more."""
        if self.checkpoint() is None:
            self.connection.execute("INSERT INTO checkpoint VALUES (0, ?, ?)", (size, note))
        else:
            self.connection.execute("UPDATE checkpoint SET size = ?, note = ?", (size, note))

    def _damaged(self, what: str, seq: int | None = None) -> StoreDamaged:
        return StoreDamaged(f"{self._path}: {what}; restore the trail from a copy", path=self._path, seq=seq)


def _by_leaf(made: Sequence[Sequence[bytes]], first: int) -> Sequence[bytes]:
    """Return for each leaf the nodes that it completes, from level 0 up, in one piece.

    :param made: the nodes that the leaves from number ``first`` on complete, by level.
    """
    found = list(made[0]) if made else []
    for level, nodes in enumerate(made[1:], 1):
        at = (((first >> level) + 1) << level) - 1 - first
        for node in nodes:
            found[at] += node
            at += 1 << level
    return found
