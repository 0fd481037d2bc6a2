"""``signalpy --attach PATH reload``: a process that runs reads its configuration again."""

from __future__ import annotations

import click

from signalpy.cli.attached import ask, attach_only
from signalpy.cli.output import print_json, say


@click.command()
@click.option("--json", "as_json", is_flag=True, help="What is different, as one JSON object.")
def reload(*, as_json: bool) -> None:
    """Have the process at --attach PATH read its configuration again.

    A wrong file changes nothing there.
    """
    attach_only("reload")
    found = ask("reload", of=dict, timeout=None)
    if as_json:
        print_json(found["changed"])
    else:
        say(found["words"])
