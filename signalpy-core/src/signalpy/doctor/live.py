"""Checks that need the plugins' code: on a kernel that has booted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from signalpy import __version__
from signalpy.definition import ComponentSpec, spec_of
from signalpy.discovery.compatibility import CORE
from signalpy.discovery.records import inventory
from signalpy.doctor.finding import Finding, Level, Report
from signalpy.matching import did_you_mean, is_pattern, matches
from signalpy.states import PluginInfo, State

if TYPE_CHECKING:
    from signalpy.kernel import Kernel

CHECKS = ("states", "interceptors", "loaded", "settings")
"""The checks that are made here; a wrong setting shows in the state of its component."""


def examine_live(kernel: Kernel) -> Report:
    """Looks at a kernel that runs in this process."""
    findings = [*_states(kernel), *_interceptors(kernel), *drifted(kernel.plugins())]
    return Report(tuple(findings), CHECKS)


def drifted(rows: Iterable[PluginInfo]) -> Iterator[Finding]:
    """Code that runs in another version than is installed by now: somebody upgraded under a process that runs."""
    running = {row.distribution: row.version for row in rows if row.distribution and row.state is State.ACTIVE}
    running[CORE] = __version__
    for item in inventory(running):
        name = str(item["name"])
        if item["version"] != running[name]:
            now = f"{item['version']} is installed now" if item["version"] else "it is not installed any more"
            message = f"version {running[name]} is loaded, and {now}. Start again, or install the other version."
            yield Finding("loaded", Level.PROBLEM, name, message)


def _states(kernel: Kernel) -> Iterator[Finding]:
    for row in kernel.plugins():
        if row.state in (State.FAILED, State.WAITING):
            yield Finding("states", Level.PROBLEM, row.name, kernel.why(row.name))


def _interceptors(kernel: Kernel) -> Iterator[Finding]:
    specs = _specs(kernel)
    targets = [f"{spec.name}.{item.name}" for spec in specs for item in spec.runnables]
    for item in kernel.hooks.ordered("signalpy_invoke"):
        for pattern in item.options.targets:
            if not any(matches(target, pattern) for target in targets):
                hint = did_you_mean(pattern, targets)
                message = f"its interceptor is for {pattern!r}, which matches no runnable that is there.{hint}"
                yield Finding("interceptors", Level.PROBLEM, item.plugin, message)
    events = [pattern for spec in specs for pattern in spec.emits]
    for item in kernel.hooks.ordered("signalpy_publish"):
        for pattern in item.options.targets:
            if pattern != "*" and not any(_may_meet(event, pattern) for event in events):
                message = f"its interceptor is for {pattern!r}, and no component says that it publishes such an event"
                yield Finding("interceptors", Level.NOTE, item.plugin, message)
    for name in kernel.hooks.weakened():
        message = f"{name} is passed over when it fails, as [kernel.hooks] has it; its author has it stop the operation"
        yield Finding("interceptors", Level.NOTE, name.partition(" ")[0], message)


def _may_meet(one: str, other: str) -> bool:
    """Whether some event type may fit both patterns, as far as their beginnings tell."""
    if matches(one, other) or matches(other, one):
        return True
    here, there = (re.split(r"[*?[]", pattern, maxsplit=1)[0] for pattern in (one, other))
    return is_pattern(one) and is_pattern(other) and (here.startswith(there) or there.startswith(here))


def _specs(kernel: Kernel) -> list[ComponentSpec]:
    """What the active components declare."""
    return [spec_of(type(kernel.get(row.name))) for row in kernel.plugins() if row.state is State.ACTIVE]
