"""What a manifest claims, held against what the log proves: that it was asked so, and that readers saw it so. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from signalpy_audit_trail.export.formats import Entry
from signalpy_audit_trail.export.manifest import ManifestError
from signalpy_audit_trail.privacy.sealed import MARK
from signalpy_audit_trail.query import Filters, QueryError, parse_query
from signalpy_audit_trail.stores.scan import passes
from signalpy_audit_trail.versions import READING

_NOT_TOLD: Final = ("subject", "intents")
"""Of a subject a record holds one of several forms; whether an intent has an outcome, another record tells."""
_MOMENTS: Final = ("since", "until")
_OF_VERSION: Final = ("data", "schema", READING)


def asked_for(filters: Mapping[str, Any]) -> Callable[[bytes], bool]:
    """Return what tells of a stored line whether it passes the filters of a manifest, as far as it tells that.

    :raises ManifestError: they are no filters.
    """
    try:
        query = parse_query({name: value for name, value in filters.items() if _is_told(name, value)})
    except QueryError as error:
        raise ManifestError(f"line 1: the filters are none of a query: {error}", line=1) from None
    return passes(query.filters) if query.filters != Filters() else lambda _: True


def as_seen(stored: Mapping[str, Any], told: Entry) -> dict[str, Any] | None:
    """Return a record as it may have been seen: what is stored, but from a row what does not follow from that.

    Only what is encrypted may be another value, and the payload of a typed event another version.

    :param told: what the row tells of the record.
    :returns: `None` if the row tells something else.
    """
    found = dict(stored)
    for name, value in stored.items():
        if _free(name, stored):
            continue
        if _holds_sealed(value):
            if name not in told or not _agrees(value, told[name]):
                return None
            found[name] = told[name]
    if isinstance(stored.get("schema"), str):
        found |= {name: told[name] for name in _OF_VERSION if name in told}
    return found


def _is_told(name: str, value: object) -> bool:
    """Whether a filter can be held against a record alone; an age counts from a moment that no manifest tells."""
    return name not in _NOT_TOLD and not (name in _MOMENTS and "-" not in str(value))


def _free(name: str, stored: Mapping[str, Any]) -> bool:
    return name in _OF_VERSION and isinstance(stored.get("schema"), str)


def _holds_sealed(value: Any) -> bool:
    if isinstance(value, dict):
        return MARK in value or any(map(_holds_sealed, value.values()))
    return isinstance(value, list) and any(map(_holds_sealed, value))


def _agrees(stored: Any, shown: Any) -> bool:
    """Whether a value is the stored one but for what is encrypted in it."""
    if isinstance(stored, dict):
        if MARK in stored:
            return True
        same = isinstance(shown, dict) and stored.keys() == shown.keys()
        return same and all(_agrees(value, shown[name]) for name, value in stored.items())
    if isinstance(stored, list):
        same = isinstance(shown, list) and len(stored) == len(shown)
        return same and all(map(_agrees, stored, shown))
    return bool(stored == shown)
