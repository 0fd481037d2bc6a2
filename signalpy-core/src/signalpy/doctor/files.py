"""Checks on the files of plugins: against the lock file, and against their own RECORD."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from signalpy.configuration import Configuration
from signalpy.discovery.inspection import inspect
from signalpy.discovery.installed import Installed, Reading
from signalpy.discovery.lock import compared, is_editable, read
from signalpy.doctor.finding import Finding, Level
from signalpy.errors import ConfigError


def lock(configuration: Configuration, reading: Reading, let_in: Iterable[Installed]) -> Iterator[Finding]:
    """How what is installed differs from the lock file; where none is asked for, that one is there and unused."""
    path, mode = Path(configuration.plugins.lockfile), configuration.plugins.lock
    if mode == "off" and not path.exists():
        yield Finding("lock", Level.NOTE, str(path), "no lock file: an edited plugin loads as any other")
        return
    try:
        known = read(path)
    except ConfigError as error:
        yield Finding("lock", Level.PROBLEM, str(path), str(error))
        return
    for name, differences in compared(known, let_in, reading.installed).items():
        yield Finding("lock", Level.PROBLEM, name, f"differs from {path}: {'; '.join(differences)}")
    if mode == "off":
        message = 'there is a lock file, and [plugins] lock is "off", so that a boot does not look at it'
        yield Finding("lock", Level.NOTE, str(path), message)


def files(let_in: Iterable[Installed]) -> Iterator[Finding]:
    """Files of plugins that are not as they were installed; and what cannot be told."""
    for item in let_in:
        found = inspect(item.metadata)
        for problem in found.problems:
            yield Finding("files", Level.PROBLEM, item.name, f"{problem}. Install it again, or find out who did it.")
        if is_editable(item):
            message = "it is installed as editable: no RECORD and no lock covers its sources"
            yield Finding("files", Level.NOTE, item.name, message)
        elif found.sha256 is None and not found.unreadable:
            yield Finding("files", Level.NOTE, item.name, "it has no RECORD, so nobody can tell whether it was changed")
