"""Code that runs before any program does: ``.pth`` files and ``sitecustomize``. No kernel can stop it.

Python reads every ``.pth`` file in its site folders at start-up. A line that begins with ``import`` is executed, any
other is a folder for the path (documentation of the module ``site``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.machinery import PathFinder
from pathlib import Path

from signalpy.discovery.folder import Metadata, stem_of
from signalpy.discovery.inspection import inspect
from signalpy.discovery.records import rows
from signalpy.doctor.finding import Finding, Level

HOOKS = ("sitecustomize", "usercustomize")

MADE_BY_TOOLS = {"_virtualenv.pth": ["import _virtualenv"]}
"""What virtualenv and uv write into an environment that they make; no RECORD lists it."""


def code_at_startup(folders: Iterable[str], every: Iterable[Metadata]) -> Iterator[Finding]:
    """What runs, or is put on the path, whenever Python starts.

    What a distribution has put there, unchanged, is a note; what nobody has put there, or somebody has changed, a
    problem.
    """
    owners = _owners(every)
    for folder in dict.fromkeys(Path(folder).resolve() for folder in folders):
        for path in sorted(folder.glob("*.pth")):
            yield _told(path, owners)
    for module in HOOKS:
        found = PathFinder.find_spec(module)
        if found is not None and found.origin is not None:
            message = f"{module} runs at the start of every Python process, before any kernel can refuse it"
            yield Finding("start-up", Level.NOTE, found.origin, message)


def _told(path: Path, owners: dict[Path, Metadata]) -> Finding:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        return Finding("start-up", Level.PROBLEM, str(path), f"it cannot be read: {type(error).__name__}")
    executed = [number for number, line in enumerate(lines, 1) if line.startswith(("import ", "import\t"))]
    owner = owners.get(path)
    by_tool = owner is None and lines == MADE_BY_TOOLS.get(path.name)
    whose = "that virtualenv or uv writes" if by_tool else "that no distribution lists in its RECORD"
    whose = whose if owner is None else f"of {stem_of(owner).replace('_', '-')}"
    if executed:
        numbers = ", ".join(map(str, executed))
        does = f"runs code (line {numbers}) at the start of every Python process, before any kernel can refuse it"
    else:
        does = "puts folders on the path"
    changed = owner is not None and any(path.name == Path(name).name for name in inspect(owner).changed)
    bad = (executed and owner is None and not by_tool) or changed
    message = f"a .pth file {whose}{', changed after it was installed,' if changed else ''} {does}"
    return Finding("start-up", Level.PROBLEM if bad else Level.NOTE, str(path), message)


def _owners(every: Iterable[Metadata]) -> dict[Path, Metadata]:
    found: dict[Path, Metadata] = {}
    for metadata in every:
        try:
            listed = [row.path for row in rows(metadata) if row.path.endswith(".pth") and not row.outside]
        except ValueError:
            continue
        for path in listed:
            found[Path(metadata.locate_file(path)).resolve()] = metadata
    return found
