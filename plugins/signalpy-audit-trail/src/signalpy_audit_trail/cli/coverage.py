"""``signalpy audit coverage``: what is recorded of all that the installed components can do and publish."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import click
import msgspec

from signalpy.cli.catalog import EVENTS, declared, load_events
from signalpy.cli.options import options
from signalpy.cli.output import print_columns
from signalpy.configuration import component_settings
from signalpy.matching import is_pattern, matches_any
from signalpy.policy import Policies
from signalpy.schemas import KNOWN
from signalpy.states import State
from signalpy_audit_trail.coverage import Covered, of_calls, of_events, of_unread
from signalpy_audit_trail.privacy.rules import parse_rules
from signalpy_audit_trail.settings import NAME, Settings

if TYPE_CHECKING:
    from signalpy.cli.options import Options
    from signalpy.definition import ComponentSpec


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A list of objects instead of text.")
def coverage(*, as_json: bool) -> None:
    """List every runnable and every event type, with its audit level and its privacy rules.

    Imports the components' classes; starts nothing, opens no trail and needs no network, so that a CI can call it.
    Events are known from `emits`, event classes, and subscriptions to one name: what is published under a name that
    stands nowhere cannot be known. Exit codes: 0 everything is classified, 1 something is not, or cannot be imported,
    2 it could not run.
    """
    with redirect_stdout(sys.stderr):  # what components print when they are imported is no part of the answer
        found = [*_covered()]
    if as_json:
        click.echo(
            msgspec.json.encode([{**msgspec.to_builtins(each), "classified": each.classified} for each in found])
        )
    else:
        rows = [(each.kind, each.name, each.level, each.by or "-", "; ".join(each.privacy) or "-") for each in found]
        print_columns(("KIND", "NAME", "LEVEL", "BY", "PRIVACY"), rows)
    missing = [each.name for each in found if not each.classified]
    if missing:
        advice = "give each an audit level under [policy], events a pattern in [audit-trail] events or coverage.exempt"
        click.echo(f"signalpy: {len(missing)} of {len(found)} are unclassified; {advice}", err=True)
        raise SystemExit(1)


def _covered() -> Iterator[Covered]:
    given = options()
    configuration = given.configuration
    table: dict[str, Any] = configuration.tables.get(NAME, {})
    settings: Settings = component_settings(Settings, table, NAME)
    rules = parse_rules(table.get("privacy", {}))
    specs = [spec for _, spec in declared(given)]
    unread = {candidate.name for candidate in given.discovery.candidates if candidate.state is State.DISCOVERED}
    targets = [f"{spec.name}.{item.name}" for spec in specs for item in spec.runnables]
    yield from of_calls(targets, Policies(configuration.policy), rules)
    yield from of_events(_events(given, specs), settings.events, settings.coverage.exempt, rules)
    yield from of_unread(unread - {spec.name for spec in specs})


def _events(given: Options, specs: Sequence[ComponentSpec]) -> Iterator[tuple[str, str]]:
    """Every event type that is named anywhere, and who says that he publishes it."""
    load_events(given)
    owners = {pattern: spec.name for spec in specs for pattern in spec.emits}
    yield from owners.items()
    named = {event_type for event_type, _, _ in KNOWN.models()} | {*given.discovery.extensions(EVENTS)}
    awaited = {item.pattern for spec in specs for item in spec.subscriptions if not is_pattern(item.pattern)}
    for name in named | {name for name in awaited if matches_any(name, owners) is None}:
        yield name, owners.get(name, "-")
