"""The one place through which every record passes before it is stored: protected, made to fit, turned into bytes.

Nothing else makes a `Draft`. What must not be stored is taken out here, by a `Protection`, before size and bytes are
thought of.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol, cast

from signalpy_audit_trail.draft import Draft
from signalpy_audit_trail.encoding import encode
from signalpy_audit_trail.fieldpath import Json, Path, written
from signalpy_audit_trail.record import SEQ_ROOM, Record, body, identity, opened, replaced
from signalpy_audit_trail.truncation import cut, shares, size

SMALLEST: Final = 1024
"""The least that ``max_record`` may be (bytes)."""

_IDS: Final = ("id", "operation_id", "duplicate_of", "correlation_id", "causation_id")
_FIXED: Final = frozenset({*_IDS, "time", "recorded_at", "kind", "outcome", "level", "duration_us"})
"""Fields that are never cut: an id that is too long is replaced by its digest, and the others have a known length."""

_WHOLE: Final[list[Path]] = [()]

_LIST_ROOM: Final = 200
"""Bytes in which the names of all fields can be listed."""


class Seen(NamedTuple):
    """What is known of an operation besides its record.

    :param values: what its data would be if everything of it were stored; ``None`` where that is the record's data.
    :param raised: the exception that ended it.
    :param carried: the id of a stored record whose values these are: they are protected already.
    """

    values: Json = None
    raised: BaseException | None = None
    carried: str | None = None


NOTHING: Final = Seen()


class Protection(Protocol):
    """What privacy makes of records."""

    def concerns(self, record: Record) -> bool:
        """Whether a record is to be protected. It is asked of every one."""

    def protect(self, record: Record, seen: Seen) -> Record:
        """``record`` as it may be stored. It is given with its values as JSON types, before it is cut."""

    def owed(self) -> Callable[[], None] | None:
        """What must be done before what was protected so far is stored, such as to make a key durable."""


class Drafting:
    """Makes drafts of records.

    :param limit: the most bytes that a stored record may have.
    """

    def __init__(self, limit: int, protection: Protection | None = None) -> None:
        self.limit = limit
        self._protection = protection
        self._id_room = 130 if limit >= 2 * SMALLEST else 74

    def protects(self, record: Record) -> bool:
        """Whether a record is to be protected, so that what was seen besides it counts."""
        return self._protection is not None and self._protection.concerns(record)

    def draft(self, record: Record, *, given: bool = False, seen: Seen = NOTHING) -> Draft:
        """The draft of ``record``.

        :param given: whether the id came from a publisher.
        """
        kept, needs = self._short_ids(record), None
        protection = self._protection
        if protection is not None and (protection.concerns(kept) or seen.carried is not None):
            kept = protection.protect(opened(kept), seen)
            needs = protection.owed()
        stored = body(kept)
        if len(stored) + SEQ_ROOM > self.limit:
            kept = fitted(kept, self.limit)
            stored = body(kept)

        if not given:
            return Draft(id=kept.id, body=stored, needs=needs)

        def renamed(id: str, duplicate_of: str) -> Draft:
            return self.draft(replaced(record, id=id, duplicate_of=duplicate_of), seen=seen)

        return Draft(id=kept.id, body=stored, given=True, renamed=renamed, needs=needs)

    def _short_ids(self, record: Record) -> Record:
        ids = (record.id, record.operation_id, record.duplicate_of, record.correlation_id, record.causation_id)
        if len(encode(ids)) <= self._id_room:  # all together, as they mostly are: each one then fits
            return record
        long = {}
        for name in _IDS:
            text = getattr(record, name)
            if text is not None and (short := identity(text, self._id_room)) != text:
                long[name] = short
        return replaced(record, **long, truncated=(*record.truncated, *long)) if long else record


def fitted(record: Record, limit: int) -> Record:
    """``record`` in at most ``limit`` stored bytes, with the paths that were cut in ``truncated``.

    What is left of ``data`` depends on ``data`` and ``limit`` alone, so that a repeated delivery can be known by it.

    :param limit: `SMALLEST` at least.
    """
    if len(body(record)) + SEQ_ROOM <= limit:
        return record
    record = opened(record)
    fields = record.present()
    fields.pop("truncated", None)
    paths = list(record.truncated)
    reserve = max(_LIST_ROOM, min(limit // 64, 4096))
    room = limit - SEQ_ROOM - 2 - reserve - sum(_head(name) + size(fields[name]) for name in _FIXED & fields.keys())
    changed: dict[str, Json] = {}
    if "data" in fields:
        changed["data"], found = cut(fields["data"], min(_data_room(limit), room - _head("data")))
        paths += [written(("data", *path)) for path in found]
        room -= _head("data") + size(changed["data"])
    others = {name: value for name, value in fields.items() if name not in _FIXED and name != "data"}
    share = shares((_head(name) + size(value) for name, value in others.items()), room)
    for name, value in others.items():
        if _head(name) + size(value) > share:
            changed[name], found = cut(value, share - _head(name)) if share - _head(name) >= 4 else (None, _WHOLE)
            paths += [written((name, *path)) for path in found]
    return replaced(record, **_typed(changed), truncated=_listed(paths, reserve))


def _typed(changed: dict[str, Json]) -> dict[str, object]:
    """The fields as a record has them: subjects as a tuple, and a text where one must be."""
    found: dict[str, object] = dict(changed)
    if "subjects" in changed:
        found["subjects"] = tuple(cast("list[str]", changed["subjects"] or []))
    if changed.get("action", "") is None:
        found["action"] = ""
    return found


def _data_room(limit: int) -> int:
    """The bytes of ``data`` in a record that must be cut."""
    return limit - limit // 8 if limit >= 16 * SMALLEST else limit // 8


def _head(name: str) -> int:
    return len(name) + len('"":,')


def _listed(paths: list[str], room: int) -> tuple[str, ...]:
    """The paths, each once; only the fields that they lie in, where all paths would be too long."""
    unique = tuple(dict.fromkeys(paths))
    if len(encode(unique)) + _head("truncated") <= room:
        return unique
    return tuple(dict.fromkeys(path.partition(".")[0].partition("[")[0] for path in unique))
