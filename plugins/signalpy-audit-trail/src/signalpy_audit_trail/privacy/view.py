"""How those who may read see what is stored: encrypted values opened, erased ones said to be so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import msgspec

from signalpy_audit_trail.encoding import text
from signalpy_audit_trail.erasures import Erasures
from signalpy_audit_trail.fieldpath import Json, Path, exact
from signalpy_audit_trail.leaves import decoded, decoded_all
from signalpy_audit_trail.privacy.sealed import MARK, Opens, place, sealed
from signalpy_audit_trail.store import StoreReader

ERASED: Final = "$erased"
_MARKED: Final = f'"{MARK}"'.encode()


class Opener(Protocol):
    """What knows the keys, and the forms in which subjects are stored."""

    def hashed(self, value: Json) -> str:
        """The hash of a value."""

    def token_of(self, value: Json) -> str:
        """The token that a value has or would have."""

    def key(self, id: str) -> Opens | None:
        """The key of an id; ``None`` if it was destroyed, or is not known."""

    def is_destroyed(self, id: str) -> bool:
        """Whether a key was there and is gone."""


class View:
    """Reads the records of one log, for any thread.

    :param opener: without it what is encrypted stays so, and protected subjects are not found by their names.
    :ivar closed: how many values could not be opened, since their keys are not here.
    """

    def __init__(self, reader: StoreReader, opener: Opener | None = None) -> None:
        self.opener = opener
        self.closed = 0
        self._url = reader.url
        self._erasures = Erasures(reader)

    def __repr__(self) -> str:
        return f"<View({self._url!r}, opener={self.opener!r})>"

    def forms(self, subject: str) -> tuple[str, ...]:
        """The texts under which a subject may be stored: itself, its hash, its token."""
        if self.opener is None:
            return (subject,)
        name = text(subject)
        return (subject, self.opener.hashed(name), self.opener.token_of(name))

    def protects(self, leaf: bytes) -> bool:
        """Whether anything in a leaf may be encrypted."""
        return _MARKED in leaf

    def read(self, leaf: bytes) -> dict[str, Any]:
        """The record that a leaf holds, readable.

        :raises StoreDamaged: it is no JSON object.
        :raises StoreError: the log, or the vault of keys, cannot be read.
        """
        record = decoded(leaf, self._url)
        return self.readable(record) if _MARKED in leaf else record

    def entries(self, leaves: Sequence[bytes]) -> list[dict[str, Any]]:
        """The records that leaves hold, as `read` gives them."""
        records = decoded_all(leaves, self._url)
        found = zip(leaves, records, strict=True)
        return [self.readable(record) if _MARKED in leaf else record for leaf, record in found]

    def stored(self, leaf: bytes) -> bytes:
        """The leaf itself where all of it is readable, else the JSON of what `read` gives."""
        return msgspec.json.encode(self.read(leaf)) if _MARKED in leaf else leaf

    def readable(self, record: dict[str, Any]) -> dict[str, Any]:
        """A record with its encrypted values opened, or ``{"$erased": true}`` in their place.

        What cannot be opened here stays as it is stored, and is counted in `closed`.
        """
        id = record.get("id")
        if not isinstance(id, str):
            return record

        def opened(value: Json, path: Path) -> Json:
            return self._opened(value, path, id)

        return {name: _walked(value, (name,), opened) for name, value in record.items()}

    def _opened(self, value: Json, path: Path, id: str) -> Json:
        parts = sealed(value)
        if parts is None:
            return value
        if parts.key in self._erasures.keys():  # noqa: SIM118 (no dictionary)
            return {ERASED: True}
        key = None if self.opener is None else self.opener.key(parts.key)
        if key is None:
            if self.opener is not None and self.opener.is_destroyed(parts.key):
                return {ERASED: True}
            self.closed += 1
            return value
        try:
            return parts.open(key, place(id, exact(path)))
        except ValueError:
            self.closed += 1  # cut, for it was too long; or made up by whoever published it
            return value


def _walked(value: Json, path: Path, opened: Callable[[Json, Path], Json]) -> Json:
    if isinstance(value, dict):
        if MARK in value:
            return opened(value, path)
        return {key: _walked(child, (*path, key), opened) for key, child in value.items()}
    if isinstance(value, list):
        return [_walked(child, (*path, at), opened) for at, child in enumerate(value)]
    return value
