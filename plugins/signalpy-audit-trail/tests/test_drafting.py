"""Drafts: what every record passes through before it is stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from signalpy_audit_trail.drafting import SMALLEST, Drafting, Seen, fitted
from signalpy_audit_trail.encoding import encode, plain
from signalpy_audit_trail.record import SEQ_ROOM, Record, body, replaced

FULL = Record(
    id="0198c0de-0000-7000-8000-000000000001",
    operation_id="0198c0de-0000-7000-8000-000000000002",
    time="2026-01-31T09:30:00.000001Z",
    recorded_at="2026-01-31T09:30:00.000002Z",
    kind="invoke",
    action="accounts.transfer",
    actor="alice",
    client={"ip": "192.0.2.1"},
    caller="kernel",
    target="accounts.transfer",
    outcome="failure",
    error={"type": "ValueError", "message": "no", "by": "accounts"},
    duration_us=1500,
    subjects=("alice", "bob"),
    schema="account.transfer/v2",
    level="full",
    data={"params": {"amount": 1.5}, "result": None},
    truncated=("data.params.note",),
    correlation_id="0198c0de-0000-7000-8000-000000000004",
    origin={"application": "bank", "host": "h", "process": 7},
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.builds(
    lambda part, times: part * times, st.sampled_from(["x", "😀", "\x00"]), st.integers(0, 3000)
)
VALUE = st.recursive(
    st.none() | st.integers() | TEXT, lambda inner: st.lists(inner, max_size=300) | st.dictionaries(TEXT, inner)
)
OBJECT = st.dictionaries(TEXT, VALUE)
RECORDS = st.builds(
    Record,
    id=TEXT,
    operation_id=TEXT,
    time=st.just("2026-01-31T09:30:00.000001Z"),
    recorded_at=st.just("2026-01-31T09:30:00.000001Z"),
    kind=st.just("lifecycle"),
    action=TEXT,
    actor=st.none() | TEXT,
    on_behalf_of=st.none() | TEXT,
    client=st.none() | OBJECT,
    caller=TEXT,
    target=st.none() | TEXT,
    outcome=st.just("cancelled"),
    error=st.none() | OBJECT,
    duration_us=st.none() | st.integers(0, 10**12),
    subjects=st.lists(TEXT, max_size=300).map(tuple),
    schema=st.none() | TEXT,
    level=st.none() | st.just("metadata"),
    data=VALUE,
    correlation_id=TEXT,
    causation_id=st.none() | TEXT,
    origin=st.none() | OBJECT,
)
HUGE = "h" * 100_000
EVERYTHING_HUGE = Record(
    id=HUGE,
    operation_id=HUGE,
    time="2026-01-31T09:30:00.000001Z",
    recorded_at="2026-01-31T09:30:00.000001Z",
    kind="lifecycle",
    action=HUGE,
    actor=HUGE,
    on_behalf_of=HUGE,
    client={HUGE: HUGE},
    caller=HUGE,
    target=HUGE,
    outcome="cancelled",
    error={"type": HUGE, "message": HUGE, "by": HUGE},
    duration_us=10**12,
    subjects=(HUGE,) * 100,
    schema=HUGE,
    level="metadata",
    data={"params": [HUGE] * 10, "result": {str(key): key for key in range(10_000)}},
    duplicate_of=HUGE,
    correlation_id=HUGE,
    causation_id=HUGE,
    origin={"application": HUGE, "host": HUGE},
)


def check_within(limit: int, record: Record) -> None:
    draft = Drafting(limit).draft(record)
    size = len(draft.body) + SEQ_ROOM
    assert size <= limit
    assert draft.body.startswith(b'{"id":')
    stored, given = msgspec.json.decode(draft.body), record.present()
    assert draft.id == stored["id"]
    assert (record.kind, record.time, record.outcome) == (stored["kind"], stored["time"], stored["outcome"])
    changed = {name for name, value in given.items() if stored.get(name) != value}
    assert changed == {path.split(".")[0].split("[")[0] for path in stored.get("truncated", ())}


@settings(max_examples=200)
@given(RECORDS, st.integers(SMALLEST, 20_000))
def test_a_stored_record_is_never_above_the_limit(record: Record, limit: int) -> None:
    """Whatever is long in a record, what is stored stays within the limit, is a record, and says what was cut."""
    check_within(limit, record)


@pytest.mark.parametrize("limit", [SMALLEST, SMALLEST + 1, 2 * SMALLEST, 16 * SMALLEST, 1 << 20])
def test_a_record_in_which_everything_is_huge_fits(limit: int) -> None:
    """Also where no field would fit by itself."""
    check_within(limit, EVERYTHING_HUGE)


def test_a_record_at_the_limit_is_whole_and_one_byte_above_is_cut() -> None:
    """The limit is exact."""
    whole = replaced(FULL, data="x" * 1000, truncated=())
    exact = len(body(whole)) + SEQ_ROOM
    assert whole == fitted(whole, exact)
    assert ("data",) == fitted(whole, exact - 1).truncated


@given(VALUE, st.text(max_size=50), st.integers(10_000, 40_000))
def test_what_is_left_of_the_data_depends_on_the_data_alone(value: Any, actor: str, padding: int) -> None:
    """A repeated delivery is known by its data also where these had to be cut."""
    data = {"value": plain(value).value, "padding": "p" * padding}
    one = fitted(replaced(FULL, data=data), 8 * SMALLEST)
    other = fitted(replaced(FULL, data=data, actor=actor, origin=None, duration_us=1), 8 * SMALLEST)
    assert one.data == other.data


@pytest.mark.parametrize(
    "field", ["actor", "action", "client", "error", "subjects", "schema", "target", "caller", "origin"]
)
def test_a_huge_field_does_not_take_the_others_with_it(field: str) -> None:
    """Only the field that is too long is cut; everything else is stored whole."""
    huge: Any = {
        "client": {"agent": HUGE},
        "error": {"message": HUGE},
        "subjects": (HUGE,),
        "origin": {"host": HUGE},
    }.get(field, HUGE)
    stored = fitted(replaced(FULL, **{field: huge}, truncated=()), 16 * SMALLEST)
    assert replaced(stored, **{field: huge}, truncated=()) == replaced(FULL, **{field: huge}, truncated=())
    assert 1 == len(stored.truncated)
    assert field == stored.truncated[0].split(".")[0].split("[")[0]


def test_paths_that_are_cut_are_told_from_the_root() -> None:
    """A path leads from the record to the value."""
    stored = fitted(replaced(FULL, data={"lines": [{"note": HUGE}, {"note": "short"}]}, truncated=()), 16 * SMALLEST)
    assert ("data.lines[0].note",) == stored.truncated


def test_a_list_of_paths_that_would_be_too_long_names_only_the_fields() -> None:
    """Thousands of cuts are told in few words."""
    stored = fitted(replaced(FULL, data=["x" * 200 for _ in range(10_000)]), 1 << 20)
    assert ("data",) == stored.truncated


def test_values_that_are_bytes_already_are_cut_and_shown_to_privacy_as_any_other() -> None:
    """Taken as bytes or as values, the same data become the same record, also where they are too long."""
    client = {"ip": "192.0.2.1"}
    for data in ({"note": "x" * 2000, "more": ["y" * 600]}, {"params": {"n": 1}, "result": [2]}):
        whole = replaced(FULL, data=data, client=client)
        parts = {name: Raw(encode(value)) for name, value in data.items()}
        as_one = replaced(FULL, data=Raw(encode(data)), client=Raw(encode(client)))
        for as_bytes in (as_one, replaced(whole, data=parts)):
            hiding = Hiding()
            Drafting(1500, hiding).draft(as_bytes)
            assert [whole] == [record for record, _ in hiding.seen]
            assert body(fitted(whole, 1500)) == Drafting(1500).draft(as_bytes).body


def test_a_given_id_can_be_renamed() -> None:
    """The same fact under a fresh id names the one that holds its own, and is not looked up again."""
    draft = Drafting(1 << 20).draft(replaced(FULL, duplicate_of=None), given=True)
    assert draft.given
    assert draft.renamed is not None
    fresh = draft.renamed("fresh", draft.id)
    assert not fresh.given
    assert fresh.renamed is None
    assert body(replaced(FULL, id="fresh", duplicate_of=FULL.id)) == fresh.body


class Hiding:
    """A protection that hides all data, and owes something."""

    def __init__(self) -> None:
        self.seen: list[tuple[Record, Seen]] = []

    def protect(self, record: Record, seen: Seen) -> Record:
        self.seen.append((record, seen))
        return replaced(record, data="[redacted]")

    def concerns(self, record: Record) -> bool:
        return record.kind != "lifecycle"

    def owed(self) -> Callable[[], None]:
        return self.pay

    def pay(self) -> None: ...


def test_privacy_sees_every_record_once_before_it_is_cut_or_encoded() -> None:
    """What must not be stored is taken out at one place, and again from the record itself when that is renamed."""
    hiding, seen = Hiding(), Seen({"pan": HUGE})
    secret = replaced(FULL, data={"pan": HUGE})
    draft = Drafting(SMALLEST, hiding).draft(secret, given=True, seen=seen)
    assert [(secret, seen)] == hiding.seen
    assert HUGE[:100].encode() not in draft.body
    assert draft.renamed is not None
    again = draft.renamed("fresh", "held")
    assert [("fresh", seen)] == [(record.id, what) for record, what in hiding.seen[1:]]
    assert [hiding.pay] * 2 == [draft.needs, again.needs]
