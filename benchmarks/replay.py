"""Bulk replay: CloudTrail files published and recorded by the example's component, each event under its own id."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from time import perf_counter
from typing import Any, Final
from uuid import UUID

from benchmarks.families import Group
from benchmarks.harness import interleave, named
from benchmarks.lab import ROOT, Lab
from benchmarks.limits import hash_lines
from benchmarks.recorder import recorded
from benchmarks.rows import FLOOR, LIMIT, OURS, Row, Spec, at_least
from benchmarks.trails import indexed, trailed
from signalpy import Kernel
from signalpy_cloudtrail import CloudTrail

SAMPLE: Final = ROOT / "examples" / "signalpy-cloudtrail" / "sample"

REPLAY = Spec(
    id="replay.file",
    work="bulk replay of a file of events, recorded and indexed",
    limit="reading and hashing its lines",
    unit="1/s",
    better="more",
    reach=at_least(0.15),
    noise=0.15,
    floor="the same component, with a hook that encodes a record, hashes it and hands it to a bare group commit",
    why=(
        "The limit hashes lines and makes nothing of them. To publish an event it must be decoded, checked and handed"
        " through the bus under its own id, and recording it encodes it again: all of it Python in one thread."
    ),
)


def replay(lab: Lab) -> Sequence[Row]:
    """A file of records like those of the example's sample, each with an id of its own."""
    with lab.place() as place:
        source = place / "events.jsonl"
        write_events(source, lab.replayed)
        samples = interleave(
            [
                named(LIMIT, lambda: lab.replayed / _seconds(source)),
                named(OURS, lambda: lab.replayed / asyncio.run(_replayed(_fresh(place), source))),
                named(FLOOR, lambda: lab.replayed / asyncio.run(_bare(place / "floor", source))),
            ],
            lab.budget(30, least=1),
            warm_up=0,
        )
    return [REPLAY.row(samples, note=f"{lab.replayed:,} events")]


def write_events(path: Path, count: int) -> None:
    """Write records, one a line: those of the sample again and again, under ids of their own."""
    records = [record for file in sorted(SAMPLE.glob("*.json")) for record in json.loads(file.read_bytes())["Records"]]
    supply = cycle(records)
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            record: dict[str, Any] = {**next(supply), "eventID": str(UUID(int=number))}
            file.write(json.dumps(record, separators=(",", ":")) + "\n")


def _seconds(source: Path) -> float:
    began = perf_counter()
    hash_lines([source])
    return perf_counter() - began


def _fresh(place: Path) -> Path:
    return place / f"trail-{sum(1 for _ in place.iterdir())}"


async def _replayed(folder: Path, source: Path) -> float:
    async with trailed(folder, CloudTrail) as kernel:
        began = perf_counter()
        await _published(kernel, source)
        await indexed(kernel)
        return perf_counter() - began


async def _bare(path: Path, source: Path) -> float:
    async with recorded(path, CloudTrail) as kernel:
        began = perf_counter()
        await _published(kernel, source)
        return perf_counter() - began


async def _published(kernel: Kernel, source: Path) -> None:
    told = await kernel.bus.invoke("cloudtrail.replay", {"path": str(source)})
    if "error" in told:
        raise RuntimeError(told["error"])


GROUPS = (Group((REPLAY,), replay),)
