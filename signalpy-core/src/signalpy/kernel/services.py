"""Services: who provides a contract, and what of it a component gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from signalpy.definition import ComponentSpec, Requirement
from signalpy.kernel.unit import Roster, Unit


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Several providers stand for one requirement, and nothing settles which."""

    providers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """Nobody provides it."""


class Services:
    """Resolves requirements among the active units and the kernel's own services.

    :param own: what the kernel itself provides, by contract.
    :param prefer: contract to the component or distribution that settles between several providers.
    """

    def __init__(self, roster: Roster, own: Mapping[str, Any], prefer: Mapping[str, str]) -> None:
        self._roster = roster
        self._own = dict(own)
        self.prefer = prefer

    def resolve(self, spec: ComponentSpec, wanted: Requirement, bound: Any = None) -> Any:
        """What ``spec`` gets for one requirement: an instance, a tuple, ``None``, or ``Missing`` or ``Ambiguous``.

        :param bound: what it has now; kept as long as that is still provided.
        """
        if wanted.contract in self._own:
            own = self._own[wanted.contract]
            return (own,) if wanted.many else own
        providers = [unit for unit in self._roster.providers(wanted.contract) if unit.name != spec.name]
        if wanted.many:
            return tuple(unit.instance for unit in providers)
        if bound is not None and any(unit.instance is bound for unit in providers):
            return bound
        if len(providers) > 1:
            providers = self._preferred(wanted.contract, providers)
        if len(providers) > 1:
            return Ambiguous(tuple(unit.name for unit in providers))
        if providers:
            return providers[0].instance
        return None if wanted.optional else Missing()

    def bind(self, unit: Unit) -> None:
        """Injects what ``unit`` requires, keeping single services that are still provided."""
        bound = unit.rt._services
        for wanted in unit.spec.requires:
            found = self.resolve(unit.spec, wanted, bound.get(wanted.attr))
            bound[wanted.attr] = None if isinstance(found, Missing | Ambiguous) else found

    def swap(self, old: Unit, new: Unit) -> None:
        """Lets everybody who has the old instance have the new one, and fills up what takes all or none."""
        for unit in self._roster.takers([*old.spec.provides, *new.spec.provides]):
            bound = unit.rt._services
            for wanted in unit.spec.requires:
                if bound.get(wanted.attr) is old.instance and wanted.contract in new.ledger.services:
                    bound[wanted.attr] = new.instance
            self.bind(unit)

    def rebind(self, changed: Unit) -> None:
        """Brings the optional services and the tuples of all up to date who require what ``changed`` provides."""
        for unit in self._roster.takers(changed.spec.provides):
            self.bind(unit)

    def dependents(self, unit: Unit) -> list[Unit]:
        """The active units that cannot be without ``unit``."""
        return [other for other in self._roster if other is not unit and _needs(other, unit)]

    def _preferred(self, contract: str, providers: list[Unit]) -> list[Unit]:
        choice = self.prefer.get(contract)
        chosen = [unit for unit in providers if choice in (unit.name, unit.entry.distribution)]
        return chosen if len(chosen) == 1 else providers


def _needs(other: Unit, unit: Unit) -> bool:
    if any(dependency.name == unit.name for dependency in other.spec.depends):
        return True
    bound = other.rt._services
    single = (wanted for wanted in other.spec.requires if not wanted.many and not wanted.optional)
    return any(bound.get(wanted.attr) is unit.instance for wanted in single)
