from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.search import ask
from signalpy_audit_trail.store import (
    StoreDamaged,
    StoreError,
    StoreForeign,
    StoreMissing,
    UnknownStore,
    WriteFailed,
)
from signalpy_audit_trail.stores import open_reader, open_store
from signalpy_audit_trail.stores.sqlite import SqliteReader, SqliteStore, driver, opening
from signalpy_audit_trail.verification import Result, verify


def picture(root: Path) -> dict[str, tuple[bytes | None, int]]:
    return {
        str(path.relative_to(root)): (path.read_bytes() if path.is_file() else None, path.stat().st_mtime_ns)
        for path in sorted(root.rglob("*"))
    }


def names(root: Path) -> dict[str, tuple[int, int]]:
    return {path.name: (path.lstat().st_size, path.lstat().st_mtime_ns) for path in root.rglob("*")}


def foreign_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE accounts (name)")


def foreign_in_wal(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE accounts (name)")


def an_index(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE record (seq)")
        connection.execute(f"PRAGMA application_id = {0x53504149}")


def half_a_header(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0" + b"\0" * 20)


@pytest.mark.parametrize("put", [foreign_database, foreign_in_wal, an_index, half_a_header, os.mkfifo])
def test_another_database_is_left_alone(path: Path, tmp_path: Path, put: Callable[[Path], None]) -> None:
    """What is no trail is refused in one line, and not a byte of it or beside it changes."""
    put(path)
    before = names(tmp_path)
    for attempt in (SqliteStore, SqliteReader):
        with pytest.raises(StoreForeign, match="expected the database of a trail, found") as caught:
            attempt(path)
        assert len(str(caught.value).splitlines()) == 1
    assert before == names(tmp_path)


def test_a_database_of_the_application_keeps_its_locks(path: Path) -> None:
    """Given the path of a database that this very process uses, the store leaves the locks on it as they are."""
    foreign_database(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as own:
        own.execute("BEGIN EXCLUSIVE")
        for attempt in (SqliteStore, SqliteReader, SqliteStore):
            with pytest.raises(StoreForeign):
                attempt(path)
        other = (
            "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('INSERT INTO accounts VALUES (1)')"
        )
        result = subprocess.run([sys.executable, "-c", other, path], capture_output=True, text=True)
        assert "database is locked" in result.stderr
        own.execute("ROLLBACK")


def test_an_empty_file_becomes_a_trail(path: Path) -> None:
    """A creation that was cut short, before or after SQLite's header was there, is begun again."""
    for content in (None, b""):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(StoreMissing, match="there is no trail"):
            SqliteReader(path)
        SqliteStore(path).close()
        reader = SqliteReader(path)
        assert reader.size() == 0
        reader.close()
        path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    with pytest.raises(StoreMissing):
        SqliteReader(path)
    SqliteStore(path).close()


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def cut_to_the_header(path: Path) -> None:
    os.truncate(path, 100)


def scribbled(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[100:8192] = b"\xa5" * 8092
    path.write_bytes(bytes(content))


def no_text_in_the_schema(path: Path) -> None:
    content = path.read_bytes()
    assert b"CREATE TABLE leaf" in content
    path.write_bytes(content.replace(b"CREATE TABLE leaf", b"CREATE T\xc1BLE leaf", 1))


def without_leaves(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE leaf")


def without_origin(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TRIGGER trail_delete")
        connection.execute("DELETE FROM trail")
        connection.commit()


def read(path: Path) -> None:
    with closing(SqliteReader(path)) as reader:
        list(reader.leaves())


@pytest.mark.parametrize(
    "harm", [cut, cut_to_the_header, scribbled, no_text_in_the_schema, without_leaves, without_origin]
)
def test_a_damaged_database_is_one_clear_line(filled: Path, tmp_path: Path, harm: Callable[[Path], None]) -> None:
    """Damage is told to writers and readers as what it is, and nothing is altered."""
    shutil.rmtree(tmp_path / "trail.db.writers")
    harm(filled)
    before = picture(tmp_path)
    for attempt in (SqliteStore, read):
        with pytest.raises(StoreDamaged, match="from a copy") as caught:
            attempt(filled)
        assert len(str(caught.value).splitlines()) == 1
        assert str(filled) in str(caught.value)
    assert before == picture(tmp_path)


def test_a_log_ahead_without_its_database_is_no_new_trail(filled: Path, tmp_path: Path) -> None:
    """Where only SQLite's write-ahead log is left of a trail, none is begun over it."""
    for emptied in (True, False):
        (tmp_path / "trail.db-wal").write_bytes(b"x" * 100)
        if emptied:
            os.truncate(filled, 0)
        else:
            filled.unlink()
        before = picture(tmp_path)
        for attempt in (SqliteStore, SqliteReader):
            with pytest.raises(StoreDamaged, match=r"found only trail\.db-wal of it; restore it from a copy"):
                attempt(filled)
        assert before == picture(tmp_path)


@pytest.mark.parametrize("location", ["//host/share", "", "a\0b"])
def test_urls_that_mean_no_file(location: str) -> None:
    """A host, nothing, or a NUL is no place."""
    with pytest.raises(UnknownStore, match="expected"):
        driver.open(location)


def test_urls_are_absolute_or_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both forms name a file, made with the folders above it; odd names survive the way through the URL."""
    monkeypatch.chdir(tmp_path)
    for url, place in (
        ("sqlite:one.db", "one.db"),
        (f"sqlite://{tmp_path}/a/b/two.db", "a/b/two.db"),
        ("sqlite:c%20d%2541?#.db", "c d%41?#.db"),
    ):
        store = open_store(url)
        reader = open_reader(store.url)
        assert store.origin == reader.origin
        assert (tmp_path / place).is_file()
        reader.close()
        store.close()


def test_a_file_that_may_not_be_written_is_not_opened_for_writing(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing right is told when the trail is opened, not with the first record, and nothing is made."""
    shutil.rmtree(tmp_path / "trail.db.writers")
    monkeypatch.setattr(os, "access", lambda *_args, **_options: False)  # root may write whatever the mode says
    with pytest.raises(WriteFailed, match="cannot be opened for writing: it may not be written"):
        SqliteStore(filled)
    assert not (tmp_path / "trail.db.writers").exists()


def crashed(path: Path, make: Any) -> list[bytes]:
    """Leave a trail as a killed writer does: its last records only in SQLite's write-ahead log."""
    store = SqliteStore(path, guest=True)
    commit(store, [make(actor="late") for _ in range(5)])
    reader = store.reader()
    leaves = [leaf for _, leaf in reader.leaves()]
    reader.close()
    aside = path.with_name("aside")
    aside.mkdir()
    for file in path.parent.glob("trail.db*"):
        if file.is_file():
            shutil.copy(file, aside)
    store.close()
    for file in path.parent.glob("trail.db-*"):
        file.unlink()
    for file in aside.iterdir():
        shutil.copy(file, path.parent)
    shutil.rmtree(aside)
    return leaves


@pytest.fixture
def read_only_crash(filled: Path, tmp_path: Path, make: Any) -> Iterator[tuple[Path, list[bytes]]]:
    """A trail that a killed writer left, moved without SQLite's index of its log ahead, that may not be written."""
    leaves = crashed(filled, make)
    (tmp_path / "trail.db-shm").unlink()
    for file in [*tmp_path.iterdir(), tmp_path]:
        file.chmod(file.stat().st_mode & ~0o222)
    yield filled, leaves
    for file in [tmp_path, *tmp_path.iterdir()]:
        file.chmod(file.stat().st_mode | 0o200)


def test_a_crashed_trail_that_may_not_be_written_is_read_in_its_place(
    read_only_crash: tuple[Path, list[bytes]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No copy of the records is made anywhere, not even while they are read."""
    path, leaves = read_only_crash
    aside = tmp_path.with_name(f"{tmp_path.name}-temporary")
    aside.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(aside))
    before = picture(tmp_path)
    with closing(SqliteReader(path)) as reader:
        assert leaves == [leaf for _, leaf in reader.leaves()]
        assert [] == list(aside.iterdir())
        assert before == picture(tmp_path)
    assert [] == list(aside.iterdir())
    assert before == picture(tmp_path)


def test_a_reader_of_a_crashed_trail_notices_that_it_is_written_again(
    read_only_crash: tuple[Path, list[bytes]], make: Any
) -> None:
    """What was read without locks is opened anew when somebody writes, and that writer's locks stay."""
    path, leaves = read_only_crash
    with closing(SqliteReader(path)) as reader:
        assert len(leaves) == reader.size()
        for file in [path.parent, *path.parent.iterdir()]:
            file.chmod(file.stat().st_mode | 0o200)
        store = SqliteStore(path, guest=True)
        for number in range(1, 10):
            commit(store, [make(data="x" * 10_000)])
            assert len(leaves) + number == reader.size()
        other = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM trail'); c.close()"
        subprocess.run([sys.executable, "-c", other, path], check=True)
        assert path.with_name("trail.db-wal").exists()  # another program that closes it does not think it is the last
        store.close()
        assert [*range(len(leaves) + 9)] == [seq for seq, _ in reader.leaves()]


def test_an_sqlite_that_always_needs_its_files_is_told_in_one_line(
    read_only_crash: tuple[Path, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where SQLite lacks the way to read without its files, the reader says what to do, and nothing changes."""
    path, _ = read_only_crash
    monkeypatch.setattr(opening, "_LOCKLESS", "unix-absent")
    before = picture(path.parent)
    with pytest.raises(StoreError, match="; read a copy that may be written") as caught:
        SqliteReader(path)
    assert len(str(caught.value).splitlines()) == 1
    assert before == picture(path.parent)


@pytest.mark.parametrize("shared", [True, False])
def test_a_crashed_trail_that_may_not_be_written_is_read_as_it_is(
    filled: Path, tmp_path: Path, make: Any, monkeypatch: pytest.MonkeyPatch, *, shared: bool
) -> None:
    """Records that are only in the write-ahead log are read, searched and verified; no byte changes anywhere."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path.with_name(f"{tmp_path.name}-cache")))
    leaves = crashed(filled, make)
    assert (tmp_path / "trail.db-wal").stat().st_size > 0
    if not shared:
        (tmp_path / "trail.db-shm").unlink()
    for file in [*tmp_path.iterdir(), tmp_path]:
        file.chmod(file.stat().st_mode & ~0o222)
    before = picture(tmp_path)
    reader = SqliteReader(filled)
    assert leaves == [leaf for _, leaf in reader.leaves()]
    assert len(leaves) == 65
    assert [*range(64, 59, -1)] == [entry["seq"] for entry in ask(reader, {"actor": "late"})["entries"]]
    assert verify(reader).verdict == Result.HOLDS
    reader.close()
    assert before == picture(tmp_path)
    for file in [tmp_path, *tmp_path.iterdir()]:
        file.chmod(file.stat().st_mode | 0o200)


def test_a_crashed_trail_is_recovered_by_the_next_writer(filled: Path, make: Any, writing: Any, reading: Any) -> None:
    """What had been acknowledged is there, and the file is whole again once it is closed."""
    leaves = crashed(filled, make)
    store = writing()
    assert store.size == 65
    commit(store, [make()])
    store.close()
    assert sorted(path.name for path in filled.parent.iterdir()) == ["trail.db", "trail.db.writers"]
    assert leaves == [leaf for _, leaf in reading().leaves(0, 65)]


def test_a_reader_of_a_frozen_trail_notices_that_it_is_written_again(
    filled: Path, tmp_path: Path, make: Any, reading: Any
) -> None:
    """What was read as a file that nobody writes is opened anew when somebody does after all."""
    filled.chmod(0o400)
    reader = reading()
    assert reader.size() == 60
    filled.chmod(0o600)
    store = SqliteStore(filled, guest=True)
    for number in range(1, 30):
        commit(store, [make(data="x" * 10_000)])
        assert reader.size() == 60 + number
    store.close()
    assert reader.size() == 89
    assert [*range(89)] == [seq for seq, _ in reader.leaves()]


def test_a_trail_that_was_moved_away_takes_nothing(filled: Path, make: Any, writing: Any) -> None:
    """A writer does not go on into a file that nobody can see any more, and goes on when it is back."""
    store = writing()
    aside = filled.with_name("aside.db")
    filled.rename(aside)
    with pytest.raises(StoreDamaged, match="cannot be found any more: No such file or directory; bring it back"):
        commit(store, [make()])
    shutil.copy(aside, filled)
    with pytest.raises(StoreDamaged, match="another file was put in its place"):
        commit(store, [make()])
    aside.rename(filled)
    assert commit(store, [make()])[0].seq == 60


def test_another_program_that_holds_the_database_is_named(filled: Path, make: Any, writing: Any) -> None:
    """A lock by a program that takes no turns is waited for in bounded time, and told as what it is."""
    store = writing(wait=0.2)
    with closing(sqlite3.connect(filled, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"expected it to be free within 0\.2 s, but another program holds it"):
            commit(store, [make()])
        other.execute("ROLLBACK")
    assert commit(store, [make()])[0].seq == 60
