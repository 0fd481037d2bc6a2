"""Rotation of the key-encryption key: all keys or none, whenever the process ends."""

from __future__ import annotations

import base64
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from signalpy_audit_trail.vault.opening import open_vault, read_vault
from signalpy_audit_trail.vault.places import Places
from signalpy_audit_trail.vault.rotation import rotate
from signalpy_audit_trail.vault.sources import SecretError
from signalpy_audit_trail.vault.vault import Vault


def test_every_key_opens_with_the_new_one_and_none_with_the_old(vault: Vault, places: Places) -> None:
    """The file of the old one is replaced, and nothing wrapped with it is left."""
    keys = {name: vault.key_for(name).seal("x", b"p") for name in ("zoe", "bob")}
    token = vault.token("value")
    vault.flush()
    assert places.folder is not None
    old = (places.folder / "kek.key").read_bytes()
    count, where = rotate(vault, places, None)
    assert (3, str(places.folder / "kek.key")) == (count, where)
    assert [] == list(places.folder.glob("*.next"))
    for each in (vault, read_vault(places)):
        assert each is not None
        assert keys == {name: each.key_for(name).seal("x", b"p") for name in keys}
        assert "value" == each.revealed(token)
        if each is not vault:
            each.close()
    (places.folder / "kek.key").write_bytes(old)
    with pytest.raises(SecretError, match="expected the key"):
        read_vault(places)


def test_a_process_that_had_the_old_key_goes_on_with_the_new_one(vault: Vault, places: Places) -> None:
    """What it made meanwhile is wrapped with the key in force."""
    other = open_vault(places)
    fresh = other.key_for("zoe").seal("x", b"p")
    rotate(vault, places, None)
    other.flush()
    assert fresh == vault.key_for("zoe").seal("x", b"p")
    vault.key_for("bob")
    vault.flush()
    assert vault.key_for("bob").id == other.key_for("bob").id
    other.close()


def test_a_key_from_elsewhere_is_put_in_force_and_is_to_be_configured(tmp_path: Path) -> None:
    """A process that is not told of it fails with what to do, and loses nothing."""
    path = tmp_path / "new.key"
    path.write_bytes(base64.b64encode(b"n" * 32))
    path.chmod(0o600)
    old = Places(tmp_path / "keys", lambda: b"s" * 32, lambda: b"k" * 32)
    vault, running = open_vault(old), open_vault(old)
    key = vault.key_for("zoe").id
    vault.flush()
    running.key_for("bob")
    with pytest.raises(SecretError, match="give --to"):
        rotate(vault, old, None)
    rotate(vault, old, f"file:{path}")
    with pytest.raises(SecretError, match="expected the key"):
        running.flush()
    assert running.owed() is not None
    new = open_vault(Places(tmp_path / "keys", lambda: b"s" * 32, f"file:{path}"))
    assert key == new.key_for("zoe").id
    for each in (vault, running, new):
        each.close()


@pytest.mark.parametrize(("name", "told"), [("hmac.secret", "this is the HMAC secret too"), ("kek.key", "in force")])
def test_no_key_is_put_in_force_that_is_none_of_its_own(vault: Vault, places: Places, name: str, told: str) -> None:
    """Neither the secret of pseudonyms nor the key of now; all keys open as before."""
    sealed = vault.key_for("zoe").seal("x", b"p")
    vault.flush()
    assert places.folder is not None
    with pytest.raises(SecretError, match=told):
        rotate(vault, places, f"file:{places.folder / name}")
    again = open_vault(places)
    assert sealed == again.key_for("zoe").seal("x", b"p")
    again.close()


def test_a_vault_is_not_made_with_one_secret_for_both(tmp_path: Path) -> None:
    """Whoever may check a pseudonym may not open the vault by that."""
    with pytest.raises(SecretError, match="HMAC secret too") as raised:
        open_vault(Places(tmp_path / "keys", lambda: b"s" * 32, lambda: b"s" * 32))
    assert "ssss" not in str(raised.value)


@pytest.mark.parametrize("step", ["next", "commit", "place"])
def test_whenever_the_process_is_killed_all_keys_open(
    step: str, vault: Vault, places: Places, child: Callable[..., subprocess.Popen[str]]
) -> None:
    """Before the transaction the old key is in force, after it the new one, wherever that lies by then."""
    sealed = vault.key_for("zoe").seal("x", b"p")
    vault.flush()
    vault.close()
    process = child("rotate", places.folder, step)
    assert -signal.SIGKILL == process.wait(60)
    opened: Any = open_vault(places)
    assert sealed == opened.key_for("zoe").seal("x", b"p")
    rotate(opened, places, None)
    assert sealed == opened.key_for("zoe").seal("x", b"p")
    opened.close()
    assert places.folder is not None
    assert [] == list(places.folder.glob("*.next"))
