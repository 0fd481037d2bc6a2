"""The filters of a query, as options of a command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from signalpy_audit_trail.query import KINDS, OUTCOMES

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS: Final = (
    click.option("--type", "type", metavar="PATTERN", help="Pattern on the action: event type or target (account.*)."),
    click.option("--target", metavar="PATTERN", help="Pattern on what was called or concerned."),
    click.option("--kind", metavar="KIND", help=f"One of {', '.join(KINDS)}."),
    click.option("--actor", metavar="NAME", help="Who acted."),
    click.option("--subject", metavar="NAME", help="Whom or what it concerns."),
    click.option("--caller", metavar="COMPONENT", help="The component that asked for it."),
    click.option("--outcome", metavar="OUTCOME", help=f"One of {', '.join(OUTCOMES)}."),
    click.option("--correlation-id", metavar="ID", help="The first operation of the chain."),
    click.option("--operation-id", metavar="ID", help="One operation."),
    click.option(
        "--since", metavar="TIME", help="From this time on (RFC 3339, UTC without an offset), or an age: 24h."
    ),
    click.option("--until", metavar="TIME", help="Before this time, likewise."),
    click.option("--no-intents", "intents", flag_value=False, default=None, help="Leave out intents with an outcome."),
)


def filter_options(command: F) -> F:
    """Add an option for each filter; those that are not given are `None`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
