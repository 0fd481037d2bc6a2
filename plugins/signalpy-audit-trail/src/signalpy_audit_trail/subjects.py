"""Whom or what a fact concerns: as its publisher says, and where configured paths lead to in its data. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from signalpy.matching import matches
from signalpy_audit_trail.encoding import encode, text
from signalpy_audit_trail.fieldpath import Json, Path, Wild, find, parse

MOST: Final = 1000
"""How many subjects one record names."""

_NAMES_KEPT: Final = 4096


class Subjects:
    """The configured paths.

    :param table: paths by pattern on event type or target. A path leads into the data of an event, or of a call, where
        it starts with ``params`` or ``result``.
    """

    def __init__(self, table: Mapping[str, Sequence[str]]) -> None:
        self._table = [(pattern, tuple(parse(path) for path in paths)) for pattern, paths in table.items()]
        self.paths = lru_cache(maxsize=_NAMES_KEPT)(self._paths)

    def _paths(self, name: str) -> tuple[Path, ...]:
        return tuple(path for pattern, paths in self._table if matches(name, pattern) for path in paths)

    def lead_into(self, name: str, part: str) -> bool:
        """Whether a path leads into ``params`` or ``result`` of the calls of ``name``."""
        paths = self.paths(name)
        return bool(paths) and any(path[0] in (part, Wild.MEMBER) for path in paths)

    def of(self, name: str, data: Json, given: Iterable[str] = ()) -> tuple[str, ...]:
        """The subjects of one fact, each once: the given ones first, then those in its data, numbers as text.

        At most one more than `MOST`, by which it is known that there are others.
        """
        found = dict.fromkeys([text(subject) for subject in given])
        for path in self.paths(name):
            for _, value in find(data, path):
                found.update(dict.fromkeys(_texts(value)))
                if len(found) > MOST:
                    break
        return tuple(found)[: MOST + 1]


def _texts(value: Json) -> list[str]:
    if isinstance(value, list):
        return [name for item in value[: MOST + 1] if not isinstance(item, list) for name in _texts(item)]
    if isinstance(value, str):
        return [value] if value else []
    return [] if value is None or isinstance(value, bool | dict) else [encode(value).decode()]
