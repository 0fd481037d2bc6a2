"""``signalpy audit prove``: a record with the proof that it is in the log."""

from __future__ import annotations

import os
from pathlib import Path

import click

from signalpy_audit_trail.cli.place import opened, trail_options
from signalpy_audit_trail.cli.targets import check_targets
from signalpy_audit_trail.private import open_private
from signalpy_audit_trail.proving import prove as prove_record


@click.command()
@click.argument("seq", type=click.IntRange(0))
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Write the proof here instead of to the terminal, readable by its owner only.",
)
@trail_options
def prove(*, seq: int, output: str | None, store: str | None, index: str | None) -> None:
    """Write a proof of the record at position SEQ.

    `signalpy audit verify --proof FILE --key KEY` checks it without the trail. The proof holds the record itself, so
    the access is recorded. Exit codes: 0 done, 2 it cannot be proved (yet).
    """
    with opened(store, index) as place:
        check_targets(place, {"output": output})
        text = prove_record(place.reader, seq).encode()
        place.record_access("audit-trail.prove", {"seq": seq}, 1)
    if output is None:
        click.echo(text, nl=False)
    else:
        with os.fdopen(open_private(Path(output), os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
            file.write(text.encode())
