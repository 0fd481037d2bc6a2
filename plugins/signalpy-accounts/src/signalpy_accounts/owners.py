"""Owners: which of the open ledgers an announcement is due from, told by locks that end with their process.

Each open ledger has a token, and beside the database a file ``<database>-owner-<token>`` that it keeps locked. An
owner whose file can be locked, or is not there, is gone. Works for the processes of one host, also in different
containers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout


class Owner:
    """One open ledger among those that share a database; ``token`` is its name.

    :raises OSError: if no file can be made beside the database.
    """

    def __init__(self, database: Path) -> None:
        self._prefix = f"{database.name}-owner-"
        self._folder = database.parent
        self.token = uuid4().hex
        self._lock = self._lock_of(self.token)
        self._lock.acquire()

    def close(self) -> None:
        """Ends the ownership: whatever it still has due is left to the others."""
        self._lock.release()
        self._path_of(self.token).unlink(missing_ok=True)

    @contextmanager
    def gone(self, known: Iterable[str]) -> Iterator[list[str]]:
        """The tokens, of those ``known`` and of those that left a file, whose ledger is not open any more.

        While the block runs no other process is told the same. Afterwards their files are removed; if the block
        raises they stay for the next time.
        """
        held: list[FileLock] = []
        tokens: list[str] = []
        try:
            for token in {*known, *self._tokens()} - {self.token}:
                lock = self._lock_of(token)
                with suppress(Timeout):
                    lock.acquire()
                    held.append(lock)
                    tokens.append(token)
            yield tokens
        finally:
            for lock in held:
                lock.release()
        for token in tokens:
            self._path_of(token).unlink(missing_ok=True)

    def _tokens(self) -> list[str]:
        files = (path.name for path in self._folder.iterdir())
        return [name.removeprefix(self._prefix) for name in files if name.startswith(self._prefix)]

    def _path_of(self, token: str) -> Path:
        return self._folder / f"{self._prefix}{token}"

    def _lock_of(self, token: str) -> FileLock:
        return FileLock(self._path_of(token), timeout=0, mode=0o600, thread_local=False, is_singleton=False)
