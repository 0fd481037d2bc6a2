"""``signalpy audit tail``: the last records, and those that come."""

from __future__ import annotations

import time

import click

from signalpy.cli.failure import Failure
from signalpy_audit_trail.cli.attached import AsTold, attached, pages
from signalpy_audit_trail.cli.place import Place, opened, trail_options
from signalpy_audit_trail.cli.show import Columns, row

_PAUSE = 0.2
"""Seconds between two looks for new records."""


@click.command()
@click.option("-n", "--lines", metavar="N", type=click.IntRange(0), default=10, show_default=True, help="How many.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until interrupted.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines, as stored but for encrypted values.")
@trail_options
def tail(*, lines: int, follow: bool, as_json: bool, store: str | None, index: str | None) -> None:
    """Print the last records, oldest first.

    The access is itself recorded, unless the trail may not be written. With --attach the process there is asked for the
    last ones, which it records as a query.
    """
    if attached(store=store, index=index):
        if follow:
            raise Failure("--follow goes without --attach: each look would be a record of its own, to be shown next")
        _print_last(lines, as_json=as_json)
        return
    with opened(store, index) as place:
        head = place.reader.size()
        first = max(0, head - lines)
        place.record_access("audit-trail.tail", {"lines": lines, "follow": follow}, head - first)
        columns = Columns(more=follow)
        _print(place, columns, first, head, as_json=as_json)
        place.tell_of_keys()
        while follow:
            seen, head = head, place.reader.size()
            if head > seen:
                _print(place, columns, seen, head, as_json=as_json)
            else:
                time.sleep(_PAUSE)


def _print_last(count: int, *, as_json: bool) -> None:
    found = [line for page, _ in pages({"order": "desc"}, count) for line in page] if count else []
    if as_json:
        for line in reversed(found):
            click.echo(line)
    elif found:
        Columns().print(row(AsTold().read(line)) for line in reversed(found))


def _print(place: Place, columns: Columns, first: int, stop: int, *, as_json: bool) -> None:
    leaves = [leaf for _seq, leaf in place.reader.leaves(first, stop)]
    if as_json:
        for leaf in leaves:
            click.echo(place.view.stored(leaf))
    elif leaves:
        columns.print(row(place.view.read(leaf)) for leaf in leaves)
