"""The Merkle tree over the log (RFC 6962, section 2): hashing, growth, proofs. Pure: bytes in, bytes out."""

from signalpy_audit_trail.merkle.hashing import EMPTY, HASH_SIZE, leaf_hash, node_hash
from signalpy_audit_trail.merkle.proofs import (
    ProofError,
    consistency_proof,
    inclusion_proof,
    root_at,
    verify_consistency,
    verify_inclusion,
)
from signalpy_audit_trail.merkle.tree import Edge

__all__ = [
    "EMPTY",
    "HASH_SIZE",
    "Edge",
    "ProofError",
    "consistency_proof",
    "inclusion_proof",
    "leaf_hash",
    "node_hash",
    "root_at",
    "verify_consistency",
    "verify_inclusion",
]
