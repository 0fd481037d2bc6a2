"""``signalpy audit reindex``: the derived index, made anew."""

from __future__ import annotations

import click

from signalpy_audit_trail.cli.place import opened, trail_options


@click.command()
@trail_options
def reindex(*, store: str | None, index: str | None) -> None:
    """Derive the index of the trail anew from the records.

    The old index is thrown away; the records are not touched.
    """
    with opened(store, index) as place:
        size = place.reader.reindex()
    click.echo(f"{place.url}: {size} records indexed")
