"""The folders in which installers leave metadata (``.dist-info``, or ``.egg-info``), and a look at all of them.

They are read here: importing importlib-metadata takes longer than reading two hundred of them. Where distributions lie
elsewhere, in an archive on the path or behind a finder of their own, importlib-metadata is asked.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from signalpy.naming import canonical

if TYPE_CHECKING:
    from pathlib import Path

_SUFFIXES: Final = (".dist-info", ".egg-info")
_STANDARD: Final = frozenset({"PathFinder", "MetadataPathFinder"})
"""Finders that look at the folders on the path and nowhere else."""


class Metadata(Protocol):
    """What is known of one installed distribution: a ``Folder``, or a ``Distribution`` of importlib-metadata."""

    def read_text(self, filename: str, /) -> str | None:
        """The content of a file of its metadata; ``None`` where there is none."""

    def locate_file(self, path: str, /) -> Any:
        """The path of an installed file, given as RECORD has it; has ``read_bytes``."""


class Folder:
    """The metadata of one installed distribution, read from its folder."""

    __slots__ = ("_normalized_name", "name", "path", "root")

    def __init__(self, root: str, name: str) -> None:
        self.root = root
        self.name = name
        self.path = f"{root}{os.sep}{name}" if root else name
        self._normalized_name = canonical(name.rpartition(".")[0].partition("-")[0]).replace("-", "_")

    def __repr__(self) -> str:
        return f"<Folder {self.path}>"

    def read_bytes(self, filename: str) -> bytes | None:
        """The content of a file in it; ``None`` where there is none or it cannot be read."""
        try:
            with open(f"{self.path}{os.sep}{filename}", "rb") as file:  # noqa: PTH123 - pathlib costs more than the file
                return file.read()
        except OSError:
            return None

    def read_text(self, filename: str, /) -> str | None:
        """The same as text.

        :raises UnicodeDecodeError: if it is not UTF-8.
        """
        content = self.read_bytes(filename)
        return None if content is None else content.decode()

    def locate_file(self, path: str, /) -> Path:
        """Where an installed file lies."""
        from pathlib import Path

        return Path(self.root, path)


def every(path: Iterable[str] | None = None) -> Iterator[Metadata]:
    """The metadata of all distributions on ``path``, in its order; of the process's own path if not given."""
    for entry in dict.fromkeys(map(str, sys.path if path is None else path)):
        try:
            names = os.listdir(entry or ".")  # noqa: PTH208 - pathlib costs more than the listing
        except NotADirectoryError:
            yield from _archived(entry)
        except OSError:
            continue
        else:
            yield from (Folder(entry, name) for name in names if name.lower().endswith(_SUFFIXES))
            if entry.lower().rstrip("/\\").endswith(".egg"):
                yield from _archived(entry)
    if path is None:
        yield from _found_elsewhere()


def stem_of(metadata: Metadata) -> str:
    """The name as the folder has it: reading every METADATA for it would cost ten times the whole scan."""
    stem = getattr(metadata, "_normalized_name", None)
    return stem if isinstance(stem, str) and stem else root_of(metadata)


def root_of(metadata: Metadata) -> str:
    """The folder into which it was installed."""
    return metadata.root if isinstance(metadata, Folder) else str(metadata.locate_file(""))


def _archived(entry: str) -> Iterator[Metadata]:
    """What importlib-metadata finds in an archive, such as an egg or a zipped application."""
    if not os.path.isdir(entry) and not entry.lower().endswith((".zip", ".egg", ".pyz", ".whl")):  # noqa: PTH112
        return
    from importlib_metadata import distributions

    yield from cast("Iterable[Metadata]", distributions(path=[entry]))


def _found_elsewhere() -> Iterator[Metadata]:
    """What finders on ``sys.meta_path`` have that do not look at the folders of the path."""
    for finder in sys.meta_path:
        kind = finder if isinstance(finder, type) else type(finder)
        search = getattr(finder, "find_distributions", None)
        if search is not None and kind.__name__ not in _STANDARD:
            from importlib.metadata import DistributionFinder

            yield from search(DistributionFinder.Context())
