"""The limit of a store in SQLite: rows that are ready, inserted into the same schema. Standard library only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import groupby
from pathlib import Path
from time import perf_counter
from typing import Any, Final

BATCH: Final = 1_000
_SCHEMA: Final = """
SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL
ORDER BY CASE type WHEN 'table' THEN 0 WHEN 'index' THEN 1 WHEN 'view' THEN 2 ELSE 3 END, rowid
"""
_BY_SEQ: Final = ("leaf", "record", "concern")
"""Tables whose rows belong to a leaf, by its ``seq``."""

Batch = dict[str, list[tuple[Any, ...]]]


def raw_rate(source: Path, target: Path) -> float:
    """Insert the rows of one trail's database into another, a transaction for each batch; return leaves a second.

    :param source: made by the store, with all its indexes, and closed.
    :param target: is made anew.
    """
    with closing(sqlite3.connect(source)) as given:
        schema = [sql for (sql,) in given.execute(_SCHEMA)]
        batches = list(_batches(given))
    with closing(sqlite3.connect(target, isolation_level=None)) as connection:
        connection.execute("PRAGMA page_size = 8192")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -32768")
        for sql in schema:
            connection.execute(sql)
        began = perf_counter()
        for batch in batches:
            connection.execute("BEGIN IMMEDIATE")
            for table, rows in batch.items():
                marks = ", ".join("?" * len(rows[0]))
                connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 (our own names)
            connection.execute("COMMIT")
        seconds = perf_counter() - began
    return sum(len(batch["leaf"]) for batch in batches) / seconds


def _batches(connection: sqlite3.Connection) -> Iterator[Batch]:
    """The rows of each batch; the terms and times of all come with the first."""
    first: Batch = {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in ("term", "block")}  # noqa: S608
    tables = [_rows(connection, table) for table in _BY_SEQ]
    for number in range(len(tables[0])):
        batch = {name: rows for name, found in zip(_BY_SEQ, tables, strict=True) if (rows := found.get(number))}
        yield {**first, **batch}
        first = {}


def _rows(connection: sqlite3.Connection, table: str) -> dict[int, list[tuple[Any, ...]]]:
    rows: Sequence[tuple[Any, ...]] = connection.execute(
        f"SELECT seq / {BATCH}, * FROM {table} ORDER BY seq"  # noqa: S608 (our own names)
    ).fetchall()
    return {number: [row[1:] for row in group] for number, group in groupby(rows, key=lambda row: row[0])}
