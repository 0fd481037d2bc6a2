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


def install(*requirements: str) -> None:
    """Install wheels with what they declare, and ask pip whether that is consistent."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "-q", *requirements], check=True)
    subprocess.run([*pip, "check"], check=True)


def package(installed: Distribution) -> str:
    """The import name, told by the wheel's `py.typed`."""
    (name,) = {file.parts[0] for file in installed.files or () if file.name == "py.typed"}
    return name


def import_all(root: str, *, but: set[str]) -> int:
    """Import the package and every module in it, except what is in the subpackages `but`; returns how many."""
    importlib.import_module(root)
    modules = 1
    for found in pkgutil.iter_modules(sys.modules[root].__path__, f"{root}."):
        name = found.name.rpartition(".")[2]
        if name == "__main__" or name in but:
            continue
        if found.ispkg:
            modules += import_all(found.name, but=set())
        else:
            importlib.import_module(found.name)
            modules += 1
    return modules


def import_extras(name: str, dist: Path, root: str, extras: set[str]) -> int:
    """Import the subpackages that are named as an extra, each once that is installed; returns how many modules."""
    named = sorted(extras & {found.name for found in pkgutil.iter_modules(sys.modules[root].__path__)})
    modules = 0
    for extra in named:
        install(f"{wheel(name, dist)}[{extra}]")
        importlib.invalidate_caches()
        modules += import_all(f"{root}.{extra}", but=set())
    return modules


def main() -> None:
    """Install, import everything, load every entry point, run every command."""
    name, dist = sys.argv[1], Path(sys.argv[2])
    install(*(str(wheel(each, dist)) for each in dict.fromkeys((name, CORE))))
    installed = distribution(name)
    extras = set(installed.metadata.get_all("Provides-Extra") or ())
    modules = import_all(package(installed), but=extras)
    for entry in installed.entry_points:
        entry.load()
    for script in installed.entry_points.select(group="console_scripts"):
        subprocess.run([Path(sys.executable).with_name(script.name), "--help"], check=True, stdout=subprocess.DEVNULL)
    modules += import_extras(name, dist, package(installed), extras)
    print(f"{name} {installed.version}: {modules} modules imported, {len(installed.entry_points)} entry points loaded")


if __name__ == "__main__":
    main()
