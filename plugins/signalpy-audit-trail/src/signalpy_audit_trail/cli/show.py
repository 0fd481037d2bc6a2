"""Records for people: one line each, in columns, safe to print whatever they hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import click

from signalpy.plain import printable
from signalpy_audit_trail.query import KINDS, OUTCOMES

_HEAD: Final = ("SEQ", "TIME", "KIND", "ACTOR", "ACTION", "OUTCOME", "ABOUT")
_WIDEST: Final = 40
_KNOWN: Final = {
    "TIME": len("2026-01-01T00:00:00.000Z"),
    "KIND": max(map(len, KINDS)),
    "OUTCOME": max(map(len, OUTCOMES)),
}


class Columns:
    """Prints rows under one head, in columns that are as wide as their widest cell so far.

    :param more: rows are to come that are not known with the first ones: what is known of some columns decides their
        width from the beginning.
    """

    def __init__(self, head: Sequence[str] = _HEAD, *, more: bool = False) -> None:
        self._head = tuple(head)
        self._widths = [_KNOWN.get(name, 0) if more else 0 for name in self._head]
        self._begun = False

    def print(self, rows: Iterable[Sequence[str]]) -> None:
        """Print some rows, the head before the first of all."""
        lines = [tuple(row) for row in rows]
        if not self._begun:
            lines.insert(0, self._head)
            self._begun = True
        for column, texts in enumerate(zip(*lines, strict=True)):
            self._widths[column] = max(self._widths[column], min(_WIDEST, max(map(len, texts))))
        for line in lines:
            cells = [cell.ljust(width) for cell, width in zip(line, self._widths, strict=True)]
            click.echo("  ".join(cells).rstrip())


def row(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the cells of one record."""
    return (
        printable(record.get("seq")),
        _time(record.get("time")),
        printable(record.get("kind")),
        printable(record.get("actor")),
        printable(record.get("action")),
        printable(record.get("outcome")),
        _about(record),
    )


def _time(value: Any) -> str:
    text = printable(value)
    return f"{text[:23]}Z" if len(text) == 27 and text.endswith("Z") else text


def _about(record: Mapping[str, Any]) -> str:
    subjects = record.get("subjects")
    parts = [printable(subject) for subject in subjects] if isinstance(subjects, list) else []
    error = record.get("error")
    if isinstance(error, Mapping):
        parts.append(": ".join(printable(error[name]) for name in ("type", "message") if error.get(name)))
    target = record.get("target")
    if target is not None and target != record.get("action"):
        parts.insert(0, printable(target))
    return " ".join(parts)
