"""The group ``audit``; a command of it is imported when it is called."""

from __future__ import annotations

from importlib import import_module

import click

from signalpy.cli import attachable, options
from signalpy.matching import did_you_mean

_COMMANDS = {
    "checkpoint": "signalpy_audit_trail.cli.checkpoint:checkpoint",
    "coverage": "signalpy_audit_trail.cli.coverage:coverage",
    "erase": "signalpy_audit_trail.cli.erase:erase",
    "export": "signalpy_audit_trail.cli.export:export",
    "prove": "signalpy_audit_trail.cli.prove:prove",
    "query": "signalpy_audit_trail.cli.query:query",
    "reindex": "signalpy_audit_trail.cli.reindex:reindex",
    "rotate-kek": "signalpy_audit_trail.cli.rotate_kek:rotate_kek",
    "snapshot": "signalpy_audit_trail.cli.snapshot:snapshot",
    "status": "signalpy_audit_trail.cli.summary:status",
    "summary": "signalpy_audit_trail.cli.summary:summary",
    "tail": "signalpy_audit_trail.cli.tail:tail",
    "token": "signalpy_audit_trail.cli.token:token",
    "verify": "signalpy_audit_trail.cli.verify:verify",
}
"""Where each command is: module and object."""


class LazyGroup(click.Group):
    """A group that knows its commands by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every name."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, with the nearest name where there is no such command."""
        name = args[0]
        if not name.startswith("-") and name not in _COMMANDS:
            ctx.fail(f"There is no command {name!r}.{did_you_mean(name, _COMMANDS)}")
        if name in _COMMANDS and options().attach is not None:
            from signalpy_audit_trail.cli.attached import check_asked

            check_asked(name)
        return super().resolve_command(ctx, args)


@attachable
@click.group(cls=LazyGroup)
def audit() -> None:
    """Search, follow, prove and verify the audit trail, also while applications write it."""
