from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalpy_audit_trail.moments import from_rfc3339, microseconds, parse_moment, rfc3339

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31T12:00:00Z", NOW),
        ("2026-01-31t12:00:00z", NOW),
        ("2026-01-31 12:00:00", NOW),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T13:00:00.000001+01:00", NOW + timedelta(microseconds=1)),
        ("24h", NOW - timedelta(hours=24)),
        ("7d", NOW - timedelta(days=7)),
        ("30m", NOW - timedelta(minutes=30)),
        ("90 S", NOW - timedelta(seconds=90)),
        ("2w", NOW - timedelta(weeks=2)),
        ("0h", NOW),
    ],
)
def test_moments_are_times_or_ages(text: str, expected: datetime) -> None:
    """RFC 3339 times, naive ones in UTC, and ages counted back from now name a moment."""
    assert microseconds(expected) == parse_moment(text, now=NOW)


@pytest.mark.parametrize("text", ["", "yesterday", "24", "h", "-24h", "1.5h", "99999999w", "2026-13-01", "24h ago"])
def test_what_is_no_moment_says_what_is(text: str) -> None:
    """Anything else is refused, naming both accepted forms."""
    with pytest.raises(ValueError, match=r"RFC 3339 time .* or an age"):
        parse_moment(text, now=NOW)


@given(
    st.datetimes(
        min_value=datetime(1, 1, 3),  # noqa: DTZ001 (hypothesis adds the zones)
        max_value=datetime(9999, 12, 29),  # noqa: DTZ001
        timezones=st.timezones() | st.just(timezone(timedelta(hours=-3))),
    )
)
def test_stored_form_keeps_every_microsecond(moment: datetime) -> None:
    """The form of stored records is exact, of one length, and is read back as the same moment."""
    micros = microseconds(moment)
    text = rfc3339(micros)
    assert (micros, 27) == (from_rfc3339(text), len(text))
