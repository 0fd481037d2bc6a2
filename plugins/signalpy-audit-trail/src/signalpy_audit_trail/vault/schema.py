"""The tables of the vault.

``data_key`` holds a key for each subject, and more than one where processes made one at the same time or a person came
back after an erasure. A key is wrapped with the key-encryption key; of a destroyed one only zeros are left. ``token``
holds what tokens stand for, encrypted with a data key of its own. ``fact`` holds what is known of the whole.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

APPLICATION_ID: Final = 0x53504156
"""In the file's header (``PRAGMA application_id``): this file is such a vault."""

VERSION: Final = 1


class KeyState(IntEnum):
    """What a key may be used for; the statements below speak of these by their numbers."""

    LIVE = 0
    """Encrypting and reading."""
    RETIRED = 1
    """Reading: an erasure has begun, and what comes later has another key."""
    DESTROYED = 2
    """Nothing: the key is gone."""


TABLES: Final = f"""
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE data_key (
    id TEXT PRIMARY KEY,
    subject TEXT NOT NULL,
    state INTEGER NOT NULL,
    wrapped BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX data_key_subject ON data_key (subject, state);
CREATE TABLE token (token TEXT PRIMARY KEY, sealed BLOB NOT NULL) WITHOUT ROWID;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
"""

FIND_LIVE: Final = "SELECT id, wrapped FROM data_key WHERE subject = ? AND state = 0 ORDER BY id LIMIT 1"
FIND_KEY: Final = "SELECT state, wrapped FROM data_key WHERE id = ?"
INSERT_KEY: Final = "INSERT INTO data_key VALUES (?, ?, 0, ?)"
RETIRE: Final = "UPDATE data_key SET state = 1 WHERE subject = ? AND state = 0"
KEYS_OF: Final = "SELECT id, state FROM data_key WHERE subject = ? ORDER BY id"
DESTROY: Final = "UPDATE data_key SET state = 2, wrapped = zeroblob(length(wrapped)) WHERE id = ? AND state <> 2"
WRAPPED: Final = "SELECT id, wrapped FROM data_key WHERE state <> 2"
REWRAP: Final = "UPDATE data_key SET wrapped = ? WHERE id = ?"
FIND_TOKEN: Final = "SELECT sealed FROM token WHERE token = ?"  # noqa: S105
INSERT_TOKEN: Final = "INSERT OR IGNORE INTO token VALUES (?, ?)"  # noqa: S105
FIND_FACT: Final = "SELECT value FROM fact WHERE name = ?"
SET_FACT: Final = "INSERT INTO fact VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
