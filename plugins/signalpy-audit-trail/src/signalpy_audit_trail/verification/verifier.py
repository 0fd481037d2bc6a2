"""Verification of a whole trail: every record read once, in runs that several processes share."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from signalpy_audit_trail.merkle.hashing import HASH_SIZE, node_hashes
from signalpy_audit_trail.signing.note import Verifier
from signalpy_audit_trail.store import StoreError, StoreReader
from signalpy_audit_trail.verification.chunk import BITS, Chunk
from signalpy_audit_trail.verification.head import Head, check_signature, check_tail, read_head
from signalpy_audit_trail.verification.index import PartFound, conclude, parts_of
from signalpy_audit_trail.verification.report import Report
from signalpy_audit_trail.verification.tree import tree_hash
from signalpy_audit_trail.verification.work import Found, Part, Run, Task, do

Progress: TypeAlias = Callable[[int, int], None]

RUN: Final = 1 << BITS
SHARED: Final = 4 * RUN
"""Records from which on it pays to start other processes."""


@dataclass(frozen=True, slots=True)
class Anchors:
    """What the auditor holds that the trail's keeper cannot change.

    :param checkpoint: a signed checkpoint that was kept elsewhere.
    :param keys: public keys that are known to be the log's.
    :param beside: public keys that lie beside the trail; whoever can change the trail can change them too.
    """

    checkpoint: str | None = None
    keys: Sequence[Verifier] = ()
    beside: Sequence[Verifier] = ()


def verify(
    reader: StoreReader,
    anchors: Anchors | None = None,
    *,
    require: Collection[str] = (),
    index: bool = True,
    processes: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Reads everything and says of each check whether it holds.

    :param require: checks that count also if what they need was not given.
    :param index: whether to hold the index against the records.
    :param processes: how many to share the work; as many as there are processors, if not given.
    :param progress: called with records done and records in all.
    :raises StoreError: the trail cannot be read at all.
    :raises NoteError: the checkpoint that was given is none.
    """
    anchors = anchors or Anchors()
    size = reader.size()
    report = Report(reader.url, reader.origin, size)
    given = read_head(anchors.checkpoint) if anchors.checkpoint is not None else None
    kept = _kept_head(reader, report)
    covered = _check_extent(reader, report)
    marks = sorted({head.checkpoint.size for head in (given, kept) if head is not None})
    count = 1 if size < SHARED else processes if processes is not None else _processors()
    tasks = _plan(reader, (size, covered), marks, count if index else 0)
    found = _done(reader, tasks, count, _telling(progress, size, rounds=2 if index else 1))
    chunks = sorted((item for item in found if isinstance(item, Chunk)), key=lambda chunk: chunk.start)
    for chunk in chunks:
        for bad in chunk.bad:
            report.checks[bad.check].breaks(bad.detail, bad.seq)
    _check_upper(reader, report, chunks, covered)

    def root_at(mark: int) -> bytes | None:
        return _root_at(chunks, mark)

    check_tail(report, given, anchors.keys, root_at)
    check_signature(report, kept, given, root_at, keys=anchors.keys, beside=anchors.beside)
    conclude(report, [item for item in found if isinstance(item, PartFound)] if index else None)
    report.require(require)
    return report


def _kept_head(reader: StoreReader, report: Report) -> Head | None:
    """The checkpoint that lies in the trail itself."""
    try:
        note = reader.checkpoint()
    except StoreError as error:
        report.checks["signature"].breaks(str(error))
        return None
    return read_head(note) if note is not None else None


def _check_extent(reader: StoreReader, report: Report) -> int:
    """How far the kept tree reaches, and what lies beyond the records or the tree."""
    covered, size = reader.tree_size(), report.size
    if covered > size:
        detail = f"the tree covers {covered} records, and there are {size}: the last {covered - size} are missing"
        report.checks["order"].breaks(detail, size)
    elif covered < size:
        report.notes.append(f"the kept tree covers {covered} of {size} records; the others are compared with nothing")
    torn = reader.torn()
    if torn:
        report.notes.append(
            f"the last {torn} bytes are no whole record, as in a copy that was made while it was written"
        )
    return min(covered, size)


def _processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _telling(progress: Progress | None, size: int, *, rounds: int) -> Callable[[int], None]:
    """What is called with numbers of records and tells ``progress`` how far all is.

    :param rounds: how often each record is looked at.
    """
    seen = 0

    def tell(count: int) -> None:
        nonlocal seen
        seen += count
        if progress is not None:
            progress(min(seen // rounds, size), size)

    return tell


def _plan(reader: StoreReader, extent: tuple[int, int], marks: Sequence[int], parts: int) -> list[Task]:
    """All that is to be done, what takes longest first; ``parts`` is for how many processes, 0 without the index."""
    size, covered = extent
    at = tuple(marks)
    runs = [Run(start, min(start + RUN, size), covered, at) for start in range(0, size, RUN)]
    return [*map(Part, parts_of(reader, parts) if parts else ()), *runs]


def _done(reader: StoreReader, tasks: Sequence[Task], count: int, progress: Callable[[int], None]) -> list[Found]:
    """Do tasks, or have them done by ``count`` processes."""
    found: list[Found] = []
    if count > 1:
        from signalpy_audit_trail.verification.crew import Crew, trail_of

        with Crew(trail_of(reader), tasks, count) as crew:
            for item in crew.found():
                if isinstance(item, int):
                    progress(item)
                else:
                    found.append(item)
            tasks = crew.left()
    return [*found, *(do(task, reader, progress) for task in tasks)]


def _check_upper(reader: StoreReader, report: Report, chunks: Sequence[Chunk], covered: int) -> None:
    """The nodes over several runs."""
    whole = [chunk for chunk in chunks if chunk.start + RUN <= covered]
    level = BITS
    try:
        row = [_told_root(reader, chunk) for chunk in whole]
        while len(row) > 1:
            row = node_hashes(row)
            level += 1
            kept = reader.nodes(level, 0, len(row))
            for at, wanted in enumerate(row):
                if kept[at * HASH_SIZE : (at + 1) * HASH_SIZE] != wanted:
                    detail = f"node {at} of level {level} is not that of the records below it"
                    report.checks["tree"].breaks(detail, at << level)
                    return
    except StoreError as error:
        report.checks["tree"].breaks(str(error))


def _told_root(reader: StoreReader, chunk: Chunk) -> bytes:
    """The root of a run; that which is kept where its records are not those that were hashed, which is said already."""
    if any(bad.check != "tree" for bad in chunk.bad):
        at = chunk.start // RUN
        return reader.nodes(BITS, at, at + 1)
    return chunk.root


def _root_at(chunks: Sequence[Chunk], size: int) -> bytes | None:
    """The root over the first ``size`` records; ``None`` if there are fewer, or one before it could not be read."""
    hashes: list[bytes] = []
    for chunk in chunks:
        if chunk.start >= size:
            break
        if chunk.start + chunk.count <= size:
            hashes.append(chunk.root)
        elif size in chunk.prefixes:
            hashes.append(chunk.prefixes[size])
        if chunk.start + chunk.count < min(size, chunk.start + RUN):
            return None
    have = chunks[-1].start + chunks[-1].count if chunks else 0
    return tree_hash(hashes) if size <= have else None
