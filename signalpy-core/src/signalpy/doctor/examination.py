"""The examination: every check that needs metadata and files alone, one after the other."""

from __future__ import annotations

import site
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from signalpy.configuration import Configuration
from signalpy.discovery import Discovery
from signalpy.discovery.decision import decide
from signalpy.discovery.installed import Installed, Reading
from signalpy.discovery.judge import Judge
from signalpy.doctor import configured, entries, files, paths, startup
from signalpy.doctor.finding import Finding, Level, Report
from signalpy.errors import SignalPyError

NEEDS_BOOT: Final = "needs the plugins' code: signalpy doctor --boot"
OFFLINE: Final = (
    "configuration",
    "metadata",
    "components",
    "commands",
    "required",
    "requirements",
    "lock",
    "files",
    "paths",
    "shadowed",
    "start-up",
    "tables",
    "patterns",
    "policies",
)
"""The checks that are made here, of what is installed."""
LIVE: Final = ("states", "interceptors", "loaded", "settings")
"""The checks that only a kernel that runs can make."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What is looked at.

    :param configuration: what the user gave; ``None`` if it cannot be read, and then ``problem`` says why.
    :param folders: the folders in which Python looks for ``.pth`` files.
    """

    reading: Reading
    configuration: Configuration | None
    problem: str = ""
    folders: tuple[str, ...] = ()

    @classmethod
    def here(cls, reading: Reading, load: Callable[[], Configuration]) -> Examined:
        """This process's installation, with the configuration that ``load`` gives."""
        own = (site.getusersitepackages(),) if site.ENABLE_USER_SITE else ()
        folders = (*site.getsitepackages(), *own)
        try:
            return cls(reading, load(), folders=folders)
        except SignalPyError as error:
            return cls(reading, None, str(error), folders)

    @property
    def discovery(self) -> Discovery:
        """What is decided on each component."""
        return decide(self.reading, self._settled.plugins)

    @property
    def let_in(self) -> list[Installed]:
        """The distributions of which the operator lets something in."""
        judge = Judge(self._settled.plugins)
        return [item for item in self.reading.installed if judge.lets_in(item)]

    @property
    def _settled(self) -> Configuration:
        return self.configuration if self.configuration is not None else Configuration()


def examine(examined: Examined) -> Report:
    """Makes every check; nothing of a plugin is imported."""
    findings: list[Finding] = []
    not_made = dict.fromkeys(LIVE, NEEDS_BOOT)
    made = []
    for name, check in _checks(examined).items():
        if examined.configuration is None and name in CONFIGURED:
            not_made[name] = "the configuration cannot be read"
            continue
        made.append(name)
        findings += check()
    return Report(tuple(findings), tuple(made), not_made)


CONFIGURED: Final = frozenset({"tables", "patterns", "policies", "lock"})
"""The checks that make no sense without the configuration."""


def _checks(examined: Examined) -> Mapping[str, Callable[[], Iterator[Finding]]]:
    reading, discovery, let_in = examined.reading, examined.discovery, examined.let_in
    configuration = examined.configuration or Configuration()
    return {
        "configuration": lambda: _configuration(examined),
        "metadata": lambda: entries.metadata(reading),
        "components": lambda: entries.components(discovery),
        "commands": lambda: entries.others(discovery),
        "required": lambda: entries.required(discovery),
        "requirements": lambda: entries.requirements(reading, let_in),
        "lock": lambda: files.lock(configuration, reading, let_in),
        "files": lambda: files.files(let_in),
        "paths": lambda: paths.claimed_twice(reading, let_in),
        "shadowed": lambda: paths.shadowed(let_in),
        "start-up": lambda: startup.code_at_startup(examined.folders, reading.every),
        "tables": lambda: configured.tables(configuration, discovery),
        "patterns": lambda: configured.patterns(configuration, discovery),
        "policies": lambda: configured.policies(configuration, discovery),
    }


def _configuration(examined: Examined) -> Iterator[Finding]:
    if examined.problem:
        yield Finding("configuration", Level.PROBLEM, "configuration", examined.problem)
