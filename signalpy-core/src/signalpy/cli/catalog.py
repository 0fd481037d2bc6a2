"""What installed components declare: their classes are imported, nothing is started."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from signalpy.discovery import Candidate, LoadError, scan
from signalpy.states import State

if TYPE_CHECKING:
    from signalpy.cli.options import Options
    from signalpy.definition import ComponentSpec


def declared(given: Options) -> list[tuple[Candidate, ComponentSpec]]:
    """Every component that may be loaded, in the order in which they would start. One that is broken costs a line."""
    from signalpy.definition import spec_of
    from signalpy.kernel.planning import plan

    found = {}
    for candidate in scan(given.configuration.plugins).candidates:
        if candidate.state is not State.DISCOVERED:
            continue
        try:
            found[candidate.name] = (candidate, spec_of(candidate.load()))
        except LoadError as error:
            click.echo(f"signalpy: {candidate.name} is left out: {error}", err=True)
    order = plan([spec for _, spec in found.values()])
    return [found[name] for name in [*order.order, *order.cycles]]
