from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.store import (
    StoreDamaged,
    StoreError,
    StoreForeign,
    StoreFormat,
    StoreMissing,
    UnknownStore,
)
from signalpy_audit_trail.stores.file import FileReader, FileStore
from signalpy_audit_trail.stores.file.layout import locate


def picture(root: Path) -> dict[str, tuple[bytes | None, int]]:
    """Every name below ``root`` with content and time of change."""
    return {
        str(path.relative_to(root)): (path.read_bytes() if path.is_file() else None, path.stat().st_mtime_ns)
        for path in sorted(root.rglob("*"))
    }


@pytest.fixture
def trail(root: Path, make: Any) -> Path:
    store = FileStore(root, segment_bytes=500)
    for number in range(5):
        commit(store, [make(data={"n": number})])
    store.close()
    return root


@pytest.mark.parametrize(
    ("location", "expected"),
    [("///var/lib/trail", "/var/lib/trail"), ("audit-trail", "audit-trail"), ("a/b%20c", "a/b c"), ("/x", "/x")],
)
def test_urls_are_absolute_or_relative(location: str, expected: str) -> None:
    """``file:///absolute`` and ``file:relative`` name a folder."""
    assert Path(expected) == locate(location)


@pytest.mark.parametrize("location", ["//host/share", "", "a\0b"])
def test_other_urls_are_refused(location: str) -> None:
    """A host, nothing, or a NUL is no place."""
    with pytest.raises(UnknownStore, match="expected"):
        locate(location)


def future(root: Path) -> None:
    (root / "trail.json").write_text(json.dumps({"format": 2, "origin": "x", "created": "y", "more": 1}))


def no_json(root: Path) -> None:
    (root / "trail.json").write_bytes(b"\xff\x00 nothing")


def no_origin(root: Path) -> None:
    (root / "trail.json").write_text('{"format": 1}')


def no_metadata(root: Path) -> None:
    (root / "trail.json").unlink()


def no_first(root: Path) -> None:
    (root / "00000000000000000000.jsonl").unlink()


def no_last(root: Path) -> None:
    max(root.glob("*.jsonl")).unlink()


def no_middle(root: Path) -> None:
    sorted(root.glob("*.jsonl"))[1].unlink()


def foreign_lines(root: Path) -> None:
    (root / "export.jsonl").write_text("{}\n")


@pytest.mark.parametrize(
    ("harm", "error", "message"),
    [
        (future, StoreFormat, "trail.json: expected format 1, found 2; use a version of"),
        (no_json, StoreDamaged, "trail.json: expected format and origin of a trail as JSON"),
        (no_origin, StoreDamaged, "trail.json: expected format and origin of a trail as JSON"),
        (no_metadata, StoreDamaged, "trail.json is missing beside segments of a trail"),
        (no_first, StoreDamaged, "00000000000000000000.jsonl is missing: the first segment here is"),
        (no_last, StoreError, "expected at least 5 records, found 4"),
        (foreign_lines, StoreForeign, "export.jsonl: expected only segments such as"),
    ],
)
def test_what_is_no_whole_trail_is_refused_and_left_as_it_is(
    trail: Path, harm: Callable[[Path], None], error: type[StoreError], message: str
) -> None:
    """Bad input is one clear line for those that write and, where they need it, those that read; nothing is altered."""
    harm(trail)
    before = picture(trail)
    with pytest.raises(error) as caught:
        FileStore(trail)
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    if harm is not no_last:
        with pytest.raises(error):
            FileReader(trail)
    assert before == picture(trail)


def test_a_hole_is_found_by_whoever_reads_over_it(trail: Path) -> None:
    """A missing segment in the middle is an error at its place, not an end of the trail."""
    no_middle(trail)
    reader = FileReader(trail)
    with pytest.raises(StoreDamaged, match="record 2 is missing") as caught:
        list(reader.leaves())
    assert caught.value.seq == 2
    reader.close()


def test_a_foreign_folder_is_left_alone(tmp_path: Path) -> None:
    """A folder with other things in it is neither opened nor filled."""
    (tmp_path / "photo.jpg").write_bytes(b"x")
    for opened in (FileStore, FileReader):
        with pytest.raises(StoreForeign, match=r"found 'photo.jpg'; give another path"):
            opened(tmp_path)
    assert ["photo.jpg"] == [path.name for path in tmp_path.iterdir()]


def test_a_file_is_no_trail(tmp_path: Path) -> None:
    """A file where the folder should be is refused."""
    (tmp_path / "file").write_text("")
    for opened in (FileStore, FileReader):
        with pytest.raises(StoreForeign, match="expected the folder of a trail, found a file"):
            opened(tmp_path / "file")


def test_missing_and_empty_are_different(root: Path) -> None:
    """Readers tell a trail without records from no trail at all, and make neither."""
    with pytest.raises(StoreMissing, match="there is no trail"):
        FileReader(root)
    assert not root.exists()
    root.mkdir()
    with pytest.raises(StoreMissing, match="there is no trail"):
        FileReader(root)
    assert not list(root.iterdir())
    FileStore(root).close()
    reader = FileReader(root)
    assert (0, []) == (reader.size(), list(reader.leaves()))
    reader.close()


def test_a_creation_that_was_cut_short_is_begun_again(root: Path) -> None:
    """A crash before ``trail.json`` was there leaves a folder that can still become a trail."""
    root.mkdir()
    (root / "lock").touch()
    (root / "trail.json.new").write_text('{"form')
    FileStore(root).close()
    FileReader(root).close()
