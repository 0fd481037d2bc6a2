"""Taking components down: dependents first, drained, their failures told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from signalpy.bus import Dispatcher
from signalpy.configuration import Configuration
from signalpy.errors import LifecycleError, told
from signalpy.kernel.activation import Activation, StartError
from signalpy.kernel.draining import Drain
from signalpy.kernel.entry import Entry
from signalpy.kernel.planning import plan
from signalpy.kernel.services import Services
from signalpy.kernel.unit import Roster, Unit
from signalpy.operation import current_span
from signalpy.states import State

log = logging.getLogger("signalpy.kernel")


class Takedown:
    """Stops units, and tells the hooks of what starts, stops and fails."""

    def __init__(
        self,
        *,
        roster: Roster,
        services: Services,
        activation: Activation,
        dispatcher: Dispatcher,
        drain: Drain,
        configuration: Callable[[], Configuration],
    ) -> None:
        self._roster = roster
        self._services = services
        self._activation = activation
        self._dispatcher = dispatcher
        self._configuration = configuration
        self.drain = drain

    def refuse_own_handler(self, unit: Unit, action: str) -> None:
        """Refuses to stop what the caller's own operation is in the handler of.

        :raises LifecycleError: naming the component.
        """
        handling = self._dispatcher.handling(current_span())
        if handling is not None and handling in [unit, *self._closure(unit)]:
            raise LifecycleError(
                f"{action} of {unit.name!r} was called from a handler of {handling.name!r}, which it would have to wait"
                " for. Start it as a task from outside.",
                component=unit.name,
            )

    async def with_dependents(self, unit: Unit, reason: str, state: State = State.STOPPED) -> None:
        """Stops a unit, after those that need it, which wait from then on."""
        for other in self._services.dependents(unit):
            if self._roster.get(other.name) is other:
                await self.with_dependents(other, f"waits for {unit.name!r}", State.WAITING)
        await self._one(unit, state, reason, self.deadline())

    async def everything(self, deadline: float) -> None:
        """Drains the bus and stops every unit, those that need others before these, recorders and interceptors last."""
        await self.drain.everything(deadline)
        loop = asyncio.get_running_loop()
        expiry = loop.call_at(deadline, self._expire) if deadline > loop.time() else None
        try:
            for name in reversed(plan([unit.spec for unit in self._roster]).order):
                unit = self._roster.get(name)
                if unit is not None:
                    await self._one(unit, State.STOPPED, "the kernel stopped", deadline)
        finally:
            if expiry is not None:
                expiry.cancel()

    async def end(self, unit: Unit) -> None:
        """Runs ``deactivate`` and empties the ledger; a failure is told and held against nobody else."""
        entry = unit.entry
        error = await self._activation.stop(unit)
        if error is not None:
            problem = f"deactivate failed: {told(error)}"
            log.error("component %r: %s", unit.name, problem, exc_info=error)
            if entry.state is not State.ACTIVE:
                entry.reason = f"{entry.reason}; {problem}" if entry.reason else problem
            self._dispatcher.hooks.notify("signalpy_component_failed", component=entry.info, error=error)
        self.tell("deactivated", entry)

    def fail(self, entry: Entry, error: StartError) -> None:
        """Marks a component as failed, and says so."""
        cause: BaseException = error.__dict__["cause"]
        entry.mark(State.FAILED, str(error), cause)
        log.error("component %r failed %s", entry.name, error, exc_info=cause)
        self.tell_failure(entry)

    def tell_failure(self, entry: Entry) -> None:
        """Calls ``signalpy_component_failed``."""
        self._dispatcher.hooks.notify("signalpy_component_failed", component=entry.info, error=entry.error)

    def tell(self, what: str, entry: Entry) -> None:
        """Calls ``signalpy_component_<what>``."""
        self._dispatcher.hooks.notify(f"signalpy_component_{what}", component=entry.info)

    def deadline(self) -> float:
        """When a drain that begins now is to be over, in loop time."""
        return asyncio.get_running_loop().time() + self._configuration().kernel.shutdown_deadline

    async def _one(self, unit: Unit, state: State, reason: str, deadline: float) -> None:
        self._activation.withdraw(unit)
        unit.entry.mark(state, reason)  # before the drain: who comes now is told why nobody is there
        await self.drain.unit(unit, deadline)
        await self.end(unit)

    def _closure(self, unit: Unit) -> list[Unit]:
        found: list[Unit] = []
        todo = [unit]
        while todo:
            new = [other for other in self._services.dependents(todo.pop()) if other not in found]
            found += new
            todo += new
        return found

    def _expire(self) -> None:
        """At the deadline of a shutdown: no operation is admitted any more, and those under way are cancelled."""
        self._dispatcher.set_gate("expired")
        for task in self._dispatcher.under_way().values():
            if task is not None:
                task.cancel("the kernel's deadline has passed")
