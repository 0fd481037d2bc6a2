"""Which files a path means, and what is told of a bad one."""

from __future__ import annotations

import gzip
import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from signalpy import SignalPyError
from signalpy_cloudtrail import PathNotFoundError
from signalpy_cloudtrail.files import PIECE, find, read

TWO = [{"eventID": "1", "text": "grüße ☃"}, {"eventID": "2"}]
TEXT = json.dumps({"Records": TWO}, ensure_ascii=False)


def values(path: Path) -> list[Any]:
    return [entry.value if entry.flaw is None else entry.flaw for entry in read(path)]


def write(path: Path, content: bytes = b"{}") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_file_of_any_name(tmp_path: Path) -> None:
    """A file that is named is taken whatever its name."""
    file = write(tmp_path / "kept.log")
    assert find(file).files == (file,)
    assert find(str(file)).files == (file,)


def test_a_folder(tmp_path: Path) -> None:
    """The files of a folder and those below come in the order of their names; others are counted, digests too."""
    names = ["b.json", "a.json.gz", "2023/10/z.json", "2023/9/a.JSON", "c.jsonl", "d.ndjson.gz"]
    for name in [*names, "README.md", "e.csv.gz", "1_CloudTrail-Digest_us-east-1_t_us-east-1_20230710T120000Z.json.gz"]:
        write(tmp_path / name)
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "2023")
    listing = find(tmp_path)
    expected = ["2023/10/z.json", "2023/9/a.JSON", "a.json.gz", "b.json", "c.jsonl", "d.ndjson.gz"]
    assert [file.relative_to(tmp_path).as_posix() for file in listing.files] == expected
    assert listing.ignored == 4


@pytest.mark.parametrize("path", ["missing.json", "", " "])
def test_nothing_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """A path where nothing is, and one that is none, is an error of one line with the path in it."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "one.json")
    with pytest.raises(PathNotFoundError, match="expected a file or a folder, found nothing at") as caught:
        find(path)
    assert isinstance(caught.value, FileNotFoundError | SignalPyError)
    assert caught.value.__dict__["path"] == path
    assert "\n" not in str(caught.value)


def test_an_empty_folder(tmp_path: Path) -> None:
    """A folder without such files is an error: nothing would be replayed, and nobody would notice."""
    write(tmp_path / "README.md")
    with pytest.raises(PathNotFoundError, match=r"expected \.json or \.json\.gz files, found none"):
        find(tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("zipped", [False, True])
def test_encodings(tmp_path: Path, encoding: str, zipped: bool) -> None:
    """Compression and encoding are told by the bytes; a redirected shell output on Windows is UTF-16."""
    content = TEXT.encode(encoding)
    assert values(write(tmp_path / "any", gzip.compress(content) if zipped else content)) == TWO


def test_joined_gzip(tmp_path: Path) -> None:
    """Compressed deliveries that were joined by cat are read to the end."""
    assert values(write(tmp_path / "any", gzip.compress(TEXT.encode()) * 2)) == TWO * 2


def test_more_than_one_piece(tmp_path: Path) -> None:
    """Files larger than a piece are read whole, also where a character lies across two pieces."""
    records = [{"number": number, "text": "ü" * (number % 7)} for number in range(30_000)]
    content = json.dumps({"Records": records}, ensure_ascii=False).encode()
    assert len(content) > 3 * 256 * 1024
    assert values(write(tmp_path / "large.json", content)) == records


@pytest.mark.parametrize("size", [5, 0.5, -4])
def test_a_cut_gzip(tmp_path: Path, size: float) -> None:
    """A compressed file that ends too early is told as such, after the records that came out of it."""
    records = [{"number": number, "noise": os.urandom(100).hex()} for number in range(3000)]
    content = gzip.compress(json.dumps({"Records": records}).encode())
    end = int(size) if isinstance(size, int) else int(len(content) * size)
    *before, last = values(write(tmp_path / "cut.json.gz", content[:end]))
    assert before == records[: len(before)]
    assert last.startswith("expected a whole gzip file, found a damaged or cut one")
    assert (len(before) > 1000) == (size != 5)


def test_a_damaged_gzip(tmp_path: Path) -> None:
    """A compressed file with a changed byte is told, even if its text could be read."""
    content = bytearray(gzip.compress(TEXT.encode()))
    content[-6] ^= 1
    *_, last = values(write(tmp_path / "bad.json.gz", bytes(content)))
    assert last.startswith("expected a whole gzip file, found a damaged or cut one")


def test_other_bytes(tmp_path: Path) -> None:
    """Bytes that are no text are told."""
    *_, last = values(write(tmp_path / "bad.json", b'{"Records":[{"a":"\xff\xfe"}]}'))
    assert last == "expected text in utf-8, found other bytes"


def test_a_file_that_went_away(tmp_path: Path) -> None:
    """A file that cannot be opened is told with the reason of the system."""
    assert values(tmp_path / "gone.json") == ["cannot be read: No such file or directory"]


def test_an_empty_file(tmp_path: Path) -> None:
    """An empty file is told: CloudTrail delivers none."""
    assert values(write(tmp_path / "empty.json", b"")) == ["expected JSON, found nothing"]


@pytest.mark.parametrize("opening", ['{"Records":[', ""])
def test_memory_is_that_of_a_piece(tmp_path: Path, opening: str) -> None:
    """Reading a large file takes no more memory than a few pieces of it, however many records it holds."""
    text = json.dumps({"eventID": "1", "text": "x" * 1000})
    between, end = (",", "]}") if opening else ("\n", "")
    file = write(tmp_path / "large.json", (opening + between.join([text] * 20_000) + end).encode())
    tracemalloc.start()
    try:
        assert sum(entry.flaw is None for entry in read(file)) == 20_000
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 8 * PIECE < file.stat().st_size / 8
