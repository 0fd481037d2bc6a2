"""Boot: a hundred components, and four times as many; and those of a few among many installed distributions."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from benchmarks.cli import INSTALLED, PLUGINS, install
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

FOUND = Spec(
    id="boot.found",
    work=f"discovery and boot with {INSTALLED} distributions, {PLUGINS} of them plugins",
    limit="one metadata scan, and the boot of the same classes given by hand",
    unit="ms",
    reach=at_most(1),
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


def found(lab: Lab) -> Sequence[Row]:
    """Kernels that find their components; the code of these is imported before anything is timed."""
    with lab.place() as site, asyncio.Runner() as runner, _on_the_path(site):
        install(site, INSTALLED, PLUGINS)
        classes = [import_module(f"thrown_away_{number}").Service for number in range(PLUGINS)]
        samples = interleave(
            [
                lambda: {LIMIT: _scanned() + runner.run(_booted(classes))},
                lambda: {OURS: runner.run(_booted(None))},
            ],
            lab.budget(8),
        )
    return [FOUND.row(samples, scale=1e3)]


def _scanned() -> float:
    began = perf_counter()
    entry_points(group="signalpy.components")
    return perf_counter() - began


@contextmanager
def _on_the_path(site: Path) -> Iterator[None]:
    sys.path.insert(0, str(site))
    try:
        yield
    finally:
        sys.path.remove(str(site))


async def _booted(classes: Sequence[type] | None) -> float:
    """The time of a boot of these, or of what is found: the benchmark's own plugins and no others."""
    kernel = Kernel({"plugins": {"allow": ["thrown-away-*"]}})
    began = perf_counter()
    kernel.discover(classes)
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


GROUPS = (Group((TOTAL, LINEAR), boots), Group((FOUND,), found))
