from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.draft import Draft
from signalpy_audit_trail.index import plan, rows
from signalpy_audit_trail.moments import rfc3339
from signalpy_audit_trail.query import COUNTABLE, KINDS, OUTCOMES, QueryError
from signalpy_audit_trail.search import ask
from signalpy_audit_trail.stores.file import FileReader, FileStore
from signalpy_audit_trail.writer import LogWriter

BASE = 1_760_000_000_000_000
COLUMN = {"type": "action"}
UUIDS = [f"0191e1b2-0000-7000-8000-{number:012d}" for number in range(3)]
names = st.sampled_from(
    ["alice", "bob", "", "ünï", "account", "account.transfer", "account.close", "a[b]", "a*", "z\0"]
)
ids = st.sampled_from([*UUIDS, "given-1", "GIVEN-1", UUIDS[0].replace("e", "E"), ""])
patterns = names | st.sampled_from(
    ["*", "**", "acc*", "*.transfer", "a[[]b]", "a?*", "[ab]*", "*ü*", "account.*", "x*"]
)
moments = st.integers(0, 40).map(lambda step: BASE + step * 1_000_000)
record = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(KINDS),
        "outcome": st.sampled_from(OUTCOMES),
        "action": names,
        "time": moments.map(rfc3339),
    },
    optional={
        "actor": names,
        "caller": names,
        "target": names,
        "operation_id": ids,
        "correlation_id": ids,
        "subjects": st.lists(names, max_size=3),
    },
)
filters = st.fixed_dictionaries(
    {},
    optional={
        "type": patterns,
        "target": patterns,
        "kind": st.sampled_from(KINDS),
        "actor": names,
        "subject": names,
        "caller": names,
        "outcome": st.sampled_from(OUTCOMES),
        "correlation_id": ids,
        "operation_id": ids,
        "since": moments.map(rfc3339),
        "until": moments.map(rfc3339),
        "intents": st.booleans(),
    },
)


def passes(entry: dict[str, Any], asked: dict[str, Any], everything: list[dict[str, Any]]) -> bool:
    """The rules of a query, written down once more without any index."""
    for name in ("type", "target"):
        value = entry.get(COLUMN.get(name, name))
        if name in asked and (value is None or not fnmatchcase(value, asked[name])):
            return False
    for name in ("kind", "actor", "caller", "outcome", "correlation_id", "operation_id"):
        if name in asked and entry.get(name) != asked[name]:
            return False
    if "subject" in asked and asked["subject"] not in entry.get("subjects", []):
        return False
    if ("since" in asked and entry["time"] < asked["since"]) or ("until" in asked and entry["time"] >= asked["until"]):
        return False
    if asked.get("intents", True) or entry["outcome"] != "intent":
        return True
    operation = entry.get("operation_id")
    return operation is None or not any(
        other.get("operation_id") == operation and other["outcome"] != "intent" for other in everything
    )


def naive(everything: list[dict[str, Any]], asked: dict[str, Any], *, descending: bool) -> list[dict[str, Any]]:
    found = [entry for entry in everything if passes(entry, asked, everything)]
    return found[::-1] if descending else found


def naive_count(found: list[dict[str, Any]], by: str) -> tuple[Counter[str], int]:
    counts: Counter[str] = Counter()
    absent = 0
    for entry in found:
        value = entry.get("subjects" if by == "subject" else COLUMN.get(by, by))
        values = list(dict.fromkeys(value)) if isinstance(value, list) else [value]
        absent += values in ([], [None])
        counts.update(each for each in values if each is not None)
    return counts, absent


def drafts(records: list[dict[str, Any]]) -> list[Draft]:
    return [
        Draft(id=f"r{number}", body=msgspec.json.encode({"id": f"r{number}", **entry}))
        for number, entry in enumerate(records)
    ]


def pages(reader: FileReader, asked: dict[str, Any], limit: int) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = ask(reader, {**asked, "limit": limit, "cursor": cursor})
        assert len(page["entries"]) <= limit
        entries += page["entries"]
        cursor = page["next"]
        if cursor is None:
            return entries


@pytest.mark.parametrize("block", [plan.BLOCK, 4])
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    records=st.lists(record, max_size=40),
    questions=st.lists(filters, min_size=1, max_size=6),
    limit=st.integers(1, 12),
    order=st.sampled_from(["asc", "desc"]),
    by=st.sampled_from(COUNTABLE),
    max_bytes=st.none() | st.integers(1, 3000),
)
def test_answers_are_those_of_a_plain_scan(
    *,
    block: int,
    records: list[dict[str, Any]],
    questions: list[dict[str, Any]],
    limit: int,
    order: str,
    by: str,
    max_bytes: int | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever is asked of whatever records: entries, order, pages and counts equal a scan that knows no index."""
    for module in (plan, rows):
        monkeypatch.setattr(module, "BLOCK", block)
    monkeypatch.setattr("signalpy_audit_trail.search.BATCH", 4)
    root = Path(tempfile.mkdtemp())
    try:
        store = FileStore(root / "trail", guest=True, segment_bytes=1500)
        for start in range(0, len(records), 7):
            commit(store, drafts(records)[start : start + 7])
        store.close()
        reader = FileReader(root / "trail")
        everything = [msgspec.json.decode(leaf) for _seq, leaf in reader.leaves()]
        for asked in questions:
            expected = naive(everything, asked, descending=order == "desc")
            assert expected == pages(reader, {**asked, "order": order, "max_bytes": max_bytes}, limit)
            counts, absent = naive_count(expected, by)
            answer = ask(reader, {**asked, "count_by": by, "limit": 1000})
            assert (dict(counts), absent, 0) == (answer["counts"], answer["absent"], answer["others"])
        reader.close()
    finally:
        shutil.rmtree(root)


@pytest.fixture
def reader(store: FileStore) -> Any:
    reader = store.reader()
    yield reader
    reader.close()


def test_a_page_is_full_and_says_whether_there_is_more(reader: FileReader, put: Callable[..., Any]) -> None:
    """``next`` is there exactly when another page has entries."""
    put(*({} for _ in range(6)))
    assert ask(reader, {"limit": 6})["next"] is None
    assert ask(reader, {"limit": 5})["next"] is not None
    assert [5, 4, 3, 2, 1] == [entry["seq"] for entry in ask(reader, {"limit": 5})["entries"]]


def test_a_page_may_be_bounded_in_bytes_too(reader: FileReader, put: Callable[..., Any]) -> None:
    """It ends before it has more, has one record at least, and the cursor goes on behind it."""
    put(*({"data": {"text": "x" * 1000}} for _ in range(6)))
    asked: dict[str, Any] = {"order": "asc", "max_bytes": 2999, "stored": True}
    seen, sizes, cursor = [], [], None
    while True:
        page = ask(reader, {**asked, "cursor": cursor})
        seen += [msgspec.json.decode(text)["seq"] for text in page["entries"]]
        sizes.append(len(page["entries"]))
        if (cursor := page["next"]) is None:
            break
    assert ([0, 1, 2, 3, 4, 5], [2, 2, 2]) == (seen, sizes)
    assert 1 == len(ask(reader, {"max_bytes": 1})["entries"])
    assert ask(reader, {"limit": 6, "max_bytes": 1 << 20})["next"] is None
    with pytest.raises(QueryError, match="max_bytes: expected a whole number from 1, found 0"):
        ask(reader, {"max_bytes": 0})


def test_no_more_is_read_than_a_bounded_page_needs(
    reader: FileReader, put: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of a few large records does not read a thousand of them; a page of small ones is full all the same."""
    put(*({"data": {"text": "x" * 1000}} for _ in range(300)))
    read: list[int] = []
    search = FileReader.search

    def counted(self: FileReader, *arguments: Any, **named: Any) -> list[bytes]:
        found = list(search(self, *arguments, **named))
        read.append(len(found))
        return found

    monkeypatch.setattr(FileReader, "search", counted)
    assert 2 == len(ask(reader, {"limit": 1000, "max_bytes": 2999, "stored": True})["entries"])
    assert [32] == read
    asked = {"limit": 250, "max_bytes": 1 << 20, "order": "asc"}
    first = ask(reader, asked)
    second = ask(reader, {**asked, "cursor": first["next"]})
    assert [*range(300)] == [entry["seq"] for page in (first, second) for entry in page["entries"]]
    assert (250, None) == (len(first["entries"]), second["next"])


def test_entries_may_come_as_they_are_stored(reader: FileReader, put: Callable[..., Any], root: Path) -> None:
    """Text for text, the newest first like any."""
    put({"actor": "ä"}, {})
    stored = (root / "00000000000000000000.jsonl").read_text().splitlines()
    assert stored[::-1] == ask(reader, {"stored": True})["entries"]


def test_an_entry_is_what_was_stored(reader: FileReader, put: Callable[..., Any]) -> None:
    """Entries are the stored lines, with everything in them."""
    put({"actor": "alice", "data": {"deep": [1, {"x": None}]}})
    entry = ask(reader, {})["entries"][0]
    assert {"seq": 0, "actor": "alice", "data": {"deep": [1, {"x": None}]}}.items() <= entry.items()


def test_a_query_reads_the_writes_before_it(reader: FileReader, put: Callable[..., Any]) -> None:
    """However far the index lags, what was acknowledged before the question is in the answer."""
    for number in range(20):
        put({"actor": f"user-{number}"})
        assert [number] == [entry["seq"] for entry in ask(reader, {"actor": f"user-{number}"})["entries"]]


def test_ages_stay_on_later_pages(reader: FileReader, put: Callable[..., Any]) -> None:
    """A record that was young enough on the first page does not fall out on the second."""
    now = datetime.now(UTC)
    put(*({"time": (now - timedelta(milliseconds=200 - number)).isoformat()} for number in range(10)))
    first = ask(reader, {"since": "1h", "limit": 5, "order": "asc"})
    second = ask(reader, {"since": "1h", "limit": 5, "order": "asc", "cursor": first["next"]})
    assert [*range(10)] == [entry["seq"] for entry in first["entries"] + second["entries"]]


def test_counts_are_cut_from_the_small_end(reader: FileReader, put: Callable[..., Any]) -> None:
    """The largest counts come first; what is left out is summed up."""
    put(*({"actor": name} for name in "aaabbcd"), {})
    assert {"counts": {"a": 3, "b": 2}, "absent": 1, "others": 2} == ask(reader, {"count_by": "actor", "limit": 2})


def test_a_cursor_of_a_longer_trail_is_refused(reader: FileReader, put: Callable[..., Any], root: Path) -> None:
    """A trail that was put back to an older state does not answer with pages of another."""
    put(*({} for _ in range(5)))
    cursor = ask(reader, {"limit": 2})["next"]
    segment = root / "00000000000000000000.jsonl"
    segment.write_bytes(b"".join(segment.read_bytes().splitlines(keepends=True)[:3]))
    with pytest.raises(QueryError, match="cursor: it was made when the trail had 5 records, and it has 3"):
        ask(reader, {"limit": 2, "cursor": cursor})


def test_a_cursor_survives_a_reindex(reader: FileReader, put: Callable[..., Any]) -> None:
    """Pages go on where they were when the index was thrown away in between."""
    put(*({"actor": "alice" if number % 2 else "bob"} for number in range(20)))
    first = ask(reader, {"actor": "alice", "limit": 3})
    assert reader.reindex() == 20
    second = ask(reader, {"actor": "alice", "limit": 1000, "cursor": first["next"]})
    assert [*range(19, 0, -2)] == [entry["seq"] for entry in first["entries"] + second["entries"]]


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_pages_are_stable_while_events_arrive(store: FileStore, gap: Any, make: Any, order: str) -> None:
    """Paging under constant writes ends, and gives each record that stood at the first page exactly once."""
    writer = LogWriter(store, gap=gap)
    reader = store.reader()
    for number in range(100):
        await writer.append(make(actor="alice" if number % 3 else "bob"))
    stop = False

    async def go_on() -> None:
        while not stop:
            await writer.append(make(actor="alice"))

    writing = [asyncio.ensure_future(go_on()) for _ in range(3)]
    await asyncio.sleep(0.01)
    page = await asyncio.to_thread(ask, reader, {"actor": "alice", "limit": 10, "order": order})
    entries = page["entries"]
    cursor = page["next"]
    while cursor is not None:
        page = await asyncio.to_thread(ask, reader, {"actor": "alice", "limit": 10, "order": order, "cursor": cursor})
        entries += page["entries"]
        cursor = page["next"]
    stop = True
    await asyncio.gather(*writing)
    await writer.close()
    seqs = [entry["seq"] for entry in entries]
    end = max(seqs) + 1
    expected = [seq for seq, leaf in reader.leaves(0, end) if b'"actor":"alice"' in leaf]
    reader.close()
    assert (expected if order == "asc" else expected[::-1]) == seqs
