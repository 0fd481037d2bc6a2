"""Why a component may or may not be loaded, in words, from metadata alone."""

from __future__ import annotations

from signalpy.discovery.candidate import COMPONENTS, Candidate
from signalpy.discovery.compatibility import CORE
from signalpy.discovery.decision import Discovery
from signalpy.discovery.requirements import Versions, unmet
from signalpy.matching import did_you_mean
from signalpy.naming import canonical
from signalpy.states import State


def why(discovery: Discovery, name: str) -> str:
    """What is known of the component ``name`` without running any of its code, in one paragraph."""
    named = [candidate for candidate in discovery.candidates if candidate.name == name]
    if not named:
        return _unknown(discovery, name)
    told = [_told(candidate) for candidate in sorted(named, key=lambda item: item.state is not State.DISCOVERED)]
    told += _reservations(discovery, named)
    essential = " It is essential: nothing starts without it." if named[0].essential else ""
    return " ".join(f"{sentence}." for sentence in dict.fromkeys(told)) + essential


def _told(candidate: Candidate) -> str:
    origin = f"{candidate.distribution} {candidate.version}"
    if candidate.state is State.DISCOVERED:
        return (
            f"discovered: {origin} has it at {candidate.value}, and nothing speaks against loading it; whether it then"
            f" starts, only a boot can tell (signalpy why {candidate.name} --boot)"
        )
    return f"{candidate.state}: {candidate.reason} ({origin})"


def _reservations(discovery: Discovery, named: list[Candidate]) -> list[str]:
    """What does not keep it from being loaded, and may well keep it from working."""
    chosen = next((item.distribution for item in named if item.state is State.DISCOVERED), None)
    installed = next((item for item in discovery.installed if item.name == chosen), None)
    if installed is None or installed.name == CORE:
        return []
    needs = [f"But {words}" for words in unmet(installed, Versions(discovery.every))]
    doubts = [line for line in discovery.warnings if line.startswith(f"{installed.name}: ")]
    return [*needs, *(f"A warning: {line}" for line in doubts)]


def _unknown(discovery: Discovery, name: str) -> str:
    known = {candidate.name for candidate in discovery.candidates}
    required = " It is required all the same, so nothing starts without it." if name in discovery.essential else ""
    hint = _distribution(discovery, name) or did_you_mean(name, known) or _elsewhere(discovery, name)
    return f"unknown: no installed distribution has a component {name!r}.{hint}{required}"


def _distribution(discovery: Discovery, name: str) -> str:
    """That the name is that of a distribution, and which components it has."""
    found = next((item for item in discovery.installed if item.name == canonical(name)), None)
    if found is None:
        return ""
    components = [entry.name for entry in found.entries_of(COMPONENTS)]
    return f" {found.name} {found.version} is a distribution; its components: {', '.join(components) or 'none'}."


def _elsewhere(discovery: Discovery, name: str) -> str:
    """Who has the name in a group where no component is looked for, such as a misspelt one."""
    strays = [(item.name, entry.group) for item in discovery.installed for entry in item.entries if entry.name == name]
    return "".join(
        f" {distribution} has {name!r} in the entry-point group {group}; components belong into {COMPONENTS}."
        for distribution, group in strays
    )
