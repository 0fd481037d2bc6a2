"""A trail in a folder, open for writing."""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from signalpy_audit_trail.private import make_folder, replace_file
from signalpy_audit_trail.signing import signed_size
from signalpy_audit_trail.store import LogRolledBack, StoreClosed, StoreError, StoreForked, StoreMissing, WriteFailed
from signalpy_audit_trail.stores.file.indexing import Indexer
from signalpy_audit_trail.stores.file.layout import Layout, Metadata, create_metadata, read_metadata
from signalpy_audit_trail.stores.file.log import SegmentLog
from signalpy_audit_trail.stores.file.reading import FileLog, FileReader, read_checkpoint
from signalpy_audit_trail.stores.file.repeats import Repeats
from signalpy_audit_trail.stores.file.tree import TreeWriter
from signalpy_audit_trail.stores.markers import Leftover, Markers
from signalpy_audit_trail.stores.place import url_of
from signalpy_audit_trail.stores.turns import TurnLock

_log = logging.getLogger("signalpy.audit_trail.file")
SEGMENT_BYTES = 64 << 20
SEGMENT_AGE = 24 * 3600.0


class FileStore:
    """`signalpy_audit_trail.store.Store` of a trail in a folder, which is made if nothing is there.

    :param guest: a short visit, which leaves no marker and does not index in the background.
    :param segment_bytes: size at which a segment is sealed.
    :param segment_age: seconds after which a segment is sealed by the next record.
    :param wait: seconds after which the wait for another writer's turn is given up.
    :param origin: of the log that this is to be a copy of, if it is made now.
    """

    def __init__(
        self,
        root: Path,
        *,
        guest: bool = False,
        segment_bytes: int = SEGMENT_BYTES,
        segment_age: float = SEGMENT_AGE,
        wait: float = 5.0,
        origin: str | None = None,
    ) -> None:
        self._root = root
        self._layout = Layout(root)
        self.url = url_of("file", root)
        self._process = os.getpid()
        self._closed = False
        self._markers: Markers | None = None
        self._worker: Indexer | None = None
        self._tree = TreeWriter(self._layout.tree)
        self._reading = FileLog(self._layout, "")
        known = _metadata(self._layout)
        try:
            if known is None:
                make_folder(root)
            self._lock = TurnLock(self._layout.lock, wait=wait)
        except OSError as error:
            raise _unwritable(root, error) from error
        self._segments = SegmentLog(self._layout, self._lock, segment_bytes=segment_bytes, segment_age=segment_age)
        try:
            self._enter(guest=guest, origin=origin)
        except BaseException as error:
            self._let_go()
            if isinstance(error, OSError) and not isinstance(error, StoreError):
                raise _unwritable(root, error) from error
            raise
        self._repeats = Repeats(self._reading, self._layout.index)
        if not guest:
            self._worker = Indexer(self._layout, self.origin)
        _open_stores.add(self)

    def __repr__(self) -> str:
        return f"<FileStore({self.url!r}, size={self.size})>"

    @property
    def size(self) -> int:
        """Leaves known to this writer."""
        return self._segments.tail.seq

    @property
    def unclean(self) -> Sequence[Leftover]:
        """Writers that had stopped without closing when this one opened."""
        return self._markers.leftovers if self._markers is not None else []

    def settle_unclean(self) -> None:
        """Forget `unclean`."""
        if self._markers is not None:
            self._markers.settle()

    def prepare(self, ids: Sequence[str]) -> None:
        """Read what is there, so that little is left to do while the turn is held."""
        if ids:
            self._repeats.prepare(self.size)

    @contextmanager
    def turn(self) -> Iterator[FileTurn]:
        """Wait for the turn of this writer and hold it."""
        if self._process != os.getpid():
            message = f"{self.url} was opened by process {self._process}; a forked process must open it anew"
            raise StoreForked(message, url=self.url, process=self._process)
        if self._closed:
            raise StoreClosed(f"{self.url} is closed; open it anew", url=self.url)
        self._segments.begin()
        before = self.size
        try:
            self._grow_tree(lambda: self._tree.catch_up(self._reading.leaves, before))
            yield FileTurn(self, self._segments, self._repeats)
        finally:
            self._segments.end()
            if self._worker is not None and self.size > before:
                self._worker.nudge(self.size)

    def head(self) -> tuple[int, bytes]:
        """Return size and root of a tree that is durable; takes a turn."""
        with self.turn():
            size, root = self._tree.head()
            self._tree.sync()
        return size, root

    def keep_checkpoint(self, note: str) -> bool:
        """Keep a signed head, if it is of more records than the one that is kept; takes a turn."""
        size = signed_size(note)
        with self.turn():
            kept = read_checkpoint(self._layout)
            if kept is not None and signed_size(kept) > size:
                return False
            replace_file(self._layout.checkpoint, note.encode())
        return True

    def reader(self) -> FileReader:
        """Return a reader of this trail."""
        return FileReader(self._root)

    def close(self) -> None:
        """Let go of everything; harmless when done twice."""
        if self._closed or self._process != os.getpid():
            return
        self._closed = True
        _open_stores.discard(self)
        if self._worker is not None:
            self._worker.close()
        self._repeats.close()
        self._reading.close()
        self._let_go()

    def _enter(self, *, guest: bool, origin: str | None) -> None:
        self._lock.acquire()
        metadata = _metadata(self._layout) or create_metadata(self._layout, origin)
        self.origin = self._reading.origin = metadata.origin
        self._segments.recover()
        if not guest:
            self._markers = Markers(self._layout.writers)
        self._open_tree()
        self._lock.release()

    def _open_tree(self) -> None:
        """Bring the tree up to the log. After an unclean stop only what a checkpoint has synced of it is believed."""
        kept = read_checkpoint(self._layout)
        signed = signed_size(kept) if kept is not None else 0
        if signed > self.size:
            message = (
                f"{self._root}: expected at least {signed} records, as its checkpoint says, found {self.size};"
                " restore the trail, or begin another"
            )
            raise LogRolledBack(message, path=self._root, expected=signed, found=self.size)
        self._tree.open(self._reading.leaves, self.size, trusted=signed if self.unclean else None)

    def appended(self, leaves: Sequence[bytes]) -> None:
        """Add leaves that have become durable to the tree, if it has all that were before them."""
        if self._tree.size() == self.size - len(leaves):
            self._grow_tree(lambda: self._tree.append(leaves))

    def _grow_tree(self, grow: Callable[[], None]) -> None:
        """If the tree cannot be written, the log is whole all the same, and a later turn catches the tree up."""
        try:
            grow()
        except OSError as error:
            _log.warning("%s: the tree is behind the log: %s; it is caught up later", self._root, error)

    def _let_go(self) -> None:
        if self._markers is not None:
            self._markers.close()
        self._segments.close()
        self._tree.close()
        self._lock.close()

    def leave_parent(self) -> None:
        """In a child of the process that opened it: close the files, or their locks would outlive the parent."""
        self._closed = True
        if self._markers is not None:
            self._markers.abandon()
        self._segments.close()
        self._tree.close()
        self._lock.close()


class FileTurn:
    """`signalpy_audit_trail.store.Turn` of a trail in a folder."""

    def __init__(self, store: FileStore, segments: SegmentLog, repeats: Repeats) -> None:
        self._store = store
        self._segments = segments
        self._repeats = repeats

    @property
    def size(self) -> int:
        """Position of the next leaf."""
        return self._segments.tail.seq

    def held(self, ids: Iterable[str]) -> Mapping[str, Sequence[tuple[int, bytes]]]:
        """Return the leaves that hold ids."""
        return self._repeats.held(ids, head=self.size)

    def append(self, leaves: Sequence[bytes]) -> None:
        """Append leaves; they are durable when this returns."""
        self._segments.append(leaves)
        self._store.appended(leaves)


def _metadata(layout: Layout) -> Metadata | None:
    try:
        return read_metadata(layout)
    except StoreMissing:
        return None


def _unwritable(root: Path, error: OSError) -> WriteFailed:
    message = f"{root}: the trail cannot be opened for writing: {error.strerror or error}"
    return WriteFailed(message, path=root, code=error.errno)


_open_stores: weakref.WeakSet[FileStore] = weakref.WeakSet()


def _after_fork() -> None:
    for store in list(_open_stores):
        with suppress(OSError):
            store.leave_parent()


os.register_at_fork(after_in_child=_after_fork)
