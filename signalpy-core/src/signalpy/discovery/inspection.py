"""The files of one installed distribution, held against its RECORD. Each is read once; nothing is imported.

Covered are the files that came with the wheel and, inside its packages, whatever else could be imported. Not covered
are the ``__pycache__`` folders, what lies outside the folder of modules, and what no RECORD lists: the sources of an
editable install.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import all_suffixes
from pathlib import Path

from signalpy.discovery.folder import Metadata
from signalpy.discovery.records import Row, content_of, rows


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found. Paths are as in RECORD.

    :param sha256: one SHA-256, in hex, over path and content of every file that is covered; ``None`` without RECORD.
    :param changed: files that are missing or do not have the hash that RECORD gives.
    :param unhashed: files that RECORD lists without a hash, so that nobody can tell whether they are as they were.
    :param unlisted: importable files in its packages that RECORD does not list; such a one can stand in for a module.
    :param unreadable: there is a RECORD that cannot be read, so that nothing else is known.
    """

    sha256: str | None
    changed: tuple[str, ...]
    unhashed: tuple[str, ...]
    unlisted: tuple[str, ...]
    unreadable: bool = False

    @property
    def problems(self) -> list[str]:
        """What is wrong, each in a few words."""
        if self.unreadable:
            return ["its RECORD cannot be read"]
        told = (
            ("changed after it was installed", self.changed),
            ("in RECORD without a hash", self.unhashed),
            ("in its packages and not in RECORD", self.unlisted),
        )
        return [f"{words}: {_named(paths)}" for words, paths in told if paths]


def inspect(metadata: Metadata) -> Inspection:
    """Reads every file that RECORD lists."""
    try:
        listed = rows(metadata)
    except ValueError:
        return Inspection(None, (), (), (), unreadable=True)
    digests = {row.path: _digest(content_of(metadata, row.path)) for row in listed if row.hash or row.needs_hash}
    unhashed = tuple(row.path for row in listed if not row.hash and row.needs_hash)
    unlisted = tuple(sorted(_unlisted(metadata, listed)))
    covered = {row.path: digests[row.path] for row in listed if row.needs_hash and not row.outside}
    covered.update({path: _digest(content_of(metadata, path)) for path in unlisted})
    return Inspection(
        sha256=_total(covered) if listed else None,
        changed=tuple(row.path for row in listed if row.hash and not _holds(metadata, row, digests[row.path])),
        unhashed=unhashed,
        unlisted=unlisted,
    )


SHOWN = 3
"""How many files a message names."""


def _named(paths: tuple[str, ...]) -> str:
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    return f"{', '.join(paths[:SHOWN])}{more}"


def _total(digests: dict[str, bytes]) -> str:
    total = hashlib.sha256()
    for path, digest in sorted(digests.items()):
        total.update(f"{path}\0{digest.hex() or 'missing'}\n".encode())
    return total.hexdigest()


def _digest(content: bytes | None) -> bytes:
    """SHA-256; empty for a file that is not there."""
    return b"" if content is None else hashlib.sha256(content).digest()


def _holds(metadata: Metadata, row: Row, digest: bytes) -> bool:
    algorithm, _, expected = row.hash.partition("=")
    if not digest or algorithm not in hashlib.algorithms_guaranteed or algorithm.startswith("shake"):
        return False
    if algorithm != "sha256":
        digest = hashlib.new(algorithm, content_of(metadata, row.path) or b"").digest()
    return hmac.compare_digest(base64.urlsafe_b64encode(digest).rstrip(b"="), expected.rstrip("=").encode())


def _unlisted(metadata: Metadata, listed: list[Row]) -> Iterator[str]:
    known = {row.path for row in listed}
    packages = {row.path.partition("/")[0] for row in listed if row.path.count("/") == 1 and "/__init__." in row.path}
    root = metadata.locate_file("")
    if not isinstance(root, Path):
        return  # an archive: nothing is added to it by the way
    suffixes = tuple(all_suffixes())
    for package in sorted(packages):
        for folder, below, names in os.walk(root / package):
            below[:] = [name for name in below if name != "__pycache__"]
            links = [name for name in below if Path(folder, name).is_symlink()]
            found = [name for name in names if name.endswith(suffixes)]
            paths = (Path(folder, name).relative_to(root).as_posix() for name in [*found, *links])
            yield from (path for path in paths if path not in known)
