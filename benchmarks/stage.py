"""A kernel that runs on a loop of its own, and timed loops on it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, Final, Self, TypeVar

from benchmarks.awaits import Timed
from benchmarks.harness import Repeated, Taker, named
from signalpy import Kernel, Runtime, acting_as, component

T = TypeVar("T")

POLICIES: Final[dict[str, dict[str, Any]]] = {
    "driver": {"publish_deny": ["secret.*"], "invoke_deny": ["vault.*"]},
    "a*": {"invoke_deny": ["vault.*"]},
}


@component("driver", version="1.0")
class Driver:
    """Who publishes and invokes: a component, so that policies of its own count."""

    rt: Runtime


class Stage:
    """A booted kernel, as a context manager.

    :param components: beside the driver.
    """

    def __init__(self, *components: type, config: Mapping[str, Any] | None = None) -> None:
        self._runner = asyncio.Runner()
        self.kernel = Kernel(config=dict(config or {}), policies=POLICIES)
        self.kernel.discover([Driver, *components])

    def __enter__(self) -> Self:
        self._runner.__enter__()
        self.run(self.kernel.boot())
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.run(self.kernel.shutdown())
        finally:
            self._runner.close()

    @property
    def rt(self) -> Runtime:
        """The driver's runtime."""
        runtime: Runtime = self.kernel.get("driver").rt
        return runtime

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the kernel's loop."""
        return self._runner.run(coroutine)

    def taker(self, name: str, timed: Timed) -> Taker:
        """The taker of what is timed on the kernel's loop, while somebody acts."""

        async def acted(times: int) -> float:
            with acting_as("alice"):
                return await timed(times)

        return named(name, Repeated(lambda times: self.run(acted(times))))
