"""The Merkle tree as its definition has it (RFC 6962, section 2.1), for checking what was kept of it."""

from __future__ import annotations

from collections.abc import Sequence

from signalpy_audit_trail.merkle.hashing import EMPTY, node_hash


def tree_hash(hashes: Sequence[bytes]) -> bytes:
    """MTH over hashes of leaves, or over those of complete subtrees of one size of which the last may be smaller."""
    if len(hashes) < 2:
        return hashes[0] if hashes else EMPTY
    half = 1
    while half * 2 < len(hashes):
        half *= 2
    return node_hash(tree_hash(hashes[:half]), tree_hash(hashes[half:]))


def rows_over(hashes: Sequence[bytes]) -> list[list[bytes]]:
    """The complete nodes over a run of hashes, by level, the hashes themselves first.

    The run must begin where a subtree begins that is as large as the run or larger.
    """
    rows = [list(hashes)]
    while len(rows[-1]) > 1:
        below = rows[-1]
        rows.append([node_hash(below[at], below[at + 1]) for at in range(0, len(below) - 1, 2)])
    return rows
