"""The `sqlite:` store, beside ready rows inserted into the same schema."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from time import perf_counter
from typing import Final

from benchmarks.families import Group
from benchmarks.harness import interleave, named
from benchmarks.lab import Lab, run_program
from benchmarks.rawrows import BATCH, raw_rate
from benchmarks.rows import LIMIT, OURS, Row, Spec, at_least
from benchmarks.trails import lines_of
from signalpy_audit_trail.stores import open_store

SQLITE: Final = Spec(
    id="stores.sqlite",
    work=f"`sqlite:` store, batches of {BATCH:,}, tree and all indexes",
    limit="raw `executemany` into the same schema",
    unit="1/s",
    better="more",
    reach=at_least(0.8),
    noise=0.15,
    why="The rows of the limit are ready; here a record is decoded, its texts are interned, and it joins the tree.",
)


def sqlite(lab: Lab) -> Sequence[Row]:
    """Batches of stored records appended to a new database each time."""
    count = lab.size(20_000, 2_000)
    with lab.place() as place:
        run_program("sustained", place / "trail", count)
        lines = lines_of(place / "trail")
        raw = place / "raw.db"
        store_rate(raw, lines)
        peers = lab.peers("batches", "eventsourcing", "auditchain", folder=str(place), count=count, raw=str(raw))
        samples = interleave(
            [
                named(LIMIT, lambda: raw_rate(raw, _fresh(place))),
                named(OURS, lambda: store_rate(_fresh(place), lines)),
                *peers.takers,
            ],
            lab.budget(15),
        )
    return [SQLITE.row(samples, note=peers.missing)]


def store_rate(path: Path, lines: Sequence[bytes]) -> float:
    """Leaves a second, appended in batches."""
    with closing(open_store(f"sqlite://{path}")) as store:
        began = perf_counter()
        for start in range(0, len(lines), BATCH):
            with store.turn() as turn:
                turn.append(lines[start : start + BATCH])
        return len(lines) / (perf_counter() - began)


def _fresh(place: Path) -> Path:
    return place / f"{sum(1 for _ in place.iterdir())}.db"


GROUPS = (Group((SQLITE,), sqlite),)
