"""The conductor: every change of what runs, one at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from signalpy.bus import Dispatcher
from signalpy.configuration import Configuration, component_settings
from signalpy.definition import ComponentSpec, spec_of
from signalpy.discovery import Candidate
from signalpy.errors import BootError, LifecycleError, SignalPyError
from signalpy.kernel.activation import Activation, StartError
from signalpy.kernel.draining import Drain
from signalpy.kernel.entry import Catalog, Entry
from signalpy.kernel.planning import plan
from signalpy.kernel.reasons import Reasons
from signalpy.kernel.replacement import Replacement
from signalpy.kernel.services import Services
from signalpy.kernel.takedown import Takedown
from signalpy.kernel.unit import Roster
from signalpy.kernel.watchdog import Watchdog
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
        self._reasons = reasons
        self._activation = activation
        self._watchdog = watchdog
        self._configuration = configuration
        self._drain = Drain(dispatcher, roster)
        self._takedown = Takedown(
            roster=roster,
            services=services,
            activation=activation,
            dispatcher=dispatcher,
            drain=self._drain,
            configuration=configuration,
        )
        self._replacement = Replacement(
            catalog=catalog, services=services, activation=activation, dispatcher=dispatcher, takedown=self._takedown
        )
        self._turn = asyncio.Lock()

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
        try:
            unread = self._load()
            self._check_known(essential)
            for name, cycle in plan(self._specs(), self._chosen()).cycles.items():
                self._catalog[name].mark(State.WAITING, f"cycle: {' -> '.join(cycle)}")
            await self._activate_waiting()
            for entry in unread:  # not sooner: who records it had to be there first
                self._takedown.tell_failure(entry)
            self._check_active(essential)
        except BaseException:
            await self.stop_all(self._takedown.deadline())
            raise

    async def stop_all(self, deadline: float) -> None:
        """Drains the bus and stops every unit; see ``Takedown.everything``."""
        await self._takedown.everything(deadline)

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
            self._takedown.refuse_own_handler(unit, "remove")
            await self._takedown.with_dependents(unit, "removed")
        else:
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
        self._takedown.refuse_own_handler(old, "replace")
        lacks = self._reasons.lacks(spec)
        if lacks:
            raise LifecycleError(
                f"the new {spec.name!r} cannot start: {'; '.join(lacks)}. The old one stays.", component=spec.name
            )
        try:
            await self._replacement.replace(old, spec)
        except LifecycleError:
            await self._activate_waiting()  # a dependent may have been stopped for the new one
            raise
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

    async def _activate_waiting(self) -> None:
        """Activates all that can be, until nothing changes any more."""
        changed = True
        while changed:
            changed = False
            for name in plan(self._specs(), self._chosen()).order:
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
            try:
                self._activation.commit(unit)
            except BaseException:
                await self._activation.stop(unit)
                raise
        except StartError as error:
            self._takedown.fail(entry, error)
            return False
        entry.mark(State.ACTIVE)
        self._takedown.tell("activated", entry)
        return True

    def _load(self) -> list[Entry]:
        """Imports what may be loaded; returns what failed."""
        for entry in self._catalog:
            if entry.state is State.DISCOVERED and entry.spec is None and entry.candidate is not None:
                with self._watchdog.watch(f"import of component {entry.name!r} ({entry.candidate.value})"):
                    _load_one(entry, entry.candidate)
        return [entry for entry in self._catalog if entry.state is State.FAILED]

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

    def _entry(self, name: str) -> Entry:
        entry = self._catalog.get(name)
        if entry is None:
            raise LifecycleError(self._reasons.why(name), component=name)
        return entry

    def _chosen(self) -> dict[str, str]:
        """The preferred provider of each contract for which one is named, as a component."""
        prefer = self._configuration().plugins.prefer
        names = {entry.distribution: entry.name for entry in self._catalog if entry.distribution}
        return {contract: names.get(choice, choice) for contract, choice in prefer.items()}

    def _specs(self) -> list[ComponentSpec]:
        alive = (State.DISCOVERED, State.WAITING, State.ACTIVE)
        return [entry.spec for entry in self._catalog if entry.spec is not None and entry.state in alive]


def _load_one(entry: Entry, candidate: Candidate) -> None:
    try:
        entry.spec = spec_of(candidate.load())
    except SignalPyError as error:
        entry.mark(State.FAILED, f"on import: {error}", error.__cause__ or error)
        log.error("component %r failed %s", entry.name, entry.reason, exc_info=entry.error)
