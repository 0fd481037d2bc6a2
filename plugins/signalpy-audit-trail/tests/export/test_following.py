"""An export that goes on: every record arrives at least once, whoever of the two dies when."""

from __future__ import annotations

import http.server
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from signalpy.errors import ConfigError
from signalpy_audit_trail.commit import append_sync
from signalpy_audit_trail.export.following import CursorFile, Place
from signalpy_audit_trail.export.formats.csv import Csv
from signalpy_audit_trail.export.formats.jsonl import JsonLines
from signalpy_audit_trail.export.sinks import FileSink, HttpSink, NotTaken
from signalpy_audit_trail.stores.file import FileStore

TrailOf = Callable[[int], FileStore]


class Collector:
    """A real collector on loopback, which can be stopped and started again on its port."""

    def __init__(self) -> None:
        self.batches: list[bytes] = []
        self.answers: list[int] = []
        self.headers: list[dict[str, str]] = []
        self._server: http.server.ThreadingHTTPServer | None = None
        self.port = 0
        self.start()

    def start(self) -> None:
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.headers.append(dict(self.headers))
                code = collector.answers.pop(0) if collector.answers else 204
                if code < 300:
                    collector.batches.append(body)
                self.send_response(code)
                if code in (301, 302, 307):
                    self.send_header("Location", f"http://127.0.0.1:{collector.port}/elsewhere")
                self.end_headers()

            def log_message(self, *args: Any) -> None: ...

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/in"

    def seqs(self) -> list[int]:
        return [json.loads(line)["seq"] for batch in self.batches for line in batch.splitlines()]


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.stop()


def follow(folder: Path, *options: str, **environment: str) -> subprocess.Popen[str]:
    """The command, for real."""
    command = [sys.executable, "-m", "signalpy", "audit", "export", "--store", "trail", *options]
    return subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(true: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
    for _ in range(600):
        if true():
            return
        if process is not None and process.poll() is not None:
            raise AssertionError(process.communicate())
        time.sleep(0.05)
    raise AssertionError("it did not come")


def of_publishers(found: list[int], count: int) -> list[int]:
    """Positions without the access records that the exports themselves leave."""
    return [seq for seq in found if seq < count]


def test_what_a_killed_export_left_is_sent_by_the_next(trail_of: TrailOf, tmp_path: Path, collector: Collector) -> None:
    """Killed without a warning, in the middle; then again; nothing is missing."""
    trail_of(3000)
    options = ("--cursor-file", "cursor", "--to", collector.url, "--follow")
    for _ in range(3):
        before = len(collector.batches)
        process = follow(tmp_path, *options)
        wait_until(lambda before=before: len(collector.batches) > before, process)  # type: ignore[misc]
        process.kill()
        process.communicate()
    before = len(collector.batches)
    process = follow(tmp_path, *options)
    wait_until(lambda: len(collector.batches) > before and set(range(3000)) <= set(collector.seqs()), process)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert (0, "", "") == (process.returncode, out, err)
    assert 0o600 == (tmp_path / "cursor").stat().st_mode & 0o777


def test_a_collector_that_goes_away_gets_all_when_it_is_back(
    trail_of: TrailOf, tmp_path: Path, collector: Collector
) -> None:
    """It is told on stderr, and tried again."""
    trail_of(800)
    collector.stop()
    process = follow(tmp_path, "--cursor-file", "cursor", "--to", collector.url, "--follow")
    assert process.stderr is not None
    assert "cannot be reached" in process.stderr.readline()
    collector.start()
    wait_until(lambda: len(set(of_publishers(collector.seqs(), 800))) == 800, process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert 0 == process.returncode


def test_what_comes_later_is_sent_too(trail_of: TrailOf, tmp_path: Path, make: Any) -> None:
    """To a file, while another process appends."""
    store = trail_of(20)
    process = follow(tmp_path, "--follow", "-o", "rows.jsonl", "--cursor-file", "cursor", "--type", "later.*")
    wait_until((tmp_path / "cursor").exists, process)
    append_sync(store, make(action="later.first"), make(action="other"), make(action="later.second"))
    wait_until(lambda: (tmp_path / "rows.jsonl").read_text().count("\n") == 2, process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert 0 == process.returncode
    actions = [json.loads(line)["action"] for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert ["later.first", "later.second"] == actions


def test_a_cursor_file_alone_makes_each_export_go_on(trail_of: TrailOf, tmp_path: Path) -> None:
    """Without --follow: what is new, once; no second head in a CSV."""
    trail_of(50)  # of which 39 are of user0 to user2
    for _ in range(2):
        process = follow(tmp_path, "--cursor-file", "cursor", "-o", "rows.csv", "--format", "csv")
        process.communicate(timeout=60)
        assert 0 == process.returncode
    text = (tmp_path / "rows.csv").read_text()
    assert 1 == text.count("seq,id,")
    assert 39 == text.count(",user0,") + text.count(",user1,") + text.count(",user2,")


def test_a_row_that_a_crash_cut_off_is_not_kept(tmp_path: Path) -> None:
    """The file ends with a whole row before the next is appended; the head is written once."""
    path = tmp_path / "rows.csv"
    with FileSink(path, Csv()) as sink:
        sink.send([b"1,a\r\n", b"2,b\r\n"])
    path.write_bytes(path.read_bytes() + b"3," + b"x" * 100_000)
    with FileSink(path, Csv()) as sink:
        sink.send([b"3,c\r\n"])
    assert Csv.head + b"1,a\r\n2,b\r\n3,c\r\n" == path.read_bytes()
    assert 0o600 == path.stat().st_mode & 0o777


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """As a disk that is full behaves: what still fits is written, the rest is not."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_batch_that_a_full_disk_cut_off_is_written_anew(tmp_path: Path) -> None:
    """The next try does not go on behind half a row."""
    path, rows = tmp_path / "rows", [b'{"seq":%d,"text":"%s"}\n' % (n, b"x" * 100) for n in range(5)]
    with FileSink(path, JsonLines()) as sink:
        sink.send(rows[:1])
        with no_file_above(len(rows[0]) + 50), pytest.raises(NotTaken) as raised:
            sink.send(rows[1:])
        assert raised.value.retry
        sink.send(rows[1:])
    assert b"".join(rows) == path.read_bytes()


def test_two_exports_do_not_write_to_one_file(trail_of: TrailOf, tmp_path: Path) -> None:
    """The second is refused; the first goes on, also in a file that was emptied under it to make room."""
    trail_of(20)
    with FileSink(tmp_path / "rows", JsonLines()) as sink:
        sink.send([b'{"seq":0}\n'])
        process = follow(tmp_path, "--cursor-file", "cursor", "-o", "rows")
        _, err = process.communicate(timeout=60)
        assert (2, 1) == (process.returncode, err.count("\n"))
        assert "another export writes to this file" in err
        os.truncate(tmp_path / "rows", 0)
        sink.send([b'{"seq":1}\n'])
    assert b'{"seq":1}\n' == (tmp_path / "rows").read_bytes()


def test_what_is_no_answer_at_all_is_tried_again(trail_of: TrailOf, tmp_path: Path, collector: Collector) -> None:
    """Something else listens there for a while."""
    trail_of(20)
    collector.stop()
    with socket.create_server(("127.0.0.1", collector.port)) as other:
        process = follow(tmp_path, "--cursor-file", "cursor", "--to", collector.url)
        connection, _ = other.accept()
        with connection:
            connection.recv(1 << 16)
            connection.sendall(b"SSH-2.0-something\r\n")
    assert process.stderr is not None
    assert "cannot be reached" in process.stderr.readline()
    collector.start()
    assert 0 == process.wait(timeout=60)
    process.communicate()
    assert set(range(20)) <= set(collector.seqs())


@pytest.mark.parametrize("token", ["canary\nX-Other: 1", "canary 1", "canäry", "canary\x00"])
def test_a_token_that_cannot_stand_in_a_header_is_refused(token: str, collector: Collector) -> None:
    """At once, instead of being tried for ever, and without being shown."""
    with pytest.raises(ConfigError, match="--token-env") as raised:
        HttpSink(collector.url, JsonLines(), token)
    assert "can" not in str(raised.value).removeprefix("--token-env")


def test_a_refusal_for_good_ends_the_export_in_one_line(
    trail_of: TrailOf, tmp_path: Path, collector: Collector
) -> None:
    """400 is not tried again; the cursor stays, and no row is lost."""
    trail_of(30)
    collector.answers = [400]
    process = follow(tmp_path, "--cursor-file", "cursor", "--to", collector.url)
    _, err = process.communicate(timeout=60)
    assert 2 == process.returncode
    assert "answered 400" in err
    assert 1 == err.count("\n")
    process = follow(tmp_path, "--cursor-file", "cursor", "--to", collector.url)
    process.communicate(timeout=60)
    assert set(range(30)) <= set(collector.seqs())


def test_the_token_goes_to_the_collector_that_was_named_and_to_no_other(
    trail_of: TrailOf, tmp_path: Path, collector: Collector
) -> None:
    """A redirect is a refusal; neither stderr nor a repr shows the token."""
    trail_of(5)
    collector.answers = [307]
    process = follow(tmp_path, "--to", collector.url, "--token-env", "COLLECTOR", COLLECTOR="canary-9c41")
    _, err = process.communicate(timeout=60)
    assert 2 == process.returncode
    assert "answered 307" in err
    assert "canary" not in err
    assert ["Bearer canary-9c41"] == [headers["Authorization"] for headers in collector.headers]
    assert "canary" not in repr(HttpSink(collector.url, JsonLines(), "canary-9c41"))
    process = follow(tmp_path, "--to", collector.url, "--token-env", "NOT_SET")
    assert "NOT_SET is not set" in process.communicate(timeout=60)[1]


@pytest.mark.parametrize("url", ["ftp://x/", "file:///etc/passwd", "http://", "x", "https://user:canary-1@host/"])
def test_what_is_no_collector_is_refused(url: str) -> None:
    """Without echoing what may be a password."""
    with pytest.raises(ConfigError, match="expected http://HOST") as raised:
        HttpSink(url, JsonLines())
    assert "canary" not in str(raised.value)


def test_busy_collectors_are_tried_again(collector: Collector) -> None:
    """5xx, 408, 425 and 429; others not."""
    sink = HttpSink(collector.url, JsonLines())
    for code, again in ((503, True), (429, True), (408, True), (404, False), (413, False)):
        collector.answers = [code]
        with pytest.raises(NotTaken) as raised:
            sink.send([b"{}\n"])
        assert again is raised.value.retry


def test_a_cursor_of_another_question_is_refused(tmp_path: Path) -> None:
    """So that no record is passed over because a filter was changed."""
    cursor = CursorFile(tmp_path / "cursor")
    cursor.save(Place("origin", "jsonl:abc", 7))
    assert 7 == cursor.load("origin", "jsonl:abc", 7).next
    for origin, question, told in (("other", "jsonl:abc", "another trail"), ("origin", "csv:abc", "other filters")):
        with pytest.raises(ConfigError, match=told):
            cursor.load(origin, question, 7)
    (tmp_path / "cursor").write_text("{")
    with pytest.raises(ConfigError, match="expected what an earlier export wrote"):
        cursor.load("origin", "jsonl:abc", 7)


def test_a_cursor_is_never_written_through_what_lies_beside_it(tmp_path: Path) -> None:
    """In a folder where others may write, too: nothing of theirs is followed, and the mode is the cursor's own."""
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "cursor.new").symlink_to("precious")
    CursorFile(tmp_path / "cursor").save(Place("origin", "jsonl:abc", 7))
    (tmp_path / "cursor.new").write_text("left by a crash")
    CursorFile(tmp_path / "cursor").save(Place("origin", "jsonl:abc", 8))
    assert ("precious", 0o600) == ((tmp_path / "precious").read_text(), (tmp_path / "cursor").stat().st_mode & 0o777)
    assert 8 == CursorFile(tmp_path / "cursor").load("origin", "jsonl:abc", 8).next
    assert {"precious", "cursor"} == {path.name for path in tmp_path.iterdir()}


def test_a_cursor_that_can_not_be_is_refused(tmp_path: Path) -> None:
    """Below the beginning, or behind the end: an older copy was put back, and rows would be missed."""
    cursor = CursorFile(tmp_path / "cursor")
    cursor.save(Place("origin", "jsonl:abc", 7))
    with pytest.raises(ConfigError, match="stands at record 7, and the trail has 6"):
        cursor.load("origin", "jsonl:abc", 6)
    (tmp_path / "cursor").write_text((tmp_path / "cursor").read_text().replace("7", "-7"))
    with pytest.raises(ConfigError, match="cannot be read"):
        cursor.load("origin", "jsonl:abc", 7)
    with pytest.raises(ConfigError, match="there is no folder"):
        CursorFile(tmp_path / "no" / "cursor").load("origin", "jsonl:abc", 7)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "standard output: the export cannot be written: No space left"),
        (("--cursor-file", "cursor"), "No space left"),
        (("--cursor-file", "no/cursor", "-o", "rows"), "there is no folder no"),
    ],
)
def test_what_cannot_be_written_is_one_line(
    trail_of: TrailOf, tmp_path: Path, options: tuple[str, ...], told: str
) -> None:
    """Exit code 2; without a place for the cursor nothing is sent."""
    trail_of(30)
    command = [sys.executable, "-m", "signalpy", "audit", "export", "--store", "trail", *options]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}  # as a user has it
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert (2, 1) == (done.returncode, done.stderr.count("\n"))
    assert told in done.stderr
    assert not (tmp_path / "rows").exists()
