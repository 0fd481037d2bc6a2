"""One run of records checked by itself, so that several processes can share a trail."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from signalpy_audit_trail.batching import batches
from signalpy_audit_trail.merkle.hashing import HASH_SIZE, leaf_hashes
from signalpy_audit_trail.store import StoreDamaged, StoreReader
from signalpy_audit_trail.verification.tree import root_over, rows_over

BITS: Final = 14
"""A run has ``2**BITS`` records, and so its root is one node of the tree."""

_is_json = msgspec.json.Decoder(msgspec.Raw).decode


class Bad(msgspec.Struct):
    """One finding: which check, at which record, in words."""

    check: str
    seq: int
    detail: str


class Chunk(msgspec.Struct, tag=True):
    """What was found in one run.

    :param root: hash over the run's records, and ``prefixes`` the same over those below a position.
    :param bad: of each check the first finding.
    """

    start: int
    count: int
    root: bytes
    prefixes: dict[int, bytes]
    bad: list[Bad]


def check_chunk(
    reader: StoreReader, run: tuple[int, int], covered: int, marks: Sequence[int], told: Callable[[int], None]
) -> Chunk:
    """Checks the records from one position to before another against the nodes that are kept.

    :param run: the two positions; the first is where a run begins, and they are no more than a run apart.
    :param covered: how many records the kept tree covers.
    :param marks: positions below which the hash of the run is wanted.
    :param told: called with the number of records that were read since it was called last.
    """
    start, stop = run
    hashes, bad = _read(reader, start, stop, told)
    whole = len(hashes) == stop - start
    rows = rows_over(hashes)
    if whole:
        kept = rows if covered >= stop else rows_over(hashes[: max(0, covered - start)])
        bad += _compare(reader, start, kept)
    inside = [mark for mark in marks if start < mark < start + len(hashes)]
    prefixes = {mark: root_over(rows, mark - start) for mark in inside}
    return Chunk(start, len(hashes), root_over(rows, len(hashes)), prefixes, bad)


def _read(reader: StoreReader, start: int, stop: int, told: Callable[[int], None]) -> tuple[list[bytes], list[Bad]]:
    hashes: list[bytes] = []
    found: dict[str, Bad] = {}
    try:
        for seqs, leaves in batches(reader.leaves(start, stop)):
            for fault in _faults(start + len(hashes), seqs, leaves):
                found.setdefault(fault.check, fault)
            hashes += leaf_hashes(leaves)
            told(len(leaves))
    except StoreDamaged as error:
        at = getattr(error, "seq", None)
        place = at if isinstance(at, int) else start + len(hashes)
        found.setdefault("order", Bad("order", place, str(error)))
    else:
        if len(hashes) < stop - start:
            missing = start + len(hashes)
            found.setdefault("order", Bad("order", missing, f"record {missing} is missing"))
    return hashes, list(found.values())


def _faults(first: int, seqs: Sequence[int], leaves: Sequence[bytes]) -> list[Bad]:
    """What is wrong with leaves of which the first should be number ``first``."""
    beyond = first + len(leaves)
    begins = [b'{"seq":%d,' % seq for seq in range(first, beyond)]
    if seqs == list(range(first, beyond)) and all(map(bytes.startswith, leaves, begins)):
        try:
            deque(map(_is_json, leaves), maxlen=0)
        except (msgspec.DecodeError, ValueError, RecursionError):
            pass  # which of them it is, is found below
        else:
            return []
    each = (_fault(*item) for item in zip(seqs, range(first, beyond), leaves, strict=True))
    return [fault for fault in each if fault is not None]


def _fault(seq: int, expected: int, leaf: bytes) -> Bad | None:
    if seq != expected or not leaf.startswith(b'{"seq":%d,' % expected):
        return Bad("order", expected, f"expected record {expected}, found {leaf[:40]!r}")
    try:
        _is_json(leaf)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return Bad("bytes", seq, f"record {seq} is no JSON")
    return None


def _compare(reader: StoreReader, start: int, wanted: list[list[bytes]]) -> list[Bad]:
    """Holds the nodes over the run against those that are kept, a whole level at a time.

    Where the kept node above a record is that of the record as it is now, a difference below is one of the nodes.
    """
    try:
        kept = [_kept(reader, level, start >> level, len(row)) for level, row in enumerate(wanted)]
    except StoreDamaged as error:
        return [Bad("tree", start, str(error))]
    for level, row in enumerate(wanted):
        if kept[level] == b"".join(row):
            continue
        at = next(at for at, one in enumerate(row) if _node(kept[level], at) != one)
        above = [(up, at >> up) for up in range(1, len(wanted)) if at >> up < len(wanted[up])] if level == 0 else []
        if level == 0 and all(_node(kept[up], index) != wanted[up][index] for up, index in above):
            return [Bad("bytes", start + at, f"record {start + at} is not what it was when its hash was kept")]
        detail = f"node {(start >> level) + at} of level {level} is not that of the records below it"
        return [Bad("tree", start + (at << level), detail)]
    return []


def _kept(reader: StoreReader, level: int, first: int, count: int) -> bytes:
    return reader.nodes(level, first, first + count)[: count * HASH_SIZE]


def _node(nodes: bytes, at: int) -> bytes:
    return nodes[at * HASH_SIZE : (at + 1) * HASH_SIZE]
