"""The hash functions of the tree (RFC 6962, section 2.1): the only code that writer and verifier share."""

from __future__ import annotations

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
