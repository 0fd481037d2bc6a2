"""What importing a plugin does besides, which is to be nothing; it is imported in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from pytest_signalpy.contract.subject import Subject, fails, fails_if

PROBE = Path(__file__).with_name("probe.py")


@dataclass(frozen=True, slots=True)
class Effects:
    """What an import did, in words."""

    prints: str = ""
    writes: list[str] = field(default_factory=list)
    opens: list[str] = field(default_factory=list)
    starts: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    warns: list[str] = field(default_factory=list)


class ImportChecks:
    """Checks of the import, which ``signalpy plugins --boot`` does as well as every boot."""

    def test_import_prints_nothing(self, subject: Subject) -> None:
        """Importing it prints nothing."""
        printed = _effects(subject).prints
        if printed:
            fails(f"importing {subject.package} prints: {printed[:200]!r}")

    def test_import_writes_nothing(self, subject: Subject) -> None:
        """Importing it writes no file."""
        _fails_of(subject, _effects(subject).writes)

    def test_import_opens_nothing(self, subject: Subject) -> None:
        """Importing it opens no socket and starts no process."""
        _fails_of(subject, _effects(subject).opens)

    def test_import_starts_nothing(self, subject: Subject) -> None:
        """Importing it starts no thread and makes no event loop."""
        _fails_of(subject, [f"starts {what}" for what in _effects(subject).starts])

    def test_import_changes_nothing(self, subject: Subject) -> None:
        """Importing it leaves logging, signals, environment, path, working directory and hooks as they are."""
        _fails_of(subject, [f"changes {what}" for what in _effects(subject).changes])

    def test_import_warns_of_nothing(self, subject: Subject) -> None:
        """Its own code raises no warning when it is imported."""
        _fails_of(subject, _effects(subject).warns)


def _fails_of(subject: Subject, effects: list[str]) -> None:
    fails_if(f"importing {subject.package}: {effect}" for effect in dict.fromkeys(effects))


def _effects(subject: Subject) -> Effects:
    return _imported(subject.candidate.value.partition(":")[0].strip(), subject.package, subject.folder)


@lru_cache(maxsize=8)
def _imported(module: str, package: str, folder: Path) -> Effects:  # noqa: ARG001 - another folder is another plugin
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-P", str(PROBE), module, package],
        capture_output=True, text=True, env=environment, timeout=120, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        fails(f"importing {module} in a process of its own failed: {last}")
    printed, _, told = done.stdout.rstrip("\n").rpartition("\n")
    found = json.loads(told)
    del found["module"]
    return Effects(prints=(printed + done.stderr).strip(), **found)
