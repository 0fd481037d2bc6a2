"""A loop that leaves the thread that writes no time, and one that does."""

from __future__ import annotations

import asyncio
import statistics
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from signalpy_audit_trail import loopside
from signalpy_audit_trail.stores.file import FileStore
from signalpy_audit_trail.writer import LogWriter


class Slow(FileStore):
    """A real store whose turns wait, as for a slow disk, until they are let go."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.gate = threading.Event()
        self.gate.set()

    @contextmanager
    def turn(self) -> Iterator[Any]:
        self.gate.wait()
        with super().turn() as turn:
            yield turn


@pytest.fixture
def slow(root: Path) -> Iterator[Slow]:
    store = Slow(root)
    yield store
    store.gate.set()
    store.close()


@pytest.fixture
def writer(slow: Slow, gap: Any) -> Iterator[LogWriter]:
    writer = LogWriter(slow, gap=gap)
    yield writer
    slow.gate.set()
    writer.close_sync()


@pytest.fixture
def stood(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often the loop looked at the writing thread, each time that it stood still: once, then after each step."""
    seen: list[int] = []
    stand_still, computed = loopside.LoopSide._stand_still, loopside._computed

    def counted(side: loopside.LoopSide, answers: int) -> None:
        seen.append(0)
        stand_still(side, answers)

    def looked(thread: threading.Thread) -> float:
        seen[-1] += 1
        return computed(thread)

    monkeypatch.setattr(loopside.LoopSide, "_stand_still", counted)
    monkeypatch.setattr(loopside, "_computed", looked)
    return seen


@asynccontextmanager
async def computing() -> AsyncIterator[Callable[[], int]]:
    """A task that computes for about a millisecond in each round of the loop, and counts the rounds."""
    rounds = 0

    async def compute() -> None:
        nonlocal rounds
        while True:
            for _ in range(30_000):
                pass
            rounds += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(compute())
    try:
        yield lambda: rounds
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_busy_loop_does_not_starve_the_log(writer: LogWriter, make: Any) -> None:
    """Batches are durable within a few rounds of a loop that computes all the time, and not after thousands."""
    async with computing() as rounds:
        for _ in range(15):
            await asyncio.gather(*(writer.append(make()) for _ in range(64)))
    assert rounds() < 15 * 50


async def test_an_idle_loop_does_not_stand_still(writer: LogWriter, slow: Slow, make: Any, stood: list[int]) -> None:
    """However late a batch is, a loop that leaves the thread all the time it wants goes on with other things."""
    slow.gate.clear()
    append = asyncio.ensure_future(writer.append(make()))
    await asyncio.sleep(0.05)
    slow.gate.set()
    await append
    assert [] == stood


async def test_a_busy_loop_does_not_wait_for_the_disk(
    writer: LogWriter, slow: Slow, make: Any, stood: list[int]
) -> None:
    """Where the thread makes no use of it, the loop goes on at once."""
    slow.gate.clear()
    append = asyncio.ensure_future(writer.append(make()))
    async with computing():
        for _ in range(200):
            await asyncio.sleep(0)
        slow.gate.set()
        await append
    assert len(stood) > 10
    assert 2 == statistics.median(stood)


async def test_what_a_loop_hands_over_at_once_is_one_batch(writer: LogWriter, slow: Slow, make: Any) -> None:
    """The thread is roused when the loop has come round, and not for the first of many."""
    sizes: list[int] = []
    turn = slow.turn

    @contextmanager
    def counted() -> Iterator[Any]:
        with turn() as inner:
            before = inner.size
            yield inner
            sizes.append(inner.size - before)

    slow.turn = counted  # type: ignore[method-assign] # the real turn, counted
    await asyncio.sleep(0.05)
    await asyncio.gather(*(writer.append(make()) for _ in range(64)))
    assert [64] == sizes
