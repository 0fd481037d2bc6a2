"""What the kernel knows of one component name, and of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from signalpy.definition import ComponentSpec, spec_of
from signalpy.discovery import Candidate
from signalpy.errors import DefinitionError
from signalpy.states import PluginInfo, State


@dataclass(slots=True, eq=False)
class Entry:
    """A component by name: where it comes from, its state, and why it is in it.

    :param candidate: its metadata, if an installed distribution has it.
    :param spec: what its class declares, once that is loaded or given by hand.
    :param step: at what it failed: ``import``, ``settings``, ``activate``, …
    """

    name: str
    candidate: Candidate | None = None
    spec: ComponentSpec | None = None
    state: State = State.DISCOVERED
    reason: str = ""
    error: BaseException | None = field(default=None, repr=False)

    @property
    def distribution(self) -> str | None:
        """Canonical name of the distribution; ``None`` for a class given by hand."""
        return self.candidate.distribution if self.candidate is not None else None

    @property
    def version(self) -> str | None:
        """The distribution's version; the component's own for a class given by hand."""
        if self.candidate is not None:
            return self.candidate.version
        return self.spec.version if self.spec is not None else None

    @property
    def info(self) -> PluginInfo:
        """The row of ``kernel.plugins()``."""
        return PluginInfo(self.name, self.distribution, self.version, self.state, self.reason)

    def mark(self, state: State, reason: str = "", error: BaseException | None = None) -> None:
        """Changes the state."""
        self.state, self.reason, self.error = state, reason, error


class Catalog:
    """Every component that the kernel has heard of, by name, in the order in which it heard."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._passed_over: list[Candidate] = []

    def __repr__(self) -> str:
        return f"<Catalog(components={len(self._entries)})>"

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __getitem__(self, name: str) -> Entry:
        return self._entries[name]

    def get(self, name: str) -> Entry | None:
        """The entry of a name, if there is one."""
        return self._entries.get(name)

    def names(self) -> list[str]:
        """The known names."""
        return list(self._entries)

    def add_candidates(self, candidates: Iterable[Candidate]) -> None:
        """Takes in what a scan found, once; a class that was given by hand stays in its place."""
        held_ones = [entry.candidate for entry in self if entry.candidate is not None]
        known = {(item.name, item.distribution, item.value) for item in [*held_ones, *self._passed_over]}
        for candidate in candidates:
            if (candidate.name, candidate.distribution, candidate.value) in known:
                continue
            held = self._entries.get(candidate.name)
            if held is None:
                self._enter(candidate)
            elif held.candidate is None or candidate.state is not State.DISCOVERED:
                self._passed_over.append(candidate)
            else:
                self._passed_over.append(held.candidate)
                self._enter(candidate)

    def add_class(self, cls: type, *, reason: str = "") -> Entry:
        """Takes in a class that was given by hand, in place of what is known under its name.

        :raises DefinitionError: if it is no component, or another class of its name was given.
        """
        spec = spec_of(cls)
        held = self._entries.get(spec.name)
        if held is not None and held.candidate is None and held.spec is not None:
            if held.spec.cls is cls:
                return held
            raise DefinitionError(
                f"two classes were given for the component {spec.name!r}: {_where(held.spec.cls)} and {_where(cls)}."
                " Give one of them.",
                component=spec.name,
                method=None,
            )
        entry = held or Entry(spec.name)
        if entry.candidate is not None:
            self._passed_over.append(entry.candidate.marked(State.STOPPED, "a class given by hand takes its place"))
        entry.candidate, entry.spec = None, spec
        entry.mark(State.DISCOVERED, reason)
        self._entries[spec.name] = entry
        return entry

    def infos(self) -> list[PluginInfo]:
        """A row for each component and for each candidate that another took the place of, by name."""
        rows = [entry.info for entry in self] + [candidate.info for candidate in self._passed_over]
        return sorted(rows, key=lambda row: (row.name, row.distribution or ""))

    def _enter(self, candidate: Candidate) -> None:
        self._entries[candidate.name] = Entry(
            candidate.name, candidate=candidate, state=candidate.state, reason=candidate.reason
        )


def _where(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
