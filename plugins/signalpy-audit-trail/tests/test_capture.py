"""What is captured of an operation, and the record that comes of it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from signalpy import Call, PluginInfo, Publication, State
from signalpy.errors import InvalidParams, PolicyDenied
from signalpy.operation import CURRENT, Context, Fact, Terms
from signalpy.policy import Verdict
from signalpy.span import Span
from signalpy_audit_trail import taken as taken_module
from signalpy_audit_trail.capture import Capture
from signalpy_audit_trail.drafting import Drafting
from signalpy_audit_trail.notices import Notices
from signalpy_audit_trail.origin import Origins
from signalpy_audit_trail.outcome import Ending, raised, returned
from signalpy_audit_trail.scribe import Scribe
from signalpy_audit_trail.settings import Settings
from signalpy_audit_trail.subjects import MOST
from signalpy_audit_trail.taken import Taken, TakenEvent

GOLDEN = Path(__file__).parent / "golden" / "records.jsonl"
MOMENT = datetime(2026, 1, 31, 9, 30, 0, 1, tzinfo=UTC)
OPERATION = "0198c0de-0000-7000-8000-00000000000a"
ROOT = "0198c0de-0000-7000-8000-00000000000b"
DENIED = Verdict(allowed=False, rule='policy "reports": not in invoke_allow')


def numbered() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"0198c0de-0000-7000-8000-{next(numbers):012d}"


class Bench:
    """Capture, scribe and notices with a clock that stands still and ids that are counted."""

    def __init__(self, **settings: Any) -> None:
        made = Settings(**settings)
        clock, new_id = (lambda: MOMENT), numbered()
        self.new_id = new_id
        self.origins = Origins("bank")
        self.origins.learn("accounts", "signalpy-accounts", "0.1.0")
        drafting = Drafting(made.max_record)
        self.capture = Capture(made, self.origins, clock=clock, new_id=new_id)
        self.scribe = Scribe(drafting, clock)
        self.notices = Notices(drafting, self.origins, clock=clock, new_id=new_id)

    def ended(self, taken: Taken | None, ending: Ending) -> dict[str, Any]:
        assert taken is not None
        return decoded(self.scribe.draft(taken, ending).body)

    def event(self, event: Publication) -> dict[str, Any]:
        taken = self.capture.event(event)
        assert isinstance(taken, TakenEvent)
        return self.ended(taken, taken.fact)


def decoded(body: bytes) -> dict[str, Any]:
    record = json.loads(body)
    assert isinstance(record, dict)
    return record


def context(
    *,
    caller: str,
    verdict: Verdict,
    known: bool = True,
    correlation: str = ROOT,
    causation: str | None = None,
    **who: Any,
) -> tuple[Context, Terms, Context]:
    """Where an operation begins, its terms, and where what it leads to begins."""
    span = Span(id=OPERATION)
    outer = Context(correlation=correlation, causation=causation, **who)
    return outer, Terms(caller, verdict, known), Context(correlation=correlation, causation=span, span=span, **who)


def call(
    target: str = "accounts.transfer", params: Any = None, *, audit: str | None = "request", **fields: Any
) -> Call:
    given: dict[str, Any] = {"caller": "kernel", "verdict": Verdict(audit=audit), **fields}
    return Call(*context(**given), target, params)


def event(event_type: str = "account.transfer", data: Any = None, **fields: Any) -> Publication:
    fact = Fact(**{name: value for name, value in fields.items() if name in Fact.__struct_fields__})
    given: dict[str, Any] = {
        "caller": "accounts",
        "verdict": Verdict(),
        **{name: value for name, value in fields.items() if name not in Fact.__struct_fields__},
    }
    return Publication(*context(**given), event_type, {} if data is None else data, fact)


@pytest.fixture(autouse=True)
def _one_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same host and process everywhere, and every call takes one and a half milliseconds."""
    ticks = count(0, 1_500_000)
    monkeypatch.setattr(socket, "gethostname", lambda: "host")
    monkeypatch.setattr(os, "getpid", lambda: 7)
    monkeypatch.setattr(taken_module, "time", SimpleNamespace(perf_counter_ns=lambda: next(ticks)))


@pytest.mark.parametrize(
    ("audit", "allowed", "level"),
    [
        (None, True, None),
        (None, False, "metadata"),
        ("metadata", True, "metadata"),
        ("request", True, "request"),
        ("full", False, "full"),
    ],
)
def test_calls_are_captured_as_the_policy_says_and_denied_ones_always(
    audit: str | None, allowed: bool, level: str | None
) -> None:
    """The level is the policy's; a denied call has at least a record without data."""
    taken = Bench().capture.call(call(verdict=Verdict(allowed=allowed, audit=audit)))
    assert level == (None if taken is None else Bench().ended(taken, Ending("success"))["level"])


@pytest.mark.parametrize(
    ("level", "data"),
    [("metadata", None), ("request", {"params": {"a": 1}}), ("full", {"params": {"a": 1}, "result": [2]})],
)
def test_the_level_says_how_much_is_stored(level: str, data: object) -> None:
    """Metadata holds no values, request the parameters, full the result as well."""
    bench = Bench()
    taken = bench.capture.call(call(params={"a": 1}, audit=level))
    assert data == bench.ended(taken, returned([2], "accounts")).get("data")


def test_an_error_is_told_at_every_level_and_a_result_that_is_not_there_is_left_out() -> None:
    """Also metadata says why an operation failed; a call that raised has no result."""
    bench = Bench()
    for level in ("metadata", "full"):
        record = bench.ended(bench.capture.call(call(params={}, audit=level)), raised(ValueError("no"), "accounts"))
        assert {"type": "ValueError", "message": "no", "by": "accounts"} == record["error"]
        assert "result" not in record.get("data", {})


def test_values_are_taken_before_anything_runs() -> None:
    """What a handler or a subscriber does to a value afterwards is not in the record."""
    bench, params, data = Bench(), {"list": [1]}, {"list": [1]}
    taken_call, taken_event = bench.capture.call(call(params=params)), bench.capture.event(event(data=data))
    params["list"].append(2)
    data.clear()
    assert {"params": {"list": [1]}} == bench.ended(taken_call, Ending("success"))["data"]
    assert {"list": [1]} == bench.ended(taken_event, Ending("success"))["data"]


@pytest.mark.parametrize(
    ("patterns", "event_type", "captured"),
    [
        (["*"], "account.transfer", True),
        (["account.*"], "account.transfer", True),
        (["account.*"], "Account.transfer", False),
        ([], "account.transfer", False),
        (["a", "account.transfer"], "account.transfer", True),
        ([], "kernel.started", True),
        (["*"], "kernel.policy.changed", False),
    ],
)
def test_events_are_captured_where_they_match(patterns: list[str], event_type: str, captured: bool) -> None:
    """The kernel's own events are captured always, but for what a notice tells already."""
    assert captured == (Bench(events=patterns).capture.event(event(event_type)) is not None)


def test_a_denied_event_is_captured_without_data_where_it_does_not_match() -> None:
    """A denial is recorded always; the payload only of an event that is wanted."""
    error = PolicyDenied("no", rule=DENIED.rule)
    for patterns, data in ((["*"], {"a": 1}), ([], None)):
        bench = Bench(events=patterns)
        record = bench.ended(bench.capture.event(event(data={"a": 1}, verdict=DENIED)), raised(error, "x", denied=True))
        assert ("denied", data) == (record["outcome"], record.get("data"))


def test_somebody_else_who_publishes_as_the_kernel_is_recorded_as_an_event() -> None:
    """An event that looks like the kernel's own, and is denied, is no lifecycle."""
    bench = Bench()
    record = bench.ended(bench.capture.event(event("kernel.policy.changed", verdict=DENIED)), Ending("denied"))
    assert ("event", "kernel.policy.changed", "denied") == (record["kind"], record["action"], record["outcome"])


def test_the_keywords_of_a_publication_are_in_its_record() -> None:
    """Whom it concerns, when, how it ended, under which id and schema: as the publisher says."""
    moment = datetime(2023, 7, 10, 13, 42, tzinfo=timezone(timedelta(hours=2)))
    record = Bench(subjects={"account.*": ["from"]}).event(
        event(
            data={"from": "alice"},
            actor="bob",
            on_behalf_of="carol",
            client={"ip": "192.0.2.1"},
            subject=("account:1",),
            schema="account.transfer/v2",
            outcome="failure",
            error="Insufficient funds",
            occurred_at=moment,
            id="evt-1",
            causation="0198c0de-0000-7000-8000-00000000000c",
        )
    )
    assert "evt-1" == record["id"]
    assert "2023-07-10T11:42:00.000000Z" == record["time"]
    assert "2026-01-31T09:30:00.000001Z" == record["recorded_at"]
    assert ("bob", "carol", {"ip": "192.0.2.1"}) == (record["actor"], record["on_behalf_of"], record["client"])
    assert ["account:1", "alice"] == record["subjects"]
    assert ("failure", {"message": "Insufficient funds", "by": "accounts"}) == (record["outcome"], record["error"])
    assert ("account.transfer/v2", "full") == (record["schema"], record["level"])
    assert ("accounts", "0198c0de-0000-7000-8000-00000000000c", ROOT) == (
        record["caller"],
        record["causation_id"],
        record["correlation_id"],
    )
    assert "target" not in record
    assert {
        "application": "bank",
        "host": "host",
        "process": 7,
        "distribution": "signalpy-accounts",
        "version": "0.1.0",
    } == record["origin"]


class Broken(tzinfo):
    """A time zone that knows its offset once only."""

    asked = 0

    def utcoffset(self, moment: datetime | None) -> timedelta:
        self.asked += 1
        if self.asked > 1:
            raise RuntimeError
        return timedelta(0)


@pytest.mark.parametrize(
    "moment", [datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))), datetime(2026, 1, 1, tzinfo=Broken())]
)
def test_a_time_that_cannot_be_told_is_the_moment_of_capture(moment: datetime) -> None:
    """A publisher's time never stops its event."""
    moment.utcoffset()
    assert "2026-01-31T09:30:00.000001Z" == Bench().event(event(occurred_at=moment))["time"]


@pytest.mark.parametrize("field", ["actor", "on_behalf_of", "caller", "schema"])
def test_a_text_field_that_is_no_text_becomes_one(field: str) -> None:
    """Fields that readers compare are texts whatever they were given as."""
    record = Bench().event(event(**{field: 7}))
    assert "7" == record[field]


def test_subjects_of_a_call_come_from_parameters_and_result_at_every_level() -> None:
    """Configured paths are followed also where the values themselves are not stored."""
    bench = Bench(subjects={"accounts.*": ["params.owner", "result.id"]})
    taken = bench.capture.call(call("accounts.open", {"owner": "zoe"}, audit="metadata"))
    record = bench.ended(taken, returned({"id": 9}, "accounts"))
    assert ["zoe", "9"] == record["subjects"]
    assert "data" not in record


def test_more_subjects_than_are_kept_are_said_to_be_cut() -> None:
    """A record names at most a thousand subjects."""
    record = Bench().event(event(subject=tuple(str(number) for number in range(MOST + 5))))
    assert MOST == len(record["subjects"])
    assert ["subjects"] == record["truncated"]


def test_what_was_cut_while_values_were_taken_is_listed() -> None:
    """Paths lead from the record's root into client, parameters and payload."""
    deep: Any = []
    for _ in range(200):
        deep = [deep]
    bench = Bench()
    record = bench.ended(bench.capture.call(call(params={"p": deep}, client={"c": deep})), Ending("success"))
    assert [f"client.c{'[0]' * 99}", f"data.params.p{'[0]' * 99}"] == record["truncated"]


def test_an_unknown_target_and_invalid_parameters_are_failures() -> None:
    """Also what never ran is recorded, with who refused it."""
    bench = Bench()
    unknown = bench.capture.call(call("nobody.home", {"x": 1}, known=False))
    assert unknown is not None
    record = bench.ended(unknown, raised(InvalidParams("no"), unknown.by))
    assert ("failure", "kernel", {"params": {"x": 1}}) == (record["outcome"], record["error"]["by"], record["data"])


@pytest.mark.parametrize("audit", [None, "full"])
def test_a_call_of_the_trail_is_an_access_and_nothing_else(audit: str | None) -> None:
    """Whatever the policies say, the record tells what was asked for and how much was given out."""
    bench = Bench()
    taken = bench.capture.call(call("audit-trail.query", {"actor": "alice", "limit": None}, audit=audit))
    record = bench.ended(taken, returned({"entries": [{"secret": 1}, {}], "next": None}, "audit-trail"))
    assert ("access", "audit-trail.query") == (record["kind"], record["action"])
    assert {"filters": {"actor": "alice"}, "returned": 2} == record["data"]
    assert "level" not in record


def test_the_status_of_the_trail_is_not_recorded_unless_it_is_denied() -> None:
    """Asking how the trail does leaves no record; not being allowed to ask does."""
    capture = Bench().capture
    assert capture.call(call("audit-trail.status", audit="full")) is None
    assert capture.call(call("audit-trail.status", verdict=DENIED)) is not None


def test_a_refusal_of_what_was_not_captured_is_recorded_without_values() -> None:
    """A denial by an interceptor is a denial."""
    bench, error = Bench(events=[]), PolicyDenied("no", rule="limits")
    for operation in (call(params={"secret": 1}, audit=None), event(data={"secret": 1}), call("audit-trail.query", {})):
        record = bench.ended(bench.capture.refused(operation), raised(error, "x", denied=True))
        assert ("denied", "limits") == (record["outcome"], record["error"]["by"])
        assert "secret" not in json.dumps(record)


def test_a_record_that_cannot_be_made_is_kept_without_its_data(caplog: pytest.LogCaptureFixture) -> None:
    """Where the stack is used up, the fact is recorded all the same."""
    bench = Bench()
    taken = bench.capture.event(event(data={"a": 1}))
    assert taken is not None
    taken._made = None
    record = bench.ended(taken, Ending("success"))
    assert ("account.transfer", "success") == (record["action"], record["outcome"])
    assert ["client", "error", "data", "origin"] == record["truncated"]
    assert "without its data" in caplog.text


def of_each_kind() -> Iterator[bytes]:
    """The body of a record of each kind, from one bench."""
    bench = Bench(subjects={"account.*": ["from", "to"]})
    who: dict[str, Any] = {"actor": "alice", "on_behalf_of": "bob", "client": {"ip": "192.0.2.1"}}
    made = bench.capture.call(call(params={"from": "alice", "amount": 1.5}, audit="full", **who))
    assert made is not None
    yield bench.scribe.draft(made, returned({"ok": True}, made.by)).body
    failed = bench.capture.call(call(params={}, **who))
    assert failed is not None
    yield bench.scribe.draft(failed, raised(InvalidParams("accounts.transfer: from: is required"), failed.by)).body
    denied = bench.capture.call(call(caller="reports", verdict=DENIED))
    assert denied is not None
    yield bench.scribe.draft(denied, raised(PolicyDenied("no", rule=DENIED.rule), denied.by, denied=True)).body
    data = {
        "from": "alice",
        "to": "b\u00f6b",
        "amount": 150.0,
        "at": MOMENT,
        "raw": b"\x00",
        "nan": float("nan"),
        "x": object(),
    }
    told = bench.capture.event(
        event(data=data, id="evt-1", schema="account.transfer/v2", subject=("account:1",), **who)
    )
    assert told is not None
    yield bench.scribe.draft(told, told.fact).body
    bench.new_id()  # the file was made when one was made for a given id, too
    access = bench.capture.call(call("audit-trail.query", {"actor": "alice"}, **who))
    assert access is not None
    yield bench.scribe.draft(access, returned({"entries": [], "next": None}, access.by)).body
    inventory = [{"name": "signalpy-core", "version": "0.1.0", "record_sha256": "00"}]
    yield bench.notices.started(inventory, {"*": {"audit": True}}, {"mode": "standard"}).body
    info = PluginInfo("accounts", "signalpy-accounts", "0.1.0", State.FAILED, "activate: boom")
    yield bench.notices.component("failed", info, ValueError("boom")).body
    yield bench.notices.component("activated", PluginInfo("accounts", "signalpy-accounts", "0.1.0", State.ACTIVE)).body
    token = CURRENT.set(call(**who))
    yield bench.notices.policy({"a": {"audit": True}}, {"a": {"audit": True}, "b": {"audit": "full"}}, "alice").body
    CURRENT.reset(token)
    yield bench.notices.gap(MOMENT, MOMENT + timedelta(seconds=3), "No space left on device", 12, lost=2).body
    yield bench.notices.unclean(4711, "2026-01-30T09:30:00.000001Z").body
    yield bench.notices.stopped().body


def test_the_bytes_of_a_record_of_each_kind_are_for_ever() -> None:
    """What is stored today is stored in the same bytes by every later version."""
    assert GOLDEN.read_bytes().splitlines() == list(of_each_kind())


def test_a_policy_change_shows_only_the_entries_that_differ() -> None:
    """Of two large tables only the difference is stored, under one target if there is one."""
    notices = Bench().notices
    same = {"same": {"audit": True}}
    one = decoded(notices.policy(same, {**same, "b": {"audit": "full"}}, None).body)
    assert {"before": {"b": None}, "after": {"b": {"audit": "full"}}} == one["data"]
    assert "b" == one["target"]
    two = decoded(notices.policy({**same, "b": {}, "c": {}}, same, None).body)
    assert {"before": {"b": {}, "c": {}}, "after": {"b": None, "c": None}} == two["data"]
    assert "target" not in two
