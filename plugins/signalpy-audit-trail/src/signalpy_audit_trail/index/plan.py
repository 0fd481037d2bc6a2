"""From filters to SQL: which index leads, what is checked on each row. Pure, but for looking up interned texts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from sqlite3 import Connection
from typing import Any

import msgspec

from signalpy_audit_trail.index.schema import (
    BLOCK,
    INTENT,
    LAST_COMMON_KIND,
    LAST_COMMON_OUTCOME,
    SAME,
    Field,
    key,
)
from signalpy_audit_trail.query import Filters

_WILD = re.compile(r"[*?\[]")
_MOST_RUNS = 500
"""Runs that lead a search at most; where a pattern fits more texts, the records are read through."""

Parameters = tuple[Any, ...]


class Clause(msgspec.Struct, frozen=True):
    """A condition on a row of ``record``."""

    sql: str
    parameters: Parameters = ()


class Run(msgspec.Struct, frozen=True):
    """A part of an index in which positions ascend.

    :param source: what stands after ``FROM``.
    :param order: the column of positions, as this source has it.
    """

    source: str
    clause: Clause
    order: str = "record.seq"


class Lead(msgspec.Struct, frozen=True):
    """Runs that hold, together, every record that meets a condition once.

    :param uses: how many records that is, about.
    :param replaces: the condition, which needs no check when this leads.
    """

    runs: tuple[Run, ...]
    uses: int
    replaces: Clause


class Plan(msgspec.Struct, frozen=True):
    """How to answer: read what ``lead`` gives (or all records between the bounds) and check ``checks`` on each.

    ``low`` (inclusive) and ``high`` (exclusive) bound the positions.
    """

    lead: Lead | None
    checks: tuple[Clause, ...]
    low: int
    high: int


def make_plan(connection: Connection, filters: Filters, head: int) -> Plan | None:
    """Return how to find the records below ``head`` that pass, or `None` if none can."""
    low, high = _bounds(connection, filters, head)
    if low >= high:
        return None
    conditions: list[tuple[Clause, Lead | None]] = []
    for find in (_interned, _subject, _ids):
        for found in find(connection, filters):
            if found is None:
                return None
            conditions.append(found)
    leads = [lead for _, lead in conditions if lead is not None and len(lead.runs) <= _MOST_RUNS]
    best = min(leads, key=lambda lead: lead.uses, default=None)
    if best is not None and best.uses * 2 > head:
        best = None
    checks = [clause for clause, _ in conditions if best is None or clause is not best.replaces]
    return Plan(best, (*checks, *_plain(filters, head)), low, high)


def _bounds(connection: Connection, filters: Filters, head: int) -> tuple[int, int]:
    if filters.since is None and filters.until is None:
        return 0, head
    conditions, parameters = [], []
    if filters.since is not None:
        conditions.append("latest >= ?")
        parameters.append(_clamped(filters.since))
    if filters.until is not None:
        conditions.append("earliest < ?")
        parameters.append(_clamped(filters.until))
    sql = f"SELECT min(number), max(number) FROM block WHERE {' AND '.join(conditions)}"  # noqa: S608
    first, last = connection.execute(sql, parameters).fetchone()
    return (0, 0) if first is None else (first * BLOCK, min(head, (last + 1) * BLOCK))


def _plain(filters: Filters, head: int) -> Iterator[Clause]:
    if filters.since is not None:
        yield Clause("record.time >= ?", (_clamped(filters.since),))
    if filters.until is not None:
        yield Clause("record.time < ?", (_clamped(filters.until),))
    if not filters.intents:
        others = f"other.operation = record.operation AND other.outcome <> {INTENT} AND other.seq < ?"
        answered = f"EXISTS (SELECT 1 FROM record AS other WHERE {others})"  # noqa: S608
        yield Clause(f"(record.outcome IS NOT {INTENT} OR NOT {answered})", (head,))


def _interned(connection: Connection, filters: Filters) -> Iterator[tuple[Clause, Lead | None] | None]:
    asked = (
        (Field.ACTION, "action", filters.type, True, "record_action", ""),
        (Field.TARGET, "target", filters.target, True, "record_target", ""),
        (Field.ACTOR, "actor", filters.actor, False, "record_actor", ""),
        (Field.CALLER, "caller", filters.caller, False, None, ""),
        (Field.OUTCOME, "outcome", filters.outcome, False, "record_failed", f" AND outcome > {LAST_COMMON_OUTCOME}"),
        (Field.KIND, "kind", filters.kind, False, "record_rare", f" AND kind > {LAST_COMMON_KIND}"),
    )
    for field, column, wanted, pattern, index, implied in asked:
        if wanted is None:
            continue
        if pattern and wanted and not wanted.strip("*"):
            yield Clause(f"record.{column} IS NOT NULL"), None
            continue
        terms = _matching(connection, field, wanted) if pattern else _exact(connection, field, wanted)
        if not terms:
            yield None
            return
        clause = Clause(f"record.{column} IN ({', '.join(str(number) for number, _ in terms)})")
        lead = None
        if index is not None and (not implied or all(number > LAST_COMMON_KIND for number, _ in terms)):
            sql, source = f"record.{column} = ?{implied}", f"record INDEXED BY {index}"
            runs = tuple(Run(source, Clause(sql, (number,))) for number, _ in terms)
            lead = Lead(runs, sum(uses for _, uses in terms), clause)
        yield clause, lead


def _subject(connection: Connection, filters: Filters) -> Iterator[tuple[Clause, Lead | None] | None]:
    if filters.subject is None:
        return
    terms = _exact(connection, Field.SUBJECT, filters.subject)
    if not terms:
        yield None
        return
    number, uses = terms[0]
    check = "EXISTS (SELECT 1 FROM concern WHERE concern.subject = ? AND concern.seq = record.seq)"
    clause = Clause(check, (number,))
    source = "concern CROSS JOIN record ON record.seq = concern.seq"
    yield clause, Lead((Run(source, Clause("concern.subject = ?", (number,)), "concern.seq"),), uses, clause)


def _ids(_connection: Connection, filters: Filters) -> Iterator[tuple[Clause, Lead | None]]:
    by_operation = "record INDEXED BY record_operation"
    if filters.operation_id is not None:
        clause = Clause("record.operation = ?", (key(filters.operation_id),))
        yield clause, Lead((Run(by_operation, clause),), 1, clause)
    if filters.correlation_id is not None:
        wanted = (key(filters.correlation_id),)
        first = Clause(f"record.operation = ? AND record.correlation = {SAME}", wanted)
        others = Clause(f"record.correlation = ? AND record.correlation <> {SAME}", wanted)
        clause = Clause(f"(({first.sql}) OR ({others.sql}))", (*wanted, *wanted))
        yield clause, Lead((Run(by_operation, first), Run("record INDEXED BY record_correlation", others)), 2, clause)


def _exact(connection: Connection, field: Field, text: str) -> list[tuple[int, int]]:
    sql = "SELECT id, uses FROM term WHERE field = ? AND text = ?"
    return connection.execute(sql, (field, text)).fetchall()


def _matching(connection: Connection, field: Field, pattern: str) -> list[tuple[int, int]]:
    wild = _WILD.search(pattern)
    if wild is None:
        return _exact(connection, field, pattern)
    prefix = pattern[: wild.start()]
    sql, parameters = "SELECT id, uses, text FROM term WHERE field = ? AND text >= ?", [field, prefix]
    beyond = _beyond(prefix)
    if beyond is not None:
        sql, parameters = f"{sql} AND text < ?", [*parameters, beyond]
    found = connection.execute(sql, parameters)
    return [(number, uses) for number, uses, text in found if fnmatchcase(text, pattern)]


def _beyond(prefix: str) -> str | None:
    """Return the first text, by code points, that is greater than all that begin with ``prefix``, if there is one."""
    stem = prefix.rstrip("\U0010ffff")
    if not stem:
        return None
    following = ord(stem[-1]) + 1
    return stem[:-1] + chr(0xE000 if following == 0xD800 else following)


def _clamped(micros: int) -> int:
    return max(-(1 << 62), min(micros, 1 << 62))
