"""Checks on the configuration: what it says of names that nothing installed has."""

from __future__ import annotations

from collections.abc import Iterator

from signalpy.configuration import Configuration
from signalpy.discovery import Discovery
from signalpy.discovery.filter import matching
from signalpy.doctor.finding import Finding, Level
from signalpy.matching import did_you_mean, is_pattern
from signalpy.naming import canonical
from signalpy.policy import Policies
from signalpy.review import doubtful


def tables(configuration: Configuration, discovery: Discovery) -> Iterator[Finding]:
    """Tables that no installed component owns. An object that only the application registers cannot be known here."""
    known = {candidate.name for candidate in discovery.candidates}
    for table in configuration.tables:
        if table not in known:
            hint = did_you_mean(table, {*known, "kernel", "plugins", "policy"})
            message = f"{configuration.origin(table)}: no installed component owns the table [{table}].{hint}"
            yield Finding("tables", Level.PROBLEM, table, message)
    for name in configuration.kernel.hooks:
        if name not in known:
            hint = did_you_mean(name, known)
            set_by = configuration.setter(f"kernel.hooks.{name}")
            message = f"{set_by}: [kernel.hooks.{name}] is for a name that no installed component has.{hint}"
            yield Finding("tables", Level.PROBLEM if hint else Level.NOTE, f"kernel.hooks.{name}", message)


def policies(configuration: Configuration, discovery: Discovery) -> Iterator[Finding]:
    """Policy entries that cannot be meant, as far as what is installed can tell; see ``signalpy policy check``."""
    names = {candidate.name for candidate in discovery.candidates}
    for item in doubtful(Policies(configuration.policy), names):
        yield Finding("policies", Level.PROBLEM, item.entry, str(item))


def patterns(configuration: Configuration, discovery: Discovery) -> Iterator[Finding]:
    """What ``[plugins]`` says of names that nothing has: a denial of nothing denies nothing."""
    settings = configuration.plugins
    names = {name for item in discovery.candidates for name in (item.name, item.distribution)}
    names |= {name for item in discovery.installed for name in (item.name, *(entry.name for entry in item.entries))}
    for key, given in (("deny", settings.deny), ("allow", settings.allow)):
        for pattern in given:
            if matching([pattern], *names) is None:
                hint = "" if is_pattern(pattern) else did_you_mean(canonical(pattern), names)
                level = Level.PROBLEM if hint and key == "deny" else Level.NOTE
                message = f"[plugins] {key} has {pattern!r}, which is the name of nothing installed.{hint}"
                yield Finding("patterns", level, pattern, message)
    for name, choice in settings.prefer.items():
        if canonical(choice) not in names:
            hint = did_you_mean(canonical(choice), names)
            message = f"[plugins] prefer gives {name!r} to {choice!r}, which is the name of nothing installed.{hint}"
            yield Finding("patterns", Level.PROBLEM, choice, message)
