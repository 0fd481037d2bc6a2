"""The gate: whether an operation may start now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias

from signalpy.errors import LifecycleError, ShuttingDown
from signalpy.operation import Context

Passes: TypeAlias = Callable[[str], bool]
"""Whether an operation of this caller, in the context in force, passes a gate that holds the others."""


def nobody(_: str) -> bool:
    """None passes."""
    return False


class Gate:
    """Holds or refuses new root operations; what belongs to a running or queued operation passes.

    :ivar shut: whether operations must ask to be admitted; not while it is open.
    :ivar state: ``"closed"`` before boot and after shutdown, ``"open"``, ``"held"`` while an exclusive component
        changes, ``"draining"`` during shutdown, and ``"expired"`` when its deadline has passed: then nothing passes.
    """

    def __init__(self) -> None:
        self.state = "closed"
        self.shut = True
        self._passes: Passes = nobody
        self._opened = asyncio.Event()

    def set(self, state: str, passes: Passes = nobody) -> None:
        """Changes the state; held operations go on when it is no longer ``"held"``.

        :param passes: whose operations pass while others are held.
        """
        self.state = state
        self.shut = state != "open"
        self._passes = passes
        if state == "held":
            self._opened.clear()
        else:
            self._opened.set()

    async def admit(self, outer: Context, caller: str, *, own: bool = False) -> None:
        """Returns when the operation may start.

        :param outer: the context that it would start in, which is the one in force.
        :param own: it is the kernel's own; only a change of an exclusive component holds it up.

        :raises ShuttingDown: while the kernel drains.
        :raises LifecycleError: if the kernel does not run.
        """
        while self.state == "held":
            if self._passes(caller):
                return
            await self._opened.wait()
        if outer.span is not None and outer.span.alive and self.state == "draining":
            return
        if own and self.state != "closed":
            return
        if self.state in ("draining", "expired"):
            raise ShuttingDown("the kernel is shutting down and takes no new operation.")
        if self.state == "closed":
            raise LifecycleError("the kernel is not running. Boot it first: await kernel.boot().")


class Locked:
    """In the place of the gate for a door that is closed for good.

    :param error: makes what an operation gets.
    """

    shut = True

    def __init__(self, error: Callable[[], LifecycleError]) -> None:
        self.error = error

    async def admit(self, outer: Context, caller: str, *, own: bool = False) -> None:
        """:raises LifecycleError: always."""
        raise self.error()
