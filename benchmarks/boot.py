"""Boot: a hundred components, and four times as many."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import perf_counter
from typing import Any, Final

from benchmarks.families import Group
from benchmarks.harness import interleave
from benchmarks.lab import Lab
from benchmarks.rows import LIMIT, OURS, Row, Spec, at_most
from signalpy import Kernel, component, lifecycle

SOME: Final = 100
MANY: Final = 400

TOTAL = Spec(
    id="boot.hundred",
    work=f"boot of {SOME} components",
    limit=f"{SOME} awaits of activate",
    unit="ms",
)
LINEAR = Spec(
    id="boot.linear",
    work=f"boot of {MANY} components, for each",
    limit=f"for each of {SOME}",
    unit="ms",
    reach=at_most(1.25),
)


def components(count: int) -> list[type]:
    """So many components with an async stage each."""

    def make(number: int) -> type:
        class Plain:
            @lifecycle.activate
            async def activate(self) -> None:
                """Has nothing to do."""

        return component(f"plain-{number}", version="1.0")(Plain)

    return [make(number) for number in range(count)]


def boots(lab: Lab) -> Sequence[Row]:
    """Kernels booted and shut down; the time is that of the boot."""
    some, many = components(SOME), components(MANY)
    with asyncio.Runner() as runner:
        samples = interleave(
            [
                lambda: {LIMIT: runner.run(_activated(some))},
                lambda: {"some": runner.run(_booted(some))},
                lambda: {"many": runner.run(_booted(many))},
            ],
            lab.budget(8),
        )
    each = {
        LIMIT: [seconds / SOME for seconds in samples["some"]],
        OURS: [seconds / MANY for seconds in samples["many"]],
    }
    return [
        TOTAL.row({LIMIT: samples[LIMIT], OURS: samples["some"]}, scale=1e3),
        LINEAR.row(each, scale=1e3),
    ]


async def _booted(classes: Sequence[type]) -> float:
    kernel = Kernel()
    kernel.discover(classes)
    began = perf_counter()
    await kernel.boot()
    seconds = perf_counter() - began
    await kernel.shutdown()
    return seconds


async def _activated(classes: Sequence[type]) -> float:
    instances: list[Any] = [cls() for cls in classes]
    began = perf_counter()
    for instance in instances:
        await instance.activate()
    return perf_counter() - began


GROUPS = (Group((TOTAL, LINEAR), boots),)
