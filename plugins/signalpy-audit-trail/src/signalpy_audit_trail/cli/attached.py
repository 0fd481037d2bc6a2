"""What ``signalpy --attach PATH audit …`` asks of the trail of a process that runs, over its socket.

It is asked through the runnables of the trail, like by any caller: the policies of that process decide, and it records
the access itself, with the user at the other end of the socket as the actor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from signalpy.cli import ask, options
from signalpy.cli.failure import Failure
from signalpy_audit_trail.leaves import decoded
from signalpy_audit_trail.query import MAX_LIMIT

NAME: Final = "audit-trail"
ASKED: Final = ("query", "status", "summary", "tail")
"""The commands that a process can be asked."""
PAGE: Final = 8 << 20
"""Bytes of records in one answer. In the JSON of a message they may become six times as many, which it holds."""
_CALLED: Final = ("erase", "export")


def attached(*, store: str | None = None, index: str | None = None) -> bool:
    """Whether a process is to be asked.

    :raises Failure: if a trail is named as well.
    """
    if options().attach is None:
        return False
    given = [name for name, value in (("--store", store), ("--index", index)) if value is not None]
    if given:
        raise Failure(f"{given[0]} goes without --attach: the process knows its own trail")
    return True


def check_asked(command: str) -> None:
    """:raises Failure: if the process that is to be asked cannot be asked for this command."""
    if command in ASKED:
        return
    answers = f"audit {', '.join(ASKED)}"
    if command in _CALLED:
        instead = f"leave it out, or call the runnable: signalpy --attach PATH invoke {NAME}.{command} JSON"
    else:
        instead = "leave it out, it works beside a process that runs; audit status tells which --store"
    raise Failure(f"audit {command} goes without --attach: {instead}. The process answers {answers}.")


def told(runnable: str, params: Mapping[str, Any] | None = None) -> Any:
    """What a runnable of the trail returns.

    :raises Failure: if the process could not be asked, or has no trail that runs.
    :raises Refusal: if its policies refuse.
    """
    return ask("invoke", {"target": f"{NAME}.{runnable}", "params": dict(params or {})}, of=dict, timeout=None)


class AsTold:
    """Records as the process gave them: what is encrypted is opened there, as far as it can be."""

    def stored(self, line: bytes) -> bytes:
        """The line itself."""
        return line

    def read(self, line: bytes) -> dict[str, Any]:
        """The record in it."""
        return decoded(line, str(options().attach))


def pages(asked: Mapping[str, Any], limit: int | None) -> Iterator[tuple[list[bytes], str | None]]:
    """Records as they are stored, as many at a time as a message holds, and the cursor behind them.

    :param limit: how many there are to be; all, if not given.
    """
    cursor = asked.get("cursor")
    while True:
        most = MAX_LIMIT if limit is None else min(limit, MAX_LIMIT)
        answer = told("query", {**asked, "limit": most, "cursor": cursor, "stored": True, "max_bytes": PAGE})
        lines, cursor = [line.encode() for line in answer["entries"]], answer["next"]
        yield lines, cursor
        limit = None if limit is None else limit - len(lines)
        if cursor is None or limit == 0:
            return
