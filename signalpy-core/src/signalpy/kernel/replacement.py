"""Putting a new class in the place of an active component, without losing an operation."""

from __future__ import annotations

from packaging.specifiers import SpecifierSet

from signalpy.bus import Dispatcher
from signalpy.bus.dispatcher import ancestors
from signalpy.definition import ComponentSpec
from signalpy.errors import LifecycleError
from signalpy.hooks import Plugin
from signalpy.kernel.activation import Activation, StartError
from signalpy.kernel.entry import Catalog, Entry
from signalpy.kernel.services import Services
from signalpy.kernel.stages import running_stage
from signalpy.kernel.takedown import Takedown
from signalpy.kernel.unit import Unit
from signalpy.states import State


class Replacement:
    """Replaces one unit: beside the old one where both may live at once, else after it, with new operations held."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        services: Services,
        activation: Activation,
        dispatcher: Dispatcher,
        takedown: Takedown,
    ) -> None:
        self._catalog = catalog
        self._services = services
        self._activation = activation
        self._dispatcher = dispatcher
        self._takedown = takedown

    async def replace(self, old: Unit, spec: ComponentSpec) -> None:
        """Replaces ``old`` by an instance of the class of ``spec``.

        :raises LifecycleError: if the new one cannot be started; the old one is in force then as before.
        """
        entry = Entry(spec.name, candidate=old.entry.candidate if old.spec.cls is spec.cls else None, spec=spec)
        if spec.exclusive or old.spec.exclusive:
            await self._after(old, entry, spec)
        else:
            await self._beside(old, entry, spec)

    async def _beside(self, old: Unit, entry: Entry, spec: ComponentSpec) -> None:
        try:
            new = await self._activation.start(entry, spec)
            await self._put_in_place(new, old, old.ledger.plugin)
        except StartError as error:
            raise _kept(spec.name, error) from error.__cause__
        await self._takedown.drain.unit(old, self._takedown.deadline())
        await self._takedown.end(old)

    async def _after(self, old: Unit, entry: Entry, spec: ComponentSpec) -> None:
        self._dispatcher.set_gate("held", lambda caller: self._passes(old, caller))
        hooks = old.ledger.plugin
        try:
            await self._takedown.drain.unit(old, self._takedown.deadline())
            await self._takedown.end(old)
            try:
                new = await self._activation.start(entry, spec)
                await self._put_in_place(new, old, hooks)
            except StartError as error:
                await self._bring_back(old, hooks, error)
                raise _kept(spec.name, error) from error.__cause__
        finally:
            self._dispatcher.set_gate("open")

    async def _put_in_place(self, new: Unit, old: Unit, hooks: Plugin | None) -> None:
        """Stops the dependents that ``new`` does not satisfy, then swaps."""
        try:
            for other in self._left_behind(old, new.spec):
                await self._takedown.with_dependents(other, f"waits since {old.name!r} was replaced", State.WAITING)
            self._activation.commit(new, instead_of=old, hooks_of=hooks)
        except BaseException:
            await self._activation.stop(new)
            raise
        entry = self._catalog[new.name]
        entry.candidate, entry.spec = new.entry.candidate, new.spec
        new.entry = entry
        entry.mark(State.ACTIVE)
        self._takedown.tell("activated", entry)

    async def _bring_back(self, old: Unit, hooks: Plugin | None, cause: StartError) -> None:
        """Starts the old class again after the new one failed."""
        dependents = self._services.dependents(old)
        try:
            again = await self._activation.start(old.entry, old.spec)
            await self._put_in_place(again, old, hooks)
        except StartError as error:
            self._activation.withdraw(old, hooks_of=hooks)
            self._takedown.fail(old.entry, error)
            self._dispatcher.set_gate("open")
            for other in dependents:
                await self._takedown.with_dependents(other, f"waits for {old.name!r}", State.WAITING)
            raise LifecycleError(
                f"the new {old.name!r} failed {cause}, and the old one could not be started again: {error}",
                component=old.name,
            ) from error

    def _passes(self, old: Unit, caller: str) -> bool:
        """Whether an operation need not be held: one that the change of ``old`` itself would have to wait for.

        These are what ``old`` does, what is done inside of lifecycle methods, and what belongs to an operation that
        still passes through ``old``.
        """
        if caller == old.name or running_stage() is not None:
            return True
        spared = self._takedown.drain.spared()
        waited_for = {*self._dispatcher.under_way(old, apart_from=spared)}
        waited_for.update(span for queue in old.ledger.queues() for span in queue.spans())
        return not waited_for.isdisjoint(ancestors() - spared)

    def _left_behind(self, old: Unit, spec: ComponentSpec) -> list[Unit]:
        """The dependents of ``old`` that a component of ``spec`` would not satisfy."""
        lost = set(old.spec.provides) - set(spec.provides)
        return [unit for unit in self._services.dependents(old) if _unmet(unit.spec, spec) or _loses(unit.spec, lost)]


def _unmet(dependent: ComponentSpec, spec: ComponentSpec) -> bool:
    ranges = [SpecifierSet(item.specifier) for item in dependent.depends if item.name == spec.name]
    return any(not item.contains(spec.version, prereleases=True) for item in ranges)


def _loses(dependent: ComponentSpec, lost: set[str]) -> bool:
    return any(item.contract in lost and not item.optional and not item.many for item in dependent.requires)


def _kept(name: str, error: StartError) -> LifecycleError:
    return LifecycleError(f"the new {name!r} failed {error}. The old one is in force as before.", component=name)
