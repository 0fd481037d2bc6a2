"""``signalpy audit reindex``: the derived index, made anew."""

from __future__ import annotations

import click

from signalpy_audit_trail.cli.place import opened, trail_options


@click.command()
@trail_options
def reindex(*, store: str | None, index: str | None) -> None:
    """Throw the index of the trail away and derive it from the records. The records are not touched."""
    with opened(store, index) as place:
        size = place.reader.reindex()
    click.echo(f"{place.url}: {size} records indexed")
