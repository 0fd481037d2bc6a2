"""The Merkle tree as its definition has it (RFC 6962, section 2.1), for checking what was kept of it."""

from __future__ import annotations

from collections.abc import Sequence

from signalpy_audit_trail.merkle.hashing import EMPTY, node_hash, node_hashes


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
        rows.append(node_hashes(rows[-1]))
    return rows


def root_over(rows: Sequence[Sequence[bytes]], count: int) -> bytes:
    """MTH over the first ``count`` hashes of the run that `rows_over` was given: from one node a level at the most."""
    root: bytes | None = None
    for level in range(count.bit_length()):
        if count >> level & 1:
            node = rows[level][(count >> level) - 1]
            root = node if root is None else node_hash(node, root)
    return EMPTY if root is None else root
