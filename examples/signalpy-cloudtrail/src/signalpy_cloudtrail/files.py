"""Files of CloudTrail records: which ones a path means, and what each holds. Blocking; run it in a thread."""

from __future__ import annotations

import codecs
import gzip
import json
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from signalpy import SignalPyError
from signalpy_cloudtrail.stream import Entry, entries

PIECE: Final = 256 * 1024
"""Bytes that are read at once."""
_NAMES: Final = (".json", ".jsonl", ".ndjson")
_DIGEST: Final = "_CloudTrail-Digest_"
"""In the name of a file that CloudTrail delivers beside the others: hashes of them, and no records."""
_GZIP_MAGIC: Final = b"\x1f\x8b"


class PathNotFoundError(SignalPyError, FileNotFoundError):
    """There is nothing to replay at a path. ``path`` tells which."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a path means.

    :param files: in the order in which they are replayed.
    :param ignored: how many other files stand beside them.
    """

    files: tuple[Path, ...]
    ignored: int = 0


def find(path: str | Path) -> Listing:
    """Lists the files to replay: a file, whatever its name, or those of a folder that end in ``.json`` or ``.json.gz``.

    ``.jsonl`` and ``.ndjson`` are as good. Folders below are read too, as in a copy of the bucket; links to folders are
    not followed, and CloudTrail's digest files are left out. The order is that of the paths inside the folder.

    :raises PathNotFoundError: if nothing is there, or nothing of that kind.
    :raises OSError: if a folder cannot be listed.
    """
    place = Path(path).expanduser()
    if not str(path).strip() or not place.exists():
        raise _nothing("expected a file or a folder, found nothing at", path)
    if not place.is_dir():
        return Listing((place,))
    found = sorted(_walk(place), key=lambda file: file.relative_to(place).parts)
    files = tuple(file for file in found if _is_named_as_one(file))
    if not files:
        raise _nothing("expected .json or .json.gz files, found none of them in", path)
    return Listing(files, ignored=len(found) - len(files))


def read(path: Path) -> Iterator[Entry]:
    """Yields what a file holds; compressed or not is told by its first bytes, not by its name.

    A file that cannot be opened or read on ends in an entry with a flaw that says why; nothing is raised.
    """
    source = _Source(path)
    number = 0
    for entry in entries(source.pieces()):
        if entry.last and source.failure is not None:
            break
        number = entry.number
        yield entry
    if source.failure is not None:
        yield Entry(number + 1, flaw=source.failure, last=True)


class _Source:
    """The text of a file in pieces. ``failure`` tells why they ended before the file did."""

    def __init__(self, path: Path) -> None:
        self.failure: str | None = None
        self._path = path

    def pieces(self) -> Iterator[str]:
        try:
            yield from self._decoded()
        except UnicodeDecodeError as error:
            self.failure = f"expected text in {error.encoding}, found other bytes"
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            self.failure = f"expected a whole gzip file, found a damaged or cut one ({error})"
        except OSError as error:
            self.failure = f"cannot be read: {error.strerror or error}"

    def _decoded(self) -> Iterator[str]:
        with self._path.open("rb") as raw:
            zipped = raw.peek(2)[:2] == _GZIP_MAGIC
            with gzip.GzipFile(fileobj=raw) if zipped else raw as stream:
                piece = stream.read(PIECE)
                decoder = codecs.getincrementaldecoder(json.detect_encoding(piece[:4]))()
                while piece:
                    yield decoder.decode(piece)
                    piece = stream.read(PIECE)
                yield decoder.decode(b"", final=True)


def _nothing(told: str, path: str | Path) -> PathNotFoundError:
    return PathNotFoundError(f"path: {told} {str(path)!r}; give the path of CloudTrail files", path=str(path))


def _walk(folder: Path) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        raise error  # os.walk would leave the folder out and say nothing

    for root, folders, files in os.walk(folder, onerror=fail):
        below = Path(root)
        yield from (below / name for name in files)
        yield from (below / name for name in folders if (below / name).is_symlink())


def _is_named_as_one(file: Path) -> bool:
    named = file.name.lower().removesuffix(".gz").endswith(_NAMES)
    return named and _DIGEST not in file.name and not file.is_dir()
