"""Verification of the whole trail, offline."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

from benchmarks.families import Group
from benchmarks.harness import interleave, named
from benchmarks.lab import Lab
from benchmarks.limits import hash_lines
from benchmarks.rows import LIMIT, OURS, Row, Spec, at_most
from signalpy_audit_trail import open_trail

VERIFY = Spec(
    id="verify.trail",
    work="verify a trail: bytes, order, tree and index, on all cores",
    limit="reading and hashing its lines, on one core",
    unit="s",
    reach=at_most(2),
    noise=0.15,
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

        samples = interleave(
            [
                named(LIMIT, limit),
                named(OURS, lambda: ours(index=True)),
                named("log", lambda: ours(index=False)),
                *peers.takers,
            ],
            lab.budget(30, least=3),
            warm_up=0,
        )
    log = samples.pop("log")
    note = f"{lab.events:,} records"
    return [VERIFY.row(samples, note=f"{note} {peers.missing}".strip()), LOG.row({LIMIT: samples[LIMIT], OURS: log})]


GROUPS = (Group((VERIFY, LOG), verify),)
