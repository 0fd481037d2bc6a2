"""What installed components declare: their classes are imported, nothing is started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from signalpy.discovery import Candidate, LoadError
from signalpy.states import State

if TYPE_CHECKING:
    from signalpy.cli.options import Options
    from signalpy.definition import ComponentSpec
    from signalpy.schemas import Schemas

EVENTS: Final = "signalpy.events"
"""The entry-point group of typed events: the name is the event type. Loading one imports its upcasters too."""


def declared(given: Options) -> list[tuple[Candidate, ComponentSpec]]:
    """Every component that may be loaded, in the order in which they would start. One that is broken costs a line."""
    from signalpy.definition import spec_of
    from signalpy.kernel.planning import plan

    found = {}
    for candidate in given.discovery.candidates:
        if candidate.state is not State.DISCOVERED:
            continue
        try:
            found[candidate.name] = (candidate, spec_of(candidate.load()))
        except LoadError as error:
            click.echo(f"signalpy: {candidate.name} is left out: {error}", err=True)
    order = plan([spec for _, spec in found.values()])
    return [found[name] for name in [*order.order, *order.cycles]]


def known_events(given: Options) -> Schemas:
    """The typed events and upcasters that components and the group ``signalpy.events`` bring along."""
    from signalpy.schemas import KNOWN

    declared(given)
    load_events(given)
    return KNOWN


def load_events(given: Options) -> None:
    """Imports what the group ``signalpy.events`` names, with its upcasters. One that is broken costs a line."""
    for entry in given.discovery.extensions(EVENTS).values():
        try:
            entry.load()
        except LoadError as error:
            click.echo(f"signalpy: the event {entry.name} of {entry.distribution} is left out: {error}", err=True)
