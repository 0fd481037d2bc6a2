"""Durable appends through the bus: idle, under a busy loop, strict, from two processes, and for long."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Sequence
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any, Final

from benchmarks.families import Group
from benchmarks.harness import interleave
from benchmarks.lab import ROOT, Lab, program
from benchmarks.limits import GroupCommit
from benchmarks.publishers import Do, Run, Seen, busy_loop, together, together_busy
from benchmarks.recorder import recorded
from benchmarks.rows import FLOOR, LIMIT, OURS, Row, Spec, at_least, at_most, of
from benchmarks.trails import lines_of, publisher, trailed
from signalpy import Kernel, component, runnable

TASKS: Final = 64
BARE: Final = "bare group commit"
_LIMIT: Final = "the same bytes through a bare group commit"
_RECORDED: Final = "a hook on the same bus that encodes a record, hashes it and hands it to the bare group commit"
_ONE_CORE: Final = (
    "The limit hands over bytes that are ready. An operation, its record and waking who waits are Python in one thread,"
    " of which the floor does the least."
)
_ABOVE: Final = (
    " What it leaves out: deciding what is captured and making it safe, privacy and limits, numbering records, and the"
    " tree and the index, which a thread keeps that shares the interpreter."
)

IDLE = Spec(
    id="append.idle",
    work=f"durable append through the bus, {TASKS} publishers, `standard`, `file:`, Merkle tree included",
    limit=_LIMIT,
    unit="1/s",
    better="more",
    reach=at_least(0.6),
    noise=0.15,
    floor=_RECORDED,
    why=_ONE_CORE + _ABOVE,
)
IDLE_P99 = Spec(
    id="append.idle-p99",
    work="the same: p99 of a publish",
    limit=_LIMIT,
    unit="ms",
    reach=at_most(2),
    noise=0.4,
    why="See append.idle: a publish waits for the batch that is being written and then for its own, and each takes as"
    " long as its records take in Python. The floor misses it too.",
)
BUSY = Spec(
    id="append.busy",
    work="the same with the event loop 100% busy with Python work",
    limit="idle",
    unit="1/s",
    better="more",
    reach=at_least(0.2),
    noise=0.2,
)
BUSY_P99 = Spec(id="append.busy-p99", work="the same: p99 of a publish", limit="idle", unit="ms", noise=0.4)
BUSY_GAP = Spec(
    id="append.busy-gap",
    work="the same: p99 of the loop's gaps (1 ms of each is the work)",
    limit="the busy loop, nothing published",
    unit="ms",
    reach=at_most(5, "ms"),
    noise=0.4,
)
STRICT = Spec(
    id="append.strict",
    work=f"strict mode, {TASKS} callers: intent and outcome",
    limit="two such appends",
    unit="1/s",
    better="more",
    reach=at_least(0.5),
    noise=0.15,
    floor=f"{_RECORDED}, before the call and after it",
    why=_ONE_CORE + _ABOVE,
)
TWO = Spec(
    id="append.two-processes",
    work=f"two processes on one `file:` trail, {TASKS // 2} publishers each, in sum",
    limit=f"one process, {TASKS} publishers",
    unit="1/s",
    better="more",
    reach=at_least(0.6),
    noise=0.2,
)
SHARES = Spec(
    id="append.two-shares",
    work="the same: the larger share",
    limit="the smaller share",
    unit="1/s",
    reach=at_most(1.5),
    noise=0.3,
)
SUSTAINED = Spec(
    id="append.sustained",
    work="the same sustained, index caught up at the end",
    limit=_LIMIT,
    unit="1/s",
    better="more",
    reach=at_least(0.35),
    noise=0.15,
    why="See append.idle; the index is kept meanwhile, and caught up.",
)
MEMORY = Spec(
    id="append.memory",
    work="the same: most memory in the second half",
    limit="most in the first half",
    unit="MiB",
    reach=at_most(1.1),
)


@component("tellers", version="1.0")
class Tellers:
    """What is called in strict mode."""

    @runnable("transfer")
    async def transfer(self, params: dict[str, Any]) -> dict[str, Any]:
        """The handler."""
        return {"ok": True}


def idle(lab: Lab) -> Sequence[Row]:
    """Publishers that have the loop for themselves."""
    count = lab.size(16_000, 2_000)
    with lab.place() as place:
        lines = lines_of(asyncio.run(_filled(place / "model", 1_000)))
        peers = lab.peers("append", "auditchain", "eventsourcing", folder=str(place), count=lab.size(500, 200))
        samples = interleave(
            [
                lambda: asyncio.run(_bare(place / "bare", lines, count)).named(LIMIT),
                lambda: asyncio.run(_published(_fresh(place), count)).named(OURS),
                lambda: asyncio.run(_recorded(place / "floor", count)).named(FLOOR),
                *peers.takers,
            ],
            lab.budget(25),
        )
    return [IDLE.row(of("rate", samples), note=peers.missing), IDLE_P99.row(of("p99", samples), note=peers.missing)]


def busy(lab: Lab) -> Sequence[Row]:
    """Publishers on a loop that other tasks keep busy, beside idle ones, for ours and for the limit."""
    count = lab.size(4_000, 200)

    async def alone() -> dict[str, float]:
        async with busy_loop() as gaps:
            await asyncio.sleep(lab.size(1_000, 200) / 1e3)
        return {f"gap: {LIMIT}": gaps.p99}

    with lab.place() as place:
        lines = lines_of(asyncio.run(_filled(place / "model", 1_000)))
        samples = interleave(
            [
                lambda: asyncio.run(_published(_fresh(place), count)).named(LIMIT),
                lambda: asyncio.run(_bare(place / "bare", lines, count)).named(f"limit beside {BARE}"),
                lambda: asyncio.run(alone()),
                lambda: asyncio.run(_published(_fresh(place), count, together_busy)).named(OURS),
                lambda: asyncio.run(_bare(place / "bare", lines, count, together_busy)).named(BARE),
            ],
            lab.budget(40, least=6),
        )
    return [BUSY.row(of("rate", samples)), BUSY_P99.row(of("p99", samples)), BUSY_GAP.row(of("gap", samples))]


def strict(lab: Lab) -> Sequence[Row]:
    """Callers whose intents and outcomes are durable, each beside two appends one after the other."""
    count = lab.size(4_000, 500)
    with lab.place() as place:
        folder = place / "model"
        asyncio.run(_called(folder, 500))
        lines = lines_of(folder)[1:]
        samples = interleave(
            [
                lambda: asyncio.run(_bare(place / "bare", lines, count, appends=2)).named(LIMIT),
                lambda: asyncio.run(_called(_fresh(place), count)).named(OURS),
                lambda: asyncio.run(_called_bare(place / "floor", count)).named(FLOOR),
            ],
            lab.budget(12),
        )
    return [STRICT.row(of("rate", samples))]


def processes(lab: Lab) -> Sequence[Row]:
    """Two processes on one trail, beside one."""
    seconds = lab.size(3_000, 300) / 1e3

    def one(place: Path) -> dict[str, float]:
        return {f"sum: {LIMIT}": sum(_side_by_side(_fresh(place), [TASKS], seconds))}

    def two(place: Path) -> dict[str, float]:
        rates = _side_by_side(_fresh(place), [TASKS // 2] * 2, seconds)
        return {f"sum: {OURS}": sum(rates), f"share: {LIMIT}": min(rates), f"share: {OURS}": max(rates)}

    with lab.place() as place:
        samples = interleave([partial(one, place), partial(two, place)], lab.budget(30, least=3), warm_up=0)
    return [TWO.row(of("sum", samples)), SHARES.row(of("share", samples))]


def sustained(lab: Lab) -> Sequence[Row]:
    """The run that makes the trail which others read; its limit is measured before it and after it."""
    count = lab.size(32_000, 2_000)
    with lab.place() as place:
        lines = lines_of(asyncio.run(_filled(place / "model", 1_000)))

        def limit() -> list[float]:
            return [asyncio.run(_bare(place / "bare", lines, count)).rate for _ in range(lab.size(6, 2))]

        before = limit()
        told = lab.trail.told
        limits = before + limit()
    rate = told["events"] / (told["publish_seconds"] + told["index_seconds"])
    note = f"{told['events']:,} events; the index was caught up {told['index_seconds']:.1f} s after the last of them"
    memory = told["memory_mib"]
    half = (len(memory) + 1) // 2
    return [
        SUSTAINED.row({LIMIT: limits, OURS: [rate]}, note=note),
        MEMORY.row(
            {LIMIT: [max(memory[:half])], OURS: [max(memory[half:] or memory)]},
            note=f"{memory[0]:.0f} MiB in the beginning, {memory[-1]:.0f} at the end",
        ),
    ]


async def _published(folder: Path, count: int, run: Run = together) -> Seen:
    async with trailed(folder) as kernel:
        return await run(publisher(kernel, count), tasks=TASKS, count=count)


async def _filled(folder: Path, count: int) -> Path:
    await _published(folder, count)
    return folder


async def _recorded(path: Path, count: int) -> Seen:
    async with recorded(path) as kernel:
        return await together(publisher(kernel, count), tasks=TASKS, count=count)


async def _called(folder: Path, count: int) -> Seen:
    async with trailed(folder, Tellers, mode="strict") as kernel:
        return await together(_caller(kernel), tasks=TASKS, count=count)


async def _called_bare(path: Path, count: int) -> Seen:
    async with recorded(path, Tellers, intents=True) as kernel:
        return await together(_caller(kernel), tasks=TASKS, count=count)


def _caller(kernel: Kernel) -> Do:
    params = {"from": "account:1", "to": "account:2", "amount": 20}
    return lambda _: kernel.bus.invoke("tellers.transfer", params, actor="alice")


async def _bare(path: Path, lines: Sequence[bytes], count: int, run: Run = together, *, appends: int = 1) -> Seen:
    log = GroupCommit(path)
    supply = cycle(lines)

    async def append(_: int) -> None:
        for _again in range(appends):
            await log.append(next(supply))

    try:
        return await run(append, tasks=TASKS, count=count)
    finally:
        await log.close()


def _side_by_side(folder: Path, tasks: Sequence[int], seconds: float) -> list[float]:
    """The rates of processes that publish on one trail at the same time."""
    running = [
        subprocess.Popen(
            program("publisher", folder, each, seconds),
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for each in tasks
    ]  # fmt: skip
    try:
        for process in running:
            if process.stdout is None or process.stdout.readline() != "ready\n":
                raise RuntimeError("a publisher did not start")
        answers = [_answer(process) for process in _told_to_go(running)]
    finally:
        for process in running:
            process.kill()
            process.wait()
    return [answer["count"] / answer["seconds"] for answer in answers]


def _told_to_go(running: Sequence[subprocess.Popen[str]]) -> Sequence[subprocess.Popen[str]]:
    for process in running:
        if process.stdin is not None:
            process.stdin.write("go\n")
            process.stdin.flush()
    return running


def _answer(process: subprocess.Popen[str]) -> dict[str, float]:
    output, _ = process.communicate()
    answer: dict[str, float] = json.loads(output)
    return answer


def _fresh(place: Path) -> Path:
    """A folder for the next trail; the ones before it are left, and removed with the place."""
    return place / str(sum(1 for _ in place.iterdir()))


GROUPS = (
    Group((IDLE, IDLE_P99), idle),
    Group((BUSY, BUSY_P99, BUSY_GAP), busy),
    Group((STRICT,), strict),
    Group((TWO, SHARES), processes),
    Group((SUSTAINED, MEMORY), sustained),
)
