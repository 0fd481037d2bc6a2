"""Relaxed mode from outside: nobody waits for the disk, memory is bounded, and what is lost is counted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from signalpy import Kernel, component, runnable
from signalpy_audit_trail import AuditTrail, keeper, open_trail, relaxed

Records = Callable[..., list[dict[str, Any]]]


@component("shop", version="1.0")
class Shop:
    @runnable("order")
    async def order(self, params: Any) -> Any:
        return params["n"]


@asynccontextmanager
async def running(root: Path, **settings: Any) -> AsyncIterator[Kernel]:
    trail = {"store": f"file://{root}", "mode": "relaxed", **settings}
    kernel = Kernel(config={"audit-trail": trail, "policy": {"shop": {"audit": True}}})
    kernel.discover([AuditTrail, Shop])
    async with kernel:
        yield kernel


@pytest.fixture(name="stored")
def _stored(root: Path) -> Records:
    def read(**fields: Any) -> list[dict[str, Any]]:
        with open_trail(root) as trail:
            return [record for record in trail.records() if fields.items() <= record.items()]

    return read


class Disk:
    """The store's writing, held up and let go on: a disk that hangs."""

    def __init__(self, kernel: Kernel) -> None:
        self._store = kernel.get("audit-trail")._keeper._store
        self._real = self._store.turn
        self._free = threading.Event()
        self._free.set()
        self._store.turn = self._turn

    def _turn(self) -> Any:
        self._free.wait()
        return self._real()

    def hang(self) -> None:
        self._free.clear()

    def go_on(self) -> None:
        self._free.set()


async def test_nobody_waits_for_the_disk_and_everything_is_there_soon(root: Path, stored: Records) -> None:
    """Calls and events return while the disk hangs; when it goes on all of them are recorded, in order."""
    async with running(root, flush_interval=0.05) as kernel:
        disk = Disk(kernel)
        disk.hang()
        assert list(range(50)) == [await kernel.bus.invoke("shop.order", {"n": n}) for n in range(50)]
        await kernel.bus.publish("order.made", {"n": 50})
        assert [] == stored(action="shop.order")
        disk.go_on()
    assert list(range(50)) == [record["data"]["params"]["n"] for record in stored(action="shop.order")]
    assert 1 == len(stored(action="order.made"))
    assert [] == stored(kind="gap")


async def test_a_full_queue_holds_operations_back_while_the_log_makes_progress(root: Path, stored: Records) -> None:
    """Never more records wait than the queue may hold; nothing is lost."""
    most = 0
    async with running(root, capacity=20, flush_interval=0.01) as kernel:

        async def order(worker: int) -> None:
            nonlocal most
            for n in range(25):
                await kernel.bus.invoke("shop.order", {"n": worker * 100 + n})
                most = max(most, (await kernel.bus.invoke("audit-trail.status"))["queued"])

        await asyncio.gather(*(order(worker) for worker in range(20)))
    assert 500 == len(stored(action="shop.order"))
    assert most <= 20
    assert [] == stored(kind="gap")


async def test_without_progress_records_are_dropped_and_counted(
    root: Path, stored: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk hangs for longer than the patience: calls go on, and a gap record tells when, why and how many."""
    monkeypatch.setattr(relaxed, "PATIENCE", 0.1)
    async with running(root, capacity=10, flush_interval=0.01) as kernel:
        disk = Disk(kernel)
        disk.hang()
        results = [await kernel.bus.invoke("shop.order", {"n": n}) for n in range(30)]
        assert list(range(30)) == results
        assert (await kernel.bus.invoke("audit-trail.status"))["queued"] <= 10
        disk.go_on()
        await asyncio.sleep(0.2)
        await kernel.bus.invoke("shop.order", {"n": 30})
    kept = [record["data"]["params"]["n"] for record in stored(action="shop.order")]
    (gap,) = stored(kind="gap")
    assert 31 == len(kept) + gap["data"]["lost"]
    assert gap["data"]["lost"] > 0
    assert "no progress" in gap["data"]["cause"]
    assert gap["data"]["start"] < gap["data"]["end"]
    assert kept == sorted(kept)


async def test_a_caller_that_is_cancelled_while_there_is_no_room_loses_no_record(root: Path, stored: Records) -> None:
    """The cancellation goes through once the record was taken."""
    async with running(root, capacity=1, flush_interval=0.01) as kernel:
        disk = Disk(kernel)
        disk.hang()
        tasks = [asyncio.create_task(kernel.bus.invoke("shop.order", {"n": n})) for n in range(5)]
        await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        await asyncio.sleep(0.05)
        disk.go_on()
        await asyncio.wait(tasks)
    assert 5 == len(stored(action="shop.order"))
    assert {"success"} == {record["outcome"] for record in stored(action="shop.order")}


async def test_a_broken_log_refuses_nothing_and_its_gap_counts(root: Path, stored: Records) -> None:
    """Where the log fails instead of hanging, operations go on as well; what found no room is in the gap record."""
    async with running(root, capacity=10, flush_interval=0.01) as kernel:
        store = kernel.get("audit-trail")._keeper._store
        real, store.turn = store.turn, _fails
        for n in range(40):
            assert n == await kernel.bus.invoke("shop.order", {"n": n})
            await asyncio.sleep(0.005)
        store.turn = real
        while not (await kernel.bus.invoke("audit-trail.status"))["healthy"]:  # noqa: ASYNC110 (it tries every second)
            await asyncio.sleep(0.05)
    (gap,) = stored(kind="gap")
    assert 40 == len(stored(action="shop.order")) + gap["data"]["lost"]


async def ordered(kernel: Kernel) -> list[int]:
    """Which orders a query knows, oldest first."""
    page = await kernel.bus.invoke("audit-trail.query", {"type": "shop.order", "order": "asc"})
    return [entry["data"]["params"]["n"] for entry in page["entries"]]


async def test_a_query_knows_what_was_done_before_it(root: Path) -> None:
    """It waits for what is queued, and has it written at once."""
    async with running(root, flush_interval=0.5) as kernel:
        for n in range(3):
            await kernel.bus.invoke("shop.order", {"n": n})
            assert [*range(n + 1)] == await ordered(kernel)


async def test_a_query_is_answered_while_the_log_cannot_be_written(root: Path) -> None:
    """A log that fails holds no query up: what is there is served, and the rest once it is written."""
    async with running(root, flush_interval=0.01) as kernel:
        await kernel.bus.invoke("shop.order", {"n": 0})
        assert [0] == await ordered(kernel)
        store = kernel.get("audit-trail")._keeper._store
        real, store.turn = store.turn, _fails
        await kernel.bus.invoke("shop.order", {"n": 1})
        assert [0] == await ordered(kernel)
        assert [0] == await ordered(kernel)
        store.turn = real
        while not (await kernel.bus.invoke("audit-trail.status"))["healthy"]:  # noqa: ASYNC110 (it tries every second)
            await asyncio.sleep(0.05)
        assert [0, 1] == await ordered(kernel)


async def test_a_query_is_answered_while_the_disk_hangs(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that answers nothing holds a query up for as long as the patience is, and no longer."""
    monkeypatch.setattr(keeper, "PATIENCE", 0.1)
    async with running(root, flush_interval=0.01) as kernel:
        await kernel.bus.invoke("shop.order", {"n": 0})
        assert [0] == await ordered(kernel)
        disk = Disk(kernel)
        disk.hang()
        await kernel.bus.invoke("shop.order", {"n": 1})
        asking = asyncio.create_task(ordered(kernel))
        # The answer is there, but its own record has to wait as the others do: nobody can tell that it was not.
        await asyncio.sleep(0.5)
        disk.go_on()
        assert [0] == await asking
        assert [0, 1] == await ordered(kernel)


def _fails() -> Any:
    from signalpy_audit_trail.store import WriteFailed

    raise WriteFailed("the device is broken", code=5)
