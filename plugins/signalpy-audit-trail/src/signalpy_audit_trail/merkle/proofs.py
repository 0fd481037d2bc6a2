"""Inclusion and consistency proofs: made from kept nodes (RFC 6962, 2.1.1 and 2.1.2), checked as RFC 9162 has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from signalpy_audit_trail.merkle.hashing import EMPTY, node_hash

Node: TypeAlias = Callable[[int, int], bytes]
"""Gives the complete node of a level (0: leaves) at an index."""


class ProofError(ValueError):
    """A proof does not prove what it is said to, or is asked for what no tree holds."""


def root_at(size: int, node: Node) -> bytes:
    """The root of the tree's first ``size`` leaves; at most one node a level is read."""
    return EMPTY if size == 0 else _subtree(0, size, node)


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """The audit path of leaf ``index`` in the tree of ``size`` leaves, from the bottom up.

    :raises ProofError: if there is no such leaf.
    """
    if not 0 <= index < size:
        raise ProofError(f"there is no leaf {index} in a tree of {size}")
    path: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_subtree(middle, high, node))
            high = middle
        else:
            path.append(_subtree(low, middle, node))
            low = middle
    return path[::-1]


def consistency_proof(old: int, size: int, node: Node) -> list[bytes]:
    """The proof that the tree of ``old`` leaves is a prefix of the tree of ``size`` leaves.

    :raises ProofError: if ``old`` is greater than ``size``.
    """
    if not 0 <= old <= size:
        raise ProofError(f"a tree of {old} leaves is no prefix of one of {size}")
    if old in (0, size):
        return []
    path: list[bytes] = []
    low, high, whole = 0, size, True
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            path.append(_subtree(middle, high, node))
            high = middle
        else:
            path.append(_subtree(low, middle, node))
            low, whole = middle, False
    if not whole:
        path.append(_subtree(low, high, node))
    return path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Checks an audit path (RFC 9162, 2.1.3.2).

    :param leaf: the leaf's hash.
    :raises ProofError: if it does not lead to ``root``.
    """
    if not 0 <= index < size:
        raise ProofError(f"there is no leaf {index} in a tree of {size}")
    found = leaf
    for sibling, stands_left in _climb(index, size - 1, proof):
        found = node_hash(sibling, found) if stands_left else node_hash(found, sibling)
    if found != root:
        raise ProofError(f"the inclusion proof leads to root {found.hex()}, expected {root.hex()}")


def verify_consistency(old: int, size: int, proof: Sequence[bytes], old_root: bytes, root: bytes) -> None:
    """Checks a consistency proof (RFC 9162, 2.1.4.2).

    :raises ProofError: if it does not lead from ``old_root`` to ``root``.
    """
    if not 0 <= old <= size:
        raise ProofError(f"a tree of {old} leaves is no prefix of one of {size}")
    if old in (0, size):
        _verify_trivial(old, size, proof, old_root, root)
        return
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        raise ProofError("the consistency proof is empty")
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = path[0]
    for sibling, stands_left in _climb(at, last, path[1:]):
        second = node_hash(sibling, second) if stands_left else node_hash(second, sibling)
        if stands_left:
            first = node_hash(sibling, first)
    if first != old_root:
        raise ProofError(f"the consistency proof leads to old root {first.hex()}, expected {old_root.hex()}")
    if second != root:
        raise ProofError(f"the consistency proof leads to root {second.hex()}, expected {root.hex()}")


def _climb(at: int, last: int, siblings: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each sibling on the way up, and whether it stands left.

    :param at: where the way begins; ``last`` is the last index of that level.
    :raises ProofError: at the end, if the way is longer or shorter than the tree is high.
    """
    for sibling in siblings:
        if last == 0:
            raise ProofError("the proof is longer than the tree is high")
        stands_left = bool(at & 1) or at == last
        yield sibling, stands_left
        if stands_left:
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        at, last = at >> 1, last >> 1
    if last != 0:
        raise ProofError("the proof is shorter than the tree is high")


def _verify_trivial(old: int, size: int, proof: Sequence[bytes], old_root: bytes, root: bytes) -> None:
    if proof:
        raise ProofError("the consistency proof of an empty tree, or of a tree with itself, is empty")
    if old == 0 and old_root != EMPTY:
        raise ProofError(f"the root of the empty tree is {EMPTY.hex()}, found {old_root.hex()}")
    if old == size and old_root != root:
        raise ProofError(f"two trees of {size} leaves have the roots {old_root.hex()} and {root.hex()}")


def _split(count: int) -> int:
    """The largest power of two that is smaller than ``count``."""
    return 1 << (count - 1).bit_length() - 1


def _subtree(low: int, high: int, node: Node) -> bytes:
    """Hash over the leaves from ``low`` up to ``high``; ``low`` is where a split of the whole tree has put it."""
    count = high - low
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return node(level, low >> level)
    middle = low + _split(count)
    return node_hash(_subtree(low, middle, node), _subtree(middle, high, node))
