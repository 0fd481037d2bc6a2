"""Opening a trail by its URL: the scheme names a driver in the entry-point group ``signalpy.audit_stores``."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from signalpy.configuration import PluginSettings
from signalpy.discovery.filter import Filter
from signalpy_audit_trail.store import Driver, Store, StoreError, StoreReader, UnknownStore

GROUP = "signalpy.audit_stores"
OWN = "signalpy-audit-trail"
"""The distribution that this is, whose drivers need no leave of their own."""
_DRIVE = re.compile(r"[a-z]:", re.IGNORECASE)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):(.*)", re.DOTALL)


def open_store(
    url: str, *, guest: bool = False, allowed: Callable[[EntryPoint], bool] | None = None, **options: Any
) -> Store:
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


def open_reader(
    url: str, *, index: str | None = None, allowed: Callable[[EntryPoint], bool] | None = None
) -> StoreReader:
    """Open a trail for reading.

    :param index: where to keep what searching derives, if not at the store's own place.
    :raises UnknownStore, StoreError: as `open_store`; `StoreMissing` if there is no trail.
    """
    driver, location = find_driver(url, allowed=allowed)
    return driver.read(location, index=index)


def permitted(plugins: PluginSettings) -> Callable[[EntryPoint], bool]:
    """Return which drivers the operator lets in: ``[plugins] allow`` and ``deny`` govern every group."""
    gate = Filter.of(plugins)

    def lets_in(point: EntryPoint) -> bool:
        distribution = canonicalize_name(point.dist.name) if point.dist is not None else ""
        if distribution == OWN:  # who runs this has let it in, perhaps by the name of its component
            return not gate.denial(distribution, point.name)
        return not gate.refusal(distribution, point.name)

    return lets_in


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
    driver, location = find_driver(url)
    path = driver.path(location)
    return None if path is None else path.with_name(f"{path.name}.keys")


def find_driver(url: str, *, allowed: Callable[[EntryPoint], bool] | None = None) -> tuple[Driver, str]:
    """Return the driver for a URL and what it calls the location.

    :raises UnknownStore: there is none, or two distributions claim the scheme.
    """
    matched = _SCHEME.fullmatch(url)
    if matched is None:
        raise UnknownStore(f"{url!r}: expected a store such as file:///var/lib/trail or file:trail", url=url)
    scheme, location = matched.groups()
    candidates = [point for point in entry_points(group=GROUP) if allowed is None or allowed(point)]
    named = [point for point in candidates if point.name == scheme]
    if len(named) != 1:
        raise _unsettled(url, scheme, named, candidates)
    try:
        driver: Driver = named[0].load()
    except Exception as error:
        message = f"{url}: the driver {named[0].value} cannot be loaded: {type(error).__name__}: {error}"
        raise StoreError(message, url=url) from error
    return driver, location


def _unsettled(url: str, scheme: str, named: list[EntryPoint], candidates: list[EntryPoint]) -> UnknownStore:
    known = sorted({point.name for point in candidates})
    if not named:
        message = f"{url}: no store answers to {scheme!r}; installed are {', '.join(known) or 'none'}"
    else:
        owners = sorted(point.dist.name if point.dist else point.value for point in named)
        message = f"{url}: {' and '.join(owners)} both claim {scheme!r}; remove one of them"
    return UnknownStore(message, url=url, known=known)
