"""The decision on each candidate, from metadata alone: allowed, compatible, as locked, alone under its name.

The steps come in this order, and only what has passed all those before takes part in a collision: a distribution that
could not be loaded anyway keeps no other from its name.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from signalpy import __version__
from signalpy.configuration import PluginSettings
from signalpy.discovery.candidate import COMPONENTS, Candidate, malformed
from signalpy.discovery.claims import granted, refusal, settled
from signalpy.discovery.compatibility import CORE
from signalpy.discovery.entry import Entry
from signalpy.discovery.folder import Metadata
from signalpy.discovery.installed import Installed, Reading, read
from signalpy.discovery.judge import Judge
from signalpy.discovery.waiver import waived
from signalpy.errors import DefinitionError
from signalpy.matching import did_you_mean
from signalpy.states import State

log = logging.getLogger("signalpy.discovery")

ESSENTIAL: Final = "signalpy.essential"
BUILT_IN: Final = {"config": "signalpy.builtin:ConfigComponent"}
"""Components of the core: found like any other, there even where the core has no metadata, and never denied."""


@dataclass(frozen=True, slots=True, repr=False)
class Discovery:
    """The outcome of one scan.

    :param candidates: all of them, sorted by name; of one name at most one is ``discovered``.
    :param essential: components without which nothing starts, installed or not.
    :param installed: the distributions that were read.
    :param warnings: one line for each thing that a person should look at.
    :param every: the metadata of all distributions, those that do not matter here included.
    """

    candidates: tuple[Candidate, ...]
    essential: frozenset[str]
    installed: tuple[Installed, ...]
    warnings: tuple[str, ...]
    judge: Judge
    every: tuple[Metadata, ...] = ()

    def __repr__(self) -> str:
        return f"<Discovery(num_candidates={len(self.candidates)}, num_distributions={len(self.installed)})>"

    def candidate(self, name: str) -> Candidate | None:
        """The candidate ``name``: the one that may be loaded, else the first of those that may not."""
        named = [candidate for candidate in self.candidates if candidate.name == name]
        return next(
            (candidate for candidate in named if candidate.state is State.DISCOVERED), named[0] if named else None
        )

    def only(self, names: Iterable[str]) -> Discovery:
        """The same outcome for these components alone.

        :raises DefinitionError: for a name that no installed distribution has.
        """
        chosen, known = frozenset(names), {candidate.name for candidate in self.candidates}
        for name in sorted(chosen - known):
            advice = did_you_mean(name, known) or " Install it, or give its class."
            raise DefinitionError(
                f"no installed distribution has the component {name!r}.{advice}", component=name, method=None
            )
        kept = tuple(candidate for candidate in self.candidates if candidate.name in chosen)
        return replace(self, candidates=kept, essential=self.essential & chosen)

    def refusal(self, group: str, name: str) -> str:
        """Why no entry point ``name`` of ``group`` may be loaded, in words; empty if one may or there is none."""
        return refusal(self.installed, group, name, self.judge.extension)

    def extensions(self, group: str) -> dict[str, Entry]:
        """The entry points of ``group`` that may be loaded, by name; ``Entry.load`` imports one.

        A name that two distributions claim is in it only if ``prefer`` settles it, or if it is one of the core's own.
        """
        found, problems = granted(self.installed, group, self.judge.extension, self.judge.settings.prefer)
        _warn(problems)
        return found


def scan(settings: PluginSettings, *, path: list[str] | None = None) -> Discovery:
    """Reads the metadata on ``path`` (``sys.path`` if not given) once and decides on every candidate."""
    discovery = decide(read(path), settings)
    tell(discovery)
    return discovery


def tell(discovery: Discovery) -> None:
    """Logs what a person should look at."""
    _warn(discovery.warnings)


def decide(reading: Reading, settings: PluginSettings) -> Discovery:
    """Decides on what was read; logs nothing."""
    judge = Judge(settings)
    candidates = _without_collisions(list(_candidates(reading.installed, judge)), settings.prefer)
    declared = _declared(reading.installed, candidates)
    essential = frozenset(settings.required) | declared
    candidates = [replace(item, essential=item.name in essential) for item in candidates]
    left_out = waived(settings, {(item.distribution, item.name) for item in candidates}, _own(reading.installed))
    gone = judge.missing({item.name for item in reading.installed})
    lost = [f"{name}: is in {settings.lockfile} and not installed" for name in gone]
    return Discovery(
        candidates=tuple(sorted(candidates, key=lambda item: (item.name, item.distribution))),
        essential=essential,
        installed=reading.installed,
        warnings=(*reading.warnings, *judge.warnings, *lost, *left_out),
        judge=judge,
        every=reading.every,
    )


def extensions(
    group: str, settings: PluginSettings | None = None, *, path: list[str] | None = None
) -> dict[str, Entry]:
    """The entry points of another group ``signalpy.*`` that may be loaded, under the same rules as components."""
    return scan(settings or PluginSettings(), path=path).extensions(group)


def _warn(lines: Iterable[str]) -> None:
    for line in lines:
        log.warning("%s", line)


def _candidates(installed: Iterable[Installed], judge: Judge) -> Iterable[Candidate]:
    built_in = dict(BUILT_IN)
    for item in installed:
        for entry in item.entries_of(COMPONENTS):
            candidate = Candidate(entry.name, item.name, item.version, entry.value)
            if item.name == CORE and built_in.pop(entry.name, None) is not None:
                judge.component(item, entry.name)
                yield candidate
            else:
                yield candidate.marked(*_judged(item, candidate, judge))
    for name, value in built_in.items():
        yield Candidate(name, CORE, __version__, value)


def _judged(installed: Installed, candidate: Candidate, judge: Judge) -> tuple[State, str]:
    problem = malformed(candidate.name, candidate.value)
    if problem:
        return State.FAILED, problem
    if candidate.name in BUILT_IN:
        return State.DENIED, f"the name {candidate.name!r} belongs to {CORE}"
    return judge.component(installed, candidate.name)


def _without_collisions(candidates: list[Candidate], prefer: Mapping[str, str]) -> list[Candidate]:
    """``candidates`` with those marked that share their name with another one that may be loaded."""
    result = []
    for candidate in candidates:
        rivals = [other for other in candidates if other.name == candidate.name and other.state is State.DISCOVERED]
        if candidate.state is not State.DISCOVERED or len(rivals) == 1:
            result.append(candidate)
            continue
        winner, problem = settled(candidate.name, [(other.distribution, other) for other in rivals], prefer)
        if winner is None:
            result.append(candidate.marked(State.COLLISION, problem))
        elif winner is candidate:
            result.append(candidate)
        else:
            reason = f"[plugins] prefer gives the name {candidate.name!r} to {winner.distribution}"
            result.append(candidate.marked(State.DENIED, reason))
    return result


def _declared(installed: Iterable[Installed], candidates: Iterable[Candidate]) -> frozenset[str]:
    """Components that their own distribution declares essential and that the operator lets in.

    One that is altered, not locked, or does not fit is missed all the same, unless another distribution has its name.
    """
    own, candidates = _own(installed), list(candidates)
    holders = {item.name: item.distribution for item in candidates if item.state is State.DISCOVERED}
    return frozenset(
        item.name
        for item in candidates
        if (item.distribution, item.name) in own
        and item.state is not State.DENIED
        and holders.get(item.name, item.distribution) == item.distribution
    )


def _own(installed: Iterable[Installed]) -> frozenset[tuple[str, str]]:
    """Distribution and name of each component that its own distribution declares essential."""
    return frozenset((item.name, entry.name) for item in installed for entry in item.entries_of(ESSENTIAL))
