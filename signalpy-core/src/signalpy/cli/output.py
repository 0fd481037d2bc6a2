"""What commands print: JSON for programs, columns for people."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, Final

import click

from signalpy.plain import plain_of, printable

_UNSEEN: Final = re.compile(r"[^\n\x20-\x7e]")


def say(text: str) -> None:
    """One line on stdout; what in it could command a terminal is escaped, since names come from anywhere."""
    click.echo(printable(text))


def print_json(value: Any) -> None:
    """``value`` as JSON on stdout: indented for a terminal, on one line for a pipe.

    What in a text could command a terminal is escaped, as JSON does it.
    """
    indent = 2 if sys.stdout.isatty() else None
    plain = plain_of(value)
    text = json.dumps(plain, ensure_ascii=False, indent=indent, allow_nan=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(plain, indent=indent, allow_nan=False)
    click.echo(_UNSEEN.sub(_escaped, text))


def _escaped(found: re.Match[str]) -> str:
    return found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1]


def print_columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on stdout: with rich, where it is installed, for a terminal; else plain columns, a row on one line.

    What in a cell could command a terminal is escaped.
    """
    rows = [tuple(map(printable, row)) for row in rows]
    if sys.stdout.isatty() and find_spec("rich") is not None:
        _print_rich(head, rows)
        return
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head) - 1)]
    for row in (head, *rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        click.echo("  ".join([*cells, row[-1]]).rstrip())


def _print_rich(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in head:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
