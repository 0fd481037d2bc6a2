"""Errors of the command line: one line on stderr that says what is wrong and what to do."""

from __future__ import annotations

import sys
from typing import IO, Any, Final

import click

from signalpy.plain import printable

NO: Final = 1
"""Exit code: the answer is no."""
COULD_NOT: Final = 2
"""Exit code: wrong usage, or it could not run."""
INTERRUPTED: Final = 130
"""Exit code after Ctrl-C, as shells have it: 128 + SIGINT."""


class Failure(click.ClickException):
    """Ends the command with one line on stderr.

    :param cause: the exception whose traceback ``--debug`` shows.
    """

    exit_code = COULD_NOT

    def __init__(self, message: str, *, cause: BaseException | None = None) -> None:
        super().__init__(printable(" ".join(message.split())))
        self.cause = cause

    def show(self, file: IO[Any] | None = None) -> None:
        """Prints the line, after the traceback where there is one to show."""
        if self.cause is not None:
            import traceback

            click.echo("".join(traceback.format_exception(self.cause)), file=file or sys.stderr, nl=False)
        click.echo(f"signalpy: {self.message}", file=file or sys.stderr)


class Refusal(Failure):
    """The command ran, and the answer is no."""

    exit_code = NO


def in_one_line(error: click.UsageError) -> Failure:
    """A wrong usage, and where its help is."""
    where = error.ctx.command_path if error.ctx is not None else "signalpy"
    said = error.format_message()
    return Failure(f"{said}{'' if said.endswith(('.', '?', ')')) else '.'} See: {where} --help")


def told(error: BaseException) -> str:
    """An unexpected exception in a line."""
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
