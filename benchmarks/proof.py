"""Inclusion proofs out of a large trail."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from time import perf_counter

from benchmarks.families import Group
from benchmarks.harness import Repeated, interleave, named
from benchmarks.lab import Lab
from benchmarks.rows import LIMIT, OURS, Row, Spec, at_most
from signalpy_audit_trail.proving import prove
from signalpy_audit_trail.store import StoreReader
from signalpy_audit_trail.stores import open_reader

HASH = 32

PROOF = Spec(
    id="proof.inclusion",
    work="inclusion proof from disk, the trail open",
    limit="as many reads of 32 bytes as the proof has hashes",
    unit="ms",
    reach=at_most(1, "ms"),
)
COLD = Spec(
    id="proof.opened",
    work="the same, opening the trail for it",
    limit="as many reads of 32 bytes as the proof has hashes",
    unit="ms",
    reach=at_most(1, "ms"),
)


def proofs(lab: Lab) -> Sequence[Row]:
    """Records all over the trail, one after the other."""
    folder, size = lab.trail.folder, lab.events
    url = folder.as_uri()
    numbers = count()

    def somewhere() -> int:
        return next(numbers) * 7919 % size

    def opened() -> float:
        began = perf_counter()
        with closing(open_reader(url)) as reader:
            prove(reader, somewhere())
        return perf_counter() - began

    with closing(open_reader(url)) as reader:
        samples = interleave(
            [
                named(LIMIT, Repeated(lambda times: _reads(folder, size.bit_length(), times))),
                named(OURS, Repeated(lambda times: _proved(reader, [somewhere() for _ in range(times)]))),
                named("opened", opened),
            ],
            lab.budget(5),
        )
    cold = samples.pop("opened")
    note = f"{size:,} records"
    return [PROOF.row(samples, scale=1e3, note=note), COLD.row({LIMIT: samples[LIMIT], OURS: cold}, scale=1e3)]


def _proved(reader: StoreReader, positions: Sequence[int]) -> float:
    began = perf_counter()
    for position in positions:
        prove(reader, position)
    return (perf_counter() - began) / len(positions)


def _reads(folder: Path, hashes: int, times: int) -> float:
    descriptor = os.open(folder / "tree" / "00", os.O_RDONLY)
    try:
        began = perf_counter()
        for _ in range(times):
            for number in range(hashes):
                os.pread(descriptor, HASH, number * 101 * HASH)
        return (perf_counter() - began) / times
    finally:
        os.close(descriptor)


GROUPS = (Group((PROOF, COLD), proofs),)
