"""Files and folders for their owner only, and names that are durable."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_ANY_WRITE = 0o222


def make_folder(path: Path, *, like_parent: bool = False) -> None:
    """Make a folder that only its owner may enter, and the missing ones above it; one that exists stays as it is.

    :param like_parent: when root makes it, give it to whom the folder above it belongs.
    """
    if not path.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        if like_parent and os.geteuid() == 0:
            parent = path.parent.stat()
            os.chown(path, parent.st_uid, parent.st_gid)


def open_private(path: Path, flags: int) -> int:
    """Open a file and return its descriptor; where it is made, for its owner only (0600).

    What root makes in another user's folder is given to that user, or the owner of a trail could not go on writing it.
    """
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
    if flags & os.O_CREAT and os.geteuid() == 0:
        try:
            folder = path.parent.stat()
            if os.fstat(descriptor).st_uid != folder.st_uid:
                os.fchown(descriptor, folder.st_uid, folder.st_gid)
        except BaseException:
            os.close(descriptor)
            raise
    return descriptor


def make_file(path: Path) -> None:
    """Make an empty file for its owner only, if nothing is there.

    It is made under another name and linked into place: closing any descriptor of a file drops all POSIX locks that
    this process has on it, and SQLite's are such, so a file that may be in use must not be opened and closed.
    """
    if path.exists():
        return
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    os.close(open_private(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    try:
        with suppress(FileExistsError):
            os.link(beside, path)
    finally:
        beside.unlink()


def may_write(path: Path) -> bool:
    """Tell whether this process may write a file or folder, as far as can be told without trying.

    What nobody may write by its mode is taken at its word by root too.
    """
    wanted = os.W_OK | os.X_OK if path.is_dir() else os.W_OK
    if not os.access(path, wanted, effective_ids=os.access in os.supports_effective_ids):
        return False
    return bool(path.stat().st_mode & _ANY_WRITE)


def replace_file(path: Path, content: bytes) -> None:
    """Put a file in place in one step and durably: written and synced beside it, then renamed."""
    beside = path.with_name(f"{path.name}.new")
    descriptor = open_private(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    beside.replace(path)
    sync_folder(path.parent)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder while something is made in it, against all others who do so."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
