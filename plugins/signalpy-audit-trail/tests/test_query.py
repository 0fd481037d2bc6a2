from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from signalpy_audit_trail.moments import microseconds
from signalpy_audit_trail.query import Filters, QueryError, decode_cursor, encode_cursor, parse_query

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_defaults_are_the_last_hundred() -> None:
    """Nothing asked for means everything, newest first, a hundred at a time."""
    query = parse_query({})
    assert (Filters(), True, 100, None) == (query.filters, query.descending, query.limit, query.cursor)


def test_none_is_not_given() -> None:
    """A filter that is ``None`` filters nothing."""
    assert parse_query({}) == parse_query({"actor": None, "since": None, "limit": None, "intents": None})


def test_times_may_be_given_in_every_form() -> None:
    """Aware and naive datetimes, texts and ages all become microseconds since 1970."""
    offset = timezone(timedelta(hours=1))
    forms: list[Any] = [NOW, NOW.replace(tzinfo=None), datetime(2026, 1, 31, 13, tzinfo=offset), "0s", NOW.isoformat()]
    assert {microseconds(NOW)} == {parse_query({"since": form}, now=NOW).filters.since for form in forms}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"actr": "alice"}, "actr: no such filter; did you mean 'actor'?"),
        ({"zzz": 1}, "zzz: no such filter; there are type, target,"),
        ({"actor": 7}, "actor: expected a text, found int"),
        ({"kind": "events"}, "kind: expected one of invoke, event, lifecycle, policy, access, gap, erasure, found 'ev"),
        (
            {"outcome": "ok"},
            "outcome: expected one of intent, success, failure, denied, cancelled, in_doubt, found 'ok'",
        ),
        ({"order": "up"}, "order: expected one of desc, asc, found 'up'"),
        ({"since": "tomorrow"}, "since: expected an RFC 3339 time"),
        ({"until": 12}, "until: expected an RFC 3339 time"),
        ({"limit": 0}, "limit: expected a whole number from 1 to 1000, found 0"),
        ({"limit": 1001}, "limit: expected a whole number from 1 to 1000, found 1001"),
        ({"limit": True}, "limit: expected a whole number from 1 to 1000, found True"),
        ({"limit": "10"}, "limit: expected a whole number"),
        ({"intents": "no"}, "intents: expected true or false, found 'no'"),
        ({"count_by": "data"}, "count_by: expected one of type, target, kind, actor, subject, caller, outcome"),
        ({"cursor": "x", "count_by": "actor"}, "cursor: counts come on one page"),
    ],
)
def test_bad_values_are_named(given: dict[str, Any], message: str) -> None:
    """A value that means nothing is one line that begins with the filter and says what is accepted."""
    with pytest.raises(QueryError) as caught:
        parse_query(given)
    assert (message, 1) == (str(caught.value)[: len(message)], len(str(caught.value).splitlines()))
    assert caught.value.field in given
    assert isinstance(caught.value, ValueError)


def test_a_long_value_is_shown_cut() -> None:
    """An error never repeats a long value in full."""
    with pytest.raises(QueryError) as caught:
        parse_query({"outcome": "x" * 10_000})
    assert len(str(caught.value)) < 200


def test_action_is_counted_as_type() -> None:
    """``count_by`` takes the record's name of the field, too."""
    assert parse_query({"count_by": "type"}).count_by == parse_query({"count_by": "action"}).count_by


def test_lone_surrogates_are_searched_in_their_stored_form() -> None:
    """A text that UTF-8 cannot hold is compared in the escaped form in which records keep it."""
    assert parse_query({"actor": "a\udc80"}).filters.actor == "a\\udc80"


def test_cursor_carries_head_position_and_moments() -> None:
    """A cursor continues its own question, and an age stays what it was on the first page."""
    first = parse_query({"actor": "alice", "since": "24h"}, now=NOW)
    text = encode_cursor(first, "origin", 500, 123)
    later = parse_query({"actor": "alice", "since": "24h", "cursor": text, "limit": 7}, now=NOW + timedelta(hours=5))
    cursor = decode_cursor(later, "origin")
    assert (500, 123, first.filters.since, None) == (cursor.head, cursor.last, cursor.since, cursor.until)


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ({"actor": "bob"}, "origin"),
        ({"actor": "alice", "order": "asc"}, "origin"),
        ({"actor": "alice", "intents": False}, "origin"),
        ({"actor": "alice", "since": "1h"}, "origin"),
        ({"actor": "alice"}, "another"),
    ],
)
def test_cursor_goes_with_its_own_question(given: dict[str, Any], origin: str) -> None:
    """Other filters, another order or another trail refuse the cursor."""
    text = encode_cursor(parse_query({"actor": "alice"}), "origin", 500, 123)
    with pytest.raises(QueryError, match="cursor: it belongs to another question"):
        decode_cursor(parse_query({**given, "cursor": text}), origin)


@pytest.mark.parametrize("text", ["", "?", "abc", "WzFd", "🦆", "e30", "A" * 5000])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    """A text that is no cursor is an error of the filter ``cursor``, whatever it is."""
    with pytest.raises(QueryError, match="cursor: expected the 'next' of an earlier page"):
        decode_cursor(parse_query({"cursor": text}), "origin")
