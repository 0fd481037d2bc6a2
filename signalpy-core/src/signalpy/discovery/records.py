"""The RECORD of an installed distribution: the list of its files with their hashes, and what can be told from it."""

from __future__ import annotations

import base64
import csv
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass

from signalpy.discovery.folder import Metadata, every, stem_of
from signalpy.discovery.installed import headers_of
from signalpy.naming import canonical


@dataclass(frozen=True, slots=True)
class Row:
    """A line of RECORD: a path from where the distribution is installed, and ``algorithm=digest``, or nothing."""

    path: str
    hash: str


def rows(metadata: Metadata) -> list[Row]:
    """The lines of RECORD; empty where there is none, as for a distribution that no installer has written."""
    text = metadata.read_text("RECORD") or ""
    return [Row(line[0], line[1] if len(line) > 1 else "") for line in csv.reader(text.splitlines()) if line]


def record_sha256(metadata: Metadata) -> str | None:
    """SHA-256 of the RECORD file, in hex, as ``sha256sum`` prints it; ``None`` where there is none."""
    own = next((row for row in rows(metadata) if row.path.endswith(".dist-info/RECORD")), None)
    content = _content(metadata, own) if own is not None else None
    return hashlib.sha256(content).hexdigest() if content is not None else None


def files_sha256(metadata: Metadata) -> str | None:
    """One SHA-256, in hex, over path and content of every file that RECORD gives a hash for; ``None`` without RECORD.

    Files without a hash are RECORD itself and the ``.pyc`` files that installers add; those are not covered.
    """
    listed = sorted((row for row in rows(metadata) if row.hash), key=lambda row: row.path)
    if not listed:
        return None
    total = hashlib.sha256()
    for row in listed:
        content = _content(metadata, row)
        digest = hashlib.sha256(content).hexdigest() if content is not None else "missing"
        total.update(f"{row.path}\0{digest}\n".encode())
    return total.hexdigest()


def changed_files(metadata: Metadata) -> list[str]:
    """The files that are missing or no longer have the hash that RECORD gives, by path."""
    return [row.path for row in rows(metadata) if row.hash and not _holds(metadata, row)]


def inventory(names: Iterable[str], *, path: list[str] | None = None) -> list[dict[str, str | None]]:
    """What is installed under these names: sorted ``{"name", "version", "record_sha256"}``, unknown values ``None``."""
    wanted = {canonical(name) for name in names}
    found: dict[str, Metadata] = {}
    for metadata in every(path):
        found.setdefault(stem_of(metadata).replace("_", "-"), metadata)
    return [_item(name, found.get(name)) for name in sorted(wanted)]


def _item(name: str, metadata: Metadata | None) -> dict[str, str | None]:
    if metadata is None:
        return {"name": name, "version": None, "record_sha256": None}
    try:
        version = headers_of(metadata).get("version", [None])[0]
    except (UnicodeDecodeError, OSError):
        version = None
    return {"name": name, "version": version, "record_sha256": record_sha256(metadata)}


def _holds(metadata: Metadata, row: Row) -> bool:
    algorithm, _, expected = row.hash.partition("=")
    content = _content(metadata, row)
    if content is None or algorithm not in hashlib.algorithms_guaranteed or algorithm.startswith("shake"):
        return False
    digest = base64.urlsafe_b64encode(hashlib.new(algorithm, content).digest()).rstrip(b"=").decode()
    return hmac.compare_digest(digest, expected.rstrip("="))


def _content(metadata: Metadata, row: Row) -> bytes | None:
    try:
        content: bytes = metadata.locate_file(row.path).read_bytes()
    except (OSError, KeyError):
        return None
    return content
