"""Verification of a whole trail: every record read once, in runs that several processes share."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Final, TypeAlias

from signalpy_audit_trail.signing.note import Verifier
from signalpy_audit_trail.store import StoreError, StoreReader
from signalpy_audit_trail.verification.chunk import BITS, Chunk, check_chunk, check_chunk_of
from signalpy_audit_trail.verification.head import Head, check_signature, check_tail, read_head
from signalpy_audit_trail.verification.index import check_index
from signalpy_audit_trail.verification.report import Report
from signalpy_audit_trail.verification.tree import tree_hash

Progress: TypeAlias = Callable[[int, int], None]

RUN: Final = 1 << BITS
SHARED: Final = 16 * RUN
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
    chunks = _checked(reader, (size, covered), marks, processes=processes, progress=progress)
    for chunk in chunks:
        for bad in chunk.bad:
            report.checks[bad.check].breaks(bad.detail, bad.seq)
    _check_upper(reader, report, chunks, covered)

    def root_at(mark: int) -> bytes | None:
        return _root_at(chunks, mark)

    check_tail(report, given, anchors.keys, root_at)
    check_signature(report, kept, given, root_at, keys=anchors.keys, beside=anchors.beside)
    check_index(report, reader, wanted=index)
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


def _checked(
    reader: StoreReader,
    extent: tuple[int, int],
    marks: Sequence[int],
    *,
    processes: int | None,
    progress: Progress | None,
) -> list[Chunk]:
    size, covered = extent
    runs = [(start, min(start + RUN, size)) for start in range(0, size, RUN)]
    count = processes if processes is not None else (os.cpu_count() or 1)
    results = (
        (check_chunk(reader, start, stop, covered, marks) for start, stop in runs)
        if count <= 1 or size < SHARED
        else _shared(reader.url, runs, covered, marks, count)
    )
    chunks: list[Chunk] = []
    for chunk in results:
        chunks.append(chunk)
        if progress is not None:
            progress(min(len(chunks) * RUN, size), size)
    return chunks


def _shared(
    url: str, runs: Sequence[tuple[int, int]], covered: int, marks: Sequence[int], count: int
) -> Iterator[Chunk]:
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        starts, stops = zip(*runs, strict=True)
        repeated = ([value] * len(runs) for value in (covered, marks))
        yield from pool.map(check_chunk_of, [url] * len(runs), starts, stops, *repeated, chunksize=1)


def _check_upper(reader: StoreReader, report: Report, chunks: Sequence[Chunk], covered: int) -> None:
    """The nodes over several runs."""
    row = [chunk.root for chunk in chunks if chunk.count == RUN and chunk.start + RUN <= covered]
    level = BITS
    while len(row) > 1:
        row = [tree_hash(row[at : at + 2]) for at in range(0, len(row) - 1, 2)]
        level += 1
        try:
            kept = reader.nodes(level, 0, len(row))
        except StoreError as error:
            report.checks["tree"].breaks(str(error))
            return
        for at, wanted in enumerate(row):
            if kept[at * len(wanted) : (at + 1) * len(wanted)] != wanted:
                detail = f"node {at} of level {level} is not that of the records below it"
                report.checks["tree"].breaks(detail, at << level)
                return


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
