"""A disk that is full, for stores that keep files: no file of this process may grow beyond a limit."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager

from signalpy_audit_trail.stores import find_driver


@contextmanager
def limited(url: str, spare: int) -> Iterator[None]:
    """Leave room for ``spare`` bytes behind the largest file of a trail; for nothing at all if that is 0."""
    driver, location = find_driver(url)
    path = driver.path(location)
    files = [] if path is None else [path, *path.parent.glob(f"{path.name}*"), *path.glob("*")]
    largest = max((file.stat().st_size for file in files if file.is_file()), default=0)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest + spare if spare else 0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
