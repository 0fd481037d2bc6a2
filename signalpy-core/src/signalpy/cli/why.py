"""``signalpy why NAME``: why a component may load or not, or, with ``--boot``, why it is active or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from signalpy.cli.attached import OWN_PROCESS, ask
from signalpy.cli.booting import Start, start_options, with_kernel
from signalpy.cli.failure import Failure
from signalpy.cli.options import options
from signalpy.cli.output import say
from signalpy.discovery.why import why as why_from_metadata

if TYPE_CHECKING:
    from signalpy.kernel import Kernel


@click.command()
@click.argument("name")
@click.option("--boot", is_flag=True, help="Boot, and tell what it is then. Runs the plugins' code.")
@start_options
def why(name: str, *, boot: bool, without: tuple[str, ...], safe: bool, plugin: tuple[str, ...]) -> None:
    """Tell why the component NAME may load or not.

    Reads metadata only: nothing of a plugin is imported without --boot.
    """
    given = options()
    start = Start(without, safe, plugin).only_with_boot(boot=boot)

    async def live(kernel: Kernel) -> str:
        return kernel.why(name)

    if given.attach is not None:
        if boot:
            raise Failure(f"--boot {OWN_PROCESS}")
        told = ask("why", {"name": name}, of=dict)["why"]
    else:
        told = with_kernel(given, live, start) if boot else why_from_metadata(given.discovery, name)
    if told.startswith("unknown"):
        raise Failure(f"{name}: {told} See: signalpy plugins")
    say(f"{name}: {told}")
