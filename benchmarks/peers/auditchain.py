"""auditchain: records in a hash chain, one append after the other."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.facts import facts
from benchmarks.limits import hash_lines
from benchmarks.peers.bare import bare
from benchmarks.peers.serving import serve
from benchmarks.publishers import Seen, together
from benchmarks.rawrows import raw_rate
from benchmarks.rows import BESIDE

_NAME = "auditchain"
_TASKS = 64
_BATCH = 1_000
_auditchain: Any = import_module("auditchain")


def _entry(number: int, total: int) -> tuple[str, str, str, dict[str, Any]]:
    event_type, data, keywords = facts(total)(number)
    return keywords["actor"], event_type, keywords["subject"][0], data


def _file(folder: str) -> Path:
    return Path(folder) / f"auditchain-{secrets.token_hex(4)}.db"


def append(folder: str, count: int) -> Mapping[str, float]:
    """Concurrent appends, which lose the chain unless a lock of ours lets in one at a time; so one does here."""

    async def theirs() -> Seen:
        lock = asyncio.Lock()
        async with _auditchain.AuditLog(_auditchain.SqliteBackend(_file(folder))) as log:

            async def one(number: int) -> None:
                actor, action, subject, data = _entry(number, count)
                async with lock:
                    await log.append(actor, action, subject, metadata=data)

            return await together(one, tasks=_TASKS, count=count)

    seen, limit = asyncio.run(theirs()), asyncio.run(bare(folder))
    return {**seen.named(_NAME), **limit.named(BESIDE + _NAME)}


def batches(folder: str, count: int, raw: str) -> Mapping[str, float]:
    """Batches of a thousand, beside raw rows."""

    async def theirs() -> float:
        async with _auditchain.AuditLog(_auditchain.SqliteBackend(_file(folder))) as log:
            entries = [_entry(number, count) for number in range(count)]
            began = perf_counter()
            for start in range(0, count, _BATCH):
                await log.append_many(entries[start : start + _BATCH])
            return count / (perf_counter() - began)

    return {_NAME: asyncio.run(theirs()), BESIDE + _NAME: raw_rate(Path(raw), _file(folder))}


def verify(folder: str, count: int) -> Mapping[str, float]:
    """The chain of a file of lines checked, beside hashing the same lines, in seconds."""
    path = Path(folder) / "auditchain.jsonl"

    async def theirs() -> float:
        async with _auditchain.AuditLog(_auditchain.JsonlBackend(path)) as log:
            if not path.exists() or not path.stat().st_size:
                await log.append_many([_entry(number, count) for number in range(count)])
            began = perf_counter()
            report = await log.verify()
            seconds = perf_counter() - began
            if not report.ok:
                raise RuntimeError(str(report))
            return seconds

    seconds = asyncio.run(theirs())
    began = perf_counter()
    hash_lines([path])
    return {_NAME: seconds, BESIDE + _NAME: perf_counter() - began}


if __name__ == "__main__":
    serve(_NAME, {"append": append, "batches": batches, "verify": verify})
