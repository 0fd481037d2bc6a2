"""Group commit: records are handed to one thread, and the next batch is what arrived while the last one was synced."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from signalpy.errors import AuditUnavailable
from signalpy_audit_trail.checkpoints import Housekeeping
from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.draft import Draft, GapFactory, Receipt
from signalpy_audit_trail.loopside import Answer, LoopSide, Room
from signalpy_audit_trail.outage import Outage, way_out
from signalpy_audit_trail.pending import Pending
from signalpy_audit_trail.store import Store, StoreClosed, StoreForked

_log = logging.getLogger("signalpy.audit_trail.writer")
NO_PROGRESS = "the log made no progress while its queue was full"
CAPACITY = 100_000
CAPACITY_BYTES = 256 << 20
RETRY = 1.0
_BATCH_RECORDS = 4096
_BATCH_BYTES = 8 << 20


class _Entry(Struct, frozen=True):
    draft: Draft
    pending: Pending | None
    keep: bool = True


class _Stall:
    """A time in which a full queue made no progress, and the records that were dropped for it."""

    def __init__(self) -> None:
        self.since = datetime.now(UTC)
        self.began = time.monotonic()
        self.lost = 0


class LogWriter:
    """Makes records durable, in the order in which they are handed over.

    `submit` and `append` are for the threads of event loops; the writing is done by a thread of its own.

    :param store: open for writing; the writer is its only user from then on, and does not close it.
    :param capacity: records that may wait. Beyond it `append` waits, and fails while the log cannot be written.
    :param capacity_bytes: the same in bytes.
    :param gap: makes the record of a time in which the log could not be written.
    :param retry: seconds between attempts to write again.
    :param linger: seconds that records may wait for others to be written with them, unless the queue is full.
    :param housekeeping: what else is done on the thread that writes, such as signing the head.
    """

    def __init__(
        self,
        store: Store,
        *,
        gap: GapFactory,
        capacity: int = CAPACITY,
        capacity_bytes: int = CAPACITY_BYTES,
        retry: float = RETRY,
        housekeeping: Housekeeping | None = None,
        linger: float = 0.0,
    ) -> None:
        self._store = store
        self._gap = gap
        self._capacity = capacity
        self._capacity_bytes = capacity_bytes
        self._bytes_in = 0  # counted by those that submit
        self._bytes_out = 0  # counted by the thread
        self._handed = 0  # records, counted by those that submit
        self._settled = 0  # records that are written, or forgotten; counted by the thread
        self._retry = retry
        self._housekeeping = housekeeping
        self._due: float | None = None
        self._process = os.getpid()
        self._queue: deque[_Entry] = deque()
        self._wake = threading.Event()
        self._asleep = False
        self._closing = threading.Event()
        self._rooms: deque[Room] = deque()
        self._loops: dict[asyncio.AbstractEventLoop, LoopSide] = {}
        self._outage: Outage | None = None
        self._stuck: _Stall | None = None
        """Since when the queue has been full without any record being written."""
        self._stall: _Stall | None = None
        """The same, once records were dropped for it; a gap record is due."""
        self._linger = linger
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._run, name="audit-trail-writer", daemon=True)
        self._thread.start()

    @property
    def healthy(self) -> bool:
        """Whether the last attempt to write succeeded. While it is false, what is handed over waits to be written."""
        return self._outage is None

    async def append(self, draft: Draft, *, refuse_when_failed: bool = False) -> Receipt:
        """Hand over a record and return when it is durable.

        Cancelling the caller takes effect once the record is durable (or has failed), and never withdraws it.

        :param refuse_when_failed: fail at once, and keep nothing, while the log cannot be written.
        :raises AuditUnavailable: it is not durable. Unless it was refused, the log keeps it and writes it later.
        """
        cancelled: asyncio.CancelledError | None = None
        while cancelled is None and self._full() and self._outage is None and not self._closing.is_set():
            room = self._room()
            if not self._full():  # the batch that would have made room was told before this was asked for
                break
            try:
                await room
            except asyncio.CancelledError as error:
                cancelled = error
        try:
            return await self.submit(draft, refuse_when_failed=refuse_when_failed)
        finally:
            if cancelled is not None:
                raise cancelled

    async def offer(self, draft: Draft, *, patience: float) -> bool:
        """Hand over a record that nobody waits for, and return whether there was room for it.

        While the queue is full this waits, until nothing was written for ``patience`` seconds; from then on until there
        is room again, records are dropped at once, and a gap record tells of them.

        :raises AuditUnavailable: the writer is closed, or belongs to another process.
        """
        self._check()
        while self._full():
            if self._stuck is None:
                self._stuck = _Stall()
            left = self._stuck.began + patience - time.monotonic()
            if left <= 0:
                self._drop(self._stuck)
                return False
            room = self._room()
            if self._full():
                await asyncio.wait([room], timeout=left)
        self._put(_Entry(draft, None))
        self._rouse()
        return True

    def _room(self) -> Room:
        """What tells that there may be room again."""
        side = self._side(asyncio.get_running_loop())
        room = side.loop.create_future()
        self._rooms.append(room)
        return room

    async def settle(self, *, patience: float) -> None:
        """Return when the records that were handed over so far are written.

        While the log cannot be written this returns at once, and if nothing was written for ``patience`` seconds.
        """
        sought = self._handed
        while self._settled < sought and self._outage is None and not self._closing.is_set():
            told = self._room()
            self._hurry.set()
            self._rouse()
            if self._settled < sought and self._outage is None:  # else the batch was told before this was asked for
                done, _ = await asyncio.wait([told], timeout=patience)
                if not done:
                    return

    def _drop(self, stuck: _Stall) -> None:
        if self._outage is not None:
            self._outage.lost += 1
        else:
            self._stall = stuck
            stuck.lost += 1

    def submit(self, draft: Draft, *, refuse_when_failed: bool = False, keep: bool = True) -> Pending:
        """Hand over a record, without waiting for room, and return what gives its receipt when it is durable.

        To be called on the thread of the running loop.

        :param keep: whether a record that cannot be made durable is written later; otherwise it is forgotten.

        :raises AuditUnavailable: refused; the log does not keep it. ``lost`` is set if that was for want of room.
        """
        self._check()
        outage = self._outage
        if outage is not None and ((refuses := refuse_when_failed or not keep) or self._full()):
            lost = not refuses
            if lost:
                outage.lost += 1
            raise self._refusal(outage, lost=lost)
        pending = self._side(asyncio.get_running_loop()).expect()
        self._put(_Entry(draft, pending, keep))
        return pending

    def _side(self, loop: asyncio.AbstractEventLoop) -> LoopSide:
        side = self._loops.get(loop)
        if side is None:
            self._loops = {known: other for known, other in self._loops.items() if not known.is_closed()}
            side = self._loops[loop] = LoopSide(loop, self._rouse, self._thread)
        return side

    def _put(self, entry: _Entry) -> None:
        self._bytes_in += len(entry.draft.body)
        self._handed += 1
        self._queue.append(entry)
        if self._linger and self._full():
            self._hurry.set()

    def _rouse(self) -> None:
        if self._asleep:
            self._wake.set()

    def status(self) -> dict[str, Any]:
        """Return ``healthy``, ``size``, ``queued`` and more; in an outage also ``since``, ``cause`` and ``way_out``."""
        found: dict[str, Any] = {"healthy": self.healthy, "store": self._store.url, "size": self._store.size}
        found |= {"queued": len(self._queue), "queued_bytes": self._queued_bytes(), "capacity": self._capacity}
        outage = self._outage
        if outage is not None:
            found |= {
                "since": outage.since.isoformat(timespec="microseconds").replace("+00:00", "Z"),
                "cause": outage.cause,
                "late": outage.late,
                "lost": outage.lost,
                "way_out": way_out(outage.error, self._retry),
            }
        return found

    async def close(self) -> None:
        """Write what waits, and end the thread. In an outage one more attempt is made; what it leaves is lost."""
        self._closing.set()
        await asyncio.to_thread(self.close_sync)

    def close_sync(self) -> None:
        """Do what `close` does, from code without an event loop."""
        self._closing.set()
        self._wake.set()
        self._hurry.set()
        if self._process == os.getpid():
            self._thread.join()

    def _queued_bytes(self) -> int:
        return self._bytes_in - self._bytes_out

    def _full(self) -> bool:
        return len(self._queue) >= self._capacity or self._queued_bytes() >= self._capacity_bytes

    def _check(self) -> None:
        if self._process != os.getpid():
            error: Exception = StoreForked(
                f"{self._store.url} was opened by process {self._process}; a forked process must open it anew"
            )
        elif self._closing.is_set():
            error = StoreClosed(f"{self._store.url}: the writer is closed; nothing is recorded any more")
        else:
            return
        raise AuditUnavailable(str(error), cause=str(error)) from error

    def _refusal(self, outage: Outage, *, lost: bool) -> AuditUnavailable:
        why = f"{len(self._queue)} records wait already" if lost else "nothing was recorded"
        message = f"the audit log cannot be written since {outage.since:%Y-%m-%dT%H:%M:%SZ}: {outage.cause}; {why}"
        return AuditUnavailable(message, cause=outage.cause, lost=lost)

    def _run(self) -> None:
        while True:
            self._sleep()
            batch = self._take()
            if batch or self._outage is not None or self._stall is not None:
                self._write(batch)
            if self._closing.is_set() and (not self._queue or self._outage is not None):
                self._give_up()
                return
            if self._housekeeping is not None and self._outage is None:
                self._due = self._housekeeping.tick()

    def _sleep(self) -> None:
        """Wait for records; after a failure, wait for the next attempt, however many come meanwhile."""
        if self._outage is not None:
            self._closing.wait(self._retry)
            return
        self._asleep = True
        if not self._queue and not self._closing.is_set():
            self._wake.wait(self._due)
        self._asleep = False
        self._wake.clear()
        if self._linger and self._queue and not self._full():
            self._hurry.wait(self._linger)

    def _take(self) -> list[_Entry]:
        batch: list[_Entry] = []
        size = 0
        while self._queue and len(batch) < _BATCH_RECORDS and size < _BATCH_BYTES:
            entry = self._queue.popleft()
            size += len(entry.draft.body)
            batch.append(entry)
        self._bytes_out += size
        if not self._closing.is_set():
            self._hurry.clear()
        return batch

    def _write(self, batch: Sequence[_Entry]) -> None:
        drafts = [entry.draft for entry in batch]
        stall, self._stall = self._stall, None
        try:
            if self._outage is not None:
                outage = self._outage
                count = outage.late + outage.lost
                drafts.append(self._gap(outage.since, datetime.now(UTC), outage.began_with, count, lost=outage.lost))
            elif stall is not None:
                drafts.append(self._gap(stall.since, datetime.now(UTC), NO_PROGRESS, stall.lost, lost=stall.lost))
            receipts = commit(self._store, drafts)
        except Exception as error:  # noqa: BLE001 (whatever it is, the records stay and their callers are told)
            self._fail(batch, error, stall)
            return
        self._stuck = None
        if self._outage is not None:
            _log.warning("%s: the log is written again", self._store.url)
            self._outage = None
        self._settled += len(batch)
        self._tell([(entry.pending, receipt) for entry, receipt in zip(batch, receipts, strict=False) if entry.pending])

    def _fail(self, batch: Sequence[_Entry], error: Exception, stall: _Stall | None) -> None:
        """Keep the records, in their order, for the next attempt; tell those that wait for them."""
        if self._outage is None:
            self._outage = Outage(error)
            _log.error("the audit log cannot be written: %s; %s", error, way_out(error, self._retry))
        outage = self._outage
        outage.error = error
        if stall is not None:
            outage.lost += stall.lost
        waiting = [entry.pending for entry in batch if entry.pending is not None]
        kept = [entry for entry in batch if entry.keep]
        outage.late += sum(entry.pending is not None for entry in kept)
        self._settled += len(batch) - len(kept)
        self._bytes_out -= sum(len(entry.draft.body) for entry in kept)
        self._queue.extendleft(_Entry(entry.draft, None) for entry in reversed(kept))
        told = [(pending, outage.told(error)) for pending in waiting]
        self._tell(told)

    def _tell(self, answers: Sequence[Answer]) -> None:
        """Answer all of a batch with one call into each loop, and let in those that wait for room."""
        by_loop: defaultdict[asyncio.AbstractEventLoop, tuple[list[Answer], list[Room]]]
        by_loop = defaultdict(lambda: ([], []))
        for answer in answers:
            by_loop[answer[0].get_loop()][0].append(answer)
        while self._rooms:
            room = self._rooms.popleft()
            by_loop[room.get_loop()][1].append(room)
        for loop, told in by_loop.items():
            if (side := self._loops.get(loop)) is not None:  # else it was closed, and nobody waits any more
                side.answer(*told)

    def _give_up(self) -> None:
        """After the last attempt: tell what is lost, so that it is at least in the application's own log."""
        if self._housekeeping is not None and self._outage is None:
            self._housekeeping.finish()
        left, self._queue = list(self._queue), deque()
        error = AuditUnavailable(f"{self._store.url}: the writer was closed before the record could be written")
        self._tell([(entry.pending, error) for entry in left if entry.pending])
        if left:
            _log.critical(
                "%s: closed with %d records that could not be written; they are lost", self._store.url, len(left)
            )
