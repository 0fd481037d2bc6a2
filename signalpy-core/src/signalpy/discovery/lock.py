"""The lock file: what was installed when the operator looked at it, and how that differs from what is installed now.

It covers the files that RECORD lists, whatever else could be imported in the same packages, and where the distribution
came from (PEP 610). It does not cover compiled files (``__pycache__``), scripts, what the distributions depend on, the
sources of an editable install, nor an index that was compromised before the lock was written.
"""

from __future__ import annotations

import contextlib
import os
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from signalpy.discovery.inspection import inspect
from signalpy.discovery.installed import Installed
from signalpy.discovery.records import record_sha256
from signalpy.errors import ConfigError

FORMAT: Final = 1
_HEAD: Final = """\
# The installed plugins as somebody looked at them. Written by: signalpy lock. Compared by: signalpy lock --check

"""
_PASSWORD: Final = re.compile(r"(://[^/@:]*):[^/]*@")


class Locked(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One distribution as it was.

    :param record_sha256: SHA-256 of RECORD in hex, as the audit trail's inventory has it. It is not compared: RECORD
        also lists what an installer adds, which is another in every environment.
    :param files_sha256: SHA-256 over path and content of its files, the same in every environment.
    :param origin: ``direct_url.json`` (PEP 610), if it did not come from an index.
    """

    name: str
    version: str
    record_sha256: str | None = None
    files_sha256: str | None = None
    origin: dict[str, Any] | None = None


class Lock(Struct, frozen=True, forbid_unknown_fields=True):
    """The content of a lock file: TOML, sorted by name. ``format`` grows when its meaning changes."""

    format: int
    distribution: tuple[Locked, ...]

    def find(self, name: str) -> Locked | None:
        """The entry of the distribution with this canonical name."""
        return next((locked for locked in self.distribution if locked.name == name), None)


def taken(installed: Installed) -> Locked:
    """``installed`` as it is now. Reads every file that its RECORD lists."""
    return Locked(
        name=installed.name,
        version=installed.version,
        record_sha256=record_sha256(installed.metadata),
        files_sha256=inspect(installed.metadata).sha256,
        origin=origin_of(installed),
    )


def lock_of(installed: Iterable[Installed]) -> Lock:
    """The lock of these distributions as they are now."""
    return Lock(FORMAT, tuple(sorted((taken(item) for item in installed), key=lambda locked: locked.name)))


def write(path: Path, lock: Lock) -> None:
    """Writes the file in one step: a reader sees the old one or the new one.

    :raises OSError: if it cannot be written; the old one is still there.
    """
    import tomli_w

    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            file.write(_HEAD.encode() + tomli_w.dumps(_plain(msgspec.to_builtins(lock))).encode())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise


def read(path: Path) -> Lock:
    """:raises ConfigError: if there is no such file or it is no lock file of this format."""
    try:
        lock = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Lock)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        fix = ". Write it with: signalpy lock" if isinstance(error, FileNotFoundError) else ""
        raise ConfigError(f"cannot read the lock file {path}: {reason}{fix}", key="plugins.lockfile") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise ConfigError(f"{path} is no lock file: {error}", key="plugins.lockfile") from None
    if lock.format != FORMAT:
        raise ConfigError(f"{path}: expected lock format {FORMAT}, found {lock.format}", key="plugins.lockfile")
    return lock


def differences(installed: Installed, locked: Locked) -> list[str]:
    """How what is installed differs from what was locked, each in a few words; empty if it does not."""
    if installed.version != locked.version:
        return [f"version {installed.version} is installed, {locked.version} is locked"]
    now = inspect(installed.metadata)
    found = []
    if now.unreadable or now.sha256 != locked.files_sha256:
        found += now.problems or ["its files are not those that were locked, and neither is its RECORD"]
    if origin_of(installed) != locked.origin:
        found.append("it was installed from another place")
    return found


def compared(lock: Lock, wanted: Iterable[Installed], installed: Iterable[Installed]) -> dict[str, list[str]]:
    """How every distribution differs that does, by name, each difference in a few words.

    :param wanted: those of which something is let in; what is locked besides is a difference as well.
    :param installed: all that offer something to this framework.
    """
    here = {item.name for item in installed}
    found = {}
    for item in wanted:
        locked = lock.find(item.name)
        found[item.name] = differences(item, locked) if locked is not None else ["it is installed and not locked"]
    for locked in lock.distribution:
        gone = "it is locked and " + ("no longer let in" if locked.name in here else "not installed")
        found.setdefault(locked.name, [gone])
    return {name: words for name, words in sorted(found.items()) if words}


def is_editable(installed: Installed) -> bool:
    """Whether its code lies where it is worked on, and RECORD knows nothing of it."""
    about = (origin_of(installed) or {}).get("dir_info")
    return isinstance(about, dict) and about.get("editable") is True


def origin_of(installed: Installed) -> dict[str, Any] | None:
    """What ``direct_url.json`` says, without passwords; ``None`` if it came from an index."""
    try:
        text = installed.metadata.read_text("direct_url.json")
        if not text:
            return None
        origin = msgspec.json.decode(text.encode(), type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {"unreadable": True}
    if isinstance(origin.get("url"), str):
        origin["url"] = _PASSWORD.sub(r"\1@", origin["url"])
    return _plain(origin)  # type: ignore[no-any-return]  # a dictionary stays one


def _plain(value: Any) -> Any:
    """``value`` without the nulls, which TOML cannot say."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value if item is not None]
    return value
