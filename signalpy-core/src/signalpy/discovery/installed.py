"""What is installed: one pass over the metadata on a path, in which only distributions that matter are read in full."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from signalpy.discovery.entry import GROUPS, Entry, entries_in
from signalpy.discovery.folder import Folder, Metadata, every, root_of, stem_of
from signalpy.naming import canonical

if TYPE_CHECKING:
    from packaging.version import Version

_MARK = GROUPS.encode()


class Installed(NamedTuple):  # as for an Entry: it is cheap to define
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
    metadata: Metadata

    def __repr__(self) -> str:
        return f"<Installed {self.name} {self.version} (num_entries={len(self.entries)})>"

    def entries_of(self, group: str) -> list[Entry]:
        """Its entry points in ``group``."""
        return [entry for entry in self.entries if entry.group == group]


class Reading(NamedTuple):
    """What one pass found, and a line for everything that could not be read.

    :param every: all distributions, each once, those that do not matter here included.
    """

    installed: tuple[Installed, ...]
    warnings: tuple[str, ...]
    every: tuple[Metadata, ...] = ()


def read(path: list[str] | None = None) -> Reading:
    """Every distribution on ``path`` (``sys.path`` if not given) that offers something to this framework.

    Of two distributions of one name the first one on the path counts, as it does for an import.
    """
    warnings: list[str] = []
    found: dict[str, Installed] = {}
    every_one = tuple(_first_ones(path, warnings))
    for metadata in every_one:
        try:
            installed = _read(metadata)
        except Exception as error:  # noqa: BLE001 - whatever a broken folder raises, the others are read
            told = " ".join(str(error).split()) or type(error).__name__
            warnings.append(f"{_place(metadata)}: broken metadata, passed over: {told}. Reinstall it.")
            continue
        if installed is not None:
            found.setdefault(installed.name, installed)
    return Reading(tuple(found.values()), tuple(warnings), every_one)


def headers_of(metadata: Metadata) -> dict[str, list[str]]:
    """The fields of METADATA by name in lower case, each with its values in order; the description is not read.

    :raises UnicodeDecodeError: if it is not UTF-8.
    """
    text = metadata.read_text("METADATA") or metadata.read_text("PKG-INFO") or ""
    fields: dict[str, list[str]] = {}
    values: list[str] = []
    for line in text.splitlines():
        if not line:
            break
        if line[0] in " \t":
            if values:
                values[-1] += f"\n{line.strip()}"
            continue
        name, colon, value = line.partition(":")
        if colon:
            values = fields.setdefault(name.strip().lower(), [])
            values.append(value.strip())
    return fields


def _first_ones(path: list[str] | None, warnings: list[str]) -> Iterator[Metadata]:
    """Each distribution once: the first on the path; of several in one folder, which pip left there, the newest."""
    by_name: dict[str, list[Metadata]] = {}
    for metadata in every(path):
        by_name.setdefault(stem_of(metadata), []).append(metadata)
    for stem, several in by_name.items():
        if stem.startswith("~"):
            continue  # what pip renames before it removes it, left behind by an interrupted run
        if len(several) == 1:
            yield several[0]
            continue
        same = [metadata for metadata in several if root_of(metadata) == root_of(several[0])]
        if len(same) > 1 and any(map(_entry_points, same)):
            warnings.append(
                f"{_place(same[0])}: installed {len(same)} times in one folder, the newest counts. Reinstall it."
            )
        yield max(same, key=_sortable) if len(same) > 1 else same[0]


def _read(metadata: Metadata) -> Installed | None:
    points = _entry_points(metadata)
    if points is None:
        return None
    fields = headers_of(metadata)
    [name, *_], [version, *_] = fields.get("name", [""]), fields.get("version", [""])
    if not name or not version:
        raise ValueError(f"it has no {'version' if name else 'name'}")
    if isinstance(metadata, Folder) and not canonical(metadata.name).startswith(f"{canonical(name)}-"):
        raise ValueError(f"its METADATA says {name!r}, its folder is {metadata.name}")
    return Installed(
        name=canonical(name),
        version=version,
        entries=tuple(entries_in(points.decode(), canonical(name))),
        requires=tuple(fields.get("requires-dist", ())),
        requires_python=fields.get("requires-python", [""])[0],
        summary=fields.get("summary", [""])[0],
        metadata=metadata,
    )


def _entry_points(metadata: Metadata) -> bytes | None:
    """The content of its ``entry_points.txt`` if that speaks of this framework."""
    if isinstance(metadata, Folder):
        content = metadata.read_bytes("entry_points.txt") or b""
    else:
        content = (metadata.read_text("entry_points.txt") or "").encode()
    return content if _MARK in content else None


def _place(metadata: Metadata) -> str:
    return f"{stem_of(metadata).replace('_', '-')} in {root_of(metadata)}"


def _sortable(metadata: Metadata) -> tuple[bool, Version]:
    from packaging.version import InvalidVersion, Version

    try:
        return True, Version(headers_of(metadata)["version"][0])
    except (InvalidVersion, KeyError, ValueError):
        return False, Version("0")
