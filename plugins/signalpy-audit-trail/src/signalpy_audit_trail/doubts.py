"""Intents that a crash has left without an outcome: nobody knows whether what was intended happened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from signalpy_audit_trail import moments, search
from signalpy_audit_trail.leaves import decoded
from signalpy_audit_trail.query import parse_query
from signalpy_audit_trail.store import StoreReader, Unclean


def doubtful(reader: StoreReader, unclean: Sequence[Unclean]) -> Iterator[dict[str, Any]]:
    """Yields the intents without outcome of writers that stopped uncleanly, in order.

    Intents of writers that still live are none of our business: their outcome may be on its way.

    :raises StoreError: the trail cannot be read.
    """
    started = {
        writer.process: min(item.started for item in unclean if item.process == writer.process) for writer in unclean
    }
    if not started:
        return
    asked = {"outcome": "intent", "intents": False, "since": min(started.values()), "order": "asc", "limit": 1000}
    question = parse_query(asked)
    while True:
        leaves, following = search.page(reader, question)
        for leaf in leaves:
            record = decoded(leaf, reader.url)
            if _was_of(record, started):
                yield record
        if following is None:
            return
        question = msgspec.structs.replace(question, cursor=following)


def _was_of(record: dict[str, Any], started: dict[int, str]) -> bool:
    origin = record.get("origin")
    since = started.get(origin.get("process", -1)) if isinstance(origin, dict) else None
    recorded = record.get("recorded_at")
    if since is None or not isinstance(recorded, str):
        return False
    return moments.from_rfc3339(recorded) >= moments.from_rfc3339(since)
