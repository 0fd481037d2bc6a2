"""The place of the socket in the file system: taken by one process at a time, mode 0600, given back at the end."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from signalpy.control.errors import ControlError
from signalpy.control.peer import can_tell, user_name

LONGEST: Final = 103 if sys.platform == "darwin" else 107
"""Bytes of a path that ``sun_path`` holds, its closing NUL apart."""
BACKLOG: Final = 16
PATIENCE: Final = 2.0
"""Seconds to wait for another process that takes the same place."""


@dataclass(slots=True)
class Address:
    """A place that is taken: the listening socket, and what is needed to give it back."""

    path: Path
    listening: socket.socket
    identity: tuple[int, int]

    def release(self) -> None:
        """Closes the socket and removes its file, if that still is its own."""
        self.listening.close()
        with contextlib.suppress(OSError):
            if _identity(self.path) == self.identity:
                self.path.unlink()


def claim(text: str) -> Address:
    """Takes the place ``text``, in which ``{pid}`` stands for the number of this process; listens from then on.

    What a dead process left there is replaced.

    :raises ControlError: in one line, if it cannot be taken; nothing is changed then.
    """
    if not can_tell():
        raise ControlError("this system does not tell who connects to a socket, so nobody can be let in")
    path = Path(text.replace("{pid}", str(os.getpid())))
    _check(path)
    with _alone(path.parent):
        _make_room(path)
        listening = _bound(path)
        try:
            listening.listen(BACKLOG)
            return Address(path, listening, _identity(path))
        except OSError as error:
            listening.close()
            raise _error(path, error) from error


def _check(path: Path) -> None:
    size = len(os.fsencode(path))
    if size > LONGEST:
        raise ControlError(
            f"{path} has {size} bytes, and the path of a socket may have {LONGEST}. Choose a shorter one, such as one"
            " below /run or /tmp."
        )
    if "\0" in str(path):
        raise ControlError("the path has a NUL in it")
    if not path.parent.is_dir():
        raise ControlError(f"{path}: there is no folder {path.parent}. Make it first: mkdir -m 700 {path.parent}")


def _make_room(path: Path) -> None:
    """Removes what a dead process of this user left.

    :raises ControlError: if anything else is there.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise _error(path, error) from error
    if not stat.S_ISSOCK(found.st_mode):
        raise ControlError(f"{path} is there already and is no socket. Remove it, or choose another path.")
    if found.st_uid not in (os.geteuid(), 0):
        raise ControlError(f"{path} belongs to {user_name(found.st_uid)}. Choose another path.")
    if _lives(path):
        raise ControlError(
            f"a process that runs serves at {path} already. Stop it, or choose another path; {{pid}} in it stands for"
            " the number of the process."
        )
    try:
        path.unlink()
    except OSError as error:
        raise _error(path, error) from error


def _lives(path: Path) -> bool:
    """Whether somebody listens there; the socket of a dead process refuses."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True  # it is busy, or lets nobody in: in any case there is one
    return True


def _bound(path: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    # So the file never has another mode, not for a moment; a file that another thread makes meanwhile is at worst too
    # private. Changing the mode afterwards would leave that moment.
    before = os.umask(0o177)
    try:
        made.bind(str(path))
    except OSError as error:
        made.close()
        raise _error(path, error) from error
    finally:
        os.umask(before)
    return made


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keeps other processes that take a place in ``folder`` waiting: two must not both find it free."""
    import fcntl

    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise _error(folder, error) from error
    try:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise ControlError(f"{folder} is locked by another process") from None
                time.sleep(0.02)
            except OSError:
                break  # a file system without locks
        yield
    finally:
        os.close(handle)


def _identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino


def _error(path: Path, error: OSError) -> ControlError:
    return ControlError(f"{path}: {(error.strerror or type(error).__name__).lower()}")
