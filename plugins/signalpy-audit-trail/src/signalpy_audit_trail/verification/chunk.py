"""One run of records checked by itself, so that several processes can share a trail."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from signalpy_audit_trail.merkle.hashing import HASH_SIZE, leaf_hash
from signalpy_audit_trail.store import StoreDamaged, StoreReader
from signalpy_audit_trail.stores import open_reader
from signalpy_audit_trail.verification.tree import rows_over, tree_hash

BITS: Final = 14
"""A run has ``2**BITS`` records, and so its root is one node of the tree."""

_is_json = msgspec.json.Decoder(msgspec.Raw).decode


class Bad(msgspec.Struct):
    """One finding: which check, at which record, in words."""

    check: str
    seq: int
    detail: str


class Chunk(msgspec.Struct):
    """What was found in one run.

    :param root: hash over the run's records, and ``prefixes`` the same over those below a position.
    """

    start: int
    count: int
    root: bytes
    prefixes: dict[int, bytes]
    bad: list[Bad]


def check_chunk(reader: StoreReader, start: int, stop: int, covered: int, marks: Iterable[int]) -> Chunk:
    """Checks the records from ``start`` to before ``stop`` (at most one run) against the nodes that are kept.

    :param covered: how many records the kept tree covers.
    :param marks: positions below which the hash of the run is wanted.
    """
    hashes, bad = _read(reader, start, stop)
    if len(hashes) == stop - start:
        bad += _compare(reader, start, hashes[: max(0, covered - start)])
    inside = [mark for mark in marks if start < mark < start + len(hashes)]
    prefixes = {mark: tree_hash(hashes[: mark - start]) for mark in inside}
    return Chunk(start, len(hashes), tree_hash(hashes), prefixes, bad)


def check_chunk_of(url: str, start: int, stop: int, covered: int, marks: Sequence[int]) -> Chunk:
    """The same for another process, which opens the trail itself."""
    reader = open_reader(url)
    try:
        return check_chunk(reader, start, stop, covered, marks)
    finally:
        reader.close()


def _read(reader: StoreReader, start: int, stop: int) -> tuple[list[bytes], list[Bad]]:
    hashes: list[bytes] = []
    bad: list[Bad] = []
    seq = start
    try:
        for seq, leaf in reader.leaves(start, stop):
            fault = _fault(seq, start + len(hashes), leaf)
            if fault is not None:
                bad.append(fault)
            hashes.append(leaf_hash(leaf))
    except StoreDamaged as error:
        at = getattr(error, "seq", None)
        bad.append(Bad("order", at if isinstance(at, int) else start + len(hashes), str(error)))
    else:
        if len(hashes) < stop - start:
            bad.append(Bad("order", start + len(hashes), f"record {start + len(hashes)} is missing"))
    return hashes, bad


def _fault(seq: int, expected: int, leaf: bytes) -> Bad | None:
    if seq != expected or not leaf.startswith(b'{"seq":%d,' % expected):
        return Bad("order", expected, f"expected record {expected}, found {leaf[:40]!r}")
    try:
        _is_json(leaf)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return Bad("bytes", seq, f"record {seq} is no JSON")
    return None


def _compare(reader: StoreReader, start: int, hashes: list[bytes]) -> list[Bad]:
    """Holds the nodes over the run against those that are kept.

    Where the kept node above a record is that of the record as it is now, a difference below is one of the nodes.
    """
    wanted = rows_over(hashes)
    try:
        kept = [_kept(reader, level, start >> level, len(row)) for level, row in enumerate(wanted)]
    except StoreDamaged as error:
        return [Bad("tree", start, str(error))]
    for level, row in enumerate(wanted):
        if kept[level] == row:
            continue
        at = next(at for at, one in enumerate(row) if kept[level][at] != one)
        above = [(up, at >> up) for up in range(1, len(wanted)) if at >> up < len(wanted[up])] if level == 0 else []
        if level == 0 and all(kept[up][index] != wanted[up][index] for up, index in above):
            return [Bad("bytes", start + at, f"record {start + at} is not what it was when its hash was kept")]
        detail = f"node {(start >> level) + at} of level {level} is not that of the records below it"
        return [Bad("tree", start + (at << level), detail)]
    return []


def _kept(reader: StoreReader, level: int, first: int, count: int) -> list[bytes]:
    nodes = reader.nodes(level, first, first + count)
    return [nodes[at : at + HASH_SIZE] for at in range(0, len(nodes), HASH_SIZE)]
