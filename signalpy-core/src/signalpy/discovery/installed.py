"""What is installed: one pass over the metadata on a path, in which only distributions that matter are read in full."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import cast

from importlib_metadata import Distribution, distributions
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from signalpy.discovery.entry import GROUPS, Entry, entries_in


@dataclass(frozen=True, slots=True, repr=False)
class Installed:
    """A distribution that has entry points for this framework.

    :param name: canonical name.
    :param entries: its entry points in groups ``signalpy.*``.
    :param requires: its ``Requires-Dist`` lines as they stand.
    :param summary: what it says of itself in a line.
    :param metadata: the handle to its files.
    """

    name: str
    version: str
    entries: tuple[Entry, ...]
    requires: tuple[str, ...]
    requires_python: str
    summary: str
    metadata: Distribution

    def __repr__(self) -> str:
        return f"<Installed {self.name} {self.version} (num_entries={len(self.entries)})>"

    def entries_of(self, group: str) -> list[Entry]:
        """Its entry points in ``group``."""
        return [entry for entry in self.entries if entry.group == group]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one pass found, and a line for everything that could not be read."""

    installed: tuple[Installed, ...]
    warnings: tuple[str, ...]


def read(path: list[str] | None = None) -> Reading:
    """Every distribution on ``path`` (``sys.path`` if not given) that offers something to this framework.

    Of two distributions of one name the first one on the path counts, as it does for an import.
    """
    warnings: list[str] = []
    found: dict[str, Installed] = {}
    for metadata in _first_ones(path, warnings):
        try:
            installed = _read(metadata)
        except Exception as error:  # noqa: BLE001 - whatever a broken folder raises, the others are read
            told = " ".join(str(error).split()) or type(error).__name__
            warnings.append(f"{_place(metadata)}: broken metadata, passed over: {told}. Reinstall it.")
            continue
        if installed is not None:
            found.setdefault(installed.name, installed)
    return Reading(tuple(found.values()), tuple(warnings))


def _first_ones(path: list[str] | None, warnings: list[str]) -> Iterator[Distribution]:
    """Each distribution once: the first on the path; of several in one folder, which pip left there, the newest."""
    by_name: dict[str, list[Distribution]] = {}
    # Typed as a protocol since importlib-metadata 9; every finder gives subclasses of Distribution.
    every = cast("Iterable[Distribution]", distributions() if path is None else distributions(path=path))
    for metadata in every:
        by_name.setdefault(_stem(metadata), []).append(metadata)
    for stem, several in by_name.items():
        if stem.startswith("~"):
            continue  # what pip renames before it removes it, left behind by an interrupted run
        same = [metadata for metadata in several if _root(metadata) == _root(several[0])]
        if len(same) > 1 and any(_matters(metadata) for metadata in same):
            warnings.append(
                f"{_place(same[0])}: installed {len(same)} times in one folder, the newest counts. Reinstall it."
            )
        yield max(same, key=_sortable) if len(same) > 1 else same[0]


def _read(metadata: Distribution) -> Installed | None:
    if not _matters(metadata):
        return None
    fields = metadata.metadata
    name, version = fields.get("Name"), fields.get("Version")
    if not name or not version:
        raise ValueError(f"it has no {'version' if name else 'name'}")
    canonical = canonicalize_name(name)
    return Installed(
        name=canonical,
        version=str(version),
        entries=tuple(entries_in(metadata.read_text("entry_points.txt") or "", canonical)),
        requires=tuple(fields.get_all("Requires-Dist") or ()),
        requires_python=fields.get("Requires-Python") or "",
        summary=fields.get("Summary") or "",
        metadata=metadata,
    )


def _matters(metadata: Distribution) -> bool:
    return GROUPS in (metadata.read_text("entry_points.txt") or "")


def _stem(metadata: Distribution) -> str:
    """The name as the folder has it: reading every METADATA for it would cost ten times the whole scan."""
    stem = getattr(metadata, "_normalized_name", None)
    return stem if isinstance(stem, str) and stem else _root(metadata)


def _root(metadata: Distribution) -> str:
    return str(metadata.locate_file(""))


def _place(metadata: Distribution) -> str:
    return f"{_stem(metadata).replace('_', '-')} in {_root(metadata)}"


def _sortable(metadata: Distribution) -> tuple[bool, Version]:
    try:
        return True, Version(metadata.version)
    except (InvalidVersion, KeyError, TypeError, OSError):
        return False, Version("0")
