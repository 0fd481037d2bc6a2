"""The record: its fields, their order, and the bytes that are for ever."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis.strategies import booleans, datetimes, just

from signalpy_audit_trail.record import Record, body, identity, now, replaced, stamp, stamper

FULL = Record(
    id="0198c0de-0000-7000-8000-000000000001",
    operation_id="0198c0de-0000-7000-8000-000000000002",
    time="2026-01-31T09:30:00.000001Z",
    recorded_at="2026-01-31T09:30:00.000002Z",
    kind="invoke",
    action="accounts.transfer",
    actor="alice",
    on_behalf_of="bob",
    client={"ip": "192.0.2.1"},
    caller="kernel",
    target="accounts.transfer",
    outcome="failure",
    error={"type": "builtins.ValueError", "message": "no", "by": "accounts"},
    duration_us=1500,
    subjects=("alice", "bob"),
    schema="account.transfer/v2",
    level="full",
    data={"params": {"amount": 1.5}, "result": None},
    truncated=("data.params.note",),
    duplicate_of="0198c0de-0000-7000-8000-000000000003",
    correlation_id="0198c0de-0000-7000-8000-000000000004",
    causation_id="0198c0de-0000-7000-8000-000000000005",
    origin={"application": "bank", "host": "h", "process": 7, "distribution": "signalpy-accounts", "version": "1"},
)
ORDER = (
    "id operation_id time recorded_at kind action actor on_behalf_of client caller target outcome error duration_us "
    "subjects schema level data truncated duplicate_of correlation_id causation_id origin"
)


def test_fields_are_stored_in_the_order_of_the_format() -> None:
    """The members of a stored record stand in one fixed order."""
    assert ORDER.split() == list(json.loads(body(FULL)))
    assert ORDER.split() == list(FULL.present())


def test_absent_fields_are_left_out() -> None:
    """A field that has nothing to say takes no byte; null is stored where a payload is null."""
    least = Record(id="x", time="t", recorded_at="r", kind="event", action="a.b", outcome="success")
    assert b'{"id":"x","time":"t","recorded_at":"r","kind":"event","action":"a.b","outcome":"success"}' == body(least)
    assert body(replaced(least, data=None)).endswith(b'"outcome":"success","data":null}')


def test_the_body_is_what_present_tells() -> None:
    """The two views of a record agree."""
    assert FULL.present() == json.loads(body(FULL))


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 31, 9, 30, tzinfo=UTC), "2026-01-31T09:30:00.000000Z"),
        (datetime(2026, 1, 31, 9, 30, 0, 12, tzinfo=timezone(timedelta(hours=2))), "2026-01-31T07:30:00.000012Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000000Z"),
        (datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_times_are_utc_with_microseconds(moment: datetime, text: str) -> None:
    """A time has 27 characters, so that texts sort as times do."""
    assert text == stamp(moment)


@given(datetimes(timezones=just(UTC)), booleans())
def test_a_stamp_always_has_microseconds(moment: datetime, full_second: bool) -> None:
    """Whatever the moment is, its text is as long as any other's, so that texts sort as moments do."""
    if full_second:
        moment = moment.replace(microsecond=0)
    assert f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z" == stamp(moment)


def test_the_stamp_of_the_moment_is_the_moment() -> None:
    """What is stamped without a clock of one's own lies between two looks at the clock, written like any."""
    moment = stamper(now)
    for _ in range(3):
        before, found, after = now(), moment(), now()
        assert before <= datetime.fromisoformat(found) <= after
        assert found == stamp(datetime.fromisoformat(found))
        time.sleep(0.4)


def test_an_id_that_is_too_long_is_its_digest() -> None:
    """The same long id gives the same digest, another one another."""
    assert "short" == identity("short", 130)
    long = identity("x" * 1000, 130)
    assert long.startswith("sha256:")
    assert long == identity("x" * 1000, 130)
    assert long != identity("x" * 1001, 130)
