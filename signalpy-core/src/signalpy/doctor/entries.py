"""Checks on what distributions say they have: metadata, components, commands, requirements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from signalpy.discovery import Discovery
from signalpy.discovery.candidate import COMPONENTS
from signalpy.discovery.claims import granted
from signalpy.discovery.decision import ESSENTIAL
from signalpy.discovery.installed import Installed, Reading
from signalpy.discovery.requirements import Versions, unmet
from signalpy.doctor.finding import Finding, Level
from signalpy.matching import did_you_mean
from signalpy.states import State

KNOWN_GROUPS = (COMPONENTS, ESSENTIAL, "signalpy.commands", "signalpy.events", "signalpy.audit_stores")
"""The groups that this core and its plugins read; a group of another plugin may have any other name."""


def metadata(reading: Reading) -> Iterator[Finding]:
    """Folders that cannot be read, distributions that are installed twice, and groups whose names look misspelt."""
    for warning in reading.warnings:
        yield Finding("metadata", Level.PROBLEM, warning.partition(" in ")[0], warning)
    for item in reading.installed:
        for group in sorted({entry.group for entry in item.entries} - set(KNOWN_GROUPS)):
            hint = did_you_mean(group, KNOWN_GROUPS)
            if hint:
                message = f"{item.name} has an entry-point group {group}, which nobody reads.{hint}"
                yield Finding("metadata", Level.PROBLEM, item.name, message)


def components(discovery: Discovery) -> Iterator[Finding]:
    """Components that are let in and could not be loaded: they collide, do not fit, or are written wrongly."""
    for candidate in discovery.candidates:
        if candidate.state not in (State.DISCOVERED, State.DENIED, State.ALTERED):
            message = f"{candidate.state}: {candidate.reason} ({candidate.distribution} {candidate.version})"
            yield Finding("components", Level.PROBLEM, candidate.name, message)


def others(discovery: Discovery) -> Iterator[Finding]:
    """Commands, stores and the like that two distributions claim, or whose distribution does not fit."""
    judge = discovery.judge
    groups = {entry.group for item in discovery.installed for entry in item.entries} - {COMPONENTS, ESSENTIAL}
    for group in sorted(groups):
        _, problems = granted(discovery.installed, group, judge.extension, judge.settings.prefer)
        for problem in problems:
            yield Finding("commands", Level.PROBLEM, group, problem)
        for item in discovery.installed:
            for entry in item.entries_of(group):
                state, reason = judge.extension(item, entry)
                if state is State.INCOMPATIBLE:
                    message = f"{group}: {entry.name} is left out: {reason} ({item.name} {item.version})"
                    yield Finding("commands", Level.PROBLEM, entry.name, message)


def required(discovery: Discovery) -> Iterator[Finding]:
    """Components without which nothing starts, and that may not load or are not there."""
    for name in sorted(discovery.essential):
        candidate = discovery.candidate(name)
        if candidate is None:
            message = f"it is required and not installed, so nothing starts. See: signalpy why {name}"
            yield Finding("required", Level.PROBLEM, name, message)
        elif candidate.state is not State.DISCOVERED:
            message = f"nothing starts without it, and it is {candidate.state}: {candidate.reason}"
            yield Finding("required", Level.PROBLEM, name, message)
    for item in discovery.installed:
        own = {entry.name for entry in item.entries_of(COMPONENTS)}
        for entry in item.entries_of(ESSENTIAL):
            if entry.name not in own:
                message = f"{item.name} calls {entry.name!r} essential, which is no component of its own; it is ignored"
                yield Finding("required", Level.NOTE, item.name, message)


def requirements(reading: Reading, let_in: Iterable[Installed]) -> Iterator[Finding]:
    """What plugins need of others and do not have: it would fail on import, or later."""
    versions = Versions(reading.every)
    for item in let_in:
        for words in unmet(item, versions):
            message = f"{words}. Install it: pip install {item.name}"
            yield Finding("requirements", Level.PROBLEM, item.name, message)
