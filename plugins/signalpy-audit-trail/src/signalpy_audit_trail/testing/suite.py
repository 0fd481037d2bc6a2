"""What an author says of a store, and what the tests of all parts of the contract share."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol

import pytest

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.store import Driver, Store, StoreReader
from signalpy_audit_trail.stores import find_driver, open_reader, open_store
from signalpy_audit_trail.testing.records import draft


class Place:
    """Where a test keeps a trail; what is opened through it is closed when the test ends."""

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        self.url = url
        self.options = options
        self._opened: list[Store | StoreReader] = []

    @property
    def driver(self) -> Driver:
        """The driver of the store under test."""
        return find_driver(self.url)[0]

    @property
    def location(self) -> str:
        """The URL without its scheme."""
        return find_driver(self.url)[1]

    @property
    def path(self) -> Path:
        """Where the trail lies. Only for stores that keep files."""
        path = self.driver.path(self.location)
        assert path is not None, "a store that keeps files must tell where"
        return path

    def store(self, *, guest: bool = False) -> Store:
        """Open the trail for writing."""
        store = open_store(self.url, guest=guest, **self.options)
        self._opened.append(store)
        return store

    def reader(self, *, index: Path | None = None) -> StoreReader:
        """Open the trail for reading."""
        reader = open_reader(self.url, index=None if index is None else str(index))
        self._opened.append(reader)
        return reader

    def beside(self, store: Store) -> StoreReader:
        """Return a reader that an open store gives."""
        reader = store.reader()
        self._opened.append(reader)
        return reader

    def leaves(self) -> list[bytes]:
        """Return every leaf that is there now, as a reader of its own sees them, its positions checked."""
        reader = open_reader(self.url)
        try:
            found = list(reader.leaves())
        finally:
            reader.close()
        assert [*range(len(found))] == [seq for seq, _leaf in found]
        return [leaf for _seq, leaf in found]

    def records(self) -> list[dict[str, Any]]:
        """Return every record that is there now."""
        return [json.loads(leaf) for leaf in self.leaves()]

    def close(self) -> None:
        """Close what was opened."""
        while self._opened:
            self._opened.pop().close()


class Start(Protocol):
    """Starts a child process; see `signalpy_audit_trail.testing.child`."""

    def __call__(self, command: str, **arguments: Any) -> subprocess.Popen[str]:
        """Start ``command`` and return the process, which waits for a line on its standard input."""


class StoreSuite:
    """What is to be said of a store, and the fixtures."""

    durable: ClassVar[bool] = True
    """What was acknowledged outlives the process, however that ends."""
    processes: ClassVar[bool] = True
    """Several processes may write one trail."""
    files: ClassVar[bool] = True
    """The trail is a file or a folder of this host."""
    indexed: ClassVar[bool] = True
    """What searching derives is kept, and can be thrown away and held against the leaves."""
    full_disk: ClassVar[str | None] = "signalpy_audit_trail.testing.disk:limited"
    """``module:function`` of what is called in a child process with the URL and a number of bytes: a context manager
    within which there is no more room than for these. `None` where the medium cannot fill."""
    secret: ClassVar[str | None] = None
    """A part of the URL that must not be told."""
    options: ClassVar[Mapping[str, Any]] = {}
    """Of the driver, for opening a trail for writing; JSON values."""
    overridden: ClassVar[Mapping[str, str]] = {}
    """The names of standard tests that the store's author replaces or leaves out, each with the reason."""

    def location(self, tmp_path: Path) -> str:
        """Return the URL of a place where there is no trail yet: one for each folder, and always the same for it."""
        raise NotImplementedError

    def make_future(self, place: Place) -> bool:
        """Change the trail at ``place``, which nobody has open, to a later format than the store knows.

        Return false where there is no such thing.
        """
        return False

    @pytest.fixture
    def place(self, tmp_path: Path) -> Iterator[Place]:
        """The place of the test."""
        place = Place(self.location(tmp_path), self.options)
        yield place
        place.close()

    @pytest.fixture
    def other(self, tmp_path: Path) -> Iterator[Place]:
        """Another place."""
        folder = tmp_path / "elsewhere"
        folder.mkdir()
        place = Place(self.location(folder), self.options)
        yield place
        place.close()

    @pytest.fixture
    def start(self, place: Place) -> Iterator[Start]:
        """Start child processes on the place of the test; they are gone when it ends."""
        started: list[subprocess.Popen[str]] = []

        def start(command: str, **arguments: Any) -> subprocess.Popen[str]:
            given = json.dumps({"url": place.url, "options": dict(place.options), **arguments})
            process = subprocess.Popen(
                [sys.executable, "-m", "signalpy_audit_trail.testing.child", command, given],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            started.append(process)
            return process

        yield start
        for process in started:
            process.kill()
            process.communicate()

    def filled(self, place: Place, count: int, **fields: Any) -> list[bytes]:
        """Append ``count`` records in batches of different sizes, and return what is there then."""
        store = place.store(guest=True)
        done = 0
        while done < count:
            batch = [draft(data={"n": done + step}, **fields) for step in range(min(1 + done % 5, count - done))]
            done += len(commit(store, batch))
        store.close()
        return place.leaves()

    def needs(self, **wanted: bool) -> None:
        """Skip the test unless the store is what it needs."""
        for name in wanted:
            if not getattr(self, name):
                pytest.skip(f"the store says {name} = {getattr(self, name)!r}")


def acknowledged(output: str) -> list[int]:
    """Return the positions that a child printed, of whole lines only."""
    lines = output[: output.rfind("\n") + 1].splitlines()
    return [int(word) for line in lines for word in line.split() if word.isdigit()]


def go(*processes: subprocess.Popen[str]) -> None:
    """Wait until the children are ready, and let them begin."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
