"""The lock file: what was installed when the operator looked at it, and how that differs from what is installed now.

It covers the files that RECORD lists with a hash, RECORD itself and where the distribution came from (PEP 610). It
does not cover compiled ``.pyc`` files, files that RECORD does not list (the sources of an editable install), nor an
index that was compromised before the lock was written.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from signalpy.discovery.installed import Installed
from signalpy.discovery.records import changed_files, files_sha256, record_sha256
from signalpy.errors import ConfigError

FORMAT: Final = 1
SHOWN: Final = 3
"""How many changed files a message names."""


class Locked(Struct, frozen=True, forbid_unknown_fields=True):
    """One distribution as it was. Hashes are SHA-256 in hex; ``origin`` is ``direct_url.json`` (PEP 610), if any."""

    name: str
    version: str
    record_sha256: str | None
    files_sha256: str | None
    origin: dict[str, Any] | None = None


class Lock(Struct, frozen=True, forbid_unknown_fields=True):
    """The content of a lock file: JSON, sorted by name. ``format`` grows when its meaning changes."""

    format: int
    distributions: tuple[Locked, ...]

    def find(self, name: str) -> Locked | None:
        """The entry of the distribution with this canonical name."""
        return next((locked for locked in self.distributions if locked.name == name), None)


def taken(installed: Installed) -> Locked:
    """``installed`` as it is now. Reads every file that its RECORD lists."""
    return Locked(
        name=installed.name,
        version=installed.version,
        record_sha256=record_sha256(installed.metadata),
        files_sha256=files_sha256(installed.metadata),
        origin=_origin(installed),
    )


def lock_of(installed: Iterable[Installed]) -> Lock:
    """The lock of these distributions as they are now."""
    return Lock(FORMAT, tuple(sorted((taken(item) for item in installed), key=lambda locked: locked.name)))


def write(path: Path, lock: Lock) -> None:
    """Writes the file in one step: a reader sees the old one or the new one.

    :raises OSError: if it cannot be written; the old one is still there.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(lock), indent=2) + b"\n")
        draft.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise


def read(path: Path) -> Lock:
    """:raises ConfigError: if there is no such file or it is no lock file of this format."""
    try:
        lock = msgspec.json.decode(path.read_bytes(), type=Lock)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise ConfigError(f"cannot read the lock file {path}: {reason}", key="plugins.lockfile") from error
    except msgspec.MsgspecError as error:
        raise ConfigError(f"{path} is no lock file: {error}", key="plugins.lockfile") from None
    if lock.format != FORMAT:
        raise ConfigError(f"{path}: expected lock format {FORMAT}, found {lock.format}", key="plugins.lockfile")
    return lock


def differences(installed: Installed, locked: Locked) -> list[str]:
    """How what is installed differs from what was locked, each in a few words; empty if it does not."""
    now = taken(installed)
    if now.version != locked.version:
        return [f"version {now.version} is installed, {locked.version} is locked"]
    found = []
    if now.record_sha256 != locked.record_sha256:
        found.append("RECORD is not the one that was locked")
    if now.files_sha256 != locked.files_sha256:
        changed = changed_files(installed.metadata)
        more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
        found.append(
            f"changed after it was installed: {', '.join(changed[:SHOWN])}{more}" if changed else "its files changed"
        )
    if now.origin != locked.origin:
        found.append("it was installed from another place")
    return found


def _origin(installed: Installed) -> dict[str, Any] | None:
    text = installed.metadata.read_text("direct_url.json")
    if not text:
        return None
    try:
        return msgspec.json.decode(text.encode(), type=dict[str, Any])
    except msgspec.MsgspecError:
        return {"unreadable": True}
