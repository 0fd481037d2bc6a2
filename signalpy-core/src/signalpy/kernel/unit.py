"""A live component: its instance, its runtime, and the ledger of all that it registered."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from signalpy.bus import Delivery, Endpoint, Tables
from signalpy.bus.delivery import BackgroundQueue
from signalpy.bus.endpoint import Working
from signalpy.definition import ComponentSpec
from signalpy.hooks import Plugin
from signalpy.kernel.entry import Entry
from signalpy.runtime import Runtime


@dataclass(slots=True, eq=False)
class Ledger:
    """What one live component has registered; empty again when it is gone."""

    endpoints: list[Endpoint] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    plugin: Plugin | None = None
    services: list[str] = field(default_factory=list)
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    threads: Working = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        """How many of each kind."""
        return {
            "runnables": len(self.endpoints),
            "subscriptions": len(self.deliveries),
            "hooks": len(self.plugin.implementations) if self.plugin is not None else 0,
            "services": len(self.services),
            "tasks": len(self.tasks),
            "threads": len(self.threads),
        }

    def queues(self) -> list[BackgroundQueue]:
        """The queues of the background subscriptions."""
        return [item.queue for item in self.deliveries if item.queue is not None]

    def clear(self) -> None:
        """Forgets everything but threads that are still running, which leave by themselves."""
        self.endpoints.clear()
        self.deliveries.clear()
        self.services.clear()
        self.tasks.clear()
        self.plugin = None


@dataclass(slots=True, eq=False)
class Unit:
    """A component that is being started, is active, or is being stopped.

    :param place: where it stands in the order of activation, once it is in the roster.
    """

    entry: Entry
    spec: ComponentSpec
    instance: Any
    rt: Runtime
    ledger: Ledger
    place: int = 0

    @property
    def name(self) -> str:
        """The component's name."""
        return self.spec.name

    def __repr__(self) -> str:
        return f"<Unit({self.name}, {self.ledger.counts()})>"


class Roster:
    """The active units, in the order of activation; one that replaces another takes its place.

    Who provides a contract and who requires it is filed, so that one more unit costs the same however many there are.
    """

    def __init__(self) -> None:
        self._units: dict[str, Unit] = {}
        self._next = 0
        self._providers: dict[str, dict[str, Unit]] = {}
        self._takers: dict[str, dict[str, Unit]] = {}

    def __repr__(self) -> str:
        return f"<Roster(active={len(self._units)})>"

    def __iter__(self) -> Iterator[Unit]:
        return iter(list(self._units.values()))

    def __len__(self) -> int:
        return len(self._units)

    def get(self, name: str) -> Unit | None:
        """The active unit of a name, if there is one."""
        return self._units.get(name)

    def put(self, unit: Unit) -> None:
        """Takes a unit in, at the end or in the place of the one of its name."""
        held = self._units.get(unit.name)
        if held is not None:
            unit.place = held.place
            self._unfile(held)
        else:
            unit.place = self._next
            self._next += 1
        self._units[unit.name] = unit
        for contract in unit.spec.provides:
            self._providers.setdefault(contract, {})[unit.name] = unit
        for wanted in unit.spec.requires:
            self._takers.setdefault(wanted.contract, {})[unit.name] = unit

    def drop(self, unit: Unit) -> None:
        """Takes a unit out."""
        if self._units.get(unit.name) is unit:
            del self._units[unit.name]
            self._unfile(unit)

    def providers(self, contract: str) -> list[Unit]:
        """The units that provide a contract now, in order."""
        found = [unit for unit in self._providers.get(contract, {}).values() if contract in unit.ledger.services]
        return sorted(found, key=_place)

    def takers(self, contracts: Iterable[str]) -> list[Unit]:
        """The units that require one of the contracts, in order."""
        found = {name: unit for contract in contracts for name, unit in self._takers.get(contract, {}).items()}
        return sorted(found.values(), key=_place)

    def tables(self, **kwargs: Any) -> Tables:
        """The bus's tables as the ledgers have them."""
        endpoints = (item for unit in self for item in unit.ledger.endpoints)
        deliveries = (item for unit in self for item in unit.ledger.deliveries)
        return Tables(endpoints, deliveries, **kwargs)

    def _unfile(self, unit: Unit) -> None:
        _take_out(self._providers, unit.spec.provides, unit.name)
        _take_out(self._takers, [wanted.contract for wanted in unit.spec.requires], unit.name)


def _take_out(file: dict[str, dict[str, Unit]], contracts: Iterable[str], name: str) -> None:
    for contract in contracts:
        units = file.get(contract, {})
        units.pop(name, None)
        if not units:
            file.pop(contract, None)


def _place(unit: Unit) -> int:
    return unit.place
