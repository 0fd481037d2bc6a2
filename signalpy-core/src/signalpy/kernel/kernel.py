"""The kernel: what an application holds in its hands."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Final, Self

from signalpy.builtin import ConfigComponent
from signalpy.bus import Bus, Dispatcher
from signalpy.configuration import Configuration, Source, load
from signalpy.definition import ComponentSpec, adopted, spec_of
from signalpy.discovery import Discovery, scan
from signalpy.discovery.filter import Filter
from signalpy.errors import ComponentUnavailable, LifecycleError, TargetNotFound
from signalpy.hooks import HookRegistry
from signalpy.kernel.activation import Activation
from signalpy.kernel.announcer import Announcer
from signalpy.kernel.changes import Changes
from signalpy.kernel.conductor import Conductor
from signalpy.kernel.entry import Catalog
from signalpy.kernel.facts import at_start, facts_of
from signalpy.kernel.loopwatch import LoopWatch
from signalpy.kernel.operator import Operator
from signalpy.kernel.proxy import Proxy
from signalpy.kernel.reasons import Reasons
from signalpy.kernel.regime import CurrentConfiguration, Regime
from signalpy.kernel.reloading import Reloaded
from signalpy.kernel.services import Services
from signalpy.kernel.stages import refuse_inside
from signalpy.kernel.strays import strays
from signalpy.kernel.suspects import Suspects
from signalpy.kernel.unit import Roster
from signalpy.kernel.watchdog import Watchdog
from signalpy.policy import Policies
from signalpy.states import PluginInfo, State

log = logging.getLogger("signalpy.kernel")

CONFIGURATION: Final = "signalpy.Configuration"
"""Contract of the kernel's own service; its ``current`` is the ``Configuration`` in force."""

THREADS: Final = 1024
"""Threads for handlers are made when none is idle, up to so many: a handler may wait for another one's thread."""


class Kernel:
    """Finds components, wires them, and carries their calls and events.

    ::

        async with Kernel(config={"accounts": {…}}) as kernel:
            await kernel.bus.invoke("accounts.transfer", {…}, actor="alice")

    :param config: a mapping, a path to a TOML file, or a ``Configuration``; the environment is laid over the first two.
    :param policies: policy entries by name, as if each were given to ``set_policy``.
    :raises ConfigError: if the configuration is wrong; ``PolicyError`` if a policy is.
    """

    def __init__(
        self, config: Source | Configuration = None, *, policies: Mapping[str, Mapping[str, Any]] | None = None
    ) -> None:
        configuration = config if isinstance(config, Configuration) else load(config)
        self._configuration = CurrentConfiguration(configuration)
        self._state = "new"
        self._essential: set[str] = set(configuration.plugins.required)
        self._discovered = False
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="signalpy")
        self.hooks = HookRegistry()
        self.hooks.isolate(configuration.kernel.hooks)
        self.watchdog = Watchdog()
        self._dispatcher = Dispatcher(self.hooks)
        entries = Policies(configuration.policy)
        for name, keys in (policies or {}).items():
            entries = entries.with_entry(name, keys)
        self._dispatcher.set_policies(lambda _: entries)
        self.bus = Bus(self._dispatcher)
        self._own_bus = Bus(self._dispatcher, own=True)
        self._announcer = Announcer(self._own_bus)
        self._regime = Regime(self._configuration, self._dispatcher, self._announcer)
        self._wire(configuration)

    def _wire(self, configuration: Configuration) -> None:
        self._catalog = Catalog()
        self._roster = Roster()
        self._services = Services(self._roster, {CONFIGURATION: self._configuration}, configuration.plugins.prefer)
        self._reasons = Reasons(self._catalog, self._roster, self._services)
        self._activation = Activation(
            self,
            dispatcher=self._dispatcher,
            roster=self._roster,
            services=self._services,
            watchdog=self.watchdog,
            threads=self._threads,
            facts=facts_of(self._catalog, self._dispatcher),
            configuration=lambda: self._configuration.current,
        )
        self._activation.unavailable = self._unavailable
        self._conductor = Conductor(
            catalog=self._catalog,
            roster=self._roster,
            services=self._services,
            reasons=self._reasons,
            activation=self._activation,
            dispatcher=self._dispatcher,
            watchdog=self.watchdog,
            configuration=lambda: self._configuration.current,
        )
        self._changes = Changes(self, self._conductor)
        self._loopwatch = LoopWatch(
            configuration.kernel.blocked_after,
            Suspects(self._catalog, self._roster, self._dispatcher).finder,
            lambda blockage: self._announcer.put("kernel.loop.blocked", blockage.as_dict()),
        )
        self._operator = Operator(
            self,
            loopwatch=self._loopwatch,
            regime=self._regime,
            roster=self._roster,
            dispatcher=self._dispatcher,
            announcer=self._announcer,
            own_bus=self._own_bus,
        )

    def __repr__(self) -> str:
        return f"<Kernel({self._state}, active={len(self._roster)}, known={len(self._catalog.names())})>"

    async def __aenter__(self) -> Self:
        await self.boot()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.shutdown()

    @property
    def state(self) -> str:
        """``"new"``, ``"booting"``, ``"running"``, ``"stopping"`` or ``"stopped"``."""
        return self._state

    @property
    def configuration(self) -> Configuration:
        """The configuration in force."""
        return self._configuration.current

    def discover(self, components: Iterable[type | str] | Discovery | None = None) -> None:
        """Takes in the components of installed distributions, or just those given. Calls accumulate.

        Nothing is imported here; a class that is given by hand beats an installed component of its name.

        :param components: classes, and names of installed components, of which no other is then taken in; or what a
            scan by these settings has found already.
        :raises LifecycleError: if the kernel has booted.
        :raises DefinitionError: for what is no component class, for two classes of one name, and for a name that no
            installed distribution has.
        """
        self._only_before_boot("discover", "add(cls)")
        self._discovered = True
        given = list(components) if isinstance(components, Iterable) else []
        names = [item for item in given if isinstance(item, str)]
        if not isinstance(components, Iterable) or names:
            found = components if isinstance(components, Discovery) else scan(self.configuration.plugins)
            found = found.only(names) if names else found
            self._catalog.add_candidates(found.candidates)
            self._essential |= found.essential
        for cls in given:
            if not isinstance(cls, str):
                self._take_in(cls)

    def adopt(self, service: object, name: str, *, methods: Iterable[str] | None = None, version: str = "0") -> None:
        """Makes a component out of an object that exists already; see ``signalpy.adopted``.

        :raises LifecycleError: once the kernel has booted; then use ``await kernel.add(adopted(service, name))``.
        :raises DefinitionError: if it cannot be adopted.
        """
        self._only_before_boot("adopt", "add(adopted(service, name))")
        self._take_in(adopted(service, name, methods=methods, version=version))

    def proxy(self, name: str) -> Proxy:
        """An object whose methods are the runnables of component ``name``, called over the bus.

        ``.sync`` for threads.
        """
        return Proxy(self.bus, name, lambda: self._spec(name))

    async def boot(self) -> None:
        """Imports and activates what was discovered; discovers installed distributions if nobody called ``discover``.

        :raises BootError: if an essential component does not start; everything that had started is stopped.
        :raises LifecycleError: if the kernel runs or has run.
        """
        refuse_inside(self, "boot")
        if self._state != "new":
            raise LifecycleError(f"the kernel cannot boot: it is {self._state}. A kernel boots once; make a new one.")
        if not self._discovered:
            self.discover()
        if "config" not in self._catalog:
            self._catalog.add_class(ConfigComponent)
        self._state = "booting"
        self.bus._bind(asyncio.get_running_loop())
        self._own_bus._bind(asyncio.get_running_loop())
        self._dispatcher.set_gate("open")
        try:
            await self._operator.open()
            async with self._conductor.turn():
                await self._conductor.start_all(frozenset(self._essential))
        except BaseException:
            await self._operator.close()
            self._close()
            raise
        self._warn_of_strays()
        self._state = "running"
        self._loopwatch.start()
        self._announcer.put("kernel.started", at_start(self._roster, self._dispatcher))
        self._announcer.start()
        with self.watchdog.watch("handing kernel.started to its subscribers"):
            await self._announcer.flush()

    async def shutdown(self) -> None:
        """Stops: admits nothing new, drains until the deadline, cancels the rest, and deactivates in reverse order.

        A kernel that boots is stopped when it has; one that does not run is left alone.
        """
        refuse_inside(self, "shutdown")
        if self._state in ("booting", "running", "stopping"):
            await self._changes.to_the_end(self._shut_down())

    async def _shut_down(self) -> None:
        async with self._conductor.turn():
            if self._state != "running":
                return
            self._state = "stopping"
            deadline = asyncio.get_running_loop().time() + self.configuration.kernel.shutdown_deadline
            self._announcer.put("kernel.stopping", {})
            self._dispatcher.set_gate("draining")
            try:
                await self._flush(deadline)
                await self._announcer.stop()
                await self._conductor.stop_all(deadline)
            finally:
                await self._operator.close()
                self._close()

    async def _flush(self, deadline: float) -> None:
        try:
            async with asyncio.timeout_at(deadline):
                await self._announcer.flush()
        except TimeoutError:
            log.warning("the kernel's last events did not reach every subscriber before the deadline")

    async def add(self, cls: type) -> None:
        """Starts another component while the kernel runs, and what had waited for it.

        :raises LifecycleError: if one of its name is active, it is denied, it fails, or the kernel does not run.
        """
        denial = self._denial(spec_of(cls).name)
        if denial:
            raise LifecycleError(f"add: {denial}. Allow it in [plugins] first.", component=spec_of(cls).name)
        await self._changes.make("add", lambda: self._conductor.add(cls))

    async def remove(self, name: str) -> None:
        """Stops a component, after those that need it; these wait.

        :raises LifecycleError: if there is none of this name, it is asked from its own handler, or the kernel does
            not run.
        """
        await self._changes.make("remove", lambda: self._conductor.remove(name))

    async def replace(self, cls: type) -> None:
        """Puts a new class in the place of the active component of its name, under load, without losing an operation.

        :raises LifecycleError: if the new one fails (the old one is in force as before), it is asked from the
            component's own handler, or the kernel does not run.
        """
        await self._changes.make("replace", lambda: self._conductor.replace(cls))

    async def reload(self, config: Source | Configuration = None) -> Reloaded:
        """Puts a changed configuration in force: policies, and the tables of components.

        A component whose table has changed is told by its ``reconfigure``, or is replaced by a fresh instance. What
        changed in ``[kernel]`` and ``[plugins]`` counts from the next boot, ``shutdown_deadline`` and ``hooks`` apart.
        Policies that were set at run time stay on top.

        :param config: as for ``Kernel``; the file that this kernel was made from, if not given.
        :returns: what is different now, or will be after the next boot.
        :raises ConfigError: or ``PolicyError`` if anything in it is wrong; the old one stays in force then.
        :raises LifecycleError: if a component does not take its new settings; it keeps the old ones.
        """
        if config is None and self.configuration.source is None:
            raise LifecycleError("reload: this kernel was not made from a file. Give the new configuration.")
        new = self.configuration.again() if config is None else config
        new = new if isinstance(new, Configuration) else load(new)
        self._dispatcher.policies.with_file(new.policy)
        self._conductor.check_settings(new)
        changed: list[Reloaded] = []
        await self._changes.make("reload", lambda: self._put_in_force(new, changed))
        return changed[0]

    async def _put_in_force(self, new: Configuration, told: list[Reloaded]) -> None:
        told.append(await self._regime.put(new, self._conductor))
        if told[0].tables or told[0].at_once:
            self._warn_of_strays()

    def set_policy(self, name: str, keys: Mapping[str, Any]) -> None:
        """Merges ``keys`` into the run-time entry ``name``; the next operation sees it. ``None`` unsets a key.

        May be called from any thread.

        :raises PolicyError: naming entry, key and the nearest known key; the old policy stays in force.
        """
        self._regime.set_policy(name, keys)

    def get(self, name: str) -> Any:
        """The live instance of a component.

        :raises ComponentUnavailable: if it is known but not active, with its why; ``TargetNotFound`` if it is not
            known.
        """
        unit = self._roster.get(name)
        if unit is not None:
            return unit.instance
        raise self._unavailable(name) or TargetNotFound(self._reasons.why(name), target=name, near=[])

    def plugins(self) -> list[PluginInfo]:
        """Every known component with its state and reason, by name."""
        return self._catalog.infos()

    def why(self, name: str) -> str:
        """The state of a component and the causal chain that led to it, in one paragraph."""
        return self._reasons.why(name)

    def _spec(self, name: str) -> ComponentSpec | None:
        entry = self._catalog.get(name)
        return entry.spec if entry is not None else None

    def ledger(self, name: str) -> dict[str, int]:
        """How many runnables, subscriptions, hooks, services, tasks and threads a component has registered just now."""
        unit = self._roster.get(name)
        return unit.ledger.counts() if unit is not None else {}

    def _only_before_boot(self, action: str, instead: str) -> None:
        if self._state != "new":
            raise LifecycleError(f"{action}() comes before boot(). While the kernel runs: await kernel.{instead}.")

    def _take_in(self, cls: type) -> None:
        entry = self._catalog.add_class(cls)
        denial = self._denial(entry.name)
        if denial:
            entry.mark(State.DENIED, denial)

    def _denial(self, name: str) -> str:
        """Why a class given by hand is not taken; empty if it is."""
        return Filter.of(self.configuration.plugins).denial(name) if name != "config" else ""

    def _unavailable(self, target: str) -> ComponentUnavailable | None:
        name = target.partition(".")[0]
        entry = self._catalog.get(name)
        if entry is None or entry.state is State.ACTIVE:
            return None
        why = self._reasons.why(name)
        return ComponentUnavailable(
            f"{target}: component {name!r} does not run: {why}", target=target, component=name, why=why, near=[]
        )

    def _warn_of_strays(self) -> None:
        for stray in strays(self.configuration, self._catalog, self.hooks):
            log.warning("%s", stray)

    def _close(self) -> None:
        self._state = "stopped"
        self._dispatcher.set_gate("closed")
        self._loopwatch.stop()
        self.watchdog.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)
