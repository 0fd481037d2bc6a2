"""eventsourcing: an application recorder on SQLite, one index, no chain; it is synchronous, so threads call it."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import uuid4

from benchmarks.facts import facts
from benchmarks.peers.bare import bare
from benchmarks.peers.serving import serve
from benchmarks.publishers import Seen, together
from benchmarks.rawrows import raw_rate
from benchmarks.rows import BESIDE

_NAME = "eventsourcing"
_TASKS = 64
_BATCH = 1_000
_sqlite: Any = import_module("eventsourcing.sqlite")
_persistence: Any = import_module("eventsourcing.persistence")


def _event(number: int, total: int) -> Any:
    event_type, data, keywords = facts(total)(number)
    state = {"data": data, "actor": keywords["actor"], "subjects": keywords["subject"]}
    return _persistence.StoredEvent(uuid4(), 1, event_type, json.dumps(state).encode())


def _recorder(folder: str) -> Any:
    store = _sqlite.SQLiteDatastore(str(Path(folder) / f"eventsourcing-{secrets.token_hex(4)}.db"))
    recorder = _sqlite.SQLiteApplicationRecorder(store)
    recorder.create_table()
    return recorder


def append(folder: str, count: int) -> Mapping[str, float]:
    """Single events from many threads."""
    recorder = _recorder(folder)

    async def theirs() -> Seen:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(_TASKS) as pool:
            return await together(
                lambda number: loop.run_in_executor(pool, recorder.insert_events, [_event(number, count)]),
                tasks=_TASKS,
                count=count,
            )

    seen, limit = asyncio.run(theirs()), asyncio.run(bare(folder))
    return {**seen.named(_NAME), **limit.named(BESIDE + _NAME)}


def batches(folder: str, count: int, raw: str) -> Mapping[str, float]:
    """Batches of a thousand, beside raw rows."""
    recorder = _recorder(folder)
    events = [_event(number, count) for number in range(count)]
    began = perf_counter()
    for start in range(0, count, _BATCH):
        recorder.insert_events(events[start : start + _BATCH])
    rate = count / (perf_counter() - began)
    return {_NAME: rate, BESIDE + _NAME: raw_rate(Path(raw), Path(folder) / f"raw-{secrets.token_hex(4)}.db")}


if __name__ == "__main__":
    serve(_NAME, {"append": append, "batches": batches})
