"""The RECORD of an installed distribution: the list of its files with their hashes, and what can be told from it."""

from __future__ import annotations

import csv
import hashlib
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from signalpy.discovery.folder import Metadata, every, stem_of
from signalpy.discovery.installed import headers_of, read
from signalpy.naming import canonical

_NOTES: Final = ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_build.json", "uv_cache.json")
"""Files that an installer writes into the metadata; no two of them write the same."""

_SIGNATURES: Final = ("RECORD.jws", "RECORD.p7s")


@dataclass(frozen=True, slots=True)
class Row:
    """A line of RECORD: a path from where the distribution is installed, and ``algorithm=digest``, or nothing."""

    path: str
    hash: str

    @property
    def outside(self) -> bool:
        """Whether it lies outside the folder of modules, as scripts do, which say where their interpreter lies."""
        return self.path.startswith(("../", "..\\", "/")) or ":" in self.path

    @property
    def note(self) -> bool:
        """Whether an installer has written it, and not the author."""
        folder, _, name = self.path.rpartition("/")
        return folder.endswith((".dist-info", ".egg-info")) and "/" not in folder and name in _NOTES

    @property
    def needs_hash(self) -> bool:
        """Whether RECORD has to give its hash: of itself it cannot, and compiled files come later."""
        return not self.note and not self.path.endswith((".pyc", *_SIGNATURES))


def rows(metadata: Metadata) -> list[Row]:
    """The lines of RECORD; empty where there is none, as for a distribution that no installer has written.

    :raises ValueError: if it is there and is no RECORD: not UTF-8 (a ``UnicodeDecodeError``), or no CSV.
    """
    text = metadata.read_text("RECORD") or ""
    try:
        return [Row(line[0], line[1] if len(line) > 1 else "") for line in csv.reader(text.splitlines()) if line]
    except csv.Error as error:
        raise ValueError(f"RECORD is no CSV: {error}") from None


def record_sha256(metadata: Metadata) -> str | None:
    """SHA-256 of the RECORD file, in hex, as ``sha256sum`` prints it; ``None`` where none can be read."""
    try:
        own = next((row for row in rows(metadata) if row.path.endswith(".dist-info/RECORD")), None)
    except ValueError:
        return None
    content = content_of(metadata, own.path) if own is not None else None
    return hashlib.sha256(content).hexdigest() if content is not None else None


def inventory(names: Iterable[str], *, path: list[str] | None = None) -> list[dict[str, str | None]]:
    """What is installed under these names: sorted ``{"name", "version", "record_sha256"}``, unknown values ``None``."""
    wanted = {canonical(name) for name in names}
    found: dict[str, Metadata] = {}
    for metadata in every(path):
        found.setdefault(stem_of(metadata).replace("_", "-"), metadata)
    return [_item(name, found.get(name)) for name in sorted(wanted)]


def loaded_inventory(names: Iterable[str]) -> list[dict[str, str | None]]:
    """The inventory of these distributions and of all others whose code this process has imported, such as a store's.

    A module that an entry point names tells whose code was imported; that of a dependency nobody's does.
    """
    found = (
        item.name
        for item in read().installed
        if any(entry.value.partition(":")[0].strip() in sys.modules for entry in item.entries)
    )
    return inventory([*names, *found])


def content_of(metadata: Metadata, path: str) -> bytes | None:
    """The content of an installed file; ``None`` if it is not there, cannot be read, or is a pipe or a device."""
    try:
        file = metadata.locate_file(path)
        return bytes(file.read_bytes()) if file.is_file() else None
    except (OSError, KeyError, ValueError):  # a name may have a NUL in it
        return None


def _item(name: str, metadata: Metadata | None) -> dict[str, str | None]:
    if metadata is None:
        return {"name": name, "version": None, "record_sha256": None}
    try:
        version = headers_of(metadata).get("version", [None])[0]
        record = record_sha256(metadata)
    except (UnicodeDecodeError, OSError):
        version, record = None, None
    return {"name": name, "version": version, "record_sha256": record}
