"""A consistent copy of a trail, without keys, as a folder that can be read and verified anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from signalpy_audit_trail.store import StoreError, StoreForeign, StoreReader
from signalpy_audit_trail.stores.file import FileStore

_STEP: Final = 4096


def snapshot(reader: StoreReader, destination: Path, *, progress: Callable[[int, int], None] | None = None) -> int:
    """Copies a trail, however it is kept, into a new folder as a ``file:`` trail; it may be written meanwhile.

    The copy has the records and the tree up to now, the last checkpoint, and the origin; no key and no index.

    :param destination: must not exist, or be an empty folder.
    :param progress: called with records done and records in all.
    :returns: the number of records.
    :raises StoreForeign: something is at the destination.
    :raises StoreError: the trail cannot be read, or the copy not be written.
    """
    if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
        raise StoreForeign(f"{destination}: expected nothing or an empty folder; give another path", path=destination)
    note = reader.checkpoint()  # before the size, so that the copy has at least its records
    size = reader.size()
    copy = FileStore(destination, guest=True, origin=reader.origin, segment_age=float("inf"))
    try:
        if copy.origin != reader.origin or copy.size:
            raise StoreError(f"{destination}: another process writes there; give another path", path=destination)
        done = 0
        for batch in _batches(reader, size):
            with copy.turn() as turn:
                turn.append(batch)
            done += len(batch)
            if progress is not None:
                progress(done, size)
        copy.head()
        if note is not None:
            copy.keep_checkpoint(note)
    finally:
        copy.close()
    return size


def _batches(reader: StoreReader, size: int) -> Iterator[list[bytes]]:
    leaves = (leaf for _, leaf in reader.leaves(0, size))
    while batch := list(islice(leaves, _STEP)):
        yield batch
