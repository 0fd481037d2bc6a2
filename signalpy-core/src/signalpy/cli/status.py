"""``signalpy --attach PATH status``: how a process that runs does."""

from __future__ import annotations

import json

import click

from signalpy.cli.attached import ask, attach_only
from signalpy.cli.output import print_columns, print_json


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def status(*, as_json: bool) -> None:
    """Tell how the process at --attach PATH does.

    Its state, number, start, versions, components by state, what is under way, and what its recorders say.
    """
    attach_only("status")
    found = ask("status", of=dict)
    if as_json:
        print_json(found)
        return
    rows = [(key, value if isinstance(value, str) else json.dumps(value)) for key, value in found.items()]
    print_columns(("KEY", "VALUE"), rows)
