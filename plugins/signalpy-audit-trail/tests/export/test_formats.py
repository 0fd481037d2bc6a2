"""Each format, read back by a program that this project did not write."""

from __future__ import annotations

import csv
import io
import json
import sys
import unicodedata
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pyarrow.parquet
import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st
from ocsf.v1_5_0.events import AccountChange, ApiActivity
from py_ocsf_models.events.base_event import BaseEvent
from py_ocsf_models.objects.api import API
from py_ocsf_models.objects.user import User
from syslog_rfc5424_parser import SyslogMessage
from syslog_rfc5424_parser.constants import SyslogFacility, SyslogSeverity

from signalpy.errors import ConfigError
from signalpy_audit_trail.export import FORMATS, Source, format_named, write_export
from signalpy_audit_trail.export.formats.csv import COLUMNS
from signalpy_audit_trail.privacy.view import View

Export = Callable[[str], bytes]


@pytest.fixture
def stored(odd_trail: Any) -> list[bytes]:
    """The lines of the trail that makes trouble."""
    with closing(odd_trail.reader()) as reader:
        return [leaf for _, leaf in reader.leaves()]


@pytest.fixture
def entries(stored: list[bytes]) -> list[dict[str, Any]]:
    """The records of the trail that makes trouble, as they are stored."""
    return [json.loads(line) for line in stored]


@pytest.fixture
def export(odd_trail: Any) -> Export:
    """An export of that trail in a format."""

    def made(name: str) -> bytes:
        out = io.BytesIO()
        with closing(odd_trail.reader()) as reader:
            write_export(Source(reader, View(reader)), format_named(name), out)
        return out.getvalue()

    return made


def test_json_lines_are_the_stored_lines(stored: list[bytes], export: Export) -> None:
    """To the byte, so that the hash of a line is the leaf of the tree."""
    assert b"".join(line + b"\n" for line in stored) == export("jsonl")


def test_csv_is_read_back_by_a_csv_reader(entries: list[dict[str, Any]], export: Export) -> None:
    """A column for each field; what is no text is JSON; line feeds and quotes stay inside their cells."""
    rows = list(csv.DictReader(io.StringIO(export("csv").decode(), newline="")))
    assert len(entries) == len(rows)
    for entry, row in zip(entries, rows, strict=True):
        assert list(COLUMNS) == list(row)
        assert set(entry) <= set(COLUMNS)
        for column in COLUMNS:
            value = entry.get(column)
            shown = "" if value is None else value if isinstance(value, str) else json.loads(row[column])
            if isinstance(value, str | None):
                assert shown == row[column].removeprefix("'")
            elif column != "data":  # a large number has another form in Python's reader
                assert shown == value


@given(st.text())
def test_no_cell_of_a_csv_is_a_formula(text: str) -> None:
    """Whatever an actor is called, no spreadsheet runs it; the name itself stays readable."""
    entry = {"seq": 0, "id": "i", "time": "t", "kind": "event", "action": text, "actor": text, "outcome": "success"}
    [row] = csv.DictReader(
        io.StringIO((format_named("csv").head + format_named("csv").row(entry)).decode(), newline="")
    )
    for name in ("action", "actor"):
        assert not row[name].startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"))
        assert text in (row[name], row[name][1:])


@pytest.mark.parametrize(
    "before", ["", " ", "\t", "\r", "\n", "\u00a0", "\u3000", "\x00", "\x1b", "\ufeff", "\u200b", "\u202e \x7f"]
)
@pytest.mark.parametrize("command", ["=1+1", "+1", "-1", "@SUM(A1)", "\uff1d1", "\uff0b1", "\uff0d1", "\uff201"])
def test_what_is_not_seen_makes_no_formula_of_a_cell(before: str, command: str) -> None:
    """Importers take away spaces, marks of byte order and the like, and run what is behind."""
    entry = {"seq": 0, "id": "i", "time": "t", "kind": "event", "action": before + command, "outcome": "success"}
    line = format_named("csv").row(entry).decode()
    [row] = csv.reader(io.StringIO(line, newline=""))
    assert f"'{before}{command}" == row[COLUMNS.index("action")]


def test_a_csv_cell_may_be_of_any_length() -> None:
    """Python's reader has a limit for all that a process reads, which is not ours to move."""
    data = {"text": 'a "quote", ' * 30_000}
    entry = {"seq": 0, "id": "i", "time": "t", "kind": "event", "action": "a", "outcome": "success", "data": data}
    assert {"data": data} == format_named("csv").told(format_named("csv").row({**entry, "schema": None}))
    assert {"data": data, "schema": "a/v1"} == format_named("csv").told(
        format_named("csv").row({**entry, "schema": "a/v1"})
    )


@pytest.mark.parametrize("row", [b'"' * 300_001, b'""' * 300_000, b'"x"y,' * 50, b"a,b\r\n", b"", b"\xff" + b"," * 23])
def test_what_is_no_row_of_a_csv_is_refused_in_one_pass(row: bytes) -> None:
    """Whoever made up a row cannot keep the check busy with it."""
    with pytest.raises(ValueError, match=r"."):
        format_named("csv").told(row)


def test_cloudevents_are_read_by_the_sdk(entries: list[dict[str, Any]], export: Export) -> None:
    """Each line is a valid CloudEvent 1.0 in structured mode; its data is the record."""
    lines = export("cloudevents").splitlines()
    assert len(entries) == len(lines)
    for entry, line in zip(entries, lines, strict=True):
        event = JSONFormat().read(CloudEvent, line)  # validates all attributes
        assert (entry["id"], entry["action"].replace("\n", "\ufffd") or "event") == (event.get_id(), event.get_type())
        assert f"{entry['seq']:020}" == event.get_extension("sequence")
        assert entry["outcome"] == event.get_extension("outcome")
        assert datetime.fromisoformat(entry["time"]) == event.get_time()
        if "actor" in entry:
            actor = entry["actor"].replace("\t", "\ufffd")
            assert (actor, "app_user") == (event.get_extension("authid"), event.get_extension("authtype"))
        data = event.get_data()
        assert isinstance(data, dict)
        assert entry["id"] == data["id"]


FORBIDDEN = [
    chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), 0xFDD0, 0xFDEF, 0xFFFE, 0xFFFF, 0x1FFFF, 0x10FFFE)
]


@given(st.text(alphabet=st.sampled_from([*"a b%é", *FORBIDDEN]), min_size=1))
def test_no_attribute_of_a_cloudevent_holds_what_none_may(text: str) -> None:
    """Control characters and noncharacters; the data has the value as it is, and ids stay apart."""
    entry = {"seq": 1, "id": text, "time": "2026-01-31T09:30:00.000001Z", "kind": "event", "action": text,
             "actor": text, "subjects": [text], "schema": text, "outcome": "success"}  # fmt: skip
    form = format_named("cloudevents")
    event = json.loads(form.row(entry))
    assert entry == event.pop("data")
    assert not set(FORBIDDEN) & set("".join(map(str, event.values())))
    assert event["dataschema"].isascii()
    assert " " not in event["dataschema"]
    JSONFormat().read(CloudEvent, form.row(entry))
    other = json.loads(form.row({**entry, "id": f"{text}\x01"}))
    assert event["id"] != other["id"] != json.loads(form.row({**entry, "id": f"{text}\x02"}))["id"]


def test_a_batch_of_cloudevents_is_one_json_array(entries: list[dict[str, Any]]) -> None:
    """As the batched content mode of HTTP has it."""
    form = format_named("cloudevents")
    batch = json.loads(form.batch([form.row(entry) for entry in entries]))
    assert [entry["id"] for entry in entries] == [event["id"] for event in batch]


def test_ocsf_is_valid_as_its_class(entries: list[dict[str, Any]], export: Export) -> None:
    """API Activity (6003), and Account Change (3001) for user accounts; times are those of the record."""
    found = [json.loads(line) for line in export("ocsf").splitlines()]
    assert len(entries) == len(found)
    for entry, event in zip(entries, found, strict=True):
        about_account = entry["action"].startswith(("user.", "users."))
        (AccountChange if about_account else ApiActivity).model_validate(event)
        BaseEvent.model_validate(event)
        API.model_validate(event["api"])
        for user in [event["actor"].get("user"), event.get("user")]:
            assert user is None or User.model_validate(user)
        assert event["class_uid"] * 100 + event["activity_id"] == event["type_uid"]
        assert datetime.fromtimestamp(event["time"] / 1000, UTC) == datetime.fromisoformat(entry["time"]).replace(
            microsecond=0
        )
        assert entry["id"] == json.loads(event["unmapped"]["record"])["id"] == event["metadata"]["uid"]


def test_ocsf_tells_what_was_done(export: Export) -> None:
    """The last word of the action, in the words of OCSF; what is not known is Other."""
    told = [json.loads(line) for line in export("ocsf").splitlines()]
    names = [(event["class_uid"], event["activity_name"], event["status"]) for event in told]
    assert [(3001, "Create", "Success"), (3001, "Lock", "Success"), (3001, "Other", "Success")] == names[:3]
    assert (6003, "Other", "Success") == names[3]
    assert (6003, "Read", "Success") == names[7]
    assert "Failure" == names[4][2] == names[5][2]


@pytest.mark.parametrize("hidden", [{"$erased": True}, {"$encrypted": {"key": "key_x", "data": "AA=="}}, "unknown", 7])
def test_what_is_erased_or_no_address_leaves_valid_ocsf(hidden: Any) -> None:
    """A value that cannot be shown is no text, and an address that is none is a name."""
    entry = {"seq": 1, "id": "i", "time": "2026-01-31T09:30:00.000001Z", "kind": "event", "action": "a.b",
             "outcome": "failure", "client": {"ip": hidden}, "error": {"type": hidden, "message": hidden}}  # fmt: skip
    event = json.loads(format_named("ocsf").row(entry))
    ApiActivity.model_validate(event)
    BaseEvent.model_validate(event)
    assert "ip" not in event["src_endpoint"]
    assert isinstance(event["status_detail"], str)
    assert entry == format_named("ocsf").told(format_named("ocsf").row(entry))


def test_which_actions_are_of_user_accounts_is_for_the_operator_to_say(entries: list[dict[str, Any]]) -> None:
    """Patterns on actions."""
    event = json.loads(format_named("ocsf", accounts=["account.*"]).row(entries[3]))
    assert (3001, "a") == (event["class_uid"], event["user"]["name"])


def test_syslog_is_read_by_a_parser(entries: list[dict[str, Any]], export: Export) -> None:
    """RFC 5424: facility 13, structured data with what one searches by, and the record as the message."""
    lines = export("syslog").decode("utf-8").splitlines()
    raw = export("syslog").split(b"\n")
    assert len(entries) + 1 == len(raw)
    assert len(entries) == len(lines)
    for entry, line in zip(entries, lines, strict=True):
        message = SyslogMessage.parse(line)
        assert SyslogFacility(13) == message.facility
        expected = {"failure": 4, "denied": 4, "in_doubt": 4}.get(entry["outcome"], 6)
        assert SyslogSeverity(expected) == message.severity
        data = message.sd["signalpy@32473"]
        assert (entry["id"], str(entry["seq"])) == (data["id"], data["seq"])
        assert entry["id"] == json.loads(message.msg.removeprefix("\ufeff"))["id"]


NAMES = st.text(max_size=60).map(lambda text: f"{text}.")  # the parser errs on a backslash at the end of a value


@given(NAMES, NAMES)
def test_no_name_forges_a_syslog_line(action: str, actor: str) -> None:
    """Line feeds, quotes and brackets in a name stay inside of it."""
    entry = {"seq": 1, "id": "i", "time": "2026-01-31T09:30:00.000001Z", "kind": "event", "action": action,
             "actor": actor, "outcome": "success"}  # fmt: skip
    row = format_named("syslog").row(entry)
    assert row.endswith(b"\n")
    assert 1 == row.count(b"\n")
    message = SyslogMessage.parse(row.decode().rstrip("\n"))
    assert ["signalpy@32473"] == list(message.sd)
    head = row.partition(b"\xef\xbb\xbf")[0].decode()
    assert not [letter for letter in head if unicodedata.category(letter) in ("Cc", "Zl", "Zp")]


def test_parquet_is_read_by_pyarrow(entries: list[dict[str, Any]], export: Export) -> None:
    """Times are times, numbers numbers, subjects a list; what is nested is JSON."""
    table = pyarrow.parquet.read_table(io.BytesIO(export("parquet")))
    assert "timestamp[us, tz=UTC]" == str(table.schema.field("time").type)
    rows = table.to_pylist()
    assert len(entries) == len(rows)
    for entry, row in zip(entries, rows, strict=True):
        assert (entry["seq"], entry["id"]) == (row["seq"], row["id"])
        assert datetime.fromisoformat(entry["time"]) == row["time"]
        assert entry.get("subjects", []) == row["subjects"]
        assert entry.get("actor") == row["actor"]
        assert ("data" in entry) == (row["data"] is not None)


def test_without_pyarrow_parquet_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line; no other format needs it."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigError, match=r"pip install 'signalpy-audit-trail\[parquet\]'"):
        format_named("parquet")
    assert "csv" == format_named("csv").name


def test_an_unknown_format_is_named_with_the_nearest() -> None:
    """And with those that there are."""
    with pytest.raises(ConfigError, match="Did you mean 'csv'"):
        format_named("cvs")


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_row_follows_from_its_record_alone(name: str, entries: list[dict[str, Any]]) -> None:
    """Another object of the format, at another time, makes the same row."""
    assert [format_named(name).row(entry) for entry in entries] == [format_named(name).row(dict(e)) for e in entries]
