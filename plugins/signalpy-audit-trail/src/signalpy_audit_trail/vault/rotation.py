"""Putting another key-encryption key in force, in one step that a crash leaves done or not done.

The vault's own transaction is that step. Where the key is a file that is to be replaced, the new one is written beside
it before, and takes its place after; who opens the vault in between finds the one that fits (`opening.kek_source`).
"""

from __future__ import annotations

from signalpy_audit_trail.vault.opening import NEXT, finish_rotation, refuse_same
from signalpy_audit_trail.vault.places import Places
from signalpy_audit_trail.vault.sources import SecretError, Source, make_file
from signalpy_audit_trail.vault.vault import Vault
from signalpy_audit_trail.vault.wrapping import KeyEncryptionKey


def rotate(vault: Vault, places: Places, to: str | None) -> tuple[int, str]:
    """Wrap all keys anew.

    :param to: where the new key is, ``file:PATH`` or ``env:NAME``; if not given, it is made in the old one's file.
    :returns: how many keys there were, and where the new one is.
    :raises SecretError: the new key cannot be read, or none can be made.
    :raises VaultError: the vault cannot be written; the old key is in force.
    """
    if to is not None:
        if to.partition(":")[0] not in ("file", "env"):
            raise SecretError(f"--to {to}: expected file:PATH or env:NAME, never the key itself", key="to")
        new = Source("key_encryption_key", to)
        key = KeyEncryptionKey(new.read())
        if key.id == vault.kek_id:
            raise SecretError(f"--to {to}: this is the key that is in force; give another one", key="to")
        if places.secret is not None:
            refuse_same(places.secret, new)
        return vault.rotate(key), new.place
    path = None if places.kek is None else places.kek.path
    if path is None:
        place = "no file" if places.kek is None else places.kek.place
        raise SecretError(f"the key-encryption key is in {place}, where none can be made; give --to", key="to")
    following = path.with_name(path.name + NEXT)
    make_file(following)
    count = vault.rotate(KeyEncryptionKey(Source("key_encryption_key", f"file:{following}").read()))
    finish_rotation(path)
    return count, str(path)
