"""The messages: one JSON object per line, ended by a line feed. Pure.

A request is ``{"v": 1, "command": "why", "params": {"name": "accounts"}}`` and may have ``"on_behalf_of"``. Its reply
is ``{"v": 1, "result": …}`` or ``{"v": 1, "error": {"type", "message", "no"}}``. Requests of one connection are
answered in turn.
"""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn, TypeVar

import msgspec
from msgspec import Struct, field

from signalpy.control.errors import ControlError

VERSION: Final = 1
MOST_ASKED: Final = 1 << 20
"""Bytes of a request, its line feed included."""
MOST_ANSWERED: Final = 64 << 20
"""Bytes of a reply."""

S = TypeVar("S", bound=Struct)


class Request(Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked.

    :param on_behalf_of: for whom the user at the other end does it, as he says.
    """

    v: int
    command: str
    params: dict[str, Any] = field(default_factory=dict)
    on_behalf_of: str | None = None


class Problem(Struct, frozen=True):
    """Why there is no result.

    :param type: name of the exception.
    :param no: the command ran, and the answer is no.
    """

    type: str
    message: str
    no: bool = False


class Reply(Struct, frozen=True):
    """What is answered."""

    v: int
    result: Any = None
    error: Problem | None = None


def request_line(command: str, params: dict[str, Any], on_behalf_of: str | None = None) -> bytes:
    """The line that asks.

    :raises ControlError: if it is too long.
    """
    line = _line(Request(VERSION, command, params, on_behalf_of))
    if len(line) > MOST_ASKED:
        raise ControlError(f"the request has {len(line)} bytes, and a process takes {MOST_ASKED}.")
    return line


def read_request(line: bytes) -> Request:
    """What a line asks.

    :raises ControlError: if it is no request of this version.
    """
    return _read(line, Request, "a request")


def reply_line(result: Any) -> bytes:
    """The line that answers with a result of plain JSON values."""
    line = _line(Reply(VERSION, result=result))
    if len(line) > MOST_ANSWERED:
        return problem_line("ControlError", f"the result has {len(line)} bytes, and {MOST_ANSWERED} can be sent.")
    return line


def problem_line(kind: str, message: str, *, no: bool = False) -> bytes:
    """The line that says why there is no result."""
    return _line(Reply(VERSION, error=Problem(kind, " ".join(message.split()), no)))


def read_reply(line: bytes) -> Any:
    """The result in a line.

    :raises ControlError: with the error in it, or if it is no reply of this version.
    """
    reply = _read(line, Reply, "a reply")
    if reply.error is not None:
        raise ControlError(reply.error.message, kind=reply.error.type, no=reply.error.no)
    return reply.result


def _line(message: Struct) -> bytes:
    # Not by msgspec: a text may hold what is no UTF-8, which the escapes of JSON can carry.
    plain = {name: getattr(message, name) for name in message.__struct_fields__}
    if isinstance(plain.get("error"), Problem):
        plain["error"] = msgspec.to_builtins(plain["error"])
    given = {name: value for name, value in plain.items() if value is not None or name == "result"}
    if "error" in given:
        del given["result"]
    return json.dumps(given, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _read(line: bytes, shape: type[S], what: str) -> S:
    try:
        found = json.loads(line, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ControlError(f"expected {what}, one line of JSON; found none: {error}") from None
    version = found.get("v") if isinstance(found, dict) else None
    if version != VERSION:
        raise ControlError(f'expected {what} of version {VERSION} ("v": {VERSION}), found {version!r:.40}')
    try:
        return msgspec.convert(found, shape)
    except (msgspec.ValidationError, RecursionError) as error:
        raise ControlError(f"expected {what}: {error}") from None


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")
