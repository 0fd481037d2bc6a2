"""Appending to segments: what is acknowledged is durable, and a failure leaves the log as it was.

After a failed write or sync the file is never synced again in the hope that its data are safe: it is cut to what was
acknowledged, and writing goes on in a new segment. Until the cut is durable the turn is not given away, since another
writer would take the leaves beyond it for good.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Sequence

from signalpy_audit_trail.private import open_private, sync_folder
from signalpy_audit_trail.store import StoreError, WriteFailed
from signalpy_audit_trail.stores.file import recovery
from signalpy_audit_trail.stores.file.layout import Layout
from signalpy_audit_trail.stores.file.segments import Position
from signalpy_audit_trail.stores.turns import TurnLock

_log = logging.getLogger("signalpy.audit_trail.file")


class SegmentLog:
    """The end of the log, as one writer holds it.

    :param segment_bytes: size at which a segment is sealed.
    :param segment_age: seconds after its first leaf at which a segment is sealed by the next one.
    """

    def __init__(self, layout: Layout, lock: TurnLock, *, segment_bytes: int, segment_age: float) -> None:
        self._layout = layout
        self._lock = lock
        self._segment_bytes = segment_bytes
        self._segment_age = segment_age
        self._head = b""
        self._descriptor: int | None = None
        """Of the segment at `tail`; `None` where the next leaf begins a new one."""
        self._begun = 0.0
        self._suspect = False
        self.tail = Position(0, 0, 0)

    def recover(self) -> None:
        """Find the end of the log, drop a torn tail and say so; the turn is held."""
        self._head = self._read_head()
        self._adopt(recovery.recover(self._layout, recovery.decode_head(self._head)))

    def begin(self) -> None:
        """Take the turn and learn what others have appended.

        :raises StoreBusy, StoreDamaged, WriteFailed: as `signalpy_audit_trail.store.Store.turn` says.
        """
        if not self._lock.held:
            self._lock.acquire()
        try:
            if self._suspect:
                self._repair()
            self._catch_up()
        except StoreError:
            self.end()
            raise
        except OSError as error:
            self.end()
            raise self._failed(error) from error

    def end(self) -> None:
        """Give the turn away, unless leaves lie beyond what was acknowledged and could not be cut off."""
        if self._lock.held and not self._suspect:
            self._lock.release()

    def append(self, leaves: Sequence[bytes]) -> None:
        """Append leaves and make them durable; the turn is held.

        :raises WriteFailed: none of them counts.
        """
        if not leaves:
            return
        data = b"\n".join(leaves) + b"\n"
        try:
            descriptor, fresh = self._place_for(len(data))
            _write(descriptor, data, self.tail.offset)
            if fresh:
                os.fsync(descriptor)
                sync_folder(self._layout.root)
            else:
                _sync_data(descriptor)
        except OSError as error:
            self._suspect = self._descriptor is not None
            with contextlib.suppress(OSError):
                self._repair()
            raise self._failed(error) from error
        seq, segment, offset = self.tail
        self.tail = Position(seq + len(leaves), segment, offset + len(data))
        with contextlib.suppress(OSError):  # the leaves are durable; who misses the head reads them
            self._write_head(self.tail)

    def close(self) -> None:
        """Close the segment; harmless when done twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _place_for(self, length: int) -> tuple[int, bool]:
        """Return the segment to write ``length`` bytes to, and whether it was made for them."""
        full = self.tail.offset > 0 and (
            self.tail.offset + length > self._segment_bytes or time.time() - self._begun > self._segment_age
        )
        if self._descriptor is not None and not full:
            return self._descriptor, self.tail.offset == 0
        # The head goes first: whoever finds it knows that the segments before it are sealed, made or not made.
        here = Position(self.tail.seq, self.tail.seq, 0)
        self._write_head(here)
        self.close()
        self._descriptor = open_private(self._layout.segment(here.segment), os.O_RDWR | os.O_CREAT | os.O_EXCL)
        self.tail = here
        self._begun = time.time()
        return self._descriptor, True

    def _repair(self) -> None:
        """Cut off what was not acknowledged, durably, and seal the segment; from here on the log is whole again."""
        if self._descriptor is not None:
            path = self._layout.segment(self.tail.segment)
            os.ftruncate(self._descriptor, self.tail.offset)
            if self.tail.offset == 0:
                path.unlink(missing_ok=True)
                sync_folder(self._layout.root)
            else:
                _sync_anew(path)
            self.close()
        self._suspect = False
        with contextlib.suppress(OSError):
            self._write_head(Position(self.tail.seq, self.tail.seq, 0))

    def _catch_up(self) -> None:
        head = self._read_head()
        if head == self._head and self._descriptor is not None:
            status = os.fstat(self._descriptor)
            if status.st_size == self.tail.offset and status.st_nlink:
                return
        self._head = head
        self._adopt(recovery.walk(self._layout, self.tail))

    def _adopt(self, found: recovery.Found) -> None:
        path = self._layout.segment(found.tail.segment)
        if found.torn:
            _log.warning("%s: the last %d bytes are no whole record; they were dropped", path, found.torn)
            os.truncate(path, found.tail.offset)
            _sync_anew(path)
        if found.tail.segment != self.tail.segment or not _names(self._descriptor, path):
            self.close()
        self.tail = found.tail
        head = recovery.decode_head(self._head)
        if not path.exists() or (head is not None and head.segment > found.tail.segment):
            self.close()
        elif self._descriptor is None:
            self._descriptor = open_private(path, os.O_RDWR)
            self._begun = recovery.begun_at(self._descriptor) or time.time()

    def _read_head(self) -> bytes:
        return os.pread(self._lock.descriptor, recovery.HEAD_BYTES + 1, 0)

    def _write_head(self, head: Position) -> None:
        self._head = b""  # unknown until the write has succeeded
        raw = recovery.encode_head(head)
        os.pwrite(self._lock.descriptor, raw, 0)
        self._head = raw

    def _failed(self, error: OSError) -> WriteFailed:
        message = f"{self._layout.root}: the log cannot be written: {error.strerror or error}"
        return WriteFailed(message, path=self._layout.root, code=error.errno)


def _write(descriptor: int, data: bytes, offset: int) -> None:
    written = os.pwrite(descriptor, data, offset)
    while written < len(data):
        written += os.pwrite(descriptor, memoryview(data)[written:], offset + written)


def _sync_data(descriptor: int) -> None:
    if hasattr(os, "fdatasync"):
        os.fdatasync(descriptor)
    else:
        os.fsync(descriptor)


def _names(descriptor: int | None, path: os.PathLike[str]) -> bool:
    try:
        return descriptor is not None and os.path.samestat(os.fstat(descriptor), os.stat(path))  # noqa: PTH116
    except FileNotFoundError:
        return False


def _sync_anew(path: os.PathLike[str]) -> None:
    """Make a cut durable over a descriptor of its own: errors of the old one are behind us."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
