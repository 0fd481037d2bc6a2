"""The command line: whole processes, from start to end, with the modules compiled as installers leave them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import which
from time import perf_counter
from typing import Final

from benchmarks.families import Group
from benchmarks.harness import Taker, interleave, named
from benchmarks.lab import Lab, run_program
from benchmarks.rows import FLOOR, LIMIT, OURS, Row, Spec, at_most

INSTALLED: Final = 200
PLUGINS: Final = 20
RECORDS: Final = 100
_SCAN: Final = "from importlib.metadata import entry_points; entry_points(group='signalpy.components')"
_IMPORT: Final = "import click"
_LIBRARIES: Final = (
    "import click, hashlib, msgspec, sqlite3; from cryptography.hazmat.primitives.asymmetric import ed25519"
)
_MODULE: Final = """
from signalpy import component, lifecycle

@component({name!r}, version="1.0")
class Service:
    @lifecycle.activate
    async def activate(self): ...
"""

HELP = Spec(id="cli.help", work="`signalpy --help`", limit="`import click`", unit="ms", reach=at_most(1.5), noise=0.15)
VERIFY = Spec(
    id="cli.verify",
    work=f"`signalpy audit verify` of {RECORDS} records",
    limit="`import click`",
    unit="ms",
    reach=at_most(1.5),
    noise=0.15,
    floor="a process that imports click, msgspec, sqlite3, hashlib and Ed25519 of cryptography, and ends",
    why=(
        "Verifying needs those: records are JSON, the index is SQLite, checkpoints are signed. Above the floor, half is"
        " loading some sixty modules of this project, the rest finding the command and verifying."
    ),
)
PLUGIN_LIST = Spec(
    id="cli.plugins",
    work=f"`signalpy plugins` with {INSTALLED} distributions, {PLUGINS} of them plugins",
    limit="one metadata scan",
    unit="ms",
    reach=at_most(2),
    noise=0.15,
)
ALL_PLUGINS = Spec(
    id="cli.all-plugins",
    work=f"the same where all {INSTALLED} are plugins",
    limit="one metadata scan",
    unit="ms",
    noise=0.15,
)


def starts(lab: Lab) -> Sequence[Row]:
    """Commands that need neither event loop nor models."""
    with lab.place() as folder:
        trail = folder / "trail"
        run_program("sustained", trail, RECORDS)
        environment = compiled(folder)
        samples = interleave(
            [
                _process(LIMIT, [sys.executable, "-c", _IMPORT], environment),
                _process("help", [*command(), "--help"], environment),
                _process("libraries", [sys.executable, "-c", _LIBRARIES], environment),
                _process("verify", [*command(), "audit", "verify", "--store", str(trail)], environment),
            ],
            lab.budget(12),
        )
    return [
        HELP.row({LIMIT: samples[LIMIT], OURS: samples["help"]}, scale=1e3),
        VERIFY.row({LIMIT: samples[LIMIT], OURS: samples["verify"], FLOOR: samples["libraries"]}, scale=1e3),
    ]


def listings(lab: Lab) -> Sequence[Row]:
    """The list of plugins, among many distributions."""
    rows = []
    for spec, plugins in ((PLUGIN_LIST, PLUGINS), (ALL_PLUGINS, INSTALLED)):
        with lab.place() as folder:
            site = folder / "site"
            site.mkdir()
            install(site, INSTALLED, plugins)
            environment = {**compiled(folder), "PYTHONPATH": str(site)}
            samples = interleave(
                [
                    _process(LIMIT, [sys.executable, "-c", _SCAN], environment),
                    _process(OURS, [*command(), "plugins"], environment),
                ],
                lab.budget(8),
            )
        rows.append(spec.row(samples, scale=1e3))
    return rows


def command() -> list[str]:
    """How the command is run in this environment."""
    script = which("signalpy", path=str(Path(sys.executable).parent))
    return [script] if script else [sys.executable, "-m", "signalpy"]


def compiled(folder: Path) -> dict[str, str]:
    """The environment of a process whose modules are compiled once, in the round that is left out, as pip does it."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def install(site: Path, count: int, plugins: int) -> None:
    """Lay down throw-away distributions as an installer would; the first ``plugins`` of them offer a component."""
    for number in range(count):
        name = f"thrown_away_{number}"
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        needs = "Requires-Dist: signalpy-core>=0.1,<0.2\n" if number < plugins else "Requires-Dist: click>=8\n"
        (info / "METADATA").write_text(f"Metadata-Version: 2.3\nName: {name}\nVersion: 1.0\n{needs}\nNot much.\n")
        points = f"[signalpy.components]\nthrown-away-{number} = {name}:Service\n" if number < plugins else ""
        if number < plugins:
            (site / f"{name}.py").write_text(_MODULE.format(name=f"thrown-away-{number}"))
        (info / "entry_points.txt").write_text(points or f"[console_scripts]\n{name} = {name}:main\n")
        (info / "RECORD").write_text(f"{name}.py,,\n{info.name}/METADATA,,\n{info.name}/entry_points.txt,,\n")


def _process(name: str, line: Sequence[str], environment: Mapping[str, str]) -> Taker:
    def seconds() -> float:
        began = perf_counter()
        subprocess.run(line, env=environment, check=True, stdout=subprocess.DEVNULL)
        return perf_counter() - began

    return named(name, seconds)


GROUPS = (Group((HELP, VERIFY), starts), Group((PLUGIN_LIST, ALL_PLUGINS), listings))
