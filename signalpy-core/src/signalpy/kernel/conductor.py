"""The order of starting, stopping and replacing: what waits for what, and what happens when a step fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from packaging.specifiers import SpecifierSet

from signalpy.bus import Dispatcher
from signalpy.configuration import Configuration, component_settings
from signalpy.definition import ComponentSpec, spec_of
from signalpy.discovery import Candidate
from signalpy.errors import BootError, LifecycleError, SignalPyError
from signalpy.hooks import Plugin
from signalpy.kernel.activation import Activation, StartError
from signalpy.kernel.draining import Drain
from signalpy.kernel.entry import Catalog, Entry
from signalpy.kernel.planning import plan
from signalpy.kernel.reasons import Reasons
from signalpy.kernel.services import Services
from signalpy.kernel.unit import Roster, Unit
from signalpy.kernel.watchdog import Watchdog
from signalpy.operation import current_span
from signalpy.states import State

log = logging.getLogger("signalpy.kernel")


class Conductor:
    """Brings components up and down. Changes take turns.

    One that is asked for from inside an operation does not wait for it.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        roster: Roster,
        services: Services,
        reasons: Reasons,
        activation: Activation,
        dispatcher: Dispatcher,
        watchdog: Watchdog,
        configuration: Callable[[], Configuration],
    ) -> None:
        self._catalog = catalog
        self._roster = roster
        self._services = services
        self._reasons = reasons
        self._activation = activation
        self._dispatcher = dispatcher
        self._watchdog = watchdog
        self._configuration = configuration
        self._drain = Drain(dispatcher, roster)
        self._turn = asyncio.Lock()
        self._essential: frozenset[str] = frozenset()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Takes the turn to make a change."""
        with self._drain.asking():
            async with self._turn:
                yield

    async def start_all(self, essential: frozenset[str]) -> None:
        """Loads every candidate that may be loaded and activates what can be.

        :raises BootError: if an essential component is not active then; everything that had started is stopped.
        """
        self._essential = essential
        try:
            self._load()
            self._check_known(essential)
            for name, cycle in plan(self._specs()).cycles.items():
                self._catalog[name].mark(State.WAITING, f"cycle: {' -> '.join(cycle)}")
            await self._activate_waiting()
            self._check_active(essential)
        except BaseException:
            await self.stop_all(self._deadline())
            raise

    async def stop_all(self, deadline: float) -> None:
        """Drains the bus and stops every unit, those that need others before these, recorders and interceptors last."""
        await self._drain.everything(deadline)
        order = plan([unit.spec for unit in self._roster]).order
        loop = asyncio.get_running_loop()
        expiry = loop.call_at(deadline, self._expire) if deadline > loop.time() else None
        try:
            for name in reversed(order):
                unit = self._roster.get(name)
                if unit is not None:
                    await self._take_down(unit, State.STOPPED, "the kernel stopped", deadline)
        finally:
            if expiry is not None:
                expiry.cancel()

    async def add(self, cls: type) -> None:
        """Starts a class that is given while the kernel runs, and what had waited for it.

        :raises LifecycleError: if a component of its name is active, or it cannot be started (it is kept with its
            reason).
        """
        spec = spec_of(cls)
        if self._roster.get(spec.name) is not None:
            raise LifecycleError(f"component {spec.name!r} is active already. Use replace().", component=spec.name)
        held = self._catalog.get(spec.name)
        if held is not None and held.candidate is None:
            held.spec = None
        entry = self._catalog.add_class(cls)
        await self._try(entry)
        if entry.state is State.FAILED:
            raise LifecycleError(
                f"component {entry.name!r} failed {entry.reason}", component=entry.name
            ) from entry.error
        await self._activate_waiting()

    async def remove(self, name: str) -> None:
        """Stops a component, after those that need it, which wait from then on.

        :raises LifecycleError: if there is no such component.
        """
        entry = self._entry(name)
        unit = self._roster.get(name)
        if unit is not None:
            self._refuse_own_handler(unit, "remove")
            await self._stop_with_dependents(unit, "removed")
        entry.mark(State.STOPPED, "removed")
        await self._activate_waiting()

    async def replace(self, cls: type) -> None:
        """Puts a new class in the place of an active component.

        :raises LifecycleError: if the new one cannot be started; the old one is in force then as before.
        """
        spec = spec_of(cls)
        old = self._roster.get(spec.name)
        if old is None:
            entry = self._entry(spec.name)
            raise LifecycleError(
                f"component {spec.name!r} is {entry.state}, not active. Use add().", component=spec.name
            )
        self._refuse_own_handler(old, "replace")
        entry = Entry(spec.name, spec=spec)
        lacks = self._reasons.lacks(spec)
        if lacks:
            raise LifecycleError(
                f"the new {spec.name!r} cannot start: {'; '.join(lacks)}. The old one stays.", component=spec.name
            )
        if spec.exclusive or old.spec.exclusive:
            await self._replace_exclusive(old, entry, spec)
        else:
            await self._replace_beside(old, entry, spec)
        await self._activate_waiting()

    def check_settings(self, new: Configuration) -> None:
        """Reads the tables of all active units.

        :raises ConfigError: if one is wrong.
        """
        for unit in self._roster:
            component_settings(unit.spec.settings, new.tables.get(unit.name, {}), unit.name)

    async def reconfigure(self, old: Configuration, new: Configuration) -> None:
        """Tells every unit whose table has changed, or puts a fresh instance in its place.

        :raises LifecycleError: naming those that did not take it; the others have.
        """
        refused: dict[str, BaseException] = {}
        for unit in self._roster:
            table = new.tables.get(unit.name, {})
            if table == old.tables.get(unit.name, {}):
                continue
            try:
                if "reconfigure" in unit.spec.stages:
                    settings = component_settings(unit.spec.settings, table, unit.name)
                    await self._activation.reconfigure(unit, settings)
                else:
                    await self.replace(unit.spec.cls)
            except (StartError, LifecycleError) as error:
                refused[unit.name] = error
                log.error("component %r does not take its new settings: %s", unit.name, error, exc_info=error)
        if refused:
            told = "; ".join(f"{name}: {error}" for name, error in refused.items())
            raise LifecycleError(f"not every component took its new settings: {told}", components=list(refused))

    async def _replace_beside(self, old: Unit, entry: Entry, spec: ComponentSpec) -> None:
        try:
            new = await self._activation.start(entry, spec)
        except StartError as error:
            raise self._kept(spec.name, error) from error.__cause__
        try:
            await self._stop_left_behind(old, spec)
            await self._commit_or_stop(new, old, old.ledger.plugin)
        except StartError as error:
            raise self._kept(spec.name, error) from error.__cause__
        self._adopt(new)
        await self._drain.unit(old, self._deadline())
        await self._end(old)

    async def _replace_exclusive(self, old: Unit, entry: Entry, spec: ComponentSpec) -> None:
        self._dispatcher.set_gate("held")
        hooks = old.ledger.plugin
        try:
            await self._drain.unit(old, self._deadline())
            await self._stop_left_behind(old, spec)
            await self._end(old)
            try:
                new = await self._activation.start(entry, spec)
                await self._commit_or_stop(new, old, hooks)
            except StartError as error:
                await self._bring_back(old, hooks, error)
                raise self._kept(spec.name, error) from error.__cause__
            self._adopt(new)
        finally:
            self._dispatcher.set_gate("open")

    async def _commit_or_stop(self, new: Unit, old: Unit | None = None, hooks: Plugin | None = None) -> None:
        try:
            self._activation.commit(new, instead_of=old, hooks_of=hooks)
        except BaseException:
            await self._activation.stop(new)
            raise

    async def _bring_back(self, old: Unit, hooks: Plugin | None, cause: StartError) -> None:
        """Starts the old class again after the new one failed."""
        try:
            again = await self._activation.start(old.entry, old.spec)
            await self._commit_or_stop(again, old, hooks)
        except StartError as error:
            self._activation.withdraw(old, hooks_of=hooks)
            self._fail(old.entry, error)
            raise LifecycleError(
                f"the new {old.name!r} failed {cause}, and the old one could not be started again: {error}",
                component=old.name,
            ) from error

    def _adopt(self, new: Unit) -> None:
        entry = self._catalog[new.name]
        entry.candidate, entry.spec = new.entry.candidate, new.spec
        new.entry = entry
        entry.mark(State.ACTIVE)
        self._notify("activated", entry)

    async def _stop_left_behind(self, old: Unit, spec: ComponentSpec) -> None:
        for other in self._left_behind(old, spec):
            await self._stop_with_dependents(other, f"waits since {spec.name!r} was replaced", State.WAITING)

    def _left_behind(self, old: Unit, spec: ComponentSpec) -> list[Unit]:
        """The dependents of ``old`` that a component of ``spec`` would not satisfy."""
        lost = set(old.spec.provides) - set(spec.provides)
        left = []
        for unit in self._services.dependents(old):
            ranges = [SpecifierSet(item.specifier) for item in unit.spec.depends if item.name == spec.name]
            unmet = any(not item.contains(spec.version, prereleases=True) for item in ranges)
            if unmet or any(
                item.contract in lost and not item.optional and not item.many for item in unit.spec.requires
            ):
                left.append(unit)
        return left

    async def _stop_with_dependents(self, unit: Unit, reason: str, state: State = State.STOPPED) -> None:
        for other in self._services.dependents(unit):
            if self._roster.get(other.name) is other:
                await self._stop_with_dependents(other, f"waits for {unit.name!r}", State.WAITING)
        await self._take_down(unit, state, reason, self._deadline())

    async def _take_down(self, unit: Unit, state: State, reason: str, deadline: float) -> None:
        self._activation.withdraw(unit)
        await self._drain.unit(unit, deadline)
        unit.entry.mark(state, reason)
        await self._end(unit)

    async def _end(self, unit: Unit) -> None:
        """Runs ``deactivate`` and empties the ledger; a failure is told and held against nobody else."""
        entry = unit.entry
        error = await self._activation.stop(unit)
        if error is not None:
            told = f"deactivate failed: {type(error).__name__}: {error}"
            log.error("component %r: %s", unit.name, told, exc_info=error)
            if entry.state is not State.ACTIVE:
                entry.reason = f"{entry.reason}; {told}" if entry.reason else told
            self._dispatcher.hooks.notify("signalpy_component_failed", component=entry.info, error=error)
        self._notify("deactivated", entry)

    async def _activate_waiting(self) -> None:
        """Activates all that can be, until nothing changes any more."""
        changed = True
        while changed:
            changed = False
            for name in plan(self._specs()).order:
                entry = self._catalog[name]
                if entry.state in (State.DISCOVERED, State.WAITING):
                    changed = await self._try(entry) or changed

    async def _try(self, entry: Entry) -> bool:
        """Activates one component, or marks it as waiting or failed; tells whether it is active."""
        spec = entry.spec
        if spec is None:
            return False
        lacks = self._reasons.lacks(spec)
        if lacks:
            entry.mark(State.WAITING, "; ".join(lacks))
            return False
        try:
            unit = await self._activation.start(entry, spec)
            await self._commit_or_stop(unit)
        except StartError as error:
            self._fail(entry, error)
            return False
        entry.mark(State.ACTIVE)
        self._notify("activated", entry)
        return True

    def _load(self) -> None:
        for entry in self._catalog:
            if entry.state is State.DISCOVERED and entry.spec is None and entry.candidate is not None:
                with self._watchdog.watch(f"import of component {entry.name!r} ({entry.candidate.value})"):
                    self._load_one(entry, entry.candidate)

    def _load_one(self, entry: Entry, candidate: Candidate) -> None:
        try:
            entry.spec = spec_of(candidate.load())
        except SignalPyError as error:
            self._fail(
                entry,
                StartError(f"on import: {error}", component=entry.name, step="import", cause=error.__cause__ or error),
            )

    def _fail(self, entry: Entry, error: StartError) -> None:
        cause: BaseException = error.__dict__["cause"]
        entry.mark(State.FAILED, str(error), cause)
        log.error("component %r failed %s", entry.name, error, exc_info=cause)
        self._dispatcher.hooks.notify("signalpy_component_failed", component=entry.info, error=cause)

    def _check_known(self, essential: Iterable[str]) -> None:
        for name in sorted(essential):
            entry = self._catalog.get(name)
            if entry is None or entry.state not in (State.DISCOVERED, State.WAITING, State.ACTIVE):
                self._boot_error(name)

    def _check_active(self, essential: Iterable[str]) -> None:
        for name in sorted(essential):
            if self._catalog[name].state is not State.ACTIVE:
                self._boot_error(name)

    def _boot_error(self, name: str) -> None:
        why = self._reasons.why(name)
        entry = self._catalog.get(name)
        raise BootError(f"component {name!r} is essential and does not start: {why}", component=name, why=why) from (
            entry.error if entry is not None else None
        )

    def _kept(self, name: str, error: StartError) -> LifecycleError:
        return LifecycleError(f"the new {name!r} failed {error}. The old one is in force as before.", component=name)

    def _refuse_own_handler(self, unit: Unit, action: str) -> None:
        if self._dispatcher.handling(current_span()) is unit:
            raise LifecycleError(
                f"{action} of {unit.name!r} was called from its own handler, which would have to end first. Start it as"
                " a task from outside.",
                component=unit.name,
            )

    def _entry(self, name: str) -> Entry:
        entry = self._catalog.get(name)
        if entry is None:
            raise LifecycleError(self._reasons.why(name), component=name)
        return entry

    def _specs(self) -> list[ComponentSpec]:
        blocked = (State.FAILED, State.STOPPED)
        return [entry.spec for entry in self._catalog if entry.spec is not None and entry.state not in blocked]

    def _notify(self, what: str, entry: Entry) -> None:
        self._dispatcher.hooks.notify(f"signalpy_component_{what}", component=entry.info)

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._configuration().kernel.shutdown_deadline

    def _expire(self) -> None:
        """At the deadline of a shutdown: no operation is admitted any more, and those under way are cancelled."""
        self._dispatcher.set_gate("expired")
        for task in self._dispatcher.under_way().values():
            if task is not None:
                task.cancel("the kernel's deadline has passed")
