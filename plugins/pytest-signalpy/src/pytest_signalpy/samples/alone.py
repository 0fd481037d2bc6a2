"""Reads payloads as a program without a kernel does, in a process of its own, and tells what that did besides.

Run by path, ``python -P alone.py DISTRIBUTION GROUP PACKAGE``. It imports what the distribution names in the group and
nothing else of it. On standard input is a JSON array of ``[schema, payload]``, on the last line of standard output one
of ``{"flag", "problem", "does": [text, …]}``.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import distribution
from typing import Any

from pytest_signalpy.contract.probe import Probe
from signalpy.schemas import KNOWN


class ReadingProbe(Probe):
    """Hears of every file that the package's own code opens, also for reading."""

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """An audit hook."""
        if event == "open" and self.listening and self._own():
            self.found["writes"].append(f"opens {arguments[0]}")
        else:
            super().hear(event, arguments)


def main(name: str, group: str, package: str) -> None:
    """Reads, and prints what came of it."""
    for entry in distribution(name).entry_points.select(group=group):
        entry.load()
    told = []
    probe = ReadingProbe(package)
    sys.addaudithook(probe.hear)
    for schema, data in json.load(sys.stdin):
        for found in probe.found.values():
            found.clear()
        probe.listening = True
        reading = KNOWN.read(schema, data)
        probe.listening = False
        does = [*probe.found["writes"], *probe.found["opens"], *(f"starts {what}" for what in probe.found["starts"])]
        told.append({"flag": reading.flag, "problem": reading.problem, "does": does})
    print("\n" + json.dumps(told))  # noqa: T201 - it is what was asked for


if __name__ == "__main__":
    main(*sys.argv[1:])
