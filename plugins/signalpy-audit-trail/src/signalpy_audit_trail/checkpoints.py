"""Signing the head of the log as it grows: per interval, and after the last record."""

from __future__ import annotations

import logging
import time
from typing import Protocol

from signalpy_audit_trail.signing import Checkpoint, KeyFileError, Keys, Signer
from signalpy_audit_trail.store import Store, StoreError

_log = logging.getLogger("signalpy.audit_trail.checkpoints")

INTERVAL = 60.0
"""Seconds between two checkpoints of a log that grows, if nothing else is configured."""


class Housekeeping(Protocol):
    """What is done on the writer's thread beside writing."""

    def tick(self) -> float | None:
        """Do what is due, and return in how many seconds there is more; `None` for nothing before the next batch."""

    def finish(self) -> None:
        """The last record is written."""


class Checkpointer:
    """Signs the head of a store that it shares a thread with.

    A key that cannot be read stops no record: it is said once, and the checkpoint is made as soon as it can be.

    :param keys: where the signing key is; made there if there is none.
    :param interval: seconds between checkpoints.
    """

    def __init__(self, store: Store, keys: Keys, *, interval: float = INTERVAL) -> None:
        self._store = store
        self._keys = keys
        self._interval = interval
        self._signed = -1
        self._last = time.monotonic()
        self.failure: str | None = None
        """Why the last checkpoint could not be made, if it could not."""

    def __repr__(self) -> str:
        return f"<Checkpointer({self._store.url!r}, signed={self._signed})>"

    def tick(self) -> float | None:
        """Sign if the log has grown and it is time."""
        if self._store.size == self._signed:
            return None
        left = self._last + self._interval - time.monotonic()
        if left > 0:
            return left
        self._try()
        return None if self._store.size == self._signed else self._interval

    def finish(self) -> None:
        """Sign what is not signed yet."""
        if self._store.size != self._signed:
            self._try()

    def _try(self) -> None:
        self._last = time.monotonic()
        try:
            checkpoint, _note = sign_head(self._store, self._keys.ensure(self._store.origin))
        except (StoreError, KeyFileError, OSError) as error:
            if str(error) != self.failure:
                _log.error("the head of the log cannot be signed: %s", error)
            self.failure = str(error)
        else:
            self._signed, self.failure = checkpoint.size, None


def sign_head(store: Store, signer: Signer) -> tuple[Checkpoint, str]:
    """Sign the head of a store, keep the checkpoint in it, and return it with its note.

    :raises StoreError: the head cannot be made durable, or the checkpoint not kept.
    """
    size, root = store.head()
    checkpoint = Checkpoint(store.origin, size, root)
    note = signer.sign(checkpoint.text()).encode()
    store.keep_checkpoint(note)
    return checkpoint, note
