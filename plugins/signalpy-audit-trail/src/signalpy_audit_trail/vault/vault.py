"""The vault: a key for each subject, and what each token stands for.

What is new is made in memory, so that nobody waits for the disk, and made durable by `Vault.flush` before the first
record that needs it is written; many are written at once then.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterable
from string import ascii_lowercase
from typing import Any, Final

import msgspec
from msgspec import Struct

from signalpy_audit_trail.encoding import encode
from signalpy_audit_trail.fieldpath import Json
from signalpy_audit_trail.privacy.pseudonyms import Pseudonyms
from signalpy_audit_trail.privacy.sealing import KEY_BYTES, DataKey
from signalpy_audit_trail.vault import schema
from signalpy_audit_trail.vault.database import Database, VaultError
from signalpy_audit_trail.vault.schema import KeyState
from signalpy_audit_trail.vault.wrapping import KeyEncryptionKey

_KEYS_KEPT: Final = 4096
_TOKENS_KEPT: Final = 65_536
_ID_LETTERS: Final = 16
_OF_TOKENS: Final = "tokens"
"""In place of a subject: the key that encrypts what tokens stand for."""


class Fresh(Struct, frozen=True):
    """A key that is not durable yet."""

    key: DataKey
    secret: bytes


class Standing(Struct, frozen=True):
    """The keys of a subject.

    :param keys: ids of those that open something.
    :param destroyed: ids of those that are gone.
    """

    keys: tuple[str, ...]
    destroyed: tuple[str, ...]


class Vault:
    """Keys and tokens, for any thread; several processes share one file.

    :param kek: gives the key-encryption key of an id, or raises `SecretError`; asked again when another process has
        put a new one in force.
    """

    def __init__(
        self, database: Database, pseudonyms: Pseudonyms, kek: Callable[[str | None], KeyEncryptionKey]
    ) -> None:
        self.database = database
        self._pseudonyms = pseudonyms
        self._find_kek = kek
        self._kek = kek(self.fact("kek"))
        self._mutex = threading.Lock()
        self._fresh: dict[str, Fresh] = {}
        self._values: dict[str, Json] = {}
        self._keys: dict[str, DataKey] = {}
        self._tokens: dict[str, None] = {}

    def __repr__(self) -> str:
        return f"<Vault({str(self.database.path)!r})>"

    @property
    def kek_id(self) -> str:
        """By which the key-encryption key in force is known."""
        return self._kek.id

    def hashed(self, value: Json) -> str:
        """The hash of a value."""
        return self._pseudonyms.hashed(value)

    def token(self, value: Json) -> str:
        """The token of a value, which `revealed` turns back.

        :raises VaultError: the vault cannot be read.
        """
        token = self._pseudonyms.token(value)
        if token not in self._tokens and token not in self._values:
            if self.database.read(schema.FIND_TOKEN, token) is None:
                self.key_of(_OF_TOKENS)
                with self._mutex:
                    self._values[token] = value
            else:
                self._know(token)
        return token

    def token_of(self, value: Json) -> str:
        """The token that a value has or would have; nothing is made."""
        return self._pseudonyms.token(value)

    def revealed(self, token: str) -> Json:
        """What a token stands for.

        :raises KeyError: the vault does not hold it.
        :raises VaultError: the vault cannot be read.
        """
        if token in self._values:
            return self._values[token]
        row = self.database.read(schema.FIND_TOKEN, token)
        if row is None:
            raise KeyError(token)
        id, _, sealed = row[0].partition(b"\0")
        key = self.key(id.decode())
        if key is None:
            raise KeyError(token)
        value: Json = msgspec.json.decode(key.open_bytes(sealed, token.encode()))
        return value

    def key_for(self, subject: str) -> DataKey:
        """The key in force of a subject, made if there is none. One that is being erased is not in force.

        :raises VaultError: the vault cannot be read.
        """
        return self.key_of(self.hashed(subject))

    def key_of(self, form: str) -> DataKey:
        """The same for the stored form of a subject."""
        row = self.database.read(schema.FIND_LIVE, form)
        if row is not None:
            return self._opened(*row)
        with self._mutex:
            fresh = self._fresh.get(form)
            if fresh is None:
                secret = secrets.token_bytes(KEY_BYTES)
                fresh = self._fresh[form] = Fresh(DataKey(_new_id(), secret), secret)
            return fresh.key

    def key(self, id: str) -> DataKey | None:
        """The key of an id; ``None`` if it was destroyed, or is not known.

        :raises VaultError: the vault cannot be read.
        """
        row = self.database.read(schema.FIND_KEY, id)
        if row is None:
            with self._mutex:
                return next((fresh.key for fresh in self._fresh.values() if fresh.key.id == id), None)
        state, wrapped = row
        if state == KeyState.DESTROYED:
            self._keys.pop(id, None)
            return None
        return self._opened(id, wrapped)

    def is_destroyed(self, id: str) -> bool:
        """Whether a key was here and is gone."""
        row = self.database.read(schema.FIND_KEY, id)
        return row is not None and row[0] == KeyState.DESTROYED

    def owed(self) -> Callable[[], None] | None:
        """What makes durable what was made since; ``None`` if all of it is."""
        return self.flush if self._fresh or self._values else None

    def flush(self) -> None:
        """Make durable what was made so far.

        :raises VaultWriteFailed: it is not durable; it is kept for the next time.
        """
        if self._fresh or self._values:
            with self.database.transaction() as connection:
                written = self._write(connection)
            self._settle(*written)

    def standing(self, subject: str) -> Standing:
        """Which keys a subject has and had."""
        with self.database.transaction() as connection:
            return _standing(connection, self.hashed(subject))

    def retire(self, subject: str) -> Standing:
        """Put the keys of a subject out of force: what comes later has another. They open what they have sealed still.

        :raises VaultWriteFailed: they are in force still.
        """
        form = self.hashed(subject)
        with self.database.transaction() as connection:
            written = self._write(connection)
            connection.execute(schema.RETIRE, (form,))
            standing = _standing(connection, form)
        self._settle(*written)
        return standing

    def destroy(self, ids: Iterable[str]) -> int:
        """Overwrite keys, and what the file's log still has of them; tell how many there were.

        :raises VaultWriteFailed: they are there still, or traces of them are.
        """
        with self.database.transaction() as connection:
            gone = sum(connection.execute(schema.DESTROY, (id,)).rowcount for id in ids)
        self._keys.clear()
        self.forget_traces()
        return gone

    def forget_traces(self) -> None:
        """Overwrite what the file still has of keys that were replaced.

        :raises VaultError: another program keeps it from being done.
        """
        if not self.database.forget_traces():
            path = self.database.path
            problem = "another program reads it, so that traces of old keys remain; end that program and try again"
            raise VaultError(f"{path}: {problem}", path=path)

    def rotate(self, new: KeyEncryptionKey) -> int:
        """Wrap all keys with another key-encryption key, in one step; tell how many there were.

        :raises VaultWriteFailed: the old one is in force still.
        """
        with self.database.transaction() as connection:
            old = self._in_force(connection)
            rows = connection.execute(schema.WRAPPED).fetchall()
            rewrapped = [(new.wrap(id, old.unwrap(id, wrapped)), id) for id, wrapped in rows]
            connection.executemany(schema.REWRAP, rewrapped)
            connection.execute(schema.SET_FACT, ("kek", new.id))
        self._kek = new
        self.forget_traces()
        return len(rewrapped)

    def fact(self, name: str) -> str | None:
        """What is known of the vault under a name."""
        row = self.database.read(schema.FIND_FACT, name)
        return None if row is None else str(row[0])

    def learn(self, name: str, value: str) -> None:
        """Keep a fact durably."""
        with self.database.transaction() as connection:
            connection.execute(schema.SET_FACT, (name, value))

    def close(self) -> None:
        """Close the file; harmless when done twice."""
        self.database.close()

    def _opened(self, id: str, wrapped: bytes) -> DataKey:
        key = self._keys.get(id)
        if key is None:
            if len(self._keys) >= _KEYS_KEPT:
                self._keys.clear()
            key = self._keys[id] = DataKey(id, self._unwrapped(id, wrapped))
        return key

    def _unwrapped(self, id: str, wrapped: bytes) -> bytes:
        try:
            return self._kek.unwrap(id, wrapped)
        except ValueError:
            self._kek = self._find_kek(self.fact("kek"))  # another process may have put a new one in force
        row = self.database.read(schema.FIND_KEY, id)
        try:
            return self._kek.unwrap(id, row[1])
        except ValueError as wrong:
            path = self.database.path
            raise VaultError(f"{path}: {wrong}: the vault is damaged; restore it from a copy", path=path) from None

    def _in_force(self, connection: sqlite3.Connection) -> KeyEncryptionKey:
        """The key-encryption key that no other process can change while the transaction lasts."""
        (id,) = connection.execute(schema.FIND_FACT, ("kek",)).fetchone()
        if id != self._kek.id:
            self._kek = self._find_kek(id)
        return self._kek

    def _write(self, connection: sqlite3.Connection) -> tuple[dict[str, Fresh], dict[str, Json]]:
        with self._mutex:
            keys, values = dict(self._fresh), dict(self._values)
        if keys or values:
            kek = self._in_force(connection)
            rows = [(fresh.key.id, form, kek.wrap(fresh.key.id, fresh.secret)) for form, fresh in keys.items()]
            connection.executemany(schema.INSERT_KEY, rows)
        if values:
            id, wrapped = connection.execute(schema.FIND_LIVE, (_OF_TOKENS,)).fetchone()
            key = self._opened(id, wrapped)
            sealed = [
                (token, id.encode() + b"\0" + key.seal_bytes(encode(value), token.encode()))
                for token, value in values.items()
            ]
            connection.executemany(schema.INSERT_TOKEN, sealed)
        return keys, values

    def _settle(self, keys: dict[str, Fresh], values: dict[str, Json]) -> None:
        with self._mutex:
            for form in keys:
                self._fresh.pop(form, None)
            for token in values:
                self._values.pop(token, None)
        for token in values:
            self._know(token)

    def _know(self, token: str) -> None:
        if len(self._tokens) >= _TOKENS_KEPT:
            self._tokens.clear()
        self._tokens[token] = None


def _new_id() -> str:
    """The id of a key: of letters, so that nothing in it looks like a card number."""
    return "key_" + "".join(secrets.choice(ascii_lowercase) for _ in range(_ID_LETTERS))


def _standing(connection: sqlite3.Connection, form: str) -> Standing:
    rows: list[Any] = connection.execute(schema.KEYS_OF, (form,)).fetchall()
    return Standing(
        tuple(id for id, state in rows if state != KeyState.DESTROYED),
        tuple(id for id, state in rows if state == KeyState.DESTROYED),
    )
