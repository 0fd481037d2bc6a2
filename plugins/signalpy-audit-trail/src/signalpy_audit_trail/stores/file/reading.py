"""Reading a trail in a folder, while others write it or when it may not be written."""

from __future__ import annotations

import bisect
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from signalpy_audit_trail.index.check import check_index, parts_of
from signalpy_audit_trail.private import may_write
from signalpy_audit_trail.signing import signed_size
from signalpy_audit_trail.store import IndexState, StoreDamaged
from signalpy_audit_trail.stores.file import segments
from signalpy_audit_trail.stores.file.layout import Layout, Listing, list_segments, read_metadata
from signalpy_audit_trail.stores.file.segments import Placed, Position
from signalpy_audit_trail.stores.file.tree import TreeReader
from signalpy_audit_trail.stores.place import cache_path, url_of

if TYPE_CHECKING:
    from signalpy_audit_trail.index import Index, Place
    from signalpy_audit_trail.query import Filters

_MOST_OPEN = 16


class FileLog:
    """The leaves of a trail in a folder, by position and by place. Safe for use from several threads."""

    def __init__(self, layout: Layout, origin: str) -> None:
        self._layout = layout
        self._listing = Listing(layout)
        self.origin = origin
        self._mutex = threading.Lock()
        self._open: OrderedDict[int, int] = OrderedDict()
        self._seen: tuple[object, int] = (None, 0)
        """What the last segment was when it ended in a whole leaf, and how many leaves there were."""

    def size(self) -> int:
        """Return the number of whole leaves that are there now."""
        last = segments.last_of(self._layout, self._listing.firsts())
        seen, size = self._seen
        if last is None or last != seen:
            end = segments.end_of(self._layout)
            size = end.seq
            if last is not None and (end.segment, end.offset) == (last.first, last.size):  # no torn tail, which is cut
                self._seen = last, size
        return size

    def placed(self, seq: int, segment: int, offset: int, stop: int) -> Iterator[Placed]:
        """Yield the leaves from a place to before number ``stop``."""
        return segments.placed_from(self._layout, Position(seq, segment, offset), stop)

    def leaves(self, start: int, stop: int | None) -> Iterator[tuple[int, bytes]]:
        """Yield positions and leaves."""
        end = self.size() if stop is None else min(stop, self.size())
        if start < end:
            yield from segments.leaves_from(self._layout, segments.find(self._layout, max(0, start)), end)

    def segment_of(self, seq: int) -> int:
        """Return the segment that holds a position."""
        firsts = self._listing.firsts()
        at = bisect.bisect_right(firsts, seq)
        return firsts[at - 1] if at else -1

    def lines(self, places: Iterable[Place]) -> list[bytes]:
        """Return what is at places, fewer bytes or none where that is not there."""
        lines: list[bytes] = []
        held: int | None = None
        with self._mutex:
            for _seq, segment, offset, length in places:
                try:
                    if segment != held:
                        descriptor, held = self._descriptor(segment), segment
                    lines.append(os.pread(descriptor, length + 1, offset))
                except (OSError, OverflowError, MemoryError):  # no such segment, or no place that can be
                    lines.append(b"")
        return lines

    def close(self) -> None:
        """Close the segments that were read; harmless when done twice."""
        with self._mutex:
            while self._open:
                os.close(self._open.popitem()[1])

    def _descriptor(self, segment: int) -> int:
        found = self._open.get(segment)
        if found is not None:
            if os.fstat(found).st_nlink:
                self._open.move_to_end(segment)
                return found
            os.close(self._open.pop(segment))
        self._open[segment] = segments.open_for_reading(self._layout.segment(segment))
        if len(self._open) > _MOST_OPEN:
            os.close(self._open.popitem(last=False)[1])
        return self._open[segment]


class FileReader:
    """`signalpy_audit_trail.store.StoreReader` of a trail in a folder.

    :param index: where to keep the derived index, if not in the trail.
    """

    def __init__(self, root: Path, *, index: Path | None = None) -> None:
        layout = self._layout = Layout(root)
        metadata = read_metadata(layout)
        list_segments(layout)
        self._tree = TreeReader(layout.tree)
        self._log = FileLog(layout, metadata.origin)
        self.url = url_of("file", root)
        self.origin = metadata.origin
        self._index_place = None if index is None else str(index)
        if index is None and not may_write(root):
            index = cache_path(metadata.origin)
            with suppress(OSError):
                index.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._index_path = index or layout.index
        self._index: Index | None = None
        self._mutex = threading.Lock()

    def size(self) -> int:
        """Return the number of whole leaves that are there now."""
        return self._log.size()

    def tree_size(self) -> int:
        """Return how many leaves the kept tree covers; it may be behind."""
        return self._tree.size()

    def nodes(self, level: int, start: int, stop: int) -> bytes:
        """Return complete nodes of a level of the kept tree."""
        return self._tree.nodes(level, start, stop)

    def torn(self) -> int:
        """Return how many bytes lie behind the last whole leaf."""
        return segments.torn_bytes(self._layout)

    def check_index(self) -> IndexState:
        """Compare the index with the leaves."""
        return check_index(self._index_path, self.origin, self._log.leaves)

    @property
    def index_place(self) -> str | None:
        """The place of the index, if one was given."""
        return self._index_place

    def index_parts(self, count: int) -> Sequence[str]:
        """Return the parts in which several processes compare the index."""
        return parts_of(self._index_path, count)

    def check_index_part(self, part: str, told: Callable[[int], None]) -> IndexState:
        """Compare one part of the index with the leaves."""
        return check_index(self._index_path, self.origin, self._log.leaves, part, told)

    def checkpoint(self) -> str | None:
        """Return the last signed head that is kept here, if there is one."""
        return read_checkpoint(self._layout)

    def leaves(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
        """Yield positions and leaves."""
        return self._log.leaves(start, stop)

    def search(self, filters: Filters, *, head: int, after: int | None, descending: bool, limit: int) -> list[bytes]:
        """Return the leaves that pass."""
        return self._asked().search(filters, head=head, after=after, descending=descending, limit=limit)

    def count(self, filters: Filters, by: str, *, head: int) -> Mapping[str | None, int]:
        """Count the leaves that pass."""
        return self._asked().count(filters, by, head=head)

    def reindex(self) -> int:
        """Throw the index away and derive it anew; return how many records it knows."""
        head = self._log.size()
        self._asked().rebuild(head)
        return head

    def close(self) -> None:
        """Close everything; harmless when done twice."""
        if self._index is not None:
            self._index.close()
        self._tree.close()
        self._log.close()

    def _asked(self) -> Index:
        """Return the index, opened when it is first asked: most who verify never ask it."""
        from signalpy_audit_trail.index import Index

        with self._mutex:
            if self._index is None:
                chosen = self._index_place is not None
                self._index = Index(self._log, self._index_path, chosen=chosen)
            return self._index


def read_checkpoint(layout: Layout) -> str | None:
    """Return the signed head that is kept in a trail.

    :raises StoreDamaged: what is there is none.
    """
    path = layout.checkpoint
    try:
        note = path.read_text(encoding="utf-8")
        signed_size(note)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StoreDamaged(
            f"{path}: expected a signed checkpoint: {error}; restore it from a copy", path=path
        ) from error
    return note
