"""Questions to the tables of an index: which records pass, how many, who holds an id. Nothing here changes a table."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from operator import itemgetter
from sqlite3 import Connection, Cursor
from typing import Any, TypeAlias

from signalpy_audit_trail.index.plan import Clause, Plan, Run, make_plan
from signalpy_audit_trail.index.schema import key
from signalpy_audit_trail.query import Filters

_ALL = Run("record NOT INDEXED", Clause("1"))
"""The records by position; SQLite shall not find a way of its own, which it would sort afterwards."""

_IDS_PER_QUESTION = 400


Place: TypeAlias = tuple[int, int, int, int]
"""Where the index says that a record lies: its position, its segment, its first byte there, its length without newline.

A page has many, as SQLite gives them: objects of a class would cost as much as reading the records.
"""


def known(connection: Connection) -> int:
    """Return how many records the index knows, by the last of them."""
    sql = "SELECT seq + 1 FROM record ORDER BY seq DESC LIMIT 1"
    found: tuple[int] = connection.execute(sql).fetchone() or (0,)
    return found[0]


def find(
    connection: Connection, filters: Filters, *, head: int, after: int | None, descending: bool, limit: int
) -> list[Place]:
    """Return where the records lie that pass, as `signalpy_audit_trail.store.StoreReader.search` says."""
    plan = make_plan(connection, filters, head)
    if plan is None:
        return []
    low, high = plan.low, plan.high
    if after is not None:
        low, high = (low, min(high, after)) if descending else (max(low, after + 1), high)
    return _merged(connection, plan, low, high, descending=descending, limit=limit)


def count(connection: Connection, filters: Filters, by: str, *, head: int) -> dict[str | None, int]:
    """Count the records that pass, as `signalpy_audit_trail.store.StoreReader.count` says."""
    plan = make_plan(connection, filters, head)
    return {} if plan is None else _counted(connection, plan, "action" if by == "type" else by)


def holders(connection: Connection, ids: Iterable[str]) -> Iterator[tuple[str, Place]]:
    """Yield each id that is held with where a record lies whose ``id`` or ``duplicate_of`` it is, by position."""
    wanted = list(dict.fromkeys(ids))
    for start in range(0, len(wanted), _IDS_PER_QUESTION):
        names = {key(text): text for text in wanted[start : start + _IDS_PER_QUESTION]}
        marks = ", ".join("?" * len(names))
        columns = "seq, segment, byte, length, id, duplicate_of"
        sql = (
            f"SELECT {columns} FROM record WHERE id IN ({marks}) "  # noqa: S608
            f"UNION SELECT {columns} FROM record WHERE duplicate_of IN ({marks}) ORDER BY seq"
        )
        for seq, segment, byte, length, own, other in connection.execute(sql, (*names, *names)).fetchall():
            for name in {names.get(own), names.get(other)} - {None}:
                yield str(name), (seq, segment, byte, length)


def _merged(connection: Connection, plan: Plan, low: int, high: int, *, descending: bool, limit: int) -> list[Place]:
    """Read as far as is needed into each run, and return the first rows of all in order."""
    runs = plan.lead.runs if plan.lead else (_ALL,)
    direction = "DESC" if descending else "ASC"
    cursors = []
    for run in runs:
        where, parameters = _where(run, plan, low, high)
        sql = (
            f"SELECT record.seq, record.segment, record.byte, record.length FROM {run.source} "  # noqa: S608
            f"WHERE {where} ORDER BY {run.order} {direction} LIMIT ?"
        )
        cursors.append(connection.execute(sql, (*parameters, limit)))
    if len(cursors) == 1:
        places: list[Place] = cursors[0].fetchall()
        return places
    merged = heapq.merge(*cursors, key=itemgetter(0), reverse=descending)
    places = list(islice(merged, limit))
    for cursor in cursors:
        cursor.close()
    return places


def _counted(connection: Connection, plan: Plan, column: str) -> dict[str | None, int]:
    numbers: Counter[int | None] = Counter()
    for run in plan.lead.runs if plan.lead else (_ALL,):
        where, parameters = _where(run, plan, plan.low, plan.high)
        join, grouped = "", f"record.{column}"
        if column == "subject":
            join, grouped = " LEFT JOIN concern AS about ON about.seq = record.seq", "about.subject"
        sql = f"SELECT {grouped}, count(*) FROM {run.source}{join} WHERE {where} GROUP BY 1"  # noqa: S608
        for number, records in connection.execute(sql, parameters):
            numbers[number] += records
    with closing(connection.cursor()) as cursor:
        return {_term(cursor, number): records for number, records in numbers.items()}


def _where(run: Run, plan: Plan, low: int, high: int) -> tuple[str, tuple[Any, ...]]:
    bounds = Clause(f"{run.order} >= ? AND {run.order} < ?", (low, high))
    clauses = (run.clause, bounds, *plan.checks)
    return " AND ".join(clause.sql for clause in clauses), tuple(p for clause in clauses for p in clause.parameters)


def _term(cursor: Cursor, number: int | None) -> str | None:
    if number is None:
        return None
    text: str = cursor.execute("SELECT text FROM term WHERE id = ?", (number,)).fetchone()[0]
    return text
