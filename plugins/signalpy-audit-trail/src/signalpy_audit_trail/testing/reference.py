"""What a trail must answer, written down once more in the plainest way: no index, no tree that grows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Any, TypeAlias

Record: TypeAlias = Mapping[str, Any]
_COLUMN = {"type": "action"}


def passing(records: Sequence[Record], asked: Mapping[str, Any]) -> list[Record]:
    """Return the records that pass, in order."""
    return [record for record in records if _passes(record, asked, records)]


def counted(records: Sequence[Record], by: str) -> tuple[dict[str, int], int]:
    """Count records by a field; also return how many are without it."""
    counts: Counter[str] = Counter()
    absent = 0
    for record in records:
        value = record.get("subjects" if by == "subject" else _COLUMN.get(by, by))
        values = list(dict.fromkeys(value)) if isinstance(value, list) else [value]
        absent += values in ([], [None])
        counts.update(each for each in values if each is not None)
    return dict(counts), absent


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the hash of the tree over leaves as RFC 6962, section 2.1, defines it."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return sha256(b"\x01" + root(leaves[:half]) + root(leaves[half:])).digest()


def nodes(leaves: Sequence[bytes], level: int) -> list[bytes]:
    """Return the complete nodes of a level: each stands over ``2**level`` leaves."""
    span = 1 << level
    return [root(leaves[at : at + span]) for at in range(0, len(leaves) - span + 1, span)]


def _passes(record: Record, asked: Mapping[str, Any], records: Sequence[Record]) -> bool:
    for name in ("type", "target"):
        value = record.get(_COLUMN.get(name, name))
        if name in asked and (value is None or not fnmatchcase(value, asked[name])):
            return False
    for name in ("kind", "actor", "caller", "outcome", "correlation_id", "operation_id"):
        if name in asked and record.get(name) != asked[name]:
            return False
    if "subject" in asked and asked["subject"] not in record.get("subjects", []):
        return False
    if ("since" in asked and record["time"] < asked["since"]) or (
        "until" in asked and record["time"] >= asked["until"]
    ):
        return False
    return asked.get("intents", True) or not _answered(record, records)


def _answered(record: Record, records: Sequence[Record]) -> bool:
    """Tell whether a record is an intent whose operation has an outcome."""
    operation = record.get("operation_id")
    return (
        record["outcome"] == "intent"
        and operation is not None
        and any(other.get("operation_id") == operation and other["outcome"] != "intent" for other in records)
    )
