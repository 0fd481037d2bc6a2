from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from signalpy.errors import AuditUnavailable
from signalpy_audit_trail.store import WriteFailed
from signalpy_audit_trail.stores.file import FileStore
from signalpy_audit_trail.writer import LogWriter

Records = Callable[[], list[dict[str, Any]]]


class Gated(FileStore):
    """A real store whose turns can be held up, or made to fail, from outside."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.gate = threading.Event()
        self.gate.set()
        self.failure: Exception | None = None
        self.asked = 0
        self.turns = 0

    @contextmanager
    def turn(self) -> Iterator[Any]:
        self.asked += 1
        self.gate.wait()
        self.turns += 1
        if self.failure is not None:
            raise self.failure
        with super().turn() as turn:
            yield turn


@pytest.fixture
def gated(root: Path) -> Iterator[Gated]:
    store = Gated(root)
    yield store
    store.gate.set()
    store.close()


@pytest.fixture
def writer(gated: Gated, gap: Any) -> Iterator[LogWriter]:
    writer = LogWriter(gated, gap=gap, capacity=10, retry=0.02)
    yield writer
    gated.gate.set()
    writer.close_sync()


async def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


async def test_a_receipt_means_durable(writer: LogWriter, make: Any, records: Records) -> None:
    """What was acknowledged can be read by anyone at once."""
    receipt = await writer.append(make(data={"n": 1}))
    assert (0, {"n": 1}) == (receipt.seq, records()[0]["data"])


async def test_what_arrives_during_a_sync_is_the_next_batch(writer: LogWriter, gated: Gated, make: Any) -> None:
    """Many waiting callers share one turn, in the order in which they handed over."""
    gated.gate.clear()
    first = asyncio.ensure_future(writer.append(make()))
    await eventually(lambda: gated.asked == 1)
    others = [asyncio.ensure_future(writer.append(make())) for _ in range(9)]
    await asyncio.sleep(0)
    gated.gate.set()
    assert [*range(10)] == [receipt.seq for receipt in await asyncio.gather(first, *others)]
    assert gated.turns == 2


async def test_cancelling_a_caller_waits_and_withdraws_nothing(
    writer: LogWriter, gated: Gated, make: Any, records: Records
) -> None:
    """A cancelled caller gets its cancellation once its record is durable, however often it is asked."""
    gated.gate.clear()
    task = asyncio.ensure_future(writer.append(make(data={"n": 1})))
    for _ in range(3):
        await asyncio.sleep(0.01)
        task.cancel()
    await asyncio.sleep(0.02)
    assert not task.done()
    gated.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [1] == [record["data"]["n"] for record in records()]


async def test_a_full_queue_is_waited_for(writer: LogWriter, gated: Gated, make: Any, records: Records) -> None:
    """No more records wait in memory than there is room for, and none is lost or reordered for it."""
    gated.gate.clear()
    tasks = [asyncio.ensure_future(writer.append(make(data={"n": number}))) for number in range(50)]
    await asyncio.sleep(0.05)
    assert writer.status()["queued"] <= 10
    gated.gate.set()
    await asyncio.gather(*tasks)
    assert [*range(50)] == sorted(record["data"]["n"] for record in records())


async def test_memory_is_bounded_in_bytes_too(gated: Gated, gap: Any, make: Any) -> None:
    """A few large records fill the queue as well as many small ones."""
    writer = LogWriter(gated, gap=gap, capacity_bytes=10_000)
    gated.gate.clear()
    tasks = [asyncio.ensure_future(writer.append(make(data="x" * 3000))) for _ in range(20)]
    await asyncio.sleep(0.05)
    assert writer.status()["queued"] <= 4
    gated.gate.set()
    await asyncio.gather(*tasks)
    assert writer.status()["queued_bytes"] == 0
    await writer.close()


async def test_cancelling_one_that_waits_for_room_withdraws_nothing(
    writer: LogWriter, gated: Gated, make: Any, records: Records
) -> None:
    """A record whose caller is cancelled before there was room is kept all the same."""
    gated.gate.clear()
    tasks = [asyncio.ensure_future(writer.append(make())) for _ in range(12)]
    await asyncio.sleep(0.02)
    waiting = asyncio.ensure_future(writer.append(make(data={"n": "late"})))
    await asyncio.sleep(0.02)
    waiting.cancel()
    await asyncio.sleep(0.02)
    gated.gate.set()
    await asyncio.gather(*tasks)
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert "late" in [record.get("data", {}).get("n") for record in records()]


async def test_callers_of_a_failed_batch_are_told_and_their_records_kept(
    writer: LogWriter, gated: Gated, make: Any, records: Records
) -> None:
    """The failure reaches everybody who waits; once the log can be written, a gap record follows the late ones."""
    gated.failure = WriteFailed("the log cannot be written: No space left on device", code=28)
    results = await asyncio.gather(*(writer.append(make(data={"n": n})) for n in range(3)), return_exceptions=True)
    assert all(isinstance(result, AuditUnavailable) for result in results)
    assert "No space left on device" in str(results[0])
    assert not writer.healthy
    gated.failure = None
    await eventually(lambda: writer.healthy)
    *late, gap = records()
    assert [0, 1, 2] == [record["data"]["n"] for record in late]
    assert ("gap", 3, 0) == (gap["kind"], gap["data"]["count"], gap["data"]["lost"])
    assert (await writer.append(make())).seq == 4


async def test_refusing_keeps_nothing(writer: LogWriter, gated: Gated, make: Any, records: Records) -> None:
    """Who asks to be refused in an outage is refused at once, and nothing is recorded for it later."""
    gated.failure = WriteFailed("broken", code=5)
    with pytest.raises(AuditUnavailable):
        await writer.append(make(data={"n": 1}))
    with pytest.raises(AuditUnavailable, match="broken; nothing was recorded") as caught:
        await writer.append(make(data={"n": 2}), refuse_when_failed=True)
    assert (True, False) == (caught.value.retry, caught.value.lost)
    gated.failure = None
    await eventually(lambda: writer.healthy)
    assert ["event", "gap"] == [record["kind"] for record in records()]


async def test_an_outage_without_records_ends_as_well(writer: LogWriter, gated: Gated, make: Any) -> None:
    """The log is tried again each time even if nobody hands over anything."""
    gated.failure = WriteFailed("broken", code=5)
    with pytest.raises(AuditUnavailable):
        await writer.append(make())
    turns = gated.turns
    await eventually(lambda: gated.turns > turns + 2)
    status = writer.status()
    assert {"healthy": False, "cause": "broken", "late": 1, "lost": 0, "queued": 1}.items() <= status.items()
    assert "since" in status


async def test_closing_writes_what_waits(gated: Gated, gap: Any, make: Any, records: Records) -> None:
    """Everything that was handed over before closing is durable after it; afterwards nothing is taken."""
    writer = LogWriter(gated, gap=gap)
    pending = [writer.submit(make()) for _ in range(300)]
    await writer.close()
    assert len(records()) == 300
    assert [*range(300)] == [(await each).seq for each in pending]
    with pytest.raises(AuditUnavailable, match="the writer is closed"):
        writer.submit(make())


async def test_closing_in_an_outage_tells_what_is_lost(
    gated: Gated, gap: Any, make: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Closing does not wait for a device that does not come back, and says in the log what that cost."""
    writer = LogWriter(gated, gap=gap, retry=60)
    gated.failure = WriteFailed("broken", code=5)
    with pytest.raises(AuditUnavailable):
        await writer.append(make())
    pending = writer.submit(make())
    await writer.close()
    with pytest.raises(AuditUnavailable):
        await pending
    assert "closed with 2 records that could not be written; they are lost" in caplog.text


async def test_a_forked_child_is_told(writer: LogWriter, make: Any) -> None:
    """In a forked child there is no thread that would write: handing over fails instead of waiting for ever."""
    read, write = os.pipe()
    draft = make()
    pid = os.fork()
    if pid == 0:
        try:
            writer.submit(draft)
        except AuditUnavailable as error:
            os.write(write, str(error).encode())
        os._exit(0)
    await asyncio.to_thread(os.waitpid, pid, 0)
    os.close(write)
    assert b"a forked process must open it anew" in os.read(read, 500)
    os.close(read)


def test_several_loops_may_hand_over(writer: LogWriter, make: Any) -> None:
    """Callers on event loops of different threads each get their own receipt."""
    receipts: list[int] = []

    async def some() -> None:
        receipts.extend([(await writer.append(make())).seq for _ in range(20)])

    threads = [threading.Thread(target=lambda: asyncio.run(some())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [*range(60)] == sorted(receipts)


def test_a_loop_that_is_gone_holds_nobody_up(writer: LogWriter, gated: Gated, make: Any, records: Records) -> None:
    """A record whose loop was closed before the acknowledgement is kept, and the next one is served."""
    gated.gate.clear()

    async def leave() -> None:
        writer.submit(make())

    asyncio.run(leave())
    gated.gate.set()
    assert asyncio.run(writer.append(make())).seq == 1
    assert len(records()) == 2
