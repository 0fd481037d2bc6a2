"""Running a component's lifecycle methods: watched, and known to be one, so that what they may do can be told."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from signalpy.bus.dispatcher import ancestors
from signalpy.bus.endpoint import not_awaited
from signalpy.errors import LifecycleError
from signalpy.kernel.unit import Unit
from signalpy.kernel.watchdog import Watchdog
from signalpy.operation import CURRENT, surroundings, under
from signalpy.span import Span


class StageSpan(Span, eq=False):
    """The span of a lifecycle method. Operations inside it are admitted as those of a running operation are."""

    kernel: Any = None
    step: str = ""


@contextmanager
def inside(kernel: Any, step: str) -> Iterator[None]:
    """Marks what is done inside the ``with`` block as done by a lifecycle method of one kernel."""
    outer = surroundings()
    span = StageSpan(parent=outer.span, kernel=kernel, step=step)
    token = CURRENT.set(under(span, outer))
    try:
        yield
    finally:
        CURRENT.reset(token)
        span.end()


def refuse_inside(kernel: Any, action: str) -> None:
    """Refuses a change that is asked for from inside a lifecycle method of this kernel, which would wait for itself.

    :raises LifecycleError: naming that method.
    """
    span = running_stage()
    if span is not None and span.kernel is kernel:
        raise LifecycleError(
            f"{action} was called from {span.step}, which it would wait for. Start it as a task from outside.",
            step=span.step,
        )


def running_stage() -> StageSpan | None:
    """The lifecycle method that the caller is inside of; not one that started the caller's task and has ended since."""
    return next((span for span in ancestors() if isinstance(span, StageSpan) and not span.over), None)


async def run_stage(kernel: Any, watchdog: Watchdog, unit: Unit, stage: str, *arguments: Any) -> None:
    """Runs one lifecycle method, if the component has it. What it raises comes through."""
    spec = unit.spec.stages.get(stage)
    if spec is None:
        return
    step = f"{stage} of component {unit.name!r}"
    with watchdog.watch(step), inside(kernel, step):
        result = getattr(unit.instance, spec.method)(*arguments)
        if spec.is_async:
            await result
        elif inspect.iscoroutine(result):
            raise not_awaited(result, f"{unit.name}.{spec.method}")


def asked_to_cancel() -> bool:
    """Whether this task itself was cancelled, as against foreign code that raised ``CancelledError``."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
