from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.store import LogRolledBack, StoreDamaged
from signalpy_audit_trail.stores.file import FileReader, FileStore
from signalpy_audit_trail.stores.file.recovery import HEAD_BYTES, decode_head, encode_head
from signalpy_audit_trail.stores.file.segments import Position

Records = Callable[[], list[dict[str, Any]]]
FIRST = "00000000000000000000.jsonl"


@pytest.fixture
def trail(root: Path, make: Any) -> Path:
    store = FileStore(root)
    commit(store, [make(data={"n": number}) for number in range(5)])
    store.close()
    return root


def grown(trail: Path, tail: bytes) -> None:
    with (trail / FIRST).open("ab") as segment:
        segment.write(tail)


@given(st.builds(Position, *[st.integers(0, 10**20 - 1)] * 3))
def test_heads_are_read_back(head: Position) -> None:
    """A head is of one length and says what was written."""
    raw = encode_head(head)
    assert (head, HEAD_BYTES) == (decode_head(raw), len(raw))


@given(st.builds(Position, *[st.integers(0, 10**20 - 1)] * 3), st.integers(0, HEAD_BYTES - 1))
def test_a_torn_head_is_none(head: Position, place: int) -> None:
    """A head of which a part was not written is not believed."""
    raw = bytearray(encode_head(head))
    raw[place] ^= 1
    assert decode_head(bytes(raw)) is None
    assert decode_head(bytes(raw[:place])) is None


@pytest.mark.parametrize(
    "tail",
    [
        b'{"seq":5,"id":"torn',
        b'{"seq":5,"id":"torn\n',
        b"\0" * 5000,
        b'{"seq":7,"id":"skips"}\n',
        b"\n",
        b"\0\0\0\n\0\0\n",
        b'{"seq":5}',
    ],
)
def test_a_torn_tail_is_dropped_and_said_so(
    trail: Path, tail: bytes, make: Any, records: Records, caplog: pytest.LogCaptureFixture
) -> None:
    """What a crash left behind the last whole record is cut off, with a warning, and writing goes on there."""
    whole = (trail / FIRST).read_bytes()
    grown(trail, tail)
    assert [*range(5)] == [record["seq"] for record in records()]
    with caplog.at_level(logging.WARNING, "signalpy.audit_trail"):
        store = FileStore(trail)
    assert f"the last {len(tail)} bytes are no whole record; they were dropped" in caplog.text
    assert whole == (trail / FIRST).read_bytes()
    commit(store, [make(data={"n": 5})])
    store.close()
    assert [*range(6)] == [record["data"]["n"] for record in records()]


def test_whole_lines_beyond_the_head_are_kept(trail: Path, make: Any, records: Records) -> None:
    """Records that were written but not acknowledged stay when they are whole; what follows them goes."""
    grown(trail, b'{"seq":5,"id":"a","data":{"n":5}}\n{"seq":6,"id":"b","data":{"n":6}}\n{"seq":8}\n')
    store = FileStore(trail)
    commit(store, [make(data={"n": 7})])
    store.close()
    assert [*range(8)] == [record["data"]["n"] for record in records()]


@pytest.mark.parametrize("lock", [b"", b"garbage", encode_head(Position(2, 0, 40))[:-1] + b"x"])
def test_without_a_head_the_log_is_believed(trail: Path, lock: bytes, make: Any, records: Records) -> None:
    """A lost head costs nothing: the log is the truth."""
    (trail / "lock").write_bytes(lock)
    store = FileStore(trail)
    commit(store, [make(data={"n": 5})])
    store.close()
    assert [*range(6)] == [record["data"]["n"] for record in records()]


def test_a_stale_head_is_caught_up(trail: Path, make: Any, records: Records) -> None:
    """After a loss of power the head may be older than the log: records after it are kept."""
    offset = (trail / FIRST).read_bytes().index(b"\n") + 1
    (trail / "lock").write_bytes(encode_head(Position(1, 0, offset)))
    store = FileStore(trail)
    assert store.size == 5
    store.close()


def test_a_log_that_lost_acknowledged_records_is_not_written(trail: Path) -> None:
    """A log shorter than its head refuses writing, and says how much is missing."""
    content = (trail / FIRST).read_bytes()
    (trail / FIRST).write_bytes(content[: content.index(b"\n") + 1])
    with pytest.raises(LogRolledBack, match="expected at least 5 records") as caught:
        FileStore(trail)
    assert caught.value.expected == 5
    assert content[: content.index(b"\n") + 1] == (trail / FIRST).read_bytes()


def test_damage_before_the_head_is_no_torn_tail(trail: Path) -> None:
    """What was acknowledged is never dropped: a damaged last record refuses writing and stays."""
    content = (trail / FIRST).read_bytes()
    damaged = content[:-20] + b"\0" * 19 + b"\n"
    (trail / FIRST).write_bytes(damaged)
    with pytest.raises(StoreDamaged, match="expected record 4 before byte"):
        FileStore(trail)
    assert damaged == (trail / FIRST).read_bytes()


def test_damage_in_the_middle_is_not_cut_when_the_head_is_lost(trail: Path) -> None:
    """Without a head, records behind a damaged one show that it is no torn tail: nothing is cut."""
    content = (trail / FIRST).read_bytes()
    damaged = content.replace(b'{"seq":2,', b'{"seq":9,')
    (trail / FIRST).write_bytes(damaged)
    (trail / "lock").write_bytes(b"")
    with pytest.raises(StoreDamaged, match="expected record 2, found none, and records after it"):
        FileStore(trail)
    assert damaged == (trail / FIRST).read_bytes()


def test_readers_see_whole_lines_only(trail: Path, records: Records) -> None:
    """A reader of a trail in use does not see what is not whole yet."""
    grown(trail, b'{"seq":5,"id":"a","da')
    reader = FileReader(trail)
    assert (5, []) == (reader.size(), [*reader.leaves(5)])
    grown(trail, b'ta":{"n":5}}\n')
    assert (6, [5]) == (reader.size(), [seq for seq, _ in reader.leaves(5)])
    reader.close()


def test_another_writer_cuts_off_what_a_dead_one_left(trail: Path, make: Any, records: Records) -> None:
    """A writer that died in the middle of its turn leaves nothing behind for the others."""
    living = FileStore(trail)
    grown(trail, b'{"seq":5,"id":"half')
    commit(living, [make(data={"n": 5})])
    living.close()
    assert [*range(6)] == [record["data"]["n"] for record in records()]


def test_a_segment_that_was_announced_and_not_made(trail: Path, make: Any, records: Records) -> None:
    """A writer that died between announcing a segment and making it leaves a trail that goes on."""
    living = FileStore(trail)
    (trail / "lock").write_bytes(encode_head(Position(5, 5, 0)))
    dying = FileStore(trail)
    commit(living, [make(data={"n": 5})])
    commit(dying, [make(data={"n": 6})])
    living.close()
    dying.close()
    assert [*range(7)] == [record["data"]["n"] for record in records()]
    assert [0, 5] == sorted(int(path.name[:20]) for path in trail.glob("*.jsonl"))


def test_an_empty_last_segment_is_filled(trail: Path, make: Any, records: Records) -> None:
    """A segment that was made and not written is used by the next writer."""
    (trail / "lock").write_bytes(encode_head(Position(5, 5, 0)))
    (trail / f"{5:020d}.jsonl").touch()
    store = FileStore(trail)
    commit(store, [make(data={"n": 5})])
    store.close()
    assert [*range(6)] == [record["data"]["n"] for record in records()]
    assert [0, 5] == sorted(int(path.name[:20]) for path in trail.glob("*.jsonl"))
