"""What an index must say of leaves, derived for its check apart from how it was made, column by column.

A step for each value would cost three times as much as what is compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from itertools import chain, repeat
from operator import attrgetter, eq
from sqlite3 import Connection
from typing import Any, Final, NamedTuple

import msgspec

from signalpy_audit_trail import moments
from signalpy_audit_trail.index.schema import BLOCK, SAME, Field, keys

COLUMNS: Final = (
    "seq, length, time, kind, action, actor, caller, target, outcome, id, operation, correlation, duplicate_of"
)
"""Of ``record``, in the order of `Expected.rows`."""

_WORDS: Final = (Field.KIND, Field.ACTION, Field.ACTOR, Field.CALLER, Field.TARGET, Field.OUTCOME)
_words_of = attrgetter(*(field.name.lower() for field in _WORDS))
_MOST_KEPT: Final = 50_000
_AT_ONCE: Final = 200
_FIND: Final = f"SELECT text, id FROM term WHERE field = ? AND text IN ({', '.join('?' * _AT_ONCE)})"  # noqa: S608


class _Searched(msgspec.Struct, gc=False):
    """What is searched of a record; anything of another type than it should have does not count."""

    id: str | None = None
    operation_id: str | None = None
    correlation_id: str | None = None
    duplicate_of: str | None = None
    time: datetime | None = None
    kind: str | None = None
    action: str | None = None
    actor: str | None = None
    caller: str | None = None
    target: str | None = None
    outcome: str | None = None
    subjects: tuple[str, ...] = ()


_decode = msgspec.json.Decoder(_Searched).decode


class Expected(NamedTuple):
    """What the tables must say of leaves whose positions follow each other."""

    rows: list[tuple[Any, ...]]
    """Of ``record``, by position."""
    concerns: list[tuple[int, Any]]
    """Positions and numbers of subjects, ascending."""
    spans: list[tuple[int, int, int]]
    """Numbers of blocks, with the earliest and the latest time in each, as far as there are times."""


class Numbers:
    """The numbers of texts, as they are looked up when a search asks for them; a bounded number is remembered."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[Field, dict[str | None, Any]] = {field: {} for field in Field}

    def of(self, field: Field, texts: Sequence[str | None]) -> list[Any]:
        """Return the number of each text: not a number, which is equal to none, where the index has no such text."""
        known = self._known[field]
        try:
            return list(map(known.__getitem__, texts))
        except KeyError:
            self._look_up(field, texts)
            return list(map(known.__getitem__, texts))

    def _look_up(self, field: Field, texts: Sequence[str | None]) -> None:
        known = self._known[field]
        if len(known) > _MOST_KEPT:
            known.clear()
        unknown = [text for text in dict.fromkeys(texts) if text not in known]
        known.update(dict.fromkeys(unknown, math.nan))
        known[None] = None
        for at in range(0, len(unknown), _AT_ONCE):
            some = [*unknown[at : at + _AT_ONCE], *[None] * (_AT_ONCE - len(unknown) + at)]
            known.update(self._connection.execute(_FIND, (field, *some)))


def expect(first: int, leaves: Sequence[bytes], numbers: Numbers) -> Expected:
    """Return what the tables must say of leaves, the first of which has position ``first``."""
    found = _read(leaves)
    seqs = range(first, first + len(leaves))
    times = [None if each.time is None else moments.microseconds(each.time) for each in found]
    words = zip(*map(_words_of, found), strict=True)
    rows = zip(
        seqs,
        map(len, leaves),
        times,
        *(numbers.of(field, texts) for field, texts in zip(_WORDS, words, strict=True)),
        keys([each.id for each in found]),
        keys([each.operation_id for each in found]),
        _correlations(found),
        keys([each.duplicate_of for each in found]),
        strict=True,
    )
    return Expected(list(rows), _concerns(seqs, found, numbers), _spans(first, times))


def _read(leaves: Sequence[bytes]) -> list[_Searched]:
    try:
        return list(map(_decode, leaves))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return [_read_one(leaf) for leaf in leaves]


def _read_one(leaf: bytes) -> _Searched:
    try:
        return _decode(leaf)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _read_what_counts(leaf)


def _read_what_counts(leaf: bytes) -> _Searched:
    try:
        record = msgspec.json.decode(leaf, type=dict[str, object])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _Searched()
    texts = {name: value for name, value in record.items() if isinstance(value, str)}
    subjects = record.get("subjects")
    some = [item for item in subjects if isinstance(item, str)] if isinstance(subjects, list) else []
    try:
        return msgspec.convert({**texts, "subjects": some}, _Searched)
    except msgspec.ValidationError:  # only the time can be at fault now
        return msgspec.convert({**texts, "subjects": some, "time": None}, _Searched)


def _correlations(found: Sequence[_Searched]) -> list[bytes | str | int | None]:
    texts = [each.correlation_id for each in found]
    operations = [each.operation_id for each in found]
    if texts == operations and None not in texts:
        return [SAME] * len(texts)
    same = [text is not None and text == operation for text, operation in zip(texts, operations, strict=True)]
    others = keys([None if is_same else text for is_same, text in zip(same, texts, strict=True)])
    return [SAME if is_same else other for is_same, other in zip(same, others, strict=True)]


def _concerns(seqs: Sequence[int], found: Sequence[_Searched], numbers: Numbers) -> list[tuple[int, Any]]:
    subjects = [each.subjects for each in found]
    positions = chain.from_iterable(map(repeat, seqs, map(len, subjects)))
    pairs = list(zip(positions, numbers.of(Field.SUBJECT, list(chain.from_iterable(subjects))), strict=True))
    pairs.sort()
    twice = any(map(eq, pairs, pairs[1:]))
    return list(dict.fromkeys(pairs)) if twice else pairs


def _spans(first: int, times: Sequence[int | None]) -> list[tuple[int, int, int]]:
    spans = []
    at = 0
    while at < len(times):
        block = (first + at) // BLOCK
        beyond = (block + 1) * BLOCK - first
        span = [time for time in times[at:beyond] if time is not None]
        if span:
            spans.append((block, min(span), max(span)))
        at = beyond
    return spans
