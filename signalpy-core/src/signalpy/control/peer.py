"""Who is at the other end of a Unix domain socket: the system tells it, the peer has no say in it."""

from __future__ import annotations

import os
import socket
import struct
import sys
from dataclasses import dataclass
from typing import Final, Protocol

from signalpy.control.errors import ControlError

_LINUX: Final = struct.Struct("3i")
"""``struct ucred`` (unix(7)): pid, uid, gid."""
_BSD: Final = struct.Struct("2I")
"""How ``struct xucred`` begins (unix(4)): version, uid."""
_SOL_LOCAL, _LOCAL_PEERCRED, _LOCAL_PEERPID = 0, 1, 2


class Connected(Protocol):
    """A connected socket, also as asyncio wraps it."""

    def getsockopt(self, level: int, option: int, size: int, /) -> bytes:
        """As of ``socket.socket``."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A process at the other end, as it was when it connected.

    :param pid: its process id, where the system tells it.
    """

    uid: int
    pid: int | None = None

    @property
    def user(self) -> str:
        """The name of its user; ``uid:N`` for one without."""
        return user_name(self.uid)

    @property
    def may_enter(self) -> bool:
        """Whether it belongs to the user of this process, or to root."""
        return self.uid in (os.geteuid(), 0)


def user_name(uid: int) -> str:
    """The name of a user of the operating system; ``uid:N`` for one without."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid:{uid}"


def can_tell() -> bool:
    """Whether this system has such sockets and tells who is at the other end of one."""
    return hasattr(socket, "AF_UNIX") and (hasattr(socket, "SO_PEERCRED") or sys.platform == "darwin")


def peer_of(connected: Connected) -> Peer:
    """Who is at the other end.

    :raises ControlError: if the system does not tell.
    """
    try:
        if hasattr(socket, "SO_PEERCRED"):
            pid, uid, _ = _LINUX.unpack(connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _LINUX.size))
            return Peer(uid, pid or None)
        if sys.platform == "darwin":
            _, uid = _BSD.unpack_from(connected.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, 128))
            (number,) = struct.unpack("i", connected.getsockopt(_SOL_LOCAL, _LOCAL_PEERPID, 4))
            return Peer(uid, number or None)
    except (OSError, struct.error) as error:
        raise ControlError(f"the system does not tell who connects: {error}") from error
    raise ControlError("this system does not tell who connects")
