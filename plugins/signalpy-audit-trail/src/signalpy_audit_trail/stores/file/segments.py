"""Reading segments: whole lines, in bounded memory, without a lock."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from signalpy_audit_trail.store import StoreDamaged, StoreError
from signalpy_audit_trail.stores.file.layout import Layout, list_segments

_CHUNK: Final = 1 << 18
"""Bytes that are read at once of what is read through: as many as a processor has at hand."""
_WINDOW: Final = 1 << 12
"""Bytes that are read first where one line is sought: some lines. Each further read is larger."""
_GROWTH: Final = 4
_CLAIM: Final = 32
_decode = msgspec.json.Decoder(msgspec.Raw).decode


class Position(NamedTuple):
    """A place between two leaves: of the next leaf its number, its segment's first number, and its byte."""

    seq: int
    segment: int
    offset: int


class Placed(NamedTuple):
    """A leaf and where it lies."""

    seq: int
    segment: int
    offset: int
    leaf: bytes


def is_leaf(line: bytes, seq: int) -> bool:
    """Tell whether a line is a JSON object that begins with this ``seq``; what follows a torn write is not."""
    if not line.startswith(b'{"seq":%d,' % seq):
        return False
    try:
        _decode(line)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def whole_lines(descriptor: int, offset: int, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
    """Yield offset and bytes of each line that ends in a newline, from ``offset`` on, without its newline."""
    for start, lines in _blocks(descriptor, offset, stop):
        at = start
        for line in lines:
            yield at, line
            at += len(line) + 1


def _blocks(descriptor: int, offset: int, stop: int | None = None) -> Iterator[tuple[int, list[bytes]]]:
    """Yield lines as `whole_lines` does, as many as were read together, with the offset of the first of them."""
    pieces: list[bytes] = []
    start = position = offset
    size = _WINDOW
    while stop is None or position < stop:
        chunk = os.pread(descriptor, size if stop is None else min(size, stop - position), position)
        if not chunk:
            return
        position += len(chunk)
        size = min(size * _GROWTH, _CHUNK)
        if b"\n" not in chunk:
            pieces.append(chunk)
            continue
        lines = b"".join((*pieces, chunk)).split(b"\n")
        pieces = [lines.pop()]
        yield start, lines
        start = position - len(pieces[0])


def last_line(descriptor: int, end: int) -> tuple[int, bytes] | None:
    """Return offset and bytes of the last line before ``end`` that ends in a newline, or `None` where there is none."""
    stop = _last_newline(descriptor, end)
    if stop < 0:
        return None
    start = _last_newline(descriptor, stop) + 1
    return start, _exactly(descriptor, start, stop - start)


def _last_newline(descriptor: int, end: int) -> int:
    size = _WINDOW
    while end > 0:
        start = max(0, end - size)
        found = _exactly(descriptor, start, end - start).rfind(b"\n")
        if found >= 0:
            return start + found
        end = start
        size = min(size * _GROWTH, _CHUNK)
    return -1


def _first_newline(descriptor: int, start: int, end: int) -> int:
    size = _WINDOW
    while start < end:
        piece = _exactly(descriptor, start, min(size, end - start))
        found = piece.find(b"\n")
        if found >= 0:
            return start + found
        if not piece:
            break
        start += len(piece)
        size = min(size * _GROWTH, _CHUNK)
    return -1


def _exactly(descriptor: int, offset: int, length: int) -> bytes:
    pieces = []
    while length > 0:
        piece = os.pread(descriptor, length, offset)
        if not piece:
            break
        pieces.append(piece)
        offset += len(piece)
        length -= len(piece)
    return b"".join(pieces)


class Last(NamedTuple):
    """The last segment as it is now: while this stays the same, so does what it holds."""

    first: int
    size: int
    inode: int
    changed: int


def last_of(layout: Layout, firsts: Sequence[int]) -> Last | None:
    """Return the last of these segments as it is now, if there is one.

    :param firsts: the positions of their first leaves, ascending.
    """
    try:
        status = os.stat(layout.segment(firsts[-1])) if firsts else None  # noqa: PTH116 (each query asks)
    except FileNotFoundError:
        status = None
    return None if status is None else Last(firsts[-1], status.st_size, status.st_ino, status.st_mtime_ns)


def end_of(layout: Layout) -> Position:
    """Return where the whole leaves end, from the last segment alone.

    Lines at the very end that are no leaves, as a crash may leave them, do not count.

    :raises StoreForeign, StoreDamaged: what is there is not a row of segments.
    """
    firsts = list_segments(layout)
    if not firsts:
        return Position(0, 0, 0)
    with open_segment(layout.segment(firsts[-1])) as descriptor:
        end = os.fstat(descriptor).st_size
        while (found := last_line(descriptor, end)) is not None:
            offset, line = found
            seq = _claimed(line)
            if seq is not None and is_leaf(line, seq) and _follows(descriptor, offset, seq, firsts[-1]):
                return Position(seq + 1, firsts[-1], offset + len(line) + 1)
            end = offset
    return Position(firsts[-1], firsts[-1], 0)


def torn_bytes(layout: Layout) -> int:
    """Return how many bytes lie behind the last whole leaf of the last segment."""
    end = end_of(layout)
    path = layout.segment(end.segment)
    return path.stat().st_size - end.offset if path.exists() else 0


def _follows(descriptor: int, offset: int, seq: int, first: int) -> bool:
    """Tell whether what stands before ``offset`` is the leaf before ``seq``, or nothing where ``seq`` is the first."""
    before = last_line(descriptor, offset)
    return seq == first if before is None else before[1].startswith(b'{"seq":%d,' % (seq - 1))


def _claimed(line: bytes) -> int | None:
    digits = line[7:27].partition(b",")[0]
    return int(digits) if line.startswith(b'{"seq":') and digits.isdigit() else None


def placed_from(layout: Layout, start: Position, stop: int) -> Iterator[Placed]:
    """Yield the leaves from ``start`` to before number ``stop``, over all segments, each with its place.

    :raises StoreDamaged: a leaf is not at its place. ``seq`` tells which.
    """
    for seq, segment, offset, lines in _runs_from(layout, start, stop):
        at = offset
        for number, line in enumerate(lines, seq):
            yield Placed(number, segment, at, line)
            at += len(line) + 1


def leaves_from(layout: Layout, start: Position, stop: int) -> Iterator[tuple[int, bytes]]:
    """Yield numbers and leaves as `placed_from` does, in half of its time."""
    for seq, _segment, _offset, lines in _runs_from(layout, start, stop):
        yield from zip(range(seq, seq + len(lines)), lines, strict=True)


class _Run(NamedTuple):
    """Leaves that follow each other in one segment: number and place of the first of them, and their bytes."""

    seq: int
    segment: int
    offset: int
    lines: list[bytes]


def _runs_from(layout: Layout, start: Position, stop: int) -> Iterator[_Run]:
    firsts = [first for first in list_segments(layout) if first >= start.segment]
    seq, offset = start.seq, start.offset
    for first, following in zip(firsts, [*firsts[1:], stop], strict=True):
        if seq >= stop:
            return
        path = layout.segment(first)
        if first not in (start.segment, seq):
            raise _missing(path, seq)
        with open_segment(path) as descriptor:
            for at, lines in _blocks(descriptor, offset):
                del lines[stop - seq :]
                right = _count_right(lines, seq)
                if right:
                    yield _Run(seq, first, at, lines[:right])
                seq += right
                if right < len(lines):
                    raise _misplaced(path, seq)
                if seq >= stop:
                    return
        offset = 0
        if seq < min(following, stop):
            raise _missing(path, seq)
    if seq < stop:
        raise _missing(layout.root, seq)


def _count_right(lines: Sequence[bytes], seq: int) -> int:
    """Return how many lines begin as leaves do whose numbers follow each other from ``seq`` on."""
    begins = [b'{"seq":%d,' % number for number in range(seq, seq + len(lines))]
    if all(map(bytes.startswith, lines, begins)):
        return len(lines)
    return next(at for at, line in enumerate(lines) if not line.startswith(begins[at]))


def find(layout: Layout, seq: int) -> Position:
    """Return the place of the leaf number ``seq``, or of the end of the log if that is its size."""
    firsts = [first for first in list_segments(layout) if first <= seq]
    if not firsts:
        return Position(0, 0, 0)
    first = firsts[-1]
    if seq == first:
        return Position(seq, first, 0)
    with open_segment(layout.segment(first)) as descriptor:
        near, offset = _nearest(descriptor, first, seq)
        for count, (at, line) in enumerate(whole_lines(descriptor, offset), start=near + 1):
            if count == seq:
                return Position(seq, first, at + len(line) + 1)
    raise _missing(layout.segment(first), seq)


def _nearest(descriptor: int, first: int, seq: int) -> tuple[int, int]:
    """Return number and offset of a leaf before number ``seq``, not of itself, by halving; damage leads left."""
    number, low, high = first, 0, os.fstat(descriptor).st_size
    while high - low > _WINDOW:
        middle = (low + high) // 2
        newline = _first_newline(descriptor, middle, high)
        claimed = None if newline < 0 else _claimed(_exactly(descriptor, newline + 1, _CLAIM))
        if claimed is not None and number < claimed < seq:
            number, low = claimed, newline + 1
        else:
            high = middle
    return number, low


def open_for_reading(path: Path) -> int:
    """Return a descriptor of a segment.

    :raises StoreDamaged: the segment is not there.
    :raises StoreError: it cannot be read.
    """
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise StoreDamaged(f"{path} is missing; restore it from a copy", path=path, code=error.errno) from error
    except OSError as error:
        raise _unreadable(path, error) from error


@contextmanager
def open_segment(path: Path) -> Iterator[int]:
    """Lend a descriptor of a segment; errors are those of `open_for_reading`, also while it is read."""
    descriptor = open_for_reading(path)
    try:
        yield descriptor
    except StoreError:
        raise
    except OSError as error:
        raise _unreadable(path, error) from error
    finally:
        os.close(descriptor)


def _unreadable(path: Path, error: OSError) -> StoreError:
    return StoreError(f"{path}: cannot be read: {error.strerror}", path=path, code=error.errno)


def _missing(path: Path, seq: int) -> StoreDamaged:
    return StoreDamaged(f"{path}: record {seq} is missing; restore the segment from a copy", path=path, seq=seq)


def _misplaced(path: Path, seq: int) -> StoreDamaged:
    message = f"{path}: expected record {seq}, found something else at its place; restore the segment from a copy"
    return StoreDamaged(message, path=path, seq=seq)
