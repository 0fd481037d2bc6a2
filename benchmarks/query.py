# ruff: noqa: S608 (every part of a statement is a constant of this module)
"""The three questions an auditor asks of a large trail, a page of 100, beside bare SQL on the same index."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from typing import Any, Final

from msgspec import json

from benchmarks.facts import LAST_DAY, TRANSFER
from benchmarks.families import Group
from benchmarks.harness import interleave, named
from benchmarks.lab import Lab
from benchmarks.rows import FLOOR, LIMIT, OURS, Row, Spec, at_most
from signalpy_audit_trail import open_trail

PAGE: Final = 100
_PAGE_READ: Final = "the same SQL, then reading and decoding the page"
_WHY: Final = (
    "SQL alone tells only where the records lie. What is above the floor: each record is checked against its place and"
    " its shape, protected values are opened or withheld, and the position of the next page is made."
)
_TERM: Final = "(SELECT id FROM term WHERE field = {} AND text = ?)"
_ACTION, _ACTOR, _OUTCOME, _SUBJECT = (_TERM.format(field) for field in (1, 4, 6, 7))
_PLACE: Final = "record.seq, record.segment, record.byte, record.length"
_END: Final = f"ORDER BY record.seq DESC LIMIT {PAGE + 1}"


@dataclass(frozen=True, slots=True)
class Question:
    """One question, in both languages.

    :param sql: what SQLite needs no more than; of the page, the places of the records.
    """

    name: str
    words: str
    filters: dict[str, Any]
    sql: str
    parameters: tuple[Any, ...]

    @property
    def specs(self) -> tuple[Spec, Spec]:
        """Of the median, and of the p99."""
        return (
            Spec(
                id=f"query.{self.name}",
                work=f"query: {self.words}",
                limit="bare SQL on the same index",
                unit="ms",
                reach=at_most(1.5),
                noise=0.15,
                floor=_PAGE_READ,
                why=_WHY,
            ),
            Spec(
                id=f"query.{self.name}-p99",
                work="the same: p99",
                limit="bare SQL on the same index",
                unit="ms",
                reach=at_most(2, "ms"),
                noise=0.4,
            ),
        )


def _micros(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


QUESTIONS: Final = (
    Question(
        "actor",
        "all transfers by alice in the last 24 hours",
        {"type": TRANSFER, "actor": "alice", "since": LAST_DAY},
        f"SELECT {_PLACE} FROM record INDEXED BY record_actor WHERE actor = {_ACTOR} AND action = {_ACTION}"
        f" AND time >= ? AND seq >= (SELECT min(number) * 1024 FROM block WHERE latest >= ?) {_END}",
        ("alice", TRANSFER, _micros(LAST_DAY), _micros(LAST_DAY)),
    ),
    Question(
        "subject",
        "all events for account X",
        {"subject": "account:4321"},
        f"SELECT {_PLACE} FROM concern CROSS JOIN record ON record.seq = concern.seq"
        f" WHERE concern.subject = {_SUBJECT} ORDER BY concern.seq DESC LIMIT {PAGE + 1}",
        ("account:4321",),
    ),
    Question(
        "failed",
        "all failed operations",
        {"outcome": "failure"},
        f"SELECT {_PLACE} FROM record INDEXED BY record_failed WHERE outcome = {_OUTCOME} AND outcome > 2 {_END}",
        ("failure",),
    ),
)


def queries(lab: Lab) -> Sequence[Row]:
    """Each question again and again, its limit in turn."""
    rows: list[Row] = []
    folder = lab.trail.folder
    with (
        open_trail(folder) as trail,
        closing(sqlite3.connect(folder / "index.sqlite3")) as connection,
        ExitStack() as stack,
    ):
        segments = {int(path.stem): stack.enter_context(path.open("rb")).fileno() for path in lab.trail.lines}
        for question in QUESTIONS:

            def limit(question: Question = question) -> int:
                return len(connection.execute(question.sql, question.parameters).fetchall())

            def ours(question: Question = question) -> int:
                return len(trail.query(**question.filters, limit=PAGE)["entries"])

            def floor(question: Question = question) -> int:
                places = connection.execute(question.sql, question.parameters).fetchall()[:PAGE]
                leaves = [os.pread(segments[segment], length, byte) for _, segment, byte, length in places]
                return len([json.decode(leaf) for leaf in leaves])

            found = (min(limit(), PAGE), ours())
            if found[0] != found[1]:
                raise RuntimeError(f"{question.words}: bare SQL found {found[0]} records, the query {found[1]}")
            samples = interleave(
                [named(LIMIT, _timed(limit)), named(OURS, _timed(ours)), named(FLOOR, _timed(floor))],
                lab.budget(8, least=lab.size(300, 20), most=300),
            )
            typical, p99 = question.specs
            note = f"{lab.events:,} records, {found[1]} on the page"
            rows += [typical.row(samples, scale=1e3, note=note), p99.percentile_row(samples, 0.99, scale=1e3)]
    return rows


def _timed(ask: Callable[[], object]) -> Callable[[], float]:
    def seconds() -> float:
        began = perf_counter()
        ask()
        return perf_counter() - began

    return seconds


GROUPS = (Group([spec for question in QUESTIONS for spec in question.specs], queries),)
