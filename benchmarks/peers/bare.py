"""The limit of an append, as it is measured beside a peer. Standard library only."""

from __future__ import annotations

from pathlib import Path

from benchmarks.limits import GroupCommit
from benchmarks.publishers import Seen, together


async def bare(folder: str, count: int = 8_000, size: int = 600) -> Seen:
    """About as many bytes a record through a bare group commit."""
    log = GroupCommit(Path(folder) / "bare-beside-peer")
    line = b"x" * size
    try:
        return await together(lambda _: log.append(line), tasks=64, count=count)
    finally:
        await log.close()
