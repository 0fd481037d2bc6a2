"""On what it was measured: the machine, its load, the versions, the commit."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

_DISTRIBUTIONS: Final = (
    "signalpy-core",
    "signalpy-audit-trail",
    "signalpy-cloudtrail",
    "click",
    "cryptography",
    "msgspec",
    "pluggy",
    "pydantic",
    "pydantic-core",
    "uuid-utils",
)


def described(folder: Path) -> dict[str, Any]:
    """The machine without anything that names it.

    :param folder: where the trails are made; the kind of its file system decides what a sync costs.
    """
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cpus": cpus(),
        "memory_gib": _memory(),
        "file_system": _file_system(folder),
    }


def cpus() -> int:
    """How many CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load() -> list[float]:
    """How many processes ran or waited to, on average over the last 1, 5 and 15 minutes; empty where nobody counts."""
    return [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else []


def versions() -> dict[str, str]:
    """What is measured, and what it stands on."""
    found = {}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def commit(root: Path) -> dict[str, Any]:
    """The commit that is checked out, and whether tracked files differ from it; empty where there is no git."""
    try:
        name = _git(root, "rev-parse", "HEAD")
        return {"commit": name, "changed": bool(_git(root, "status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "changed": None}


def resident() -> float:
    """Memory of this process that is in RAM now, in MiB; 0 where it cannot be told."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _git(root: Path, *arguments: str) -> str:
    line = ["git", "-C", str(root), *arguments]
    return subprocess.run(line, check=True, capture_output=True, text=True).stdout.strip()


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> float | None:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)


def _file_system(folder: Path) -> str | None:
    """The kind of file system, by the longest mount point above the folder."""
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return None
    real = str(folder.resolve()) + "/"
    kinds = {}
    for line in mounts.read_text(encoding="utf-8").splitlines():
        _device, point, kind, *_rest = line.split()
        if real.startswith(point.rstrip("/") + "/"):
            kinds[point] = kind
    return kinds[max(kinds, key=len)] if kinds else None
