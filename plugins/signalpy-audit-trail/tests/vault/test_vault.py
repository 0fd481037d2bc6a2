"""The vault: keys and tokens, durable before they are needed, shared by processes, and gone when destroyed."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signalpy_audit_trail.vault.database import VaultError, VaultWriteFailed
from signalpy_audit_trail.vault.opening import open_vault, read_vault
from signalpy_audit_trail.vault.places import Places
from signalpy_audit_trail.vault.vault import Vault

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner),
    max_leaves=4,
)


def wrapped(places: Places) -> dict[str, bytes]:
    """The keys as the file holds them."""
    with closing(sqlite3.connect(places.file)) as connection:  # type: ignore[arg-type]
        return dict(connection.execute("SELECT id, wrapped FROM data_key"))


def bytes_of(places: Places) -> bytes:
    """Every byte of the vault's files."""
    assert places.folder is not None
    return b"".join(path.read_bytes() for path in sorted(places.folder.iterdir()) if "vault" in path.name)


def test_a_subject_has_one_key_which_others_see_once_it_is_durable(vault: Vault, places: Places) -> None:
    """It is made in memory, written by `flush`, and the same for every process from then on."""
    key = vault.key_for("zoe")
    assert key.id == vault.key_for("zoe").id != vault.key_for("bob").id
    other = open_vault(places)
    assert None is other.key(key.id)
    owed = vault.owed()
    assert owed is not None
    owed()
    assert None is vault.owed()
    found = other.key(key.id)
    assert found is not None
    assert key.seal("x", b"place") == found.seal("x", b"place")
    assert key.id == other.key_for("zoe").id
    other.close()


def test_two_processes_may_make_a_key_at_the_same_time(vault: Vault, places: Places) -> None:
    """Both are kept, both open what they sealed, and both go with the person."""
    other = open_vault(places)
    mine, theirs = vault.key_for("zoe"), other.key_for("zoe")
    vault.flush()
    other.flush()
    assert {mine.id, theirs.id} == set(vault.standing("zoe").keys)
    assert vault.key_for("zoe").id == other.key_for("zoe").id
    other.close()


def test_no_key_and_no_value_is_in_the_file(vault: Vault, places: Places) -> None:
    """The keys are wrapped, the values of tokens encrypted, and subjects hashed."""
    vault.key_for("zoe-the-subject")
    vault.token("a value with a token")
    vault.flush()
    held = bytes_of(places)
    assert all(text not in held for text in (b"zoe-the-subject", b"a value with"))
    assert vault.hashed("zoe-the-subject").encode() in held


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(JSON)
def test_a_token_stands_for_its_value(vault: Vault, value: Any) -> None:
    """Any JSON value, before it is durable and after."""
    token = vault.token(value)
    assert token == vault.token(value) == vault.token_of(value)
    assert value == vault.revealed(token)
    vault.flush()
    assert value == vault.revealed(token)
    vault.token(value)
    assert None is vault.owed()


def test_a_token_that_was_never_made_stands_for_nothing(vault: Vault) -> None:
    """To know what the token of a value would be makes none."""
    with pytest.raises(KeyError):
        vault.revealed(vault.token_of("never stored"))


def test_a_retired_key_opens_and_does_not_seal(vault: Vault, places: Places) -> None:
    """Whoever asks after an erasure has begun gets another key, also a process that had used the old one."""
    other = open_vault(places)
    old = other.key_for("zoe")
    other.flush()
    assert (old.id,) == vault.retire("zoe").keys
    new = other.key_for("zoe")
    assert new.id != old.id
    assert other.key(old.id) is not None
    other.flush()
    assert {old.id, new.id} == set(vault.standing("zoe").keys)
    other.close()


def test_keys_that_are_not_durable_yet_are_erased_too(vault: Vault) -> None:
    """Records that wait for them may be on their way."""
    key = vault.key_for("zoe")
    assert (key.id,) == vault.retire("zoe").keys
    assert None is vault.owed()


def test_a_destroyed_key_is_gone_from_every_byte_of_the_file(vault: Vault, places: Places) -> None:
    """Also from what the write-ahead log had of it, and for processes that had it in their memory."""
    other = open_vault(places)
    key = other.key_for("zoe")
    kept = other.key_for("bob")
    other.flush()
    sealed = wrapped(places)
    assert sealed[key.id] in bytes_of(places)
    vault.retire("zoe")
    assert 1 == vault.destroy([key.id])
    assert sealed[key.id] not in bytes_of(places)
    assert sealed[kept.id] in bytes_of(places)
    for each in (vault, other):
        assert None is each.key(key.id)
        assert each.is_destroyed(key.id)
        assert ((), (key.id,)) == (each.standing("zoe").keys, each.standing("zoe").destroyed)
    assert 0 == vault.destroy([key.id])
    assert other.key_for("zoe").id != key.id
    other.close()


def test_a_reader_that_holds_the_file_is_named_and_not_waited_for_without_end(
    vault: Vault, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key is destroyed; that traces of it may be there still is said, and trying again does the rest."""
    monkeypatch.setattr("signalpy_audit_trail.vault.database.WAIT", 0.1)
    vault.database._writer.execute("PRAGMA busy_timeout = 50")
    key = vault.key_for("zoe")
    vault.flush()
    with closing(sqlite3.connect(places.file, isolation_level=None)) as reader:  # type: ignore[arg-type]
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM data_key").fetchall()
        with pytest.raises(VaultError, match="another program reads it"):
            vault.destroy([key.id])
        reader.execute("COMMIT")
    assert vault.is_destroyed(key.id)
    vault.forget_traces()


def test_what_cannot_be_written_is_kept_for_the_next_time(vault: Vault, places: Places) -> None:
    """A record that needs it waits meanwhile."""
    key = vault.key_for("zoe")
    with closing(sqlite3.connect(places.file, isolation_level=None)) as holder:  # type: ignore[arg-type]
        holder.execute("BEGIN IMMEDIATE")
        vault.database._writer.execute("PRAGMA busy_timeout = 50")
        with pytest.raises(VaultWriteFailed, match="cannot be written"):
            vault.flush()
        holder.execute("COMMIT")
    assert vault.owed() is not None
    assert key.id == vault.key_for("zoe").id
    vault.flush()
    assert key.id in wrapped(places)


def test_reading_does_not_wait_for_who_writes(vault: Vault) -> None:
    """The event loop asks for keys while the writer's thread makes others durable."""
    vault.key_for("zoe")
    vault.flush()
    with vault.database.transaction():
        found: list[str] = []
        asking = threading.Thread(target=lambda: found.append(vault.key_for("zoe").id))
        asking.start()
        asking.join(5)
    assert 1 == len(found)


def _ask(folder: str, names: list[str], queue: Any) -> None:
    vault = open_vault(Places(Path(folder)))
    made = {}
    for name in names:
        made[name] = vault.token(name)
        vault.key_for(name)
        vault.flush()
    queue.put(made)
    vault.close()


def test_processes_that_write_at_once_agree_on_every_token(tmp_path: Path) -> None:
    """Four of them, on the same names, from nothing."""
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    names = [f"name {n}" for n in range(20)]
    workers = [context.Process(target=_ask, args=(str(tmp_path / "keys"), names, queue)) for _ in range(4)]
    for worker in workers:
        worker.start()
    answers = [queue.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join(60)
    assert [answers[0]] * 4 == answers
    vault = read_vault(Places(tmp_path / "keys"))
    assert vault is not None
    assert names == [vault.revealed(answers[0][name]) for name in names]
    vault.close()


def test_a_forked_child_has_connections_of_its_own(vault: Vault) -> None:
    """It reads what is there and leaves the parent's alone."""
    key = vault.key_for("zoe")
    vault.flush()
    child = os.fork()
    if not child:
        os._exit(0 if vault.key_for("zoe").id == key.id else 1)
    _, status = os.waitpid(child, 0)
    assert 0 == status
    vault.key_for("bob")
    vault.flush()
