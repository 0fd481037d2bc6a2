"""``signalpy audit query``: search the trail, or count its records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias

import click
import msgspec

from signalpy.plain import printable
from signalpy_audit_trail import search
from signalpy_audit_trail.cli.attached import AsTold, attached, pages, told
from signalpy_audit_trail.cli.filters import filter_options
from signalpy_audit_trail.cli.place import Place, opened, trail_options
from signalpy_audit_trail.cli.show import Columns, row
from signalpy_audit_trail.query import COUNTABLE, MAX_LIMIT, Query, parse_query


@click.command()
@filter_options
@click.option("--order", metavar="ORDER", help="desc (newest first, if not given) or asc, by position.")
@click.option("--limit", metavar="N", type=int, help=f"Records on one page, 1 to {MAX_LIMIT}; 100 if not given.")
@click.option("--cursor", metavar="CURSOR", help="Go on where an earlier page ended.")
@click.option("--all", "every", is_flag=True, help="All pages.")
@click.option("--count-by", metavar="FIELD", help=f"Count instead, by one of {', '.join(COUNTABLE)}.")
@click.option(
    "--json", "as_json", is_flag=True, help="JSON lines, as stored but for encrypted values; counts as one object."
)
@trail_options
def query(*, every: bool, as_json: bool, store: str | None, index: str | None, **given: Any) -> None:
    """Search the trail; print a table, or the stored lines with --json.

    The access is itself recorded, unless the trail may not be written. With --attach the process there is asked, which
    records each page. Exit codes: 0 done, 1 its policies refuse, 2 it could not run.
    """
    asked = {name: value for name, value in given.items() if value is not None}
    question = parse_query({**asked, **({"limit": MAX_LIMIT} if every and "limit" not in asked else {})})
    if attached(store=store, index=index):
        if question.count_by is not None:
            _print_counts(told("query", asked), question.count_by, as_json=as_json)
        else:
            _print(pages(asked, None if every else question.limit), AsTold(), every=every, as_json=as_json)
        return
    with opened(store, index) as place:
        if question.count_by is not None:
            found = search.count(place.reader, question, place.view)
            place.record_access("audit-trail.query", asked, len(found["counts"]))
            place.tell_of_keys(asked.get("subject"))
            _print_counts(found, question.count_by, as_json=as_json)
        else:
            _print(_pages(place, question, asked, every=every), place.view, every=every, as_json=as_json)
            place.tell_of_keys(asked.get("subject"))


class Reading(Protocol):
    """How a record that was found is shown."""

    def stored(self, leaf: bytes, /) -> bytes:
        """For programs."""

    def read(self, leaf: bytes, /) -> dict[str, Any]:
        """For people."""


Page: TypeAlias = "tuple[list[bytes], str | None]"
"""Records, and the cursor behind them if there are more."""


def _pages(place: Place, question: Query, asked: dict[str, Any], *, every: bool) -> Iterator[Page]:
    """One page of the trail, or all; the access is recorded before anything is given out."""
    leaves, following = search.page(place.reader, question, place.view)
    place.record_access("audit-trail.query", asked, None if every and following else len(leaves))
    yield leaves, following
    while every and following is not None:
        leaves, following = search.page(place.reader, msgspec.structs.replace(question, cursor=following), place.view)
        yield leaves, following


def _print(pages: Iterable[Page], reading: Reading, *, every: bool, as_json: bool) -> None:
    columns, following, empty = None, None, True
    for leaves, following in pages:
        columns = columns or Columns(more=every and following is not None)
        empty = empty and not leaves
        if as_json:
            for leaf in leaves:
                click.echo(reading.stored(leaf))
        elif leaves:
            columns.print(row(reading.read(leaf)) for leaf in leaves)
    if empty:
        click.echo("signalpy: no record passes", err=True)
    elif following and not every:
        click.echo(f"signalpy: there are more: --cursor {following} goes on, --all shows all", err=True)


def _print_counts(found: Mapping[str, Any], by: str, *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    rows = [(str(number), printable(value)) for value, number in found["counts"].items()]
    rows += [(str(found[name]), f"({name})") for name in ("others", "absent") if found[name]]
    Columns(("COUNT", printable(by).upper())).print(rows)
