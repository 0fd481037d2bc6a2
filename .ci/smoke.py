"""Installs one wheel, and core's where it needs it, into this fresh environment and uses it: `smoke.py NAME DIST`."""

import importlib
import pkgutil
import subprocess
import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path

CORE = "signalpy-core"


def wheel(name: str, dist: Path) -> Path:
    """The one wheel of a distribution in the folder.

    :raises FileNotFoundError: there is none, or there are several.
    """
    found = list(dist.glob(f"{name.replace('-', '_')}-*.whl"))
    if len(found) != 1:
        raise FileNotFoundError(f"expected one wheel of {name} in {dist}, found {len(found)}: run tox -e packaging")
    return found[0]


def install(*wheels: Path) -> None:
    """Install the wheels with what they declare, and ask pip whether that is consistent."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "-q", *map(str, wheels)], check=True)
    subprocess.run([*pip, "check"], check=True)


def package(installed: Distribution) -> str:
    """The import name, told by the wheel's `py.typed`."""
    (name,) = {file.parts[0] for file in installed.files or () if file.name == "py.typed"}
    return name


def import_all(root: str) -> int:
    """Import the package and every module in it; returns how many there are."""
    paths = importlib.import_module(root).__path__
    names = [found.name for found in pkgutil.walk_packages(paths, f"{root}.") if not found.name.endswith("__main__")]
    for name in names:
        importlib.import_module(name)
    return len(names) + 1


def main() -> None:
    """Install, import everything, load every entry point, run every command."""
    name, dist = sys.argv[1], Path(sys.argv[2])
    install(*(wheel(each, dist) for each in dict.fromkeys((name, CORE))))
    installed = distribution(name)
    modules = import_all(package(installed))
    for entry in installed.entry_points:
        entry.load()
    for script in installed.entry_points.select(group="console_scripts"):
        subprocess.run([Path(sys.executable).with_name(script.name), "--help"], check=True, stdout=subprocess.DEVNULL)
    print(f"{name} {installed.version}: {modules} modules imported, {len(installed.entry_points)} entry points loaded")


if __name__ == "__main__":
    main()
