"""How a component comes and goes: alone, again, replaced, and with settings that are wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import Any, Final

from pytest_signalpy.contract.stage import Bystander, Play, Stage, finished
from pytest_signalpy.contract.subject import Subject, does_not_apply, fails
from signalpy import ComponentUnavailable, Kernel, LifecycleError, State
from signalpy.configuration import load

CYCLES: Final = 3
BLOCKED: Final = 1.0
"""Seconds for which the loop may stand still while the component starts, in the best of three boots."""
STRAY: Final = "no-such-setting"


class LifecycleChecks:
    """Checks of start, stop, removal and replacement."""

    def test_starts_and_stops(self, stage: Stage) -> None:
        """It starts beside what it needs, and leaves no task, thread, hook or registration when it stops."""

        async def nothing(play: Play) -> None:
            await play.is_well("the boot")

        stage.run(nothing)

    def test_starts_again(self, stage: Stage) -> None:
        """A second kernel in the same process starts it as well as the first."""

        async def twice() -> None:
            for _ in range(2):
                async with stage.played() as play:
                    await play.is_well("a second boot")

        finished(twice)

    def test_removed_without_a_trace(self, stage: Stage) -> None:
        """Three times removed and added: nothing of it stays, and it comes back as it was."""
        name, cls = stage.subject.name, stage.subject.spec.cls

        async def cycle(play: Play) -> None:
            before = _counts(play.kernel, name)
            for _ in range(CYCLES):
                await play.kernel.remove(name)
                left = {kind: count for kind, count in play.kernel.ledger(name).items() if count}
                if left:
                    fails(f"after its removal there are still: {left}")
                for item in stage.subject.spec.runnables:
                    await _is_gone(play, f"{name}.{item.name}")
                await _changed(play.kernel.add(cls), "added again")
                await play.is_well("being removed and added")
                if _counts(play.kernel, name) != before:
                    fails(f"it had {before}, and has {_counts(play.kernel, name)} after being removed and added")

        stage.run(cycle)

    def test_replaced(self, stage: Stage) -> None:
        """It can be replaced by a fresh instance while the kernel runs."""
        name, cls = stage.subject.name, stage.subject.spec.cls

        async def replace(play: Play) -> None:
            old, before = play.kernel.get(name), _counts(play.kernel, name)
            await _changed(play.kernel.replace(cls), "replaced while it runs")
            await play.is_well("being replaced")
            if play.kernel.get(name) is old:
                fails("it is the same instance after being replaced")
            if _counts(play.kernel, name) != before:
                fails(f"it had {before}, and has {_counts(play.kernel, name)} after being replaced")

        stage.run(replace)

    def test_does_not_block_the_loop(self, stage: Stage) -> None:
        """While it starts and stops, other tasks of the loop go on."""

        async def beat() -> float:
            longest = 0.0

            async def tick() -> None:
                nonlocal longest
                last = time.perf_counter()
                while True:
                    await asyncio.sleep(0.01)
                    longest, last = max(longest, time.perf_counter() - last), time.perf_counter()

            ticking = asyncio.create_task(tick())
            await asyncio.sleep(0.02)
            async with stage.played():
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.02)
            ticking.cancel()
            return longest

        stage.subject.spec  # noqa: B018 - imported before, which may take long
        if all((stood := finished(beat)) > BLOCKED for _ in range(3)):
            fails(f"the loop stood still for {stood:.1f} s: await instead, or use asyncio.to_thread")

    def test_wrong_settings_fail_it_alone(self, stage: Stage) -> None:
        """A key that it does not know fails this component, naming the key, and no other."""
        subject = stage.subject
        if subject.spec.settings is None:
            does_not_apply("it has no settings")
        if subject.spec.settings.model_config.get("extra", "forbid") != "forbid":
            does_not_apply("its settings take any key")
        table = {**dict(stage.config.get(subject.name, {})), STRAY: 1}

        async def boot() -> None:
            kernel = Kernel(load({**stage.config, subject.name: table}, environ={}))
            kernel.discover([subject.name, Bystander, *stage.beside])
            async with kernel:
                state = {info.name: info.state for info in kernel.plugins()}
                if state[subject.name] is not State.FAILED or STRAY not in kernel.why(subject.name):
                    fails(f"with the unknown key {STRAY!r} it is {state[subject.name]}: {kernel.why(subject.name)}")
                if state["bystander"] is not State.ACTIVE:
                    fails(f"its wrong settings keep others down: {kernel.why('bystander')}")

        if _is_essential(subject):
            does_not_apply("it is essential: without it nothing starts, as its distribution declares")
        finished(boot)

    def test_two_kernels_at_once(self, stage: Stage) -> None:
        """Two kernels in one process have one each, and neither knows of the other."""
        name = stage.subject.name

        async def both() -> None:
            async with stage.played() as one, stage.played() as other:
                if one.kernel.get(name) is other.kernel.get(name):
                    fails("two kernels share one instance")
                await one.kernel.remove(name)
                await other.is_well("its removal from another kernel")

        if stage.subject.spec.exclusive:
            does_not_apply("it is exclusive")
        finished(both)


def _counts(kernel: Kernel, name: str) -> dict[str, int]:
    """What it has registered; its tasks and threads come and go."""
    return {kind: count for kind, count in kernel.ledger(name).items() if kind not in ("tasks", "threads")}


async def _is_gone(play: Play, target: str) -> None:
    try:
        await play.call(target, {})
    except ComponentUnavailable:
        return
    fails(f"{target} still answers after the component was removed")


async def _changed(change: Awaitable[None], what: str) -> None:
    try:
        await change
    except LifecycleError as error:
        fails(f"it cannot be {what}: {error}")


def _is_essential(subject: Subject) -> bool:
    essential: Any = subject.metadata.entry_points.select(group="signalpy.essential")
    return subject.name in {entry.name for entry in essential}
