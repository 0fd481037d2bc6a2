"""One run: every family measured, and on what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from time import perf_counter

from benchmarks import machine
from benchmarks.families import measured
from benchmarks.lab import ROOT, Lab
from benchmarks.result import Result
from benchmarks.rows import Row


def run(lab: Lab, families: Iterable[str], *, told: Callable[[str], object]) -> Iterator[Result]:
    """Measure families in their order, and yield the result so far after each: a run that is cut off loses little.

    :param told: is given a line about each row as it is measured.
    """
    started, began, before = datetime.now(UTC), perf_counter(), machine.load()
    commit, rows = machine.commit(ROOT), list[Row]()
    with lab:
        for family in families:
            for row in measured(family, lab):
                rows.append(row)
                told(f"{perf_counter() - began:6.0f} s  {row.spec.id}: {_in_short(row)}")
            about = {
                "started": started.isoformat(timespec="seconds"),
                "seconds": round(perf_counter() - began, 1),
                "quick": lab.quick,
                "commit": commit,
                "machine": machine.described(lab.folder),
                "load_before": before,
                "load_after": machine.load(),
                "versions": machine.versions(),
                "peers": lab.versions_of_peers(),
            }
            yield Result(about=about, rows=tuple(rows))


def _in_short(row: Row) -> str:
    if row.skipped or row.judged is None:
        return row.skipped or "not measured"
    verdict = {True: "reached", False: "missed", None: ""}[row.reached]
    return f"{row.judged:.4g} ({row.spec.reach or 'no target'}) {verdict}".strip()
