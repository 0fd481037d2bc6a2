"""Verification of the whole trail, offline."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from time import perf_counter

from msgspec import json

from benchmarks.families import Group
from benchmarks.harness import interleave, named
from benchmarks.lab import Lab
from benchmarks.limits import hash_lines
from benchmarks.machine import cpus
from benchmarks.rows import FLOOR, LIMIT, OURS, Row, Spec, at_most
from signalpy_audit_trail import open_trail

VERIFY = Spec(
    id="verify.trail",
    work="verify a trail: bytes, order, tree and index, on all cores",
    limit="reading and hashing its lines, on one core",
    unit="s",
    reach=at_most(2),
    noise=0.15,
    floor="hashing the lines, decoding them, SQLite's own check of its file and reading its rows, divided by the CPUs",
    why=(
        "That the index says what the log says can be known only by decoding each record and reading each row; on more"
        " CPUs the ratio falls. Above the floor: each record is compared with its rows, member by member."
    ),
)
LOG = Spec(
    id="verify.log",
    work="the same without the index",
    limit="reading and hashing its lines, on one core",
    unit="s",
    noise=0.15,
)


def verify(lab: Lab) -> Sequence[Row]:
    """The trail of the run, with what it is signed by."""
    made = lab.trail
    with lab.place() as place:
        peers = lab.peers("verify", "auditchain", folder=str(place), count=lab.size(50_000, 2_000))

        def ours(*, index: bool) -> float:
            began = perf_counter()
            with open_trail(made.folder) as trail:
                report = trail.verify(index=index)
            seconds = perf_counter() - began
            if report.verdict != "holds":
                raise RuntimeError(f"the trail does not verify: {report.verdict}")
            return seconds

        def limit() -> float:
            began = perf_counter()
            hash_lines(made.lines)
            return perf_counter() - began

        def floor() -> float:
            began = perf_counter()
            hash_lines(made.lines)
            decode_lines(made.lines)
            read_through(made.folder / "index.sqlite3")
            return (perf_counter() - began) / cpus()

        samples = interleave(
            [
                named(LIMIT, limit),
                named(OURS, lambda: ours(index=True)),
                named(FLOOR, floor),
                named("log", lambda: ours(index=False)),
                *peers.takers,
            ],
            lab.budget(30, least=3),
            warm_up=0,
        )
    log = samples.pop("log")
    note = f"{lab.events:,} records"
    return [VERIFY.row(samples, note=f"{note} {peers.missing}".strip()), LOG.row({LIMIT: samples[LIMIT], OURS: log})]


def decode_lines(files: Sequence[Path]) -> None:
    """Decode every line."""
    decode = json.Decoder().decode
    for path in files:
        with path.open("rb") as file:
            for line in file:
                decode(line)


def read_through(database: Path) -> None:
    """Let SQLite check a database, and read the rows of its large tables."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA integrity_check").fetchone()
        for table in ("record", "concern"):
            rows = connection.execute(f"SELECT * FROM {table}")  # noqa: S608 (a constant)
            while rows.fetchmany(1_000):
                pass


GROUPS = (Group((VERIFY, LOG), verify),)
