"""Where the log ends: found again after a crash, or after the turns of other writers.

``lock`` holds the head: the end of the log after the last turn that was acknowledged. It is written after the leaves
are durable and never synced, so it may be behind the log, but not ahead of it. What lies before the head was
acknowledged and must be there; what lies beyond it is kept while it parses with the expected ``seq``. The rest is torn.
"""

from __future__ import annotations

import os
import zlib
from typing import NamedTuple

import msgspec

from signalpy_audit_trail import moments
from signalpy_audit_trail.store import LogRolledBack, StoreDamaged
from signalpy_audit_trail.stores.file.layout import Layout, list_segments
from signalpy_audit_trail.stores.file.segments import Position, is_leaf, last_line, open_segment, whole_lines

HEAD_BYTES = 72
_FIRST_LINE = 1 << 20


class Found(NamedTuple):
    """The end of the log, and how many bytes of its last segment lie beyond it, which are no leaves."""

    tail: Position
    torn: int


class _Recorded(msgspec.Struct):
    recorded_at: str | None = None


def encode_head(head: Position) -> bytes:
    """Return the head as ``lock`` holds it, always of the same length."""
    text = b"%020d %020d %020d " % head
    return text + b"%08x\n" % zlib.crc32(text)


def decode_head(raw: bytes) -> Position | None:
    """Return the head, or `None` where there is none yet or a crash has left no more than a part of it."""
    text, check = raw[:63], raw[63:]
    if len(raw) != HEAD_BYTES or check != b"%08x\n" % zlib.crc32(text):
        return None
    seq, segment, offset = text.split()
    return Position(int(seq), int(segment), int(offset))


def recover(layout: Layout, head: Position | None) -> Found:
    """Find the end of the log when nothing but ``head`` is known. Reads the last segment at most, and changes nothing.

    :raises LogRolledBack: the log is shorter than its head.
    :raises StoreDamaged: what was acknowledged is not there as it was written.
    """
    firsts = list_segments(layout)
    last = Position(firsts[-1], firsts[-1], 0) if firsts else Position(0, 0, 0)
    if head is not None and head.segment in firsts:
        if head.offset:
            _check_acknowledged(layout, head)
        return walk(layout, head)
    found = walk(layout, last, cautious=True)
    if head is not None and found.tail.seq < head.seq:
        raise _rolled_back(layout, head, found.tail.seq)
    return found


def walk(layout: Layout, start: Position, *, cautious: bool = False) -> Found:
    """Follow the log from ``start``, a place that is known to be good, to its end.

    :param cautious: refuse where a leaf follows a line that is none, since it may have been acknowledged.
    :raises StoreDamaged: there is a hole, or a segment that others follow does not end in a leaf.
    """
    firsts = [first for first in list_segments(layout) if first >= start.segment]
    if not firsts or firsts[0] != start.segment:
        if start.offset:
            path = layout.segment(start.segment)
            raise StoreDamaged(f"{path} is missing; restore it from a copy", path=path, seq=start.segment)
        firsts.insert(0, start.segment)
    tail, torn = start, 0
    for first in firsts:
        if first != tail.segment:
            if torn or first != tail.seq:
                path = layout.segment(tail.segment)
                message = f"{path}: expected record {tail.seq} to follow, found a hole; restore the segment from a copy"
                raise StoreDamaged(message, path=path, seq=tail.seq)
            tail = Position(first, first, 0)
        if layout.segment(first).exists():
            tail, torn = _follow(layout, tail, cautious=cautious)
    return Found(tail, torn)


def _follow(layout: Layout, start: Position, *, cautious: bool) -> Found:
    path = layout.segment(start.segment)
    seq, end, broken = start.seq, start.offset, False
    with open_segment(path) as descriptor:
        size = os.fstat(descriptor).st_size
        if size < start.offset:
            raise _rolled_back(layout, start, None)
        for offset, line in whole_lines(descriptor, start.offset):
            if not broken and is_leaf(line, seq):
                seq, end = seq + 1, offset + len(line) + 1
                continue
            if not cautious:
                break
            if broken and line.startswith(b'{"seq":'):
                message = f"{path}: expected record {seq}, found none, and records after it; restore it from a copy"
                raise StoreDamaged(message, path=path, seq=seq)
            broken = True
    return Found(Position(seq, start.segment, end), size - end)


def _check_acknowledged(layout: Layout, head: Position) -> None:
    path = layout.segment(head.segment)
    with open_segment(path) as descriptor:
        if os.fstat(descriptor).st_size < head.offset:
            raise _rolled_back(layout, head, None)
        found = last_line(descriptor, head.offset)
    if found is None or found[0] + len(found[1]) + 1 != head.offset or not is_leaf(found[1], head.seq - 1):
        message = f"{path}: expected record {head.seq - 1} before byte {head.offset}, found something else; restore it"
        raise StoreDamaged(message, path=path, seq=head.seq - 1)


def _rolled_back(layout: Layout, head: Position, found: int | None) -> LogRolledBack:
    shorter = "fewer" if found is None else f"{found}"
    message = (
        f"{layout.root}: expected at least {head.seq} records, found {shorter}; restore the trail, or begin another"
    )
    return LogRolledBack(message, path=layout.root, expected=head.seq, found=found)


def begun_at(descriptor: int) -> float | None:
    """Return when the first leaf of a segment was recorded, in seconds since 1970, if it tells."""
    for _offset, line in whole_lines(descriptor, 0, _FIRST_LINE):
        try:
            recorded = msgspec.json.decode(line, type=_Recorded).recorded_at
            return None if recorded is None else moments.from_rfc3339(recorded) / 1e6
        except (msgspec.DecodeError, ValueError, RecursionError):
            return None
    return None
