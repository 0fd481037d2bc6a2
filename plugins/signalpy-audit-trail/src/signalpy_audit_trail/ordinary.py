"""Values that are JSON already, taken as bytes at once: most data are made of nothing else. Pure.

The bytes are those that `encoding.plain` would lead to; what it would change, shorten or mark is left to it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final, TypeAlias

import msgspec

from signalpy_audit_trail.encoding import Plain, encode
from signalpy_audit_trail.fieldpath import Json, Path

_LEVELS: Final = 20
_LARGE: Final = 1e300
_TEXT: Final = frozenset((str,))
_SURE: Final = frozenset((str, bool, type(None)))
_NUMBERS: Final = frozenset((int, float))
_NOT: Final = -1

decode: Final[Callable[[bytes | msgspec.Raw], Any]] = msgspec.json.Decoder().decode


class Ready(msgspec.Struct, frozen=True):
    """A value as the bytes of its JSON, beside `encoding.Plain`.

    :param kept: what a record holds of it.
    """

    kept: msgspec.Raw
    cut: tuple[Path, ...] = ()

    @property
    def value(self) -> Json:
        """The value made of exact JSON types only; read from the bytes each time."""
        value: Json = decode(self.kept)
        return value


Snapshot: TypeAlias = Plain | Ready
"""A value as it was when it was taken: ``kept`` goes into the record, ``value`` is for those who look into it."""


def ready(value: object, *, most: int) -> Ready | None:
    """``value`` as bytes, if these are what `encoding.plain` leads to; ``None`` where that must be asked.

    :param most: bytes, as there.
    """
    try:
        if _left(value, most // 2, _LEVELS) < 0:
            return None
        raw = encode(value)
    except Exception:  # noqa: BLE001 (a lone surrogate, or a value that another thread changes: nothing that is ordinary)
        return None
    return Ready(msgspec.Raw(raw)) if len(raw) <= most else None


def opened(value: Any) -> Any:
    """``value`` with what is bytes of JSON in it, or among its members, read."""
    if type(value) is msgspec.Raw:
        return decode(value)
    if type(value) is dict and any(type(item) is msgspec.Raw for item in value.values()):
        return {key: opened(item) for key, item in value.items()}
    return value


def _left(value: Any, room: int, levels: int) -> int:
    """How many of ``room`` nodes an object or a list of exact JSON types leaves; less than none if it is none.

    Counted, since a value that holds the same list ten times, and that another, may be longer than any memory.
    """
    if type(value) is dict and set(map(type, value)) <= _TEXT:
        items: Collection[Any] = value.values()
    elif type(value) is list:
        items = value
    else:
        return _NOT
    room -= len(items)
    for item in items if room >= 0 else ():
        kind = type(item)
        if kind in _SURE:
            continue
        if kind in _NUMBERS:
            if not -_LARGE < item < _LARGE:
                return _NOT
        elif levels == 0 or (room := _left(item, room, levels - 1)) < 0:
            return _NOT
    return room
