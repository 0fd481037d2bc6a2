from __future__ import annotations

from collections.abc import Sequence

import pytest

from signalpy_audit_trail.cli.show import Columns, row


def shown(capsys: pytest.CaptureFixture[str], columns: Columns, *records: dict[str, object]) -> list[str]:
    columns.print(row(record) for record in records)
    return capsys.readouterr().out.splitlines()


def places(lines: Sequence[str], *words: str) -> list[int]:
    return [line.index(word) for line, word in zip(lines, words, strict=True)]


SHORT = {"seq": 8, "time": "2026-01-01T00:00:00.000000Z", "kind": "gap", "actor": "bob", "action": "x", "outcome": None}
LONG = {**SHORT, "seq": 9, "kind": "lifecycle", "outcome": "cancelled", "subjects": ["account:1"]}


def test_rows_that_come_later_stand_under_the_head(capsys: pytest.CaptureFixture[str]) -> None:
    """A kind, an outcome or a time that is longer than the first ones moves nothing."""
    columns = Columns(more=True)
    lines = shown(capsys, columns, {**SHORT, "time": None}) + shown(capsys, columns, LONG)
    assert 1 == len(set(places(lines, "ACTOR", "bob", "bob")))
    assert 1 == len({lines[0].index("ABOUT"), lines[2].index("account:1")})


def test_a_column_grows_for_what_follows(capsys: pytest.CaptureFixture[str]) -> None:
    """After a longer cell the rows are aligned again, to a limit: no odd value makes a line endless."""
    columns = Columns(more=True)
    shown(capsys, columns, SHORT)
    lines = shown(capsys, columns, {**LONG, "actor": "a longer name"}) + shown(capsys, columns, LONG)
    assert 1 == len(set(places(lines, "account:1", "account:1")))
    shown(capsys, columns, {**LONG, "actor": "a" * 500})
    (line,) = shown(capsys, columns, LONG)
    assert len(line) < 140


def test_rows_that_are_all_known_take_no_more_room_than_they_need(capsys: pytest.CaptureFixture[str]) -> None:
    """One answer is as narrow as its cells."""
    head, line = shown(capsys, Columns(), SHORT)
    assert "SEQ  TIME                      KIND  ACTOR  ACTION  OUTCOME  ABOUT" == head
    assert "8    2026-01-01T00:00:00.000Z  gap   bob    x       -" == line
