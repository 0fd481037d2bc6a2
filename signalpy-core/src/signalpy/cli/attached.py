"""What a command with ``--attach PATH`` asks of the process that runs there.

A plugin's command takes part by asking with ``ask``, and says so with ``attachable``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import click

from signalpy.cli.failure import Failure, Refusal
from signalpy.cli.options import options

C = TypeVar("C", bound=click.Command)

ANSWERED: Final = ("doctor", "invoke", "plugins", "policy", "reload", "status", "why")
"""The core's own commands that a process that runs can be asked."""
SUDO: Final = "SUDO_USER"
"""The variable in which sudo says who called it. Like all that a client says of itself it is a claim."""
TIMEOUT: Final = 30.0
"""Seconds within which a process tells what it knows."""
OWN_PROCESS: Final = "goes without --attach: the process runs already"


_MARK: Final = "signalpy_attachable"


def attachable(command: C) -> C:
    """Marks a plugin's command as one that looks at ``options().attach`` itself; others are refused with it."""
    setattr(command, _MARK, True)
    return command


def is_attachable(command: click.Command | None) -> bool:
    """Whether a plugin's command was marked so."""
    return getattr(command, _MARK, False) is True


def attach_only(command: str) -> None:
    """:raises Failure: if no process is named."""
    if options().attach is None:
        raise Failure(f"{command} asks a process that runs. Say which: signalpy --attach PATH {command}")


def ask(
    command: str,
    params: Mapping[str, Any] | None = None,
    *,
    on_behalf_of: str | None = None,
    of: type = object,
    timeout: float | None = TIMEOUT,
) -> Any:
    """The answer of the process that the user named.

    :param on_behalf_of: for whom the user asks; who called sudo, if not given.
    :param of: what the answer is, ``dict`` or ``list``.
    :param timeout: seconds to wait for it; ``None`` for as long as it takes.
    :raises Failure: if it could not be asked, or could not do it.
    :raises Refusal: if the answer is no.
    """
    from signalpy.control import Client, ControlError

    given = options()
    try:
        with Client(str(given.attach), timeout=timeout) as client:
            answer = client.ask(command, params, on_behalf_of=on_behalf_of or os.environ.get(SUDO) or None)
        if not isinstance(answer, of):
            found = type(answer).__name__
            raise ControlError(f"the process at {given.attach} answers {command} with a {found}, not a {of.__name__}.")
        return answer
    except ControlError as error:
        kind = Refusal if error.no else Failure
        raise kind(str(error), cause=error if given.debug else None) from error
