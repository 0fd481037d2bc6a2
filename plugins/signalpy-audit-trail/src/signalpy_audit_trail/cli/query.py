"""``signalpy audit query``: search the trail, or count its records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
import msgspec

from signalpy.plain import printable
from signalpy_audit_trail import search
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

    The access is itself recorded, unless the trail may not be written. Exit codes: 0 done, 2 it could not run.
    """
    asked = {name: value for name, value in given.items() if value is not None}
    question = parse_query({**asked, **({"limit": MAX_LIMIT} if every and "limit" not in asked else {})})
    with opened(store, index) as place:
        if question.count_by is not None:
            _count(place, question, asked, as_json=as_json)
        else:
            _search(place, question, asked, every=every, as_json=as_json)


def _search(place: Place, question: Query, asked: dict[str, Any], *, every: bool, as_json: bool) -> None:
    leaves, following = search.page(place.reader, question, place.view)
    place.record_access("audit-trail.query", asked, None if every and following else len(leaves))
    columns = Columns(more=every and following is not None)
    for page in (leaves, *(_pages(place, question, following) if every else ())):
        if as_json:
            for leaf in page:
                click.echo(place.view.stored(leaf))
        elif page:
            columns.print(row(place.view.read(leaf)) for leaf in page)
    if not leaves:
        click.echo("signalpy: no record passes", err=True)
    elif following and not every:
        click.echo(f"signalpy: there are more: --cursor {following} goes on, --all shows all", err=True)
    place.tell_of_keys(asked.get("subject"))


def _pages(place: Place, question: Query, following: str | None) -> Iterator[list[bytes]]:
    while following is not None:
        leaves, following = search.page(place.reader, msgspec.structs.replace(question, cursor=following), place.view)
        yield leaves


def _count(place: Place, question: Query, asked: dict[str, Any], *, as_json: bool) -> None:
    found = search.count(place.reader, question, place.view)
    place.record_access("audit-trail.query", asked, len(found["counts"]))
    place.tell_of_keys(asked.get("subject"))
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    rows = [(str(number), printable(value)) for value, number in found["counts"].items()]
    rows += [(str(found[name]), f"({name})") for name in ("others", "absent") if found[name]]
    Columns(("COUNT", printable(question.count_by).upper())).print(rows)
