"""``signalpy schema``: the typed events that are known here, and their JSON Schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from signalpy.cli.catalog import known_events
from signalpy.cli.failure import Failure
from signalpy.cli.options import options
from signalpy.cli.output import print_columns, print_json
from signalpy.matching import did_you_mean

if TYPE_CHECKING:
    from signalpy.schemas import Schemas


@click.command()
@click.argument("event_type", metavar="[TYPE]", required=False)
@click.option("--json", "as_json", is_flag=True, help="One object: the JSON Schema by the event's stamp, type/vN.")
def schema(event_type: str | None, *, as_json: bool) -> None:
    """List the typed events, of TYPE or all: their versions, fields, and the older versions that are still read.

    Imports the components' classes, and what distributions name under signalpy.events; nothing is started.
    """
    schemas = known_events(options())
    if event_type is not None and event_type not in schemas.types():
        hint = did_you_mean(event_type, schemas.types())
        raise Failure(f"no typed event {event_type!r} is known.{hint} See: signalpy schema")
    models = [each for each in schemas.models() if event_type in (None, each[0])]
    if as_json:
        print_json(_json_schemas(models))
    elif not models:
        click.echo("signalpy: no typed event is known: no component has one, and no distribution names one", err=True)
    else:
        print_columns(("EVENT", "READS", "FIELDS"), [_row(schemas, *each) for each in models])


def _json_schemas(models: list[tuple[str, int, type]]) -> dict[str, dict[str, Any]]:
    from signalpy.schemas import json_schema, stamp

    return {stamp(event_type, version): json_schema(model) for event_type, version, model in models}


def _row(schemas: Schemas, event_type: str, version: int, model: Any) -> tuple[str, str, str]:
    from signalpy.schemas import stamp

    older = [f"v{each}" for each in schemas.upcasts(event_type) if each < version]
    form = model.model_json_schema()
    fields = ", ".join(name if name in form.get("required", ()) else f"{name}?" for name in form.get("properties", ()))
    return stamp(event_type, version), ", ".join(older) or "-", fields or "-"
