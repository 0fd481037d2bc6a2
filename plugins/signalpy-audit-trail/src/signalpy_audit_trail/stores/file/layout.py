"""How a trail lies in a folder, and the little file that says that it is one.

::

    trail.json                    format version and origin, made once
    00000000000000000000.jsonl    segments, each named by the position of its first leaf, so that names sort
    lock, lock.1 …                who may append, and who is next (see `signalpy_audit_trail.stores.turns`)
    writers/                      one locked marker for each writer that has the trail open
    tree/                         the Merkle tree, derived, one file a level (see the module ``tree``)
    checkpoint                    the last head that was signed
    index.sqlite3                 derived; may be deleted
"""

from __future__ import annotations

import os
import re
import secrets
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NoReturn

import msgspec

from signalpy_audit_trail.private import replace_file, sync_folder
from signalpy_audit_trail.store import StoreDamaged, StoreError, StoreForeign, StoreFormat, StoreMissing
from signalpy_audit_trail.stores import place
from signalpy_audit_trail.stores.turns import lock_names

FORMAT = 1
SUFFIX = ".jsonl"
_SEGMENT = re.compile(r"\d{20}\.jsonl", re.ASCII)
_BORN = frozenset({*lock_names("lock"), "writers", "trail.json.new"})
"""What may be there before the trail is: a creation that was cut short leaves no more than this."""


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """What ``trail.json`` holds."""

    format: int
    origin: str
    created: str


_SETTLED: Final = 3_000_000_000
"""Nanoseconds, more than any file system's clock goes by between two ticks."""


class Layout(msgspec.Struct, frozen=True):
    """The places inside of a trail's folder."""

    root: Path

    @property
    def metadata(self) -> Path:
        """Format version and origin."""
        return self.root / "trail.json"

    @property
    def lock(self) -> Path:
        """Held by the writer whose turn it is."""
        return self.root / "lock"

    @property
    def writers(self) -> Path:
        """Markers of writers."""
        return self.root / "writers"

    @property
    def tree(self) -> Path:
        """The Merkle tree."""
        return self.root / "tree"

    @property
    def checkpoint(self) -> Path:
        """The last signed head."""
        return self.root / "checkpoint"

    @property
    def index(self) -> Path:
        """The derived index."""
        return self.root / "index.sqlite3"

    def segment(self, first: int) -> Path:
        """Return the place of the segment whose first leaf is at position ``first``."""
        return self.root / segment_name(first)


def segment_name(first: int) -> str:
    """Return the file name of the segment that begins at position ``first``."""
    return f"{first:020d}{SUFFIX}"


def locate(location: str) -> Path:
    """Return the path that ``///absolute`` or ``relative`` means, the part of a URL after ``file:``."""
    return place.locate("file", location)


def list_segments(layout: Layout) -> list[int]:
    """Return the first positions of all segments, ascending.

    :raises StoreForeign: a ``*.jsonl`` that is no segment.
    :raises StoreDamaged: the first segment is missing.
    """
    names = sorted(name for name in os.listdir(layout.root) if name.endswith(SUFFIX))  # noqa: PTH208 (names are enough)
    for name in names:
        if not _SEGMENT.fullmatch(name):
            path = layout.root / name
            message = f"{path}: expected only segments such as {segment_name(0)} among *{SUFFIX}; move this file away"
            raise StoreForeign(message, path=path)
    firsts = [int(name.removesuffix(SUFFIX)) for name in names]
    if firsts and firsts[0] != 0:
        path = layout.segment(0)
        message = f"{path} is missing: the first segment here is {names[0]}; restore the older ones from a copy"
        raise StoreDamaged(message, path=path, seq=0)
    return firsts


class Listing:
    """The segments of a trail, listed again when the folder has changed, and not with each question."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._seen: tuple[tuple[int, int, int] | None, list[int]] = (None, [])

    def firsts(self) -> list[int]:
        """Return what `list_segments` does, and raise as it does."""
        status = os.stat(self._layout.root)  # noqa: PTH116 (each query asks)
        folder = (status.st_dev, status.st_ino, status.st_mtime_ns)
        seen, firsts = self._seen
        if folder != seen:
            firsts = list_segments(self._layout)
            # What has changed just now may change again without a later time.
            settled = time.time_ns() - status.st_mtime_ns > _SETTLED
            self._seen = (folder if settled else None), firsts
        return firsts


def read_metadata(layout: Layout) -> Metadata:
    """Return what the trail says of itself; changes nothing.

    :raises StoreMissing: nothing is here yet.
    :raises StoreForeign: something else is here.
    :raises StoreFormat: the trail is of a later version.
    :raises StoreDamaged: ``trail.json`` is missing beside segments, or not what it should be.
    :raises StoreError: it cannot be read.
    """
    path = layout.metadata
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        _explain_absence(layout)
    except NotADirectoryError:
        raise StoreForeign(f"{layout.root}: expected the folder of a trail, found a file", path=layout.root) from None
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror}", path=path, code=error.errno) from error
    try:
        found = msgspec.json.decode(content, type=dict[str, object])
        version = msgspec.convert(found.get("format"), type=int)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise _unreadable(path) from None
    if version != FORMAT:
        message = (
            f"{path}: expected format {FORMAT}, found {version}; use a version of signalpy-audit-trail that knows it"
        )
        raise StoreFormat(message, path=path, found=version, known=FORMAT)
    try:
        return msgspec.convert(found, type=Metadata)
    except msgspec.ValidationError:
        raise _unreadable(path) from None


def _unreadable(path: Path) -> StoreDamaged:
    message = f"{path}: expected format and origin of a trail as JSON, found something else; restore it from a copy"
    return StoreDamaged(message, path=path)


def _explain_absence(layout: Layout) -> NoReturn:
    try:
        names = set(os.listdir(layout.root))  # noqa: PTH208
    except FileNotFoundError:
        raise StoreMissing(f"{layout.root}: there is no trail", path=layout.root) from None
    except OSError as error:
        message = f"{layout.root}: cannot be read: {error.strerror}"
        raise StoreError(message, path=layout.root, code=error.errno) from error
    if any(_SEGMENT.fullmatch(name) for name in names):
        message = f"{layout.metadata} is missing beside segments of a trail; restore it from a copy"
        raise StoreDamaged(message, path=layout.metadata)
    if names - _BORN:
        message = f"{layout.root}: expected a trail or an empty folder, found {min(names - _BORN)!r}; give another path"
        raise StoreForeign(message, path=layout.root)
    raise StoreMissing(f"{layout.root}: there is no trail (the folder is empty)", path=layout.root)


def create_metadata(layout: Layout, origin: str | None = None) -> Metadata:
    """Write ``trail.json`` of a new trail, durably and in one step; to be called by the one who holds the lock.

    :param origin: of the log that the trail is a copy of; made now, for a new log.
    """
    created = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    metadata = Metadata(format=FORMAT, origin=origin or f"signalpy.audit/{secrets.token_hex(16)}", created=created)
    replace_file(layout.metadata, msgspec.json.encode(metadata) + b"\n")
    sync_folder(layout.root.absolute().parent)
    return metadata
