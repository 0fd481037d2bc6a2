"""``signalpy audit snapshot``: a consistent copy of a trail."""

from __future__ import annotations

from pathlib import Path

import click

from signalpy_audit_trail.cli.place import opened, trail_options
from signalpy_audit_trail.cli.targets import apart
from signalpy_audit_trail.snapshot import snapshot as copy_trail


@click.command()
@click.argument("destination", type=click.Path(file_okay=False))
@trail_options
def snapshot(*, destination: str, store: str | None, index: str | None) -> None:
    """Copy the trail as it is now to DESTINATION, without keys.

    DESTINATION is a new folder. The trail may be written meanwhile. The access is recorded in the trail that is
    copied. Exit codes: 0 done, 2 it could not run.
    """
    with opened(store, index) as place:
        target = Path(destination)
        if not target.is_dir() or not any(target.iterdir()):  # else the copy itself says what it expects
            apart(place, destination, "DESTINATION")
        place.record_access("audit-trail.snapshot", {}, place.reader.size())
        size = copy_trail(place.reader, target)
    click.echo(f"{destination}: {size} records")
