"""The options of every command: which configuration, and whether errors show their traceback."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import click

from signalpy.configuration import DEFAULT_FILE, Configuration, load


@dataclass
class Options:
    """What the user gave.

    :param config: path of the configuration file; ``None`` for ``signalpy.toml`` in the working directory, if any.
    :param debug: whether an error shows its traceback.
    """

    config: str | None = None
    debug: bool = False

    @cached_property
    def configuration(self) -> Configuration:
        """The configuration, read when first asked for.

        :raises ConfigError: if it is wrong.
        """
        default = DEFAULT_FILE if Path(DEFAULT_FILE).exists() else None
        return load(self.config if self.config is not None else default)


def options() -> Options:
    """The options of the command that runs."""
    found: Options = click.get_current_context().ensure_object(Options)
    return found


def globals_of() -> list[click.Parameter]:
    """The options themselves, for the outermost group."""
    return [
        click.Option(
            ["-c", "--config"],
            metavar="FILE",
            help=f"The configuration; {DEFAULT_FILE} in the working directory if not given. Accepted anywhere.",
            is_eager=True,
            expose_value=False,
            callback=_keep,
        ),
        click.Option(
            ["--debug"],
            is_flag=True,
            help="Show the traceback of an error. Accepted anywhere.",
            is_eager=True,
            expose_value=False,
            callback=_keep,
        ),
    ]


def _keep(context: click.Context, option: click.Parameter, value: Any) -> None:
    given = context.ensure_object(Options)
    setattr(given, str(option.name), value)


def globals_first(arguments: Sequence[str]) -> list[str]:
    """``arguments`` with the options of every command moved to the front; what follows ``--`` stays where it is.

    :raises click.UsageError: if ``-c`` is the last word.
    """
    first: list[str] = []
    rest: list[str] = []
    left = list(arguments)
    while left:
        word = left.pop(0)
        if word == "--":
            return [*first, *rest, word, *left]
        if word in ("-c", "--config"):
            if not left:
                raise click.UsageError(f"Option {word!r} requires an argument.")
            first += [word, left.pop(0)]
        elif (
            word == "--debug" or word.startswith("--config=") or (word.startswith("-c") and word[2:3] not in ("", "-"))
        ):
            first.append(word)
        else:
            rest.append(word)
    return [*first, *rest]
