"""The tables of the derived index: positions and search keys, never payload.

Texts that recur are interned per field in ``term``; the words that the partial indexes speak of have fixed numbers.
Other tools read the views ``records`` (one row per record; times and ids as the log writes them; ``segment`` and
``byte`` tell where the record lies) and ``record_subjects``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import IntEnum
from typing import Final

APPLICATION_ID: Final = 0x53504149
"""In the file's header (``PRAGMA application_id``): this file is such an index and may be thrown away."""

VERSION: Final = 1
BLOCK: Final = 1024
"""Records per row of ``block``, which holds the earliest and the latest time among them."""

SAME: Final = 0
"""In ``record.correlation``: the same as the operation. Most operations are the first of their chain."""


class Field(IntEnum):
    """Fields whose texts are interned."""

    ACTION = 1
    TARGET = 2
    KIND = 3
    ACTOR = 4
    CALLER = 5
    OUTCOME = 6
    SUBJECT = 7


WORDS: Final = {
    1: (Field.OUTCOME, "success"),
    2: (Field.OUTCOME, "intent"),
    3: (Field.KIND, "invoke"),
    4: (Field.KIND, "event"),
}
"""Numbers of the frequent words: an outcome above `LAST_COMMON_OUTCOME` is a failed one; kinds beyond are rare."""

INTENT: Final = 2
LAST_COMMON_OUTCOME: Final = 2
LAST_COMMON_KIND: Final = 4
FIRST_TERM: Final = 16

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)


def key(text: str) -> bytes | str:
    """Return an id as the index keeps it: a UUID in lower case as its 16 bytes, anything else as it is."""
    if len(text) == 36 and _UUID.fullmatch(text):
        return bytes.fromhex(text.replace("-", ""))
    return text


def keys(texts: Sequence[str | None]) -> list[bytes | str | None]:
    """Return the `key` of each text, in a fourth of the time where all are UUIDs, as they mostly are."""
    found = _uuids([text for text in texts if text is not None])
    if found is None:
        return [None if text is None else key(text) for text in texts]
    rest = iter(found)
    return [None if text is None else next(rest) for text in texts]


def _uuids(texts: Sequence[str]) -> list[bytes] | None:
    """Return the bytes of texts that are all UUIDs in lower case, else `None`; without a step for each in Python."""
    joined = "\n".join(texts)
    count = len(texts)
    digits = joined.replace("-", "").replace("\n", "")
    if len(joined) != 37 * count - 1 or len(digits) != 32 * count:
        return None
    if any(joined[at::37] != "-" * count for at in (8, 13, 18, 23)) or joined[36::37] != "\n" * (count - 1):
        return None
    try:
        raw = bytes.fromhex(digits)
    except ValueError:
        return None
    return [raw[at : at + 16] for at in range(0, len(raw), 16)] if raw.hex() == digits else None


def _text(column: str) -> str:
    digits = f"lower(hex({column}))"
    parts = " || '-' || ".join(
        f"substr({digits}, {start}, {size})" for start, size in ((1, 8), (9, 4), (13, 4), (17, 4))
    )
    return f"CASE typeof({column}) WHEN 'blob' THEN {parts} || '-' || substr({digits}, 21) ELSE {column} END"


def _term(column: str) -> str:
    return f"(SELECT text FROM term WHERE term.id = record.{column})"  # noqa: S608 (column names are our own)


_MICROS = "(((time % 1000000) + 1000000) % 1000000)"
_SECONDS = f"((time - {_MICROS}) / 1000000)"
_TERMS = ", ".join(
    f"{_term(column)} AS {column}" for column in ("kind", "action", "actor", "caller", "target", "outcome")
)
_CORRELATION = f"CASE record.correlation WHEN {SAME} THEN record.operation ELSE record.correlation END"

# Everything put in is a constant of this module.
SEARCHED: Final = f"""
CREATE TABLE term (
    id INTEGER PRIMARY KEY,
    field INTEGER NOT NULL,
    text TEXT NOT NULL,
    uses INTEGER NOT NULL,
    UNIQUE (field, text)
);
CREATE TABLE record (
    seq INTEGER PRIMARY KEY,
    segment INTEGER NOT NULL,
    byte INTEGER NOT NULL,
    length INTEGER NOT NULL,
    time INTEGER,
    kind INTEGER,
    action INTEGER,
    actor INTEGER,
    caller INTEGER,
    target INTEGER,
    outcome INTEGER,
    id,
    operation,
    correlation,
    duplicate_of
);
CREATE INDEX record_action ON record (action);
CREATE INDEX record_actor ON record (actor) WHERE actor IS NOT NULL;
CREATE INDEX record_target ON record (target) WHERE target IS NOT NULL;
CREATE INDEX record_failed ON record (outcome) WHERE outcome > {LAST_COMMON_OUTCOME};
CREATE INDEX record_rare ON record (kind) WHERE kind > {LAST_COMMON_KIND};
CREATE INDEX record_id ON record (id);
CREATE INDEX record_operation ON record (operation) WHERE operation IS NOT NULL;
CREATE INDEX record_correlation ON record (correlation) WHERE correlation <> {SAME};
CREATE INDEX record_duplicate ON record (duplicate_of) WHERE duplicate_of IS NOT NULL;
CREATE TABLE concern (
    subject INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (subject, seq)
) WITHOUT ROWID;
CREATE TABLE block (
    number INTEGER PRIMARY KEY,
    earliest INTEGER NOT NULL,
    latest INTEGER NOT NULL
);
"""
"""What is searched; the same in an index beside a log and in a database that keeps the log itself."""


def views(place: str = "") -> str:
    """Return the statements that make the views for other tools.

    :param place: more columns of ``records``, each behind a comma.
    """
    return f"""
CREATE VIEW records AS SELECT
    seq,
    strftime('%Y-%m-%dT%H:%M:%S', {_SECONDS}, 'unixepoch') || printf('.%06dZ', {_MICROS}) AS time,
    {_TERMS},
    {_text("id")} AS id,
    {_text("operation")} AS operation_id,
    {_text(f"({_CORRELATION})")} AS correlation_id,
    {_text("duplicate_of")} AS duplicate_of{place}
FROM record;
CREATE VIEW record_subjects AS SELECT seq, term.text AS subject FROM concern JOIN term ON term.id = concern.subject;
"""  # noqa: S608


_STATE: Final = """
CREATE TABLE state (
    only INTEGER PRIMARY KEY CHECK (only = 0),
    origin TEXT NOT NULL
);"""

TABLES: Final = _STATE + SEARCHED + views(", printf('%020d.jsonl', segment) AS segment, byte, length")
"""An index beside a log."""
