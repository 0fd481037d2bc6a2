"""``signalpy audit coverage``: what is recorded of all that the installed components can do and publish."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
import msgspec

from signalpy.cli.catalog import declared, known_events
from signalpy.cli.options import options
from signalpy.cli.output import print_columns
from signalpy.configuration import component_settings
from signalpy.policy import Policies
from signalpy_audit_trail.coverage import Covered, of_calls, of_events
from signalpy_audit_trail.privacy.rules import parse_rules
from signalpy_audit_trail.settings import NAME, Settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A list of objects instead of text.")
def coverage(*, as_json: bool) -> None:
    """List every runnable and every event type, with its audit level and its privacy rules.

    Imports the components' classes; starts nothing, opens no trail and needs no network, so that a CI can call it.
    Exit codes: 0 everything is classified, 1 something is not, 2 it could not run.
    """
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
    targets = [f"{spec.name}.{item.name}" for spec in specs for item in spec.runnables]
    events = [(pattern, spec.name) for spec in specs for pattern in spec.emits]
    owners = dict(events)
    events += [(event_type, owners.get(event_type, "-")) for event_type, _, _ in known_events(given).models()]
    yield from of_calls(targets, Policies(configuration.policy), rules)
    yield from of_events(events, settings.events, settings.coverage.exempt, rules)
