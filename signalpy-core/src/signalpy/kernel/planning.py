"""In which order components start. Pure: declarations in, names out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from signalpy.definition import ComponentSpec
from signalpy.ordering import CycleError, stable_order


@dataclass(slots=True)
class Plan:
    """The order of activation, and the components that can never start because they wait for each other.

    :param cycles: component to the cycle that it is on, the first member again at the end.
    """

    order: list[str]
    cycles: dict[str, list[str]] = field(default_factory=dict)


def plan(specs: Sequence[ComponentSpec], chosen: Mapping[str, str] | None = None) -> Plan:
    """The order in which ``specs`` are to start, and, read backwards, to stop.

    Components that stand around operations of others come first, after what they need themselves; every component comes
    behind its ``depends`` and behind every provider of what it requires; else the order given is kept.

    :param chosen: contract to the component that is preferred among its providers; the others are not waited for.
    """
    by_name = {spec.name: spec for spec in specs}
    cycles: dict[str, list[str]] = {}
    while True:
        left = {name: spec for name, spec in by_name.items() if name not in cycles}
        providers = _providers(left, chosen or {})
        hard = _edges(left, providers, soft=False)
        names = _rings_first(left, hard)
        try:
            return Plan(_with_soft(names, left, providers, hard), cycles)
        except CycleError as error:
            cycles.update(dict.fromkeys(error.cycle, error.cycle))


def _with_soft(
    names: list[str],
    specs: Mapping[str, ComponentSpec],
    providers: Mapping[str, set[str]],
    hard: Mapping[str, set[str]],
) -> list[str]:
    """The order that also keeps to optional requirements, unless these go round in a circle."""
    soft = _edges(specs, providers, soft=True)
    early = set(names[: _early(specs, hard)])
    wanted = {
        name: hard[name] | {other for other in soft[name] if name not in early or other in early} for name in specs
    }
    try:
        return stable_order(names, wanted)
    except CycleError:
        return stable_order(names, hard)


def _early(specs: Mapping[str, ComponentSpec], hard: Mapping[str, set[str]]) -> int:
    return len(_first(specs, hard))


def _rings_first(specs: Mapping[str, ComponentSpec], hard: Mapping[str, set[str]]) -> list[str]:
    first = _first(specs, hard)
    return [name for name in specs if name in first] + [name for name in specs if name not in first]


def _first(specs: Mapping[str, ComponentSpec], hard: Mapping[str, set[str]]) -> set[str]:
    """Recorders and interceptors, and all that they need."""
    first: set[str] = set()
    todo = [name for name, spec in specs.items() if spec.rings]
    while todo:
        name = todo.pop()
        if name not in first:
            first.add(name)
            todo += hard[name]
    return first


def _providers(specs: Mapping[str, ComponentSpec], chosen: Mapping[str, str]) -> dict[str, set[str]]:
    """Who may provide each contract: the one that is preferred, if it is there, else all that say they do."""
    providers: dict[str, set[str]] = {}
    for name, spec in specs.items():
        for contract in spec.provides:
            providers.setdefault(contract, set()).add(name)
    preferred = {contract: {name} for contract, name in chosen.items() if name in providers.get(contract, ())}
    return providers | preferred


def _edges(specs: Mapping[str, ComponentSpec], providers: Mapping[str, set[str]], *, soft: bool) -> dict[str, set[str]]:
    """For each component those that must come before it; with ``soft`` those that had better."""
    edges: dict[str, set[str]] = {}
    for name, spec in specs.items():
        wanted = [item for item in spec.requires if (item.optional or item.many) is soft]
        edges[name] = {other for item in wanted for other in providers.get(item.contract, ())} - {name}
        if not soft:
            edges[name] |= {item.name for item in spec.depends if item.name in specs}
    return edges
