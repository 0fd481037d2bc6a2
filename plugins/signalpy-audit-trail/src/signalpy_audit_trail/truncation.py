"""Makes a value fit: what is longer than its share is cut, the longest first, and it is listed where. Pure.

Room is given out like water that is poured into vessels: what needs less than an equal share keeps what it needs, and
the rest is shared by the others. The same value and the same room always give the same result.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from signalpy_audit_trail.encoding import encode
from signalpy_audit_trail.fieldpath import Json, Path

ELLIPSIS: Final = "…"
"""Ends a text that was cut."""

_FLOOR: Final = 64
"""Below this share (bytes) children are not cut any further: the first ones are kept and the others left out."""


def cut(value: Json, room: int) -> tuple[Json, list[Path]]:
    """``value`` in at most ``room`` bytes of JSON (4 at least), and the places where something was left out.

    Texts keep their beginning; objects and lists keep all their children as long as each can have 64 bytes or what it
    needs, else the first ones. A number that does not fit becomes ``null``.
    """
    cutter = _Cutter()
    return cutter.value(value, max(room, 4), ()), cutter.paths


def shares(sizes: Iterable[int], room: int) -> int:
    """The greatest share such that ``sum(min(size, share))`` is at most ``room``; ``room`` itself if all fit."""
    ordered = sorted(sizes)
    left = room
    for place, size in enumerate(ordered):
        share = left // (len(ordered) - place)
        if size > share:
            return max(0, share)
        left -= size
    return max(0, room)


def size(value: Json) -> int:
    """Length of the JSON of ``value`` in bytes, without making it."""
    return _Cutter().size(value)


class _Cutter:
    def __init__(self) -> None:
        self.paths: list[Path] = []
        self.sizes: dict[int, int] = {}

    def size(self, value: Json) -> int:
        """Length in bytes; kept for what is costly, under the identity of a value that outlives this object's use."""
        if not isinstance(value, str | dict | list):
            return len(encode(value))
        known = self.sizes.get(id(value))
        if known is None:
            known = self.sizes[id(value)] = self._measured(value)
        return known

    def _measured(self, value: str | dict[str, Json] | list[Json]) -> int:
        if isinstance(value, str):
            return len(encode(value))
        if isinstance(value, list):
            return 1 + max(1, sum(self.size(child) + 1 for child in value))
        return 1 + max(1, sum(self.size(key) + self.size(child) + 2 for key, child in value.items()))

    def value(self, value: Json, room: int, path: Path) -> Json:
        if self.size(value) <= room:
            return value
        if isinstance(value, dict):
            return self.members(value, room, path)
        if isinstance(value, list):
            return self.elements(value, room, path)
        self.paths.append(path)
        return shortened(value, room) if isinstance(value, str) else None

    def members(self, value: dict[str, Json], room: int, path: Path) -> Json:
        given = self.given(list(value.values()), [self.size(key) + 2 for key in value], room, path)
        kept = zip(value.items(), given, strict=False)
        return {key: self.value(child, share, (*path, key)) for (key, child), share in kept}

    def elements(self, value: list[Json], room: int, path: Path) -> Json:
        kept = zip(value, self.given(value, [1] * len(value), room, path), strict=False)
        return [self.value(child, share, (*path, place)) for place, (child, share) in enumerate(kept)]

    def given(self, children: Sequence[Json], heads: Sequence[int], room: int, path: Path) -> list[int]:
        """The bytes that each child may have; for the first ones only, if not all can be kept."""
        sizes = [head + self.size(child) for head, child in zip(heads, children, strict=True)]
        share = shares(sizes, room - 2)
        if share >= _FLOOR and all(head + 4 <= share for head in heads):
            return [share - head for head in heads]
        self.paths.append(path)
        given: list[int] = []
        left = room - 2
        for head, need in zip(heads, sizes, strict=True):
            left -= min(need, max(_FLOOR, head + 4))
            if left < 0:
                break
            given.append(min(need, max(_FLOOR, head + 4)) - head)
        return given


def shortened(value: str, room: int) -> str:
    """The start of ``value`` and an ellipsis in at most ``room`` bytes of JSON; nothing where not even that fits."""
    left = room - len(encode(ELLIPSIS))
    if left < 0:
        return ""
    low, high = 0, min(len(value), left)
    while low < high:
        middle = (low + high + 1) // 2
        if len(encode(value[:middle])) - 2 <= left:
            low = middle
        else:
            high = middle - 1
    return value[:low] + ELLIPSIS
