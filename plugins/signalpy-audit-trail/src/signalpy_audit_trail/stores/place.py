"""From URLs to paths and back, for stores whose trail is a file or a folder."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote

from signalpy_audit_trail.store import UnknownStore


def locate(scheme: str, location: str) -> Path:
    """Return the path that ``///absolute`` or ``relative``, the part of a URL after the scheme's colon, means.

    :raises UnknownStore: it means none.
    """
    url = f"{scheme}:{location}"
    if location.startswith("//") and not location.startswith("///"):
        raise UnknownStore(f"{url}: expected {scheme}:///absolute or {scheme}:relative", url=url)
    path = unquote(location[2:] if location.startswith("///") else location)
    if not path or "\0" in path:
        raise UnknownStore(f"{scheme}: expected a path, as in {scheme}:///var/lib/trail or {scheme}:trail", url=url)
    return Path(path)


def url_of(scheme: str, path: Path) -> str:
    """Return the URL that means ``path``."""
    text = str(path).replace("%", "%25")
    return f"{scheme}://{text}" if path.is_absolute() else f"{scheme}:{text}"


def cache_path(origin: str) -> Path:
    """Return where the index of a trail that may not be written is kept: under the user's cache folder, by origin."""
    folder = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(folder).expanduser() / "signalpy" / f"{origin.rpartition('/')[2]}.sqlite3"
