"""Opening a vault: its secrets found or made, and held against what it was made with."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

from signalpy_audit_trail.privacy.pseudonyms import Pseudonyms
from signalpy_audit_trail.private import alone, make_folder, sync_folder
from signalpy_audit_trail.vault.database import Database, VaultError
from signalpy_audit_trail.vault.places import FILE, Places
from signalpy_audit_trail.vault.sources import SECRET_BYTES, SecretError, Source, make_file
from signalpy_audit_trail.vault.vault import Vault
from signalpy_audit_trail.vault.wrapping import KeyEncryptionKey

_log = logging.getLogger("signalpy.audit_trail.vault")

NEXT: Final = ".next"
"""Ends the name of a key-encryption key that is being put in force."""


def open_vault(places: Places) -> Vault:
    """Open the vault, and make it and its secrets if nothing is there.

    :raises SecretError: a secret is missing, or it is not the one that the vault was made with.
    :raises VaultError: the vault cannot be opened.
    """
    folder = places.folder
    if folder is None:
        raise VaultError("this store has no place for keys; configure [audit-trail] keys, a folder", path=None)
    try:
        make_folder(folder, like_parent=True)
        with alone(folder):
            if not places.exists:
                _make_secrets(places)
            return _opened(places, Database(folder / FILE))
    except OSError as error:
        if isinstance(error, VaultError | SecretError):
            raise
        raise VaultError(f"{folder}: no keys can be kept there: {error.strerror or error}", path=folder) from error


def read_vault(places: Places) -> Vault | None:
    """Open a vault that is there, for reading at least; ``None`` if there is none.

    :raises SecretError, VaultError: as `open_vault`.
    """
    if not places.exists:
        return None
    assert places.file is not None  # noqa: S101 (it exists)
    return _opened(places, Database(places.file))


def memory_vault(places: Places) -> Vault:
    """A vault in memory, for a trail in memory; its secrets are as configured, else gone with it."""
    kek, secret = (
        secrets.token_bytes(SECRET_BYTES) if source is None else source.read() for source in (places.kek, places.secret)
    )
    key = KeyEncryptionKey(kek)
    vault = Vault(Database(None), Pseudonyms(secret), lambda _: key)
    vault.learn("kek", key.id)
    return vault


def kek_source(source: Source, path: Path | None) -> Callable[[str | None], KeyEncryptionKey]:
    """What finds the key-encryption key of an id: the one in force, or the one that a rotation was putting in force.

    :param path: of the vault.
    """

    def find(id: str | None) -> KeyEncryptionKey:
        found = None
        try:
            found = KeyEncryptionKey(source.read())
        except SecretError:
            if id is None or _following(source) is None:
                raise
        if found is not None and id in (None, found.id):
            return found
        following = _following(source)
        if following is not None and following.id == id and source.path is not None:
            finish_rotation(source.path)
            return following
        raise SecretError(
            f"privacy.{source.name} ({source.place}): expected the key {id}, which {path} was wrapped with, found"
            f" {found.id if found is not None else 'none'}; give that key, also in place of one that was rotated",
            key=f"privacy.{source.name}",
        )

    return find


def finish_rotation(path: Path) -> None:
    """Put the next key in the place of the one that it follows; durable on return."""
    following = path.with_name(path.name + NEXT)
    if following.exists():
        following.replace(path)
        sync_folder(path.parent)


def refuse_same(secret: Source, kek: Source) -> None:
    """Keep apart what opens the vault and what only tells pseudonyms, which more people may need.

    :raises SecretError: the two are one.
    """
    if secret.read() == kek.read():
        problem = f"this is the HMAC secret too ({secret.place}); give a key of its own"
        raise SecretError(f"privacy.{kek.name} ({kek.place}): {problem}", key=f"privacy.{kek.name}")


def _following(source: Source) -> KeyEncryptionKey | None:
    path = source.path
    if path is None or not path.with_name(path.name + NEXT).exists():
        return None
    return KeyEncryptionKey(Source(source.name, f"file:{path}{NEXT}").read())


def _make_secrets(places: Places) -> None:
    missing = [path for path in places.made if not path.exists()]
    for path in missing:
        make_file(path)
    if missing:
        _log.warning(
            "keys for privacy were made in %s, beside the trail: whoever copies both reads everything. Keep them"
            " elsewhere: move %s, and name the place in [audit-trail.privacy] hmac_secret and key_encryption_key",
            places.folder,
            " and ".join(path.name for path in missing),
        )


def _opened(places: Places, database: Database) -> Vault:
    try:
        assert places.secret is not None  # noqa: S101 (there is a folder)
        assert places.kek is not None  # noqa: S101
        pseudonyms = Pseudonyms(places.secret.read())
        vault = Vault(database, pseudonyms, kek_source(places.kek, places.file))
        _check_secret(vault, places.secret, pseudonyms)
        if vault.fact("kek") is None:
            refuse_same(places.secret, places.kek)
        if vault.fact("kek") is None:
            vault.learn("kek", vault.kek_id)
    except BaseException:
        database.close()
        raise
    return vault


def _check_secret(vault: Vault, source: Source, pseudonyms: Pseudonyms) -> None:
    known, found = vault.fact("secret"), pseudonyms.check()
    if known is None:
        vault.learn("secret", found)
    elif known != found:
        raise SecretError(
            f"privacy.{source.name} ({source.place}): this is not the secret that {vault.database.path} was made with;"
            " give that one, it cannot be changed for a trail that goes on",
            key=f"privacy.{source.name}",
        )
