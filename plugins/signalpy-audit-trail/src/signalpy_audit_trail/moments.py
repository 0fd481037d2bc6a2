"""Moments as a query names them: RFC 3339 times, naive ones in UTC, and ages such as ``24h``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_AGE = re.compile(r"(\d{1,9})\s*([smhdw])", re.IGNORECASE)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

ACCEPTED = "an RFC 3339 time (2026-01-31T12:00:00Z; without an offset it is UTC) or an age (30m, 24h, 7d)"


def microseconds(moment: datetime) -> int:
    """Return the exact number of microseconds since 1970-01-01T00:00:00Z; a naive moment is UTC."""
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // _MICROSECOND


def rfc3339(micros: int) -> str:
    """Return the moment as stored records write it: UTC, six digits, ``Z``."""
    return (_EPOCH + micros * _MICROSECOND).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def parse_moment(text: str, *, now: datetime) -> int:
    """Return the moment named by ``text`` in microseconds since 1970.

    :param now: what an age is counted back from.
    :raises ValueError: neither a time nor an age, or out of the calendar's range.
    """
    age = _AGE.fullmatch(text.strip())
    try:
        if age:
            return microseconds(now - timedelta(**{_UNITS[age[2].lower()]: int(age[1])}))
        return microseconds(datetime.fromisoformat(text.strip().upper()))
    except (ValueError, OverflowError):
        raise ValueError(ACCEPTED) from None


def from_rfc3339(text: str) -> int:
    """Return the moment of a stored time in microseconds since 1970.

    :raises ValueError: it is no time.
    """
    return microseconds(datetime.fromisoformat(text))
