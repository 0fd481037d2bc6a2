"""``signalpy plugins``: what is installed, and what stands against loading it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from signalpy.cli.attached import OWN_PROCESS, ask
from signalpy.cli.booting import Start, start_options, with_kernel
from signalpy.cli.failure import Failure
from signalpy.cli.options import options
from signalpy.cli.output import print_columns, print_json

if TYPE_CHECKING:
    from signalpy.kernel import Kernel
    from signalpy.states import PluginInfo


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A list of objects: name, distribution, version, state, reason.")
@click.option("--boot", is_flag=True, help="Boot, and tell the states then. Runs the plugins' code.")
@start_options
def plugins(*, as_json: bool, boot: bool, without: tuple[str, ...], safe: bool, plugin: tuple[str, ...]) -> None:
    """List the components that are installed, with their states.

    Reads metadata only: nothing of a plugin is imported without --boot.
    """
    given = options()
    start = Start(without, safe, plugin).only_with_boot(boot=boot)
    if given.attach is not None:
        if boot:
            raise Failure(f"--boot {OWN_PROCESS}")
        rows = ask("plugins", of=list)
    else:
        found = with_kernel(given, _live, start) if boot else [item.info for item in given.discovery.candidates]
        rows = [row.as_dict() for row in found]
    if as_json:
        print_json(rows)
        return
    table = [
        (row["name"], row["distribution"] or "-", row["version"] or "-", row["state"], row["reason"]) for row in rows
    ]
    print_columns(("NAME", "DISTRIBUTION", "VERSION", "STATE", "REASON"), table)


async def _live(kernel: Kernel) -> list[PluginInfo]:
    return kernel.plugins()
