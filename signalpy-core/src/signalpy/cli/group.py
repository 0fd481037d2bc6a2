"""The outermost group: finds commands by their entry points and imports one only when it is called."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from signalpy.cli.failure import COULD_NOT, INTERRUPTED, Failure, in_one_line, told
from signalpy.cli.options import Options, globals_first
from signalpy.cli.summaries import SUMMARIES
from signalpy.discovery.claims import Judged, fit, granted, refusal
from signalpy.discovery.compatibility import CORE
from signalpy.discovery.entry import Entry, LoadError
from signalpy.errors import SignalPyError
from signalpy.matching import did_you_mean

COMMANDS = "signalpy.commands"
WIDEST = 200
"""Letters of a command's line in the help, which goes on over lines."""


class Root(click.Group):
    """``signalpy``. Its help imports no command: of its own it knows what they do, of others it tells from metadata."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command that may be loaded."""
        return sorted(_every(ctx))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports a command.

        :raises Failure: if its code is broken.
        """
        entry = _own(ctx).get(cmd_name) or _every(ctx).get(cmd_name)
        if entry is None:
            return None
        try:
            command = entry.load()
        except LoadError as error:
            cause = error if ctx.ensure_object(Options).debug else None
            raise Failure(
                f"the command {cmd_name!r} of {entry.distribution} is broken: {error}", cause=cause
            ) from error
        if not isinstance(command, click.Command):
            found = type(command).__name__
            problem = f"expected a click command, found {found}"
            raise Failure(f"the command {cmd_name!r} of {entry.distribution} is broken: {problem}")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, with the nearest name where there is no such command."""
        name = args[0]
        if _given(ctx).attach is not None and not name.startswith("-"):
            self._check_attachable(ctx, name)
        if not _own(ctx):
            raise Failure(
                f"{CORE} has no metadata on this path, so its commands cannot be found. Run: pip install {CORE}"
            )
        if not name.startswith("-") and name not in _own(ctx) and name not in _every(ctx):
            reason = refusal(_given(ctx).reading.installed, COMMANDS, name, _rules(ctx)[0])
            ctx.fail(f"There is no command {name!r}{f': {reason}' if reason else ''}.{did_you_mean(name, _every(ctx))}")
        return super().resolve_command(ctx, args)

    def _check_attachable(self, ctx: click.Context, name: str) -> None:
        """:raises Failure: if there is such a command, and no process that runs can be asked for it."""
        from signalpy.cli.attached import ANSWERED, is_attachable

        if name in ANSWERED or (name not in _own(ctx) and name not in _every(ctx)):
            return
        if name in _own(ctx) or not is_attachable(self.get_command(ctx, name)):
            raise Failure(
                f"{name} cannot be asked of a process that runs; leave out --attach. It answers: {', '.join(ANSWERED)}."
            )

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands: the core's own, then those of plugins with what their distribution says of itself."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._summary(ctx, name)) for name in sorted(_own(ctx))])
        try:
            others = {name: entry for name, entry in _every(ctx).items() if name not in _own(ctx)}
        except SignalPyError as error:
            click.echo(f"signalpy: {' '.join(str(error).split())}; commands of plugins are left out", err=True)
            return
        if others:
            said = {item.name: item.summary for item in _given(ctx).reading.installed}
            with formatter.section("Commands of plugins"):
                formatter.write_dl(
                    [
                        (name, f"{said[entry.distribution]} ({entry.distribution})".strip())
                        for name, entry in sorted(others.items())
                    ]
                )

    def _summary(self, ctx: click.Context, name: str) -> str:
        """What an own command does, in a line."""
        if name in SUMMARIES:
            return SUMMARIES[name]
        command = self.get_command(ctx, name)
        return command.get_short_help_str(limit=WIDEST) if command is not None else ""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does it, with the options of every command accepted anywhere."""
        with _one_line(ctx):
            if not args:
                click.echo(ctx.get_help(), err=True)
                ctx.exit(COULD_NOT)
            return super().parse_args(ctx, globals_first(args))

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; whatever it raises becomes one line and an exit code."""
        with _one_line(ctx):
            return super().invoke(ctx)


@contextmanager
def _one_line(ctx: click.Context) -> Iterator[None]:
    debug = ctx.ensure_object(Options).debug
    try:
        yield
    except click.UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            raise
        raise in_one_line(error) from error
    except SignalPyError as error:
        raise Failure(str(error), cause=error if ctx.ensure_object(Options).debug else None) from error
    except KeyboardInterrupt:
        ctx.exit(INTERRUPTED)
    except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
        raise
    except Exception as error:
        advice = "" if debug else " (--debug shows where)"
        raise Failure(f"{told(error)}{advice}", cause=error if ctx.ensure_object(Options).debug else None) from error


def _own(ctx: click.Context) -> dict[str, Entry]:
    """The core's own commands; the configuration has no say in them."""
    for item in _given(ctx).reading.installed:
        if item.name == CORE:
            return {entry.name: entry for entry in item.entries_of(COMMANDS)}
    return {}


def _every(ctx: click.Context) -> dict[str, Entry]:
    """All commands that the configuration lets in.

    :raises ConfigError: if it cannot be read.
    """
    meta = ctx.find_root().meta
    if COMMANDS not in meta:
        judged, prefer = _rules(ctx)
        meta[COMMANDS], problems = granted(_given(ctx).reading.installed, COMMANDS, judged, prefer)
        for problem in problems:
            click.echo(f"signalpy: {problem}", err=True)
    found: dict[str, Entry] = meta[COMMANDS]
    return found


def _rules(ctx: click.Context) -> tuple[Judged, dict[str, str]]:
    """What stands against a command, and who is preferred where two claim one."""
    given = _given(ctx)
    if not given.configured:
        return (lambda installed, _: fit(installed)), {}
    from signalpy.discovery.judge import Judge

    settings = given.configuration.plugins
    return Judge(settings).extension, settings.prefer


def _given(ctx: click.Context) -> Options:
    return ctx.find_root().ensure_object(Options)
