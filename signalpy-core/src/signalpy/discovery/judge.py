"""What stands against one distribution or one of its entry points: the operator, the core's version, the lock file."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from signalpy.discovery.candidate import COMPONENTS
from signalpy.discovery.claims import Finding, fit
from signalpy.discovery.compatibility import CORE
from signalpy.discovery.entry import Entry
from signalpy.discovery.filter import Filter
from signalpy.discovery.installed import Installed
from signalpy.errors import ConfigError
from signalpy.states import State

if TYPE_CHECKING:
    from signalpy.configuration import PluginSettings
    from signalpy.discovery.lock import Lock

CLEAR: Final[Finding] = (State.DISCOVERED, "")


class Judge:
    """Judges by the settings of ``[plugins]``. Notes what a person should know in ``warnings``."""

    def __init__(self, settings: PluginSettings) -> None:
        self.settings = settings
        self._filter = Filter.of(settings)
        self._findings: dict[str, Finding] = {}
        self.warnings: list[str] = []

    def component(self, installed: Installed, name: str) -> Finding:
        """What stands against the component ``name`` of ``installed``."""
        denial = self._filter.refusal(installed.name, name)
        return (State.DENIED, denial) if denial else self._distribution(installed)

    def extension(self, installed: Installed, entry: Entry) -> Finding:
        """What stands against an entry point that is no component, such as a command or a store.

        It goes with its distribution and, where that has components, with those. The core's own are never denied.
        """
        if installed.name == CORE:
            return CLEAR
        refusal = self._omission(installed, entry)
        return (State.DENIED, refusal) if refusal else self._distribution(installed)

    def lets_in(self, installed: Installed) -> bool:
        """Whether the operator lets in anything of a distribution, whatever else stands against it."""
        if installed.name == CORE:
            return True
        components = [entry.name for entry in installed.entries_of(COMPONENTS)]
        if any(not self._filter.refusal(installed.name, name) for name in components):
            return True
        others = [entry for entry in installed.entries if entry.group != COMPONENTS]
        return any(not self._omission(installed, entry) for entry in others)

    def missing(self, installed: set[str]) -> list[str]:
        """Names of locked distributions that are not installed."""
        return (
            [] if self._lock is None else [item.name for item in self._lock.distribution if item.name not in installed]
        )

    def _omission(self, installed: Installed, entry: Entry) -> str:
        components = [component.name for component in installed.entries_of(COMPONENTS)]
        names = [installed.name, entry.name, *components]
        refused = components and all(self._filter.denial(name) for name in components)
        denial = self._filter.denial(installed.name, entry.name) or (
            self._filter.denial(components[0]) if refused else ""
        )
        return denial or self._filter.omission(*names)

    def _distribution(self, installed: Installed) -> Finding:
        if installed.name not in self._findings:
            self._findings[installed.name] = self._judged(installed)
        return self._findings[installed.name]

    def _judged(self, installed: Installed) -> Finding:
        finding = fit(installed)
        if finding != CLEAR or self.settings.lock == "off":
            return finding
        problem = self._altered(installed)
        if not problem:
            return CLEAR
        # A changed core cannot be trusted to refuse itself; `lock --check` from outside can tell.
        if self.settings.lock == "warn" or installed.name == CORE:
            self.warnings.append(f"{installed.name}: {problem}")
            return CLEAR
        return State.ALTERED, problem

    def _altered(self, installed: Installed) -> str:
        lock = self._lock
        if lock is None:
            return self._lock_problem
        locked = lock.find(installed.name)
        if locked is None:
            return f"{installed.name} is not in {self.settings.lockfile}. If it is meant to be there: signalpy lock"
        from signalpy.discovery.lock import differences

        found = differences(installed, locked)
        return f"differs from {self.settings.lockfile}: {'; '.join(found)}" if found else ""

    @cached_property
    def _lock(self) -> Lock | None:
        self._lock_problem = ""
        if self.settings.lock == "off":
            return None
        from pathlib import Path

        from signalpy.discovery.lock import read

        try:
            return read(Path(self.settings.lockfile))
        except ConfigError as error:
            self._lock_problem = str(error)
            return None
