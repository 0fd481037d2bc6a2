"""Proofs out of a trail: that a record is in it, and that one head of it is a prefix of another."""

from __future__ import annotations

from signalpy_audit_trail.merkle import consistency_proof, inclusion_proof
from signalpy_audit_trail.merkle.proofs import Node
from signalpy_audit_trail.signing import Proof, signed_size
from signalpy_audit_trail.store import StoreError, StoreReader


class NotProvable(StoreError, LookupError):
    """There is nothing to prove this with yet. ``seq``, and ``signed`` (records of the last checkpoint), tell why."""


def prove(reader: StoreReader, seq: int) -> Proof:
    """The proof that record ``seq`` is in the tree that the trail's last checkpoint is of.

    :raises NotProvable: there is no such record, or no checkpoint is of it yet.
    :raises StoreError: the trail cannot be read.
    """
    size = reader.size()
    if not 0 <= seq < size:
        raise NotProvable(f"{reader.url}: there is no record {seq}; it has {size}", seq=seq, signed=None)
    note = reader.checkpoint()
    signed = signed_size(note) if note is not None else 0
    if note is None or seq >= signed:
        raise NotProvable(
            f"{reader.url}: the last checkpoint is of {signed} records, so record {seq} cannot be proved yet;"
            " run: signalpy audit checkpoint",
            seq=seq,
            signed=signed,
        )
    record = next(leaf for _, leaf in reader.leaves(seq, seq + 1))
    return Proof(record, seq, tuple(inclusion_proof(seq, signed, _node(reader))), note)


def prove_prefix(reader: StoreReader, old: int, size: int) -> list[bytes]:
    """The proof that the trail's first ``old`` records are a prefix of its first ``size``.

    :raises ProofError: ``old`` is greater than ``size``.
    :raises StoreError: the trail cannot be read.
    """
    return consistency_proof(old, size, _node(reader))


def _node(reader: StoreReader) -> Node:
    return lambda level, index: reader.nodes(level, index, index + 1)
