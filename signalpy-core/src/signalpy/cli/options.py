"""The options of every command: which configuration, and whether errors show their traceback; and what they come to.

What a command does not ask for is not imported: reading a configuration takes longer than a whole short command.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

from signalpy.discovery.installed import Reading, read
from signalpy.environment import DEFAULT_FILE, PREFIX

if TYPE_CHECKING:
    from signalpy.configuration import Configuration
    from signalpy.discovery import Discovery


class Options:
    """What the user gave.

    :param config: path of the configuration file; ``None`` for ``signalpy.toml`` in the working directory, if any.
    :param debug: whether an error shows its traceback.
    :param attach: path of the socket of a process that runs, which is asked instead.
    """

    def __init__(self, config: str | None = None, *, debug: bool = False, attach: str | None = None) -> None:
        self.config = config
        self.debug = debug
        self.attach = attach

    @cached_property
    def configuration(self) -> Configuration:
        """The configuration, read when first asked for.

        :raises ConfigError: if it is wrong.
        """
        from signalpy.configuration import load

        return load(self.file)

    @property
    def file(self) -> str | None:
        """Path of the configuration file; ``None`` if there is none."""
        return self.config if self.config is not None else self._default

    @property
    def configured(self) -> bool:
        """Whether there is anything to read: a file, or a variable. If not, every setting has its default."""
        return self.file is not None or any(name.startswith(PREFIX) for name in os.environ)

    @cached_property
    def reading(self) -> Reading:
        """What is installed, read once for a command."""
        return read()

    @cached_property
    def discovery(self) -> Discovery:
        """What is decided on each component; what a person should look at is logged.

        :raises ConfigError: if the configuration is wrong.
        """
        from signalpy.discovery.decision import decide, tell

        discovery = decide(self.reading, self.configuration.plugins)
        tell(discovery)
        return discovery

    @property
    def _default(self) -> str | None:
        return DEFAULT_FILE if os.path.exists(DEFAULT_FILE) else None  # noqa: PTH110 - pathlib costs more than the look


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
            ["--attach"],
            metavar="PATH",
            help="Ask the process that runs with this [kernel] socket. Accepted anywhere.",
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

    :raises click.UsageError: if ``-c`` or ``--attach`` is the last word.
    """
    first: list[str] = []
    rest: list[str] = []
    left = list(arguments)
    while left:
        word = left.pop(0)
        if word == "--":
            return [*first, *rest, word, *left]
        if word in ("-c", "--config", "--attach"):
            if not left:
                raise click.UsageError(f"Option {word!r} requires an argument.")
            first += [word, left.pop(0)]
        elif (
            word == "--debug"
            or word.startswith(("--config=", "--attach="))
            or (word.startswith("-c") and word[2:3] not in ("", "-"))
        ):
            first.append(word)
        else:
            rest.append(word)
    return [*first, *rest]
