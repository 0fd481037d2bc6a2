"""What a trail is and holds, in numbers."""

from __future__ import annotations

from typing import Any

from signalpy_audit_trail.leaves import decoded
from signalpy_audit_trail.query import KINDS, OUTCOMES, Filters
from signalpy_audit_trail.store import StoreReader


def summarized(reader: StoreReader) -> dict[str, Any]:
    """Return what a trail is and holds: origin, size, first and last times, and counts by kind and outcome."""
    head = reader.size()
    ends: dict[str, Any] = {"first": None, "last": None}
    if head:
        for name, seq in (("first", 0), ("last", head - 1)):
            record = decoded(next(leaf for _, leaf in reader.leaves(seq, seq + 1)), reader.url)
            ends[name] = record.get("recorded_at", record.get("time"))
    counts = {}
    for field, words in (("kind", KINDS), ("outcome", OUTCOMES)):
        found = reader.count(Filters(), field, head=head)
        order = {word: place for place, word in enumerate(words)}
        named = sorted((order.get(word, len(order)), word) for word in found if word is not None)
        counts[f"{field}s"] = {word: found[word] for _place, word in named}
    return {"url": reader.url, "origin": reader.origin, "size": head, **ends, **counts}
