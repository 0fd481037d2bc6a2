"""Why a component is active or not: the causal chain, in words."""

from __future__ import annotations

from packaging.specifiers import SpecifierSet

from signalpy.definition import ComponentSpec, Dependency, Requirement
from signalpy.kernel.entry import Catalog, Entry
from signalpy.kernel.services import Ambiguous, Missing, Services
from signalpy.kernel.unit import Roster
from signalpy.matching import did_you_mean
from signalpy.states import State


class Reasons:
    """Tells what a component lacks and why, from what the kernel knows."""

    def __init__(self, catalog: Catalog, roster: Roster, services: Services) -> None:
        self._catalog = catalog
        self._roster = roster
        self._services = services

    def lacks(self, spec: ComponentSpec) -> list[str]:
        """What keeps a component from starting, one clause each; empty if nothing does."""
        clauses = [self._dependency(item, frozenset({spec.name})) for item in spec.depends]
        clauses += [self._requirement(spec, item, frozenset({spec.name})) for item in spec.requires]
        return [clause for clause in clauses if clause]

    def why(self, name: str, asked: frozenset[str] = frozenset()) -> str:
        """The state of a component and everything that led to it."""
        entry = self._catalog.get(name)
        if entry is None:
            hint = did_you_mean(name, self._catalog.names())
            return f"unknown: no component {name!r} is installed or was given.{hint}"
        if name in asked:
            return f"{entry.state}, which leads back to the beginning"
        if entry.state is State.WAITING and entry.spec is not None and not entry.reason.startswith("cycle"):
            chain = self._chain(entry.spec, asked | {name})
            return f"waiting: {chain}" if chain else f"waiting: {entry.reason}"
        if entry.state is State.ACTIVE and entry.spec is not None and not asked:
            more = "; ".join(filter(None, (self._stands_on(entry.spec), self._passed_over(name))))
            return ": ".join(filter(None, (_told(entry), more)))
        return _told(entry)

    def _stands_on(self, spec: ComponentSpec) -> str:
        """What an active component has found of what it wanted."""
        clauses = []
        for item in spec.depends:
            unit = self._roster.get(item.name)
            if unit is not None:
                clauses.append(f"depends on {item.name}{item.specifier}, which is active as {unit.spec.version}")
        for wanted in spec.requires:
            found = self._services.resolve(spec, wanted)
            given = found if wanted.many else (found,)
            names = [repr(unit.name) for unit in self._roster if any(unit.instance is each for each in given)]
            kind = "all " if wanted.many else ""
            if names:
                verb = "provides" if len(names) == 1 else "provide"
                clauses.append(f"requires {kind}{wanted.contract}, which {' and '.join(names)} {verb}")
            elif wanted.optional or wanted.many:
                clauses.append(f"can do without {wanted.contract}, which nobody provides")
        return "; ".join(clauses)

    def _passed_over(self, name: str) -> str:
        """What its failure no longer stops, though its author has it so."""
        unit = self._roster.get(name)
        plugin = unit.ledger.plugin if unit is not None else None
        hooks = [item.hook for item in plugin.implementations if item.weakened] if plugin is not None else []
        return f"its {' and '.join(hooks)} is passed over on failure, as [kernel.hooks] has it" if hooks else ""

    def _chain(self, spec: ComponentSpec, asked: frozenset[str]) -> str:
        clauses = [self._dependency(item, asked) for item in spec.depends]
        clauses += [self._requirement(spec, item, asked) for item in spec.requires]
        return "; ".join(dict.fromkeys(clause for clause in clauses if clause))

    def _dependency(self, wanted: Dependency, asked: frozenset[str]) -> str:
        unit = self._roster.get(wanted.name)
        text = f"depends on {wanted.name}{wanted.specifier}"
        if unit is None:
            entry = self._catalog.get(wanted.name)
            return (
                f"{text}, which is not installed.{did_you_mean(wanted.name, self._catalog.names())}".rstrip(".")
                if entry is None
                else f"{text}, which {_joined(self.why(wanted.name, asked))}"
            )
        if wanted.specifier and not SpecifierSet(wanted.specifier).contains(unit.spec.version, prereleases=True):
            return f"{text}, but {wanted.name} has version {unit.spec.version}"
        return ""

    def _requirement(self, spec: ComponentSpec, wanted: Requirement, asked: frozenset[str]) -> str:
        found = self._services.resolve(spec, wanted)
        if isinstance(found, Ambiguous):
            names = " and ".join(repr(name) for name in found.providers)
            return (
                f"requires one {wanted.contract}, and {names} provide it; settle it with [plugins] prefer = {{"
                f" {wanted.contract} = … }}"
            )
        if not isinstance(found, Missing):
            return ""
        providers = [
            entry for entry in self._catalog if entry.spec is not None and wanted.contract in entry.spec.provides
        ]
        providers = [entry for entry in providers if entry.name != spec.name]
        unread = [entry for entry in self._catalog if entry.spec is None]
        if providers:
            only = "its only provider" if len(providers) == 1 else "of its providers"
            told = ", ".join(f"{entry.name!r} {_joined(self.why(entry.name, asked))}" for entry in providers)
            return f"requires {wanted.contract}; {only} {told}"
        if unread:
            told = ", ".join(f"{entry.name!r} {_joined(_told(entry))}" for entry in unread)
            return (
                f"requires {wanted.contract}, which no active component provides; not loaded, so perhaps its provider:"
                f" {told}"
            )
        known = {contract for entry in self._catalog if entry.spec is not None for contract in entry.spec.provides}
        hint = did_you_mean(wanted.contract, known)
        return f"requires {wanted.contract}, which nothing installed provides.{hint}".rstrip(".")


def _told(entry: Entry) -> str:
    if entry.state is State.FAILED:
        return f"failed {entry.reason}" if entry.reason.startswith("on ") else f"failed: {entry.reason}"
    origin = f" ({entry.distribution} {entry.version})" if entry.distribution else ""
    if entry.state is State.ACTIVE:
        return f"active{origin}"
    return f"{entry.state}: {entry.reason}" if entry.reason else f"{entry.state}{origin}"


def _joined(text: str) -> str:
    return text if text.startswith("failed") else f"is {text}"
