"""The hash functions of the tree (RFC 6962, section 2.1): the only code that writer and verifier share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

HASH_SIZE: Final = 32
"""Bytes of a SHA-256."""

EMPTY: Final = sha256().digest()
"""Root of the tree without leaves."""

_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256 of ``0x00`` and the leaf's bytes."""
    return sha256(_LEAF + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256 of ``0x01`` and the two hashes below."""
    return sha256(_NODE + left + right).digest()


def leaf_hashes(leaves: Iterable[bytes]) -> list[bytes]:
    """The `leaf_hash` of each; in a loop of its own, since a call for each would cost a fifth more."""
    return [sha256(_LEAF + leaf).digest() for leaf in leaves]


def node_hashes(below: Sequence[bytes]) -> list[bytes]:
    """The `node_hash` of each pair of hashes that follow each other; an odd one at the end has no pair."""
    return [sha256(_NODE + left + right).digest() for left, right in zip(below[::2], below[1::2], strict=False)]
