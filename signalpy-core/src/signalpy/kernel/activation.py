"""Starting and stopping one component."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any

from signalpy.bus import Delivery, Dispatcher
from signalpy.bus.delivery import BackgroundQueue
from signalpy.bus.endpoint import endpoint
from signalpy.configuration import Configuration, component_settings
from signalpy.definition import ComponentSpec
from signalpy.discovery.entry import place
from signalpy.errors import DefinitionError, SignalPyError, told, words
from signalpy.hooks.plugin import Plugin, plugin_of
from signalpy.kernel.entry import Entry
from signalpy.kernel.services import Services
from signalpy.kernel.stages import asked_to_cancel, run_stage
from signalpy.kernel.unit import Ledger, Roster, Unit
from signalpy.kernel.watchdog import Watchdog
from signalpy.runtime import Facts, Runtime

log = logging.getLogger("signalpy.kernel")


class StartError(SignalPyError, RuntimeError):
    """A component could not be started. ``component``, ``step`` and ``cause`` tell more."""


class Activation:
    """Makes live units out of component classes and takes them down again.

    :param kernel: the identity under which lifecycle methods run.
    """

    def __init__(
        self,
        kernel: Any,
        *,
        dispatcher: Dispatcher,
        roster: Roster,
        services: Services,
        watchdog: Watchdog,
        threads: Executor,
        facts: Facts,
        configuration: Callable[[], Configuration],
    ) -> None:
        self._kernel = kernel
        self._dispatcher = dispatcher
        self._roster = roster
        self._services = services
        self._watchdog = watchdog
        self._threads = threads
        self._facts = facts
        self._configuration = configuration
        self.unavailable: Callable[[str], Any] = lambda target: None

    async def start(self, entry: Entry, spec: ComponentSpec) -> Unit:
        """Makes an instance and runs its ``activate``; nothing of it is reachable before ``commit``.

        :raises StartError: naming the step; everything that the component had begun is undone.
        """
        unit = self._assemble(entry, spec)
        try:
            with _step(spec, "activate"):
                await run_stage(self._kernel, self._watchdog, unit, "activate")
        except BaseException:
            await self._let_go(unit)
            raise
        return unit

    def commit(self, unit: Unit, *, instead_of: Unit | None = None, hooks_of: Plugin | None = None) -> None:
        """Puts a started unit in force, in one step: hooks, services, targets, subscriptions.

        :param instead_of: the unit whose place it takes.
        :param hooks_of: the hooks whose place its own take, if that unit has stopped and forgotten them.
        :raises StartError: if its hooks contradict those that are registered; nothing is changed then.
        """
        ledger = unit.ledger
        old = hooks_of or (instead_of.ledger.plugin if instead_of is not None else None)
        with _step(unit.spec, "hooks"):
            if ledger.plugin is not None:
                self._dispatcher.hooks.install(ledger.plugin, instead_of=old)
            elif old is not None:
                self._dispatcher.hooks.remove(old)
        self._roster.put(unit)
        if instead_of is not None:
            self._services.swap(instead_of, unit)
        else:
            self._services.rebind(unit)
        self.refresh()

    def withdraw(self, unit: Unit, *, hooks_of: Plugin | None = None) -> None:
        """Takes a unit out of force in one step; operations that are under way keep it."""
        self._roster.drop(unit)
        plugin = hooks_of or unit.ledger.plugin
        if plugin is not None:
            self._dispatcher.hooks.remove(plugin)
        self._services.rebind(unit)
        self.refresh()

    async def stop(self, unit: Unit) -> BaseException | None:
        """Runs ``deactivate`` of a unit that is withdrawn and drained, and empties its ledger.

        :returns: what ``deactivate`` raised, if it did.
        """
        stage = asyncio.create_task(self._deactivate(unit))
        try:
            await asyncio.wait([stage])
        except asyncio.CancelledError:
            stage.cancel()
            await asyncio.wait([stage])
            await self._let_go(unit)
            raise
        await self._let_go(unit)
        return asyncio.CancelledError("deactivate was cancelled") if stage.cancelled() else stage.result()

    async def reconfigure(self, unit: Unit, settings: Any) -> None:
        """Gives a unit new settings and runs its ``reconfigure(old, new)``.

        :raises StartError: if that raises; the unit has its old settings again then.
        """
        old, unit.rt.settings = unit.rt.settings, settings
        try:
            with _step(unit.spec, "reconfigure"):
                await run_stage(self._kernel, self._watchdog, unit, "reconfigure", old, settings)
        except BaseException:
            unit.rt.settings = old
            raise

    def refresh(self) -> None:
        """Lets the bus's tables be made anew from the ledgers."""
        self._dispatcher.swap(lambda: self._roster.tables(unavailable=self.unavailable))

    def _assemble(self, entry: Entry, spec: ComponentSpec) -> Unit:
        configuration = self._configuration()
        with _step(spec, "settings"):
            settings = component_settings(spec.settings, configuration.tables.get(spec.name, {}), spec.name)
        with _step(spec, "init"), self._watchdog.watch(f"making component {spec.name!r}"):
            instance = _made(spec)
        rt = Runtime(
            name=spec.name,
            version=spec.version,
            distribution=entry.distribution,
            settings=settings,
            dispatcher=self._dispatcher,
            facts=self._facts,
        )
        ledger = Ledger(services=list(spec.provides), tasks=rt._tasks)
        unit = Unit(entry, spec, instance, rt, ledger)
        with _step(spec, "init"):
            instance.rt = rt
        self._services.bind(unit)
        with _step(spec, "hooks"):
            self._register(unit, entry.version or spec.version)
        return unit

    def _register(self, unit: Unit, version: str) -> None:
        spec, ledger, settings = unit.spec, unit.ledger, self._configuration().kernel
        for item in spec.runnables:
            made = endpoint(unit, unit.name, unit.instance, item, threads=self._threads, working=ledger.threads)
            ledger.endpoints.append(made)
        for subscription in spec.subscriptions:
            delivery = Delivery(unit, unit.name, unit.instance, subscription)
            if subscription.background:
                delivery.queue = BackgroundQueue(
                    delivery,
                    size=settings.queue_size,
                    wait=settings.queue_wait,
                    dead_letter=self._dispatcher.dead_letter,
                )
            ledger.deliveries.append(delivery)
        if spec.hooks:
            hooks = [(item.hook, item.options) for item in spec.hooks]
            ledger.plugin = plugin_of(
                unit.instance,
                unit.name,
                hooks=hooks,
                version=version,
                owner=unit,
                distribution=unit.entry.distribution,
            )

    async def _deactivate(self, unit: Unit) -> BaseException | None:
        try:
            await run_stage(self._kernel, self._watchdog, unit, "deactivate")
        except (KeyboardInterrupt, asyncio.CancelledError):
            raise
        except BaseException as error:  # noqa: BLE001 - foreign code may raise anything; it is handed on
            return error
        return None

    async def _let_go(self, unit: Unit) -> None:
        unit.rt._stop()
        tasks = [task for task in unit.ledger.tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        if tasks:
            _, stuck = await asyncio.wait(tasks, timeout=1)
            for task in stuck:
                log.warning(
                    "task %r of component %r does not stop when cancelled; it is left running",
                    task.get_name(),
                    unit.name,
                )
        for queue in unit.ledger.queues():
            await queue.close()
        unit.ledger.clear()


@contextmanager
def _step(component: ComponentSpec, step: str) -> Iterator[None]:
    """Turns whatever foreign code raises into a ``StartError``; a cancellation that was asked for comes through."""
    try:
        yield
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except asyncio.CancelledError as error:
        if asked_to_cancel():
            raise
        raise _start_error(component, step, error) from error
    except BaseException as error:
        raise _start_error(component, step, error) from error


def _start_error(component: ComponentSpec, step: str, error: BaseException) -> StartError:
    if isinstance(error, SignalPyError):
        reason = words(error) or told(error)
    else:
        reason = f"{told(error)}{place(error, component.cls.__module__)}"
    return StartError(f"on {step}: {reason}", component=component.name, step=step, cause=error)


def _made(spec: ComponentSpec) -> Any:
    try:
        return spec.cls()
    except TypeError as error:
        wanted = _wanted(spec.cls)
        if not wanted:
            raise
        raise DefinitionError(
            f"{spec.cls.__qualname__} is made without arguments, and its __init__ needs {', '.join(wanted)}. "
            "Give defaults, and take what the kernel has from self.rt when it is activated.",
            component=spec.name,
            method="__init__",
        ) from error


def _wanted(cls: type) -> list[str]:
    """What has to be given to make an instance; nothing, if that cannot be told."""
    try:
        parameters = inspect.signature(cls).parameters.values()
    except (TypeError, ValueError):
        return []
    optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [each.name for each in parameters if each.default is each.empty and each.kind not in optional]
