"""Opening a trail by its URL: the scheme names a driver in the entry-point group ``signalpy.audit_stores``."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signalpy.discovery.claims import Judged, fit, granted, refusal
from signalpy.discovery.entry import LoadError
from signalpy.discovery.installed import Installed, read
from signalpy_audit_trail.store import Driver, Store, StoreError, StoreReader, UnknownStore

if TYPE_CHECKING:
    from signalpy.configuration import PluginSettings

GROUP = "signalpy.audit_stores"
_DRIVE = re.compile(r"[a-z]:", re.IGNORECASE)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):(.*)", re.DOTALL)


def open_store(url: str, *, guest: bool = False, allowed: Permit | None = None, **options: Any) -> Store:
    """Open a trail for writing, making it if nothing is there.

    :param url: ``scheme:///absolute`` or ``scheme:relative``.
    :param guest: a short visit, such as one command.
    :param allowed: which of the installed drivers may be loaded; all, if not given.
    :param options: the driver's own.
    :raises UnknownStore: no driver answers to the URL.
    :raises StoreError: the trail cannot be opened; nothing was altered.
    """
    driver, location = find_driver(url, allowed=allowed)
    return driver.open(location, guest=guest, **options)


def open_reader(url: str, *, index: str | None = None, allowed: Permit | None = None) -> StoreReader:
    """Open a trail for reading.

    :param index: where to keep what searching derives, if not at the store's own place.
    :raises UnknownStore, StoreError: as `open_store`; `StoreMissing` if there is no trail.
    """
    driver, location = find_driver(url, allowed=allowed)
    return driver.read(location, index=index)


class Permit:
    """Which of the installed drivers may be loaded: those that the operator lets in, that fit, and that are as locked.

    :param plugins: ``[plugins]``, which governs every group; everything that fits may be loaded, if not given.
    """

    def __init__(self, plugins: PluginSettings | None = None) -> None:
        self.judged: Judged = lambda installed, entry: fit(installed)
        self.prefer: dict[str, str] = {}
        if plugins is not None:
            from signalpy.discovery.judge import Judge

            self.judged, self.prefer = Judge(plugins).extension, plugins.prefer


def permitted(plugins: PluginSettings | None) -> Permit:
    """Return which drivers the operator lets in."""
    return Permit(plugins)


def as_url(text: str) -> str:
    """Return ``text`` if it is a URL, and the URL of a ``file:`` store if it is a path."""
    if _SCHEME.match(text) and not _DRIVE.match(text):
        return text
    escaped = text.replace("%", "%25")
    return f"file://{escaped}" if text.startswith("/") else f"file:{escaped}"


def keys_beside(url: str) -> Path | None:
    """Return the folder beside a trail in which its keys lie unless the configuration says otherwise.

    :returns: ``<trail>.keys``; `None` for a trail that has no place among the files of this host.
    :raises UnknownStore: as `open_store`.
    """
    return keys_of(*find_driver(url))


def keys_of(driver: Driver, location: str) -> Path | None:
    """Return what `keys_beside` does, of a trail whose driver is known."""
    path = driver.path(location)
    return None if path is None else path.with_name(f"{path.name}.keys")


def find_driver(
    url: str, *, allowed: Permit | None = None, installed: Sequence[Installed] | None = None
) -> tuple[Driver, str]:
    """Return the driver for a URL and what it calls the location.

    :param installed: what is installed, if that was read already.
    :raises UnknownStore: there is none that may be loaded, or two distributions claim the scheme.
    """
    matched = _SCHEME.fullmatch(url)
    if matched is None:
        raise UnknownStore(f"{url!r}: expected a store such as file:///var/lib/trail or file:trail", url=url)
    scheme, location = matched.groups()
    permit = Permit() if allowed is None else allowed
    installed = _installed() if installed is None else installed
    known, problems = granted(installed, GROUP, permit.judged, permit.prefer)
    entry = known.get(scheme)
    if entry is None:
        claimed = next((problem for problem in problems if f" claim {scheme!r}" in problem), "")
        reason = claimed or refusal(installed, GROUP, scheme, permit.judged)
        message = f"{url}: no store answers to {scheme!r}; installed are {', '.join(sorted(known)) or 'none'}"
        raise UnknownStore(f"{url}: {reason}" if reason else message, url=url, known=sorted(known))
    try:
        driver: Driver = entry.load()
    except LoadError as error:
        raise StoreError(f"{url}: the driver {entry.value} cannot be loaded: {error}", url=url) from error
    return driver, location


def _installed() -> tuple[Installed, ...]:
    """Return what is installed; it is gone through again when that may have changed, not for each trail."""
    return _installed_on(tuple((folder, _changed(folder)) for folder in sys.path), tuple(map(id, sys.meta_path)))


@lru_cache(maxsize=4)
def _installed_on(_path: tuple[tuple[str, int], ...], _finders: tuple[int, ...]) -> tuple[Installed, ...]:
    return read().installed


def _changed(folder: str) -> int:
    try:
        return os.stat(folder or ".").st_mtime_ns  # noqa: PTH116 (each opening asks)
    except OSError:
        return -1
