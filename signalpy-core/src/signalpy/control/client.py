"""Asking a running process, from a program that has no event loop."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

from signalpy.control.address import LONGEST
from signalpy.control.errors import ControlError
from signalpy.control.peer import can_tell, peer_of
from signalpy.control.protocol import MOST_ANSWERED, read_reply, request_line

CONNECT: Final = 5.0
"""Seconds for the connection."""
PAUSE: Final = 0.05
"""Seconds between two attempts to connect."""
CHUNK: Final = 1 << 16
_BUSY: Final = "the process at {path} does not take a connection. It may be busy, or others may hold all there are."
_SAID: Final[Mapping[type[Exception], str]] = {
    FileNotFoundError: "no process serves at {path}: there is no such socket. See [kernel] socket.",
    ConnectionRefusedError: "no process serves at {path} any more; the one that did has ended.",
    PermissionError: "{path}: permission denied: only the user of the process and root may enter. Ask as one of them.",
    TimeoutError: _BUSY,
    BlockingIOError: _BUSY,
}


class Client:
    """A connection to the process that serves at ``path``; to be used in a ``with`` block.

    :param timeout: seconds to wait for an answer; ``None`` for as long as it takes.
    :raises ControlError: if none serves there, it lets nobody in, or it belongs to another user.
    """

    def __init__(self, path: str, *, timeout: float | None = None) -> None:
        if not can_tell():
            raise ControlError("this system has no sockets of this kind")
        self._path = path
        self._rest = b""
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._connect()
            self._socket.settimeout(timeout)
        except BaseException:
            self._socket.close()
            raise

    def __repr__(self) -> str:
        return f"<Client({self._path})>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def ask(self, command: str, params: Mapping[str, Any] | None = None, *, on_behalf_of: str | None = None) -> Any:
        """The result of a command; what it means is documented at ``signalpy.kernel.operator``.

        :raises ControlError: with what the process says, or if it stopped before it answered.
        """
        line = request_line(command, dict(params or {}), on_behalf_of)
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it says why, and closes
                self._socket.sendall(line)
            answer = self._line()
        except TimeoutError:
            waited = f"nothing came for {self._socket.gettimeout():g} s"
            raise ControlError(f"the process at {self._path} does not answer: {waited}. It may be busy.") from None
        except ConnectionResetError:
            raise self._ended() from None
        except OSError as error:
            raise ControlError(f"the process at {self._path} cannot be asked: {_words(error)}") from error
        try:
            return read_reply(answer)
        except ControlError as error:
            if error.kind is not None:
                raise
            raise ControlError(f"what answers at {self._path} does not speak as this version does: {error}") from None

    def _connect(self) -> None:
        path = self._path
        _check(path)
        self._socket.settimeout(CONNECT)
        end = time.monotonic() + CONNECT
        while True:
            try:
                self._socket.connect(path)
                break
            except (OSError, ValueError) as error:
                # Unlike a TCP socket it does not wait for a place in a queue that is full.
                if isinstance(error, BlockingIOError) and time.monotonic() < end:
                    time.sleep(PAUSE)
                    continue
                raise _unreachable(path, error) from error
        peer = peer_of(self._socket)
        if os.geteuid() != 0 and not peer.may_enter:
            raise ControlError(f"the process at {path} belongs to {peer.user}, who is neither you nor root.")

    def _line(self) -> bytes:
        """The next line; what comes after it is kept."""
        parts, size = [self._rest], len(self._rest)
        while b"\n" not in parts[-1]:
            part = self._socket.recv(CHUNK)
            if not part:
                raise self._ended()
            size += len(part)
            if size > MOST_ANSWERED + CHUNK:
                raise ControlError(f"the process at {self._path} answers with more than {MOST_ANSWERED} bytes.")
            parts.append(part)
        line, _, self._rest = b"".join(parts).partition(b"\n")
        return line

    def _ended(self) -> ControlError:
        return ControlError(
            f"the process at {self._path} closed the connection before it answered. If it was to change something, look"
            " whether it did."
        )


def _check(path: str) -> None:
    """:raises ControlError: if no socket can be there."""
    if not path:
        raise ControlError("expected the path of a socket, found an empty text. See [kernel] socket.")
    size = len(os.fsencode(path))
    if size > LONGEST:
        raise ControlError(f"{path}: too long: it has {size} bytes, and the path of a socket may have {LONGEST}.")
    with contextlib.suppress(OSError, ValueError):
        if not stat.S_ISSOCK(os.stat(path).st_mode):  # noqa: PTH116 - pathlib takes some errors for an answer
            raise ControlError(f"{path} is no socket. See [kernel] socket.")


def _unreachable(path: str, error: Exception) -> ControlError:
    said = next((words for kind, words in _SAID.items() if isinstance(error, kind)), None)
    return ControlError(said.format(path=path) if said is not None else f"{path}: {_words(error)}")


def _words(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
