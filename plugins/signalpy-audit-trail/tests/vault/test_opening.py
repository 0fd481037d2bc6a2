"""Opening a vault: secrets made once, held against what was made with them, and never shown."""

from __future__ import annotations

import base64
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from signalpy_audit_trail.privacy.rules import KeySource
from signalpy_audit_trail.vault.database import VaultError
from signalpy_audit_trail.vault.opening import open_vault, read_vault
from signalpy_audit_trail.vault.places import Places
from signalpy_audit_trail.vault.sources import SecretError, Source

SECRET = bytes(range(32))


def test_what_is_not_there_is_not_made_by_a_reader(places: Places, tmp_path: Path) -> None:
    """Only a writer makes keys."""
    assert None is read_vault(places)
    assert [] == list(tmp_path.iterdir())


def test_a_configured_file_that_is_missing_is_not_made(tmp_path: Path) -> None:
    """A typing error in a path must not begin a second set of keys."""
    with pytest.raises(SecretError, match="no-such-file"):
        open_vault(Places(tmp_path / "keys", f"file:{tmp_path}/no-such-file"))
    assert not (tmp_path / "no-such-file").exists()


@pytest.mark.parametrize(
    "given",
    [
        lambda: SECRET,
        lambda: base64.b64encode(SECRET).decode(),
        lambda: SECRET.hex().upper() + "\n",
        "env:A_SECRET",
        "file:{}/a.secret",
    ],
)
def test_a_secret_may_come_from_anywhere(given: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes, base64 or hexadecimal; out of a function, the environment or a file."""
    monkeypatch.setenv("A_SECRET", base64.b64encode(SECRET).decode())
    (tmp_path / "a.secret").write_text(SECRET.hex())
    (tmp_path / "a.secret").chmod(0o600)
    source: KeySource = given.format(tmp_path) if isinstance(given, str) else given
    assert SECRET == Source("hmac_secret", source).read()


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (SECRET.hex(), 0o640, "open to others (mode 640). Run: chmod 600"),
        ("short", 0o600, "expected 32 bytes in base64 or hexadecimal"),
        ("", 0o600, "expected 32 bytes"),
        (base64.b64encode(b"x" * 33).decode(), 0o600, "expected 32 bytes"),
    ],
)
def test_a_bad_file_is_one_line_without_what_it_holds(content: str, mode: int, words: str, tmp_path: Path) -> None:
    """The message names the key of the configuration, the file, and what would be right."""
    path = tmp_path / "a.file"
    path.write_text(content)
    path.chmod(mode)
    with pytest.raises(SecretError) as caught:
        Source("hmac_secret", f"file:{path}").read()
    assert words in str(caught.value)
    assert "privacy.hmac_secret" in str(caught.value)
    assert not content or content not in str(caught.value)


@pytest.mark.parametrize(
    ("statement", "words"), [("CREATE TABLE a (b)", "another database"), ("PRAGMA user_version = 9", "format 9")]
)
def test_another_program_s_database_is_not_touched(places: Places, statement: str, words: str) -> None:
    """Nor one of a later version."""
    if "version" in statement:
        open_vault(places).close()
    assert places.folder is not None
    assert places.file is not None
    places.folder.mkdir(exist_ok=True)
    with closing(sqlite3.connect(places.file)) as connection:
        connection.executescript(statement)
    with pytest.raises(VaultError, match=words):
        open_vault(Places(places.folder, lambda: SECRET, lambda: SECRET))
    with closing(sqlite3.connect(places.file)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    assert ["a"] == tables or len(tables) == 3


def test_reprs_show_no_secret(tmp_path: Path) -> None:
    """Neither of the source nor of the vault."""
    vault = open_vault(Places(tmp_path, lambda: b"s" * 32, lambda: b"k" * 32))
    shown = repr(vault) + repr(vault.database) + repr(Source("hmac_secret", lambda: b"s" * 32))
    assert "sss" not in shown
    assert "kkk" not in shown
    vault.close()
